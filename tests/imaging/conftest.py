import os
from pathlib import Path

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
