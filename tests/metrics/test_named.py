"""From names to metrics: registered ones, pyiqa's, and those that would unpickle."""

from __future__ import annotations

import pickle
import socket
from types import SimpleNamespace

import pytest
import torch

from srbench.contract import BuildContext, MetricSpec
from srbench.errors import PluginError, UnknownName, UserError, WeightsError, unknown_name
from srbench.imaging import to_tensor
from srbench.metrics.named import PYIQA_WEIGHTLESS, pyiqa_metric, resolve_metrics
from srbench.metrics.pyiqa_bridge import pyiqa_catalog


class FakeRegistry:
    """What Registry does for names, on two metrics and one that two distributions provide."""

    def __init__(self):
        spec = MetricSpec(
            name="psnr", version=7, lower_is_better=False, reference="full", license="",
            build=lambda ctx: None,
        )  # fmt: skip
        held = SimpleNamespace(spec=spec)
        self.metrics = {"psnr": held, "a:gmsd": held, "b:gmsd": held}

    def metric(self, name):
        if name == "gmsd":
            raise PluginError("expected one metric called 'gmsd', got 2")
        if name not in self.metrics:
            raise unknown_name("metric", name, self.metrics)
        return self.metrics[name]


def resolve(*names, **kwargs):
    return resolve_metrics(names, FakeRegistry(), **kwargs)


def test_registered_metrics_come_first_and_once():
    (psnr, fsim) = resolve("psnr", "fsim", "psnr")
    assert (psnr.name, psnr.version) == ("psnr", 7)
    assert fsim.name == "fsim"
    assert resolve("b:gmsd")[0].version == 7


def test_an_ambiguous_name_does_not_fall_through_to_pyiqa():
    with pytest.raises(PluginError, match="got 2"):
        resolve("gmsd")


def test_unknown_names_suggest_pyiqas_too():
    with pytest.raises(UnknownName, match="'pieap'; did you mean 'pieapp'"):
        resolve("pieap")
    with pytest.raises(UnknownName, match="'c:psnr'"):
        resolve("c:psnr")
    with pytest.raises(UnknownName):
        resolve("fid")  # scores sets of images, not images


def test_metrics_that_load_files_are_refused():
    with pytest.raises(UserError, match="'musiq' would let pyiqa download files") as caught:
        resolve("musiq")
    assert "--allow-unsafe-weights" in caught.value.fix
    (musiq,) = resolve("musiq", allow_unsafe_weights=True)
    assert (musiq.reference, musiq.lower_is_better) == ("none", False)
    assert pickle.loads(pickle.dumps(musiq)).build.args == ("musiq",)


def test_plus_signs_become_kebab_case():
    assert resolve("lpips+", allow_unsafe_weights=True)[0].name == "lpips-plus"
    for name in pyiqa_catalog():
        pyiqa_metric(name, allow_unsafe_weights=True)  # every name gives a valid spec


def test_weights_that_cannot_be_had(monkeypatch, tmp_path, capsys):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    import pyiqa.utils.download_util as downloads

    monkeypatch.setattr(downloads, "DEFAULT_CACHE_DIR", str(tmp_path))
    (spec,) = resolve("cnniqa", allow_unsafe_weights=True)
    with pytest.raises(WeightsError, match=r"pyiqa cannot build its metric 'cnniqa': .*network"):
        spec.build(BuildContext(weights=None))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", sorted(PYIQA_WEIGHTLESS))
def test_vetted_metrics_load_nothing_and_are_pyiqas(name, photo_pair, monkeypatch):
    import pyiqa

    def refuse(*args, **kwargs):
        raise AssertionError("a file was loaded")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(torch, "load", refuse)
    sr, hr = (to_tensor(image) for image in photo_pair)
    spec = pyiqa_metric(name)
    theirs = pyiqa.create_metric(name, device="cpu")
    inputs = (sr, hr) if spec.reference == "full" else (sr,)
    (got,) = spec.build(BuildContext(weights=None))(sr, hr).tolist()
    assert got == pytest.approx(float(theirs(*inputs)), abs=1e-6)
    assert spec.lower_is_better == theirs.lower_better
