"""What the plugin declares, and that declaring it costs nothing."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
from srbench_iqa import plugin

SPECS = {spec.name: spec for spec in plugin.srbench_losses()}


def test_only_one_module_imports_pyiqa():
    code = (
        "import sys, srbench_iqa.lpips, srbench_iqa.dists\n"
        "sys.exit('imported pyiqa' if 'pyiqa' in sys.modules else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", SPECS)
def test_specs_pickle_and_say_what_a_reader_needs(name):
    spec = SPECS[name]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert spec.task == "iqa"
    assert "commercial" in spec.license
    assert spec.paper.startswith("https://")
    assert all(file.tensors_sha256 and file.size for file in spec.weights)


def test_every_metric_is_flagged_by_the_name_of_the_metric():
    from srbench.metrics.plugin import srbench_metrics

    metrics = {spec.name for spec in srbench_metrics()}
    flagged = {name: spec.trains_on_metrics for name, spec in SPECS.items()}
    assert flagged["lpips"] == ("lpips",)
    assert flagged["lpips-vgg"] == ("lpips-vgg",)
    assert flagged["dists"] == ("dists",)
    for spec in SPECS.values():
        assert set(spec.trains_on_metrics) <= metrics
        assert set(spec.shares_network_with) <= metrics
