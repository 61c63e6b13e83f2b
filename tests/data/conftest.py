import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of benchmark images: the first root of SRBENCH_DATA, or ../shared/data."""
    roots = [Path(p) for p in os.environ.get("SRBENCH_DATA", "").split(os.pathsep) if p]
    roots.append(Path(__file__).parents[3] / "shared" / "data")
    for root in roots:
        if (root / "Set5").is_dir():
            return root
    pytest.skip("no benchmark images: neither SRBENCH_DATA nor ../shared/data has Set5")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Each test starts without hashes and stores, and without data sets of the machine."""
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SRBENCH_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def make_images(tmp_path):
    """Write seeded random images: ``make_images({"a.png": (H, W)})`` returns their folder."""

    def make(sizes, folder="images", seed=0):
        random = np.random.default_rng(seed)
        for name, (height, width) in sizes.items():
            file = tmp_path / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
            PIL.Image.fromarray(pixels).save(file)
        return tmp_path / folder

    return make
