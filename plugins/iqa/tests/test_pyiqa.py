"""``pyiqa``: any differentiable metric by name."""

from __future__ import annotations

import pyiqa
import pytest
import torch
from pydantic import ValidationError
from srbench_iqa import pyiqa_bridge
from srbench_iqa.params import FORMULAS, PyiqaParams
from srbench_iqa.plugin import PYIQA, resolve_pyiqa
from srbench_iqa.pyiqa_bridge import PyiqaLoss

from srbench.errors import UnknownName, UserError, WeightsError

# pyiqa leaves a file of its own to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def no_downloads(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("pyiqa wanted to download a file")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.usefixtures("no_downloads")
def test_formulas_equal_pyiqa_and_can_be_differentiated(name):
    generator = torch.Generator().manual_seed(1)
    side = max(96, FORMULAS[name])
    hr = torch.rand(1, 3, side, side, generator=generator)
    sr = (hr + 0.05 * torch.randn(hr.shape, generator=generator)).clamp(0, 1).requires_grad_()
    metric = pyiqa.create_metric(name, device="cpu")
    score = metric(sr.detach(), hr).mean()
    value = PyiqaLoss(name)(sr, hr)
    expected = (score if metric.lower_better else 1 - score).float()
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    value.backward()
    assert torch.isfinite(sr.grad).all()
    assert sr.grad.abs().sum() > 0


@pytest.mark.parametrize("name", FORMULAS)
def test_stated_smallest_images_work_and_windows_need_no_fewer_pixels(name):
    loss = PyiqaLoss(name)

    def works(side):
        sr = torch.rand(1, 3, side, side, requires_grad=True)
        try:
            loss(sr, torch.rand(1, 3, side, side)).backward()
        except (RuntimeError, AssertionError, ValueError, IndexError):
            return False
        return bool(torch.isfinite(sr.grad).all())

    assert works(FORMULAS[name])
    if name in {"cw_ssim", "ms_ssim", "ssim", "ssimc", "vif"}:
        assert not works(FORMULAS[name] - 1)


def test_equal_images_are_the_minimum():
    loss = PyiqaLoss("ssim")
    hr = torch.rand(1, 3, 32, 32)
    assert loss(hr, hr) == pytest.approx(0, abs=1e-6)
    assert loss((hr + 0.1).clamp(0, 1), hr) > 0.001


def test_no_gradient_where_none_is_wanted():
    loss = PyiqaLoss("ssim")
    sr, hr = torch.rand(1, 3, 32, 32, requires_grad=True), torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert not loss(sr, hr).requires_grad


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"metric": "topiq_fr"}, "allow_unsafe_weights = true for 'topiq_fr'"),
        ({"metric": "mad"}, "gradient is NaN"),
        ({"metric": "../ssim"}, "expected a name"),
        ({"metric": "ssim", "size": 3}, "size"),
    ],
)
def test_wrong_parameters_are_refused(params, message):
    with pytest.raises(ValidationError, match=message):
        PyiqaParams(**params)


def test_an_unknown_metric_names_its_neighbours():
    params = PyiqaParams(metric="sssim", allow_unsafe_weights=True)
    with pytest.raises(UnknownName, match=r"did you mean .*'ssim'"):
        PYIQA.build(None, params)


def test_a_metric_that_pyiqa_cannot_build_is_an_error_of_weights(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(pyiqa_bridge.pyiqa, "create_metric", unreachable)
    with pytest.raises(WeightsError, match="no route to host"):
        PYIQA.build(None, PyiqaParams(metric="topiq_fr", allow_unsafe_weights=True))


def test_a_metric_without_gradient_is_refused(monkeypatch):
    loss = PyiqaLoss("ssim")
    monkeypatch.setattr(loss.metric.net, "forward", lambda sr, hr: (sr - hr).detach().abs())
    with pytest.raises(UserError, match="can be differentiated, got 'ssim'"):
        loss(torch.rand(1, 3, 32, 32, requires_grad=True), torch.rand(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("metric", "flagged"),
    [
        ("ssim", ("ssim",)),
        ("psnry", ("psnry", "psnr")),
        ("ms_ssim", ("ms-ssim",)),
        ("lpips-vgg", ("lpips-vgg", "lpips")),
        ("lpips+", ("lpips-plus", "lpips")),
        ("topiq_fr", ("topiq-fr",)),
    ],
)
def test_the_spec_says_which_metrics_it_trains_on(metric, flagged):
    spec = resolve_pyiqa(PyiqaParams(metric=metric, allow_unsafe_weights=True))
    assert spec.trains_on_metrics == flagged
    assert spec.name == "pyiqa"


def test_building_moves_no_seed():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    PyiqaLoss("ssim")
    assert torch.equal(torch.random.get_rng_state(), before)
