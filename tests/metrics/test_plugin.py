"""The built-in metrics as data."""

from __future__ import annotations

import pickle

from srbench.metrics.plugin import ALL_METRICS, METRICS, srbench_metrics
from srbench.metrics.protocol import PROTOCOLS


def test_directions_and_references():
    directions = {spec.name: (spec.lower_is_better, spec.reference) for spec in METRICS}
    assert directions == {
        "psnr": (False, "full"),
        "ssim": (False, "full"),
        "lpips": (True, "full"),
        "lpips-vgg": (True, "full"),
        "dists": (True, "full"),
        "niqe": (True, "none"),
        "grid": (True, "full"),
    }


def test_specs_pickle():
    assert pickle.loads(pickle.dumps(srbench_metrics())) == ALL_METRICS


def test_the_host_finds_them():
    from srbench.host import discover

    found = discover().metrics
    assert all(found[spec.name].spec == spec for spec in ALL_METRICS)


def test_protocols():
    assert set(PROTOCOLS) == {"y4-v1", "y4-v2", "rgb4-v1", "rgb4-v2"}
    assert [name for name, p in PROTOCOLS.items() if p.known_bytes] == ["y4-v2", "rgb4-v2"]
    assert all(protocol.border(3) == 3 for protocol in PROTOCOLS.values())


def test_only_the_bridge_imports_pyiqa():
    from pathlib import Path

    import srbench

    package = Path(srbench.__file__).parent
    users = {
        file.name
        for file in package.rglob("*.py")
        for line in file.read_text().splitlines()
        if line.strip().startswith(("import pyiqa", "from pyiqa"))
    }
    assert users == {"pyiqa_bridge.py", "pyiqa_vetted.py"}


def test_the_documentation_describes_every_metric_and_protocol():
    from pathlib import Path

    page = (Path(__file__).resolve().parents[2] / "docs" / "protocols.md").read_text()
    missing = [n for n in (*PROTOCOLS, *(s.name for s in ALL_METRICS)) if f"`{n}`" not in page]
    assert not missing
