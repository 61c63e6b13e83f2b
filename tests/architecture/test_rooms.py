"""docs/architecture.md names what is there, and what it says of imports is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_every_module_and_test_that_it_names_exists() -> None:
    names = re.findall(r"`((?:app|api|cli|host|records|run|settings|train|tests)/[\w/.]+)`", TEXT)
    assert len(names) > 15
    for name in names:
        base = ROOT if name.startswith("tests/") else ROOT / "srbench"
        assert any((base / f"{name}{suffix}").exists() for suffix in ("", ".py")), name


def test_every_room_is_in_the_picture() -> None:
    picture = TEXT.split("```")[1]
    rooms = {
        path.stem
        for path in (ROOT / "srbench").iterdir()
        if not path.name.startswith("_")
        and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    drawn = set(re.findall(r"[a-z_]+(?:/[a-z]+)?", picture))
    assert rooms - drawn <= {"lazy", "namesake"}


LIGHT = {
    "settings": "import srbench.settings",
    "records": "import srbench.records",
    "planning": "import srbench.run.plan.planning, srbench.run.exec.scheduler, srbench.app.prepare",
    "report": "import srbench.report",
    "imaging": "import srbench.imaging.files",
    "contract": "import srbench.contract.networks, srbench.contract.known_weights",
    "checks": "import srbench.checks.runner, srbench.checks.child, srbench.checks.generate",
    "training settings": "from srbench.train import TRAINING_VERSION, AdversarialSettings",
    "data sets": "from srbench.data import describe_datasets; describe_datasets()",
    "cached weights": "import srbench.cli.weights; from srbench.weights.cache import is_cached;"
    "from srbench.contract.known_weights import VGG16_IMAGENET; is_cached(VGG16_IMAGENET)",
    "every plugin": "from srbench.host import discover, resolve_loss\n"
    "for loss in discover().losses.values(): resolve_loss(loss, {})",
}
HEAVY = "torch torchvision timm pyiqa segmentation_models_pytorch skimage h5py unearth safetensors"


@pytest.mark.parametrize("what", LIGHT)
def test_what_needs_no_torch_imports_none(what: str) -> None:
    """Importing torch costs seconds, and what only lists, plans or reads must not pay them."""
    code = (
        f"{LIGHT[what]}\nimport sys\n"
        f"heavy = set({HEAVY.split()}) & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
