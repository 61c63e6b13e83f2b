"""LPIPS, DISTS and NIQE: pyiqa's own results for the same weights, and published values."""

from __future__ import annotations

import socket

import numpy as np
import pytest
import scipy.io
import torch
import torchvision
from torch import nn

from srbench.contract import BuildContext
from srbench.errors import ImageError, WeightsError
from srbench.imaging import read_image, to_tensor
from srbench.metrics.perceptual import FeatureDistance, Niqe
from srbench.metrics.pyiqa_bridge import dists_network, lpips_network

CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


def features(network: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    if network == "alex":
        layers = torchvision.models.alexnet(weights=None).features
    else:
        layers = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
    return {f"features.{name}": value for name, value in layers.state_dict().items()}


def heads(network: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    sizes = CHANNELS[network]
    return {f"lin{i}.model.1.weight": torch.rand(1, n, 1, 1) for i, n in enumerate(sizes)}


@pytest.fixture
def offline(monkeypatch):
    """Any attempt at a download fails."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"a download was attempted: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", refuse)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)


def lpips_by_hand(state, lins, sr, hr) -> float:
    """LPIPS v0.1 on AlexNet from its definition."""
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    layers = torchvision.models.alexnet(weights=None).features
    layers.load_state_dict({k.removeprefix("features."): v for k, v in state.items()})
    x, y, total = ((2 * sr - 1) - shift) / scale, ((2 * hr - 1) - shift) / scale, 0.0
    tap = 0
    for layer in layers:
        x, y = layer(x), layer(y)
        if isinstance(layer, nn.ReLU):
            unit = [t / t.square().sum(1, keepdim=True).sqrt() for t in (x, y)]
            weight = lins[f"lin{tap}.model.1.weight"]
            total += ((unit[0] - unit[1]).square() * weight).sum(1).mean().item()
            tap += 1
    assert tap == 5
    return total


def test_lpips_formula(offline, photo_pair):
    sr, hr = (to_tensor(image) for image in photo_pair)
    metric = FeatureDistance(lpips_network("alex", features("alex"), heads("alex")), least=31)
    with torch.no_grad():
        expected = lpips_by_hand(features("alex"), heads("alex"), sr, hr)
        assert expected > 1e-3
        assert metric(sr, hr).item() == pytest.approx(expected, rel=1e-4)
        assert metric(hr, hr).item() == 0.0


def test_building_leaves_the_random_generator_alone(offline):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    alex, lins = features("alex"), heads("alex")
    torch.set_rng_state(state)
    lpips_network("alex", alex, lins)
    assert torch.equal(torch.get_rng_state(), state)


def test_networks_are_frozen_and_back_in_their_module(offline):
    from pyiqa.archs import lpips_arch

    network = lpips_network("alex", features("alex"), heads("alex"))
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    assert lpips_arch.models is torchvision.models


def broken_heads(kind: str) -> dict[str, torch.Tensor]:
    lins = heads("alex")
    first = lins.pop("lin0.model.1.weight")
    if kind == "shape":
        lins["lin0.model.1.weight"] = first[:, :5]
    if kind == "extra":
        lins |= {"lin0.model.1.weight": first, "lin7.model.1.weight": first}
    return lins


@pytest.mark.parametrize("kind", ["missing", "shape", "extra"])
def test_heads_that_do_not_fit(kind):
    with pytest.raises(WeightsError, match="expected the weights 'lpips-alex' to be lin0"):
        lpips_network("alex", features("alex"), broken_heads(kind))


def test_features_that_do_not_fit():
    state = features("alex")
    del state["features.3.bias"]
    with pytest.raises(WeightsError, match=r"missing: 3\.bias"):
        lpips_network("alex", state, heads("alex"))


def test_smallest_images():
    alex = FeatureDistance(lpips_network("alex", features("alex"), heads("alex")), least=31)
    vgg = features("vgg")
    perceptual = FeatureDistance(lpips_network("vgg", vgg, heads("vgg")), least=16)
    dists = FeatureDistance(
        dists_network(vgg, {k: torch.rand(1, 1475, 1, 1) for k in ("alpha", "beta")}), least=16
    )
    for metric, least in ((alex, 31), (perceptual, 16), (dists, 16)):
        x, y = torch.rand(2, 1, 3, least, least + 4)
        assert torch.isfinite(metric(x, y)).all()
        with pytest.raises(ImageError, match=f"at least {least} x {least} px"):
            metric(x[..., 1:, :], y[..., 1:, :])
    with pytest.raises(RuntimeError, match="too small"):
        alex.network(torch.rand(1, 3, 30, 40), torch.rand(1, 3, 30, 40))  # so 31 is not arbitrary


@pytest.fixture(scope="module")
def lpips():
    return FeatureDistance(lpips_network("alex", features("alex"), heads("alex")), least=31)


@pytest.fixture(scope="module")
def dists():
    torch.manual_seed(2)
    weights = {k: torch.rand(1, 1475, 1, 1) for k in ("alpha", "beta")}
    return FeatureDistance(dists_network(features("vgg"), weights), least=16)


@pytest.mark.parametrize("name", ["lpips", "dists"])
def test_features_of_the_last_hr_serve_further_images(name, request, monkeypatch):
    metric = request.getfixturevalue(name)
    torch.manual_seed(3)
    hr, other, *images = torch.rand(5, 1, 3, 64, 48)
    alone = []
    for sr in images:
        metric(sr, other)  # nothing of hr is kept
        alone.append(metric(sr, hr))
    computed = []
    compute = metric.network.features
    monkeypatch.setattr(
        metric.network, "features", lambda image: computed.append(image) or compute(image)
    )
    metric(images[0], other)
    computed.clear()
    scores = [metric(sr, hr.clone()) for sr in images]
    assert len(computed) == 1 + len(images)
    assert all(torch.equal(a, b) for a, b in zip(scores, alone, strict=True))
    first = metric(images[0], other)
    assert len(computed) == 3 + len(images)
    assert not torch.equal(first, scores[0])


def test_an_hr_tensor_that_was_written_into_is_looked_at_again(lpips):
    torch.manual_seed(4)
    sr, hr, other = torch.rand(3, 1, 3, 64, 48)
    expected = lpips(sr, other)
    assert not torch.equal(lpips(sr, hr), expected)
    hr.copy_(other)
    assert torch.equal(lpips(sr, hr), expected)


def test_dists_formula_is_pyiqas(dists):
    """Features are passed in for images; the untouched class must give the same."""
    import copy

    from pyiqa.archs.dists_arch import DISTS

    torch.manual_seed(5)
    sr, hr = torch.rand(2, 1, 3, 64, 48)
    plain = copy.deepcopy(dists.network.network)
    del plain.forward_once
    expected = DISTS.forward(plain, sr, hr).reshape(-1)
    torch.testing.assert_close(dists(sr, hr), expected, rtol=0, atol=1e-6)


def pristine() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    spread = rng.standard_normal((36, 200))
    return torch.from_numpy(rng.random((1, 36))), torch.from_numpy(spread @ spread.T / 200)


def test_niqe_equals_pyiqa_and_crops_to_blocks(tmp_path, offline, photo_pair):
    import pyiqa

    mean, covariance = pristine()
    file = tmp_path / "model.mat"
    scipy.io.savemat(file, {"mu_prisparam": mean.numpy(), "cov_prisparam": covariance.numpy()})
    theirs = pyiqa.create_metric(
        "niqe", device="cpu", color_space="ycbcr", pretrained_model_path=str(file)
    )
    ours = Niqe(mean, covariance)
    image = to_tensor(photo_pair[0])  # 200 x 300 px: 2 x 3 blocks
    assert ours(image).shape == (1,)
    assert ours(image).item() == pytest.approx(theirs(image).item(), abs=1e-5)
    spoilt = image.clone()
    spoilt[..., 192:, :] = 0.3
    spoilt[..., 288:] = 0.9
    assert ours(spoilt).item() == ours(image).item()
    spoilt[..., 100, 100] = 1.0 - spoilt[..., 100, 100]
    assert ours(spoilt).item() != ours(image).item()


def test_niqe_needs_one_block(photo_pair):
    ours = Niqe(*pristine())
    one = to_tensor(photo_pair[0])[..., :96, :96]
    assert torch.isfinite(ours(one)).all()
    with pytest.raises(ImageError, match="at least 96 x 96 px, got 95 x 96"):
        ours(one[..., 1:, :])


@pytest.mark.network
def test_niqe_of_baboon_is_matlabs(weights, specs, test_set):
    # The authors' MATLAB code gives 5.7296 for Set14's baboon, as quoted in BasicSR's niqe.py.
    niqe = specs["niqe"].build(BuildContext(weights=weights))
    baboon = to_tensor(read_image(test_set("Set14") / "img_001.png"))
    assert niqe(baboon, None).item() == pytest.approx(5.7296, abs=1e-3)


def pyiqas_own(name: str, weights, tmp_path, monkeypatch) -> nn.Module:
    """pyiqa.create_metric with its own constructor; only its downloads get our tensors."""
    import pyiqa

    def downloaded(url: str, **kwargs) -> dict[str, torch.Tensor]:
        network = "alexnet" if "alexnet" in url else "vgg16"
        with torch.device("meta"):
            shapes = getattr(torchvision.models, network)(weights=None).state_dict()
        ours = weights.state_dict(f"{network}-imagenet")
        return {k: ours.get(k, torch.zeros(()).expand(v.shape)) for k, v in shapes.items()}

    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", downloaded)
    file = tmp_path / "heads.pth"
    ids = {"lpips": "lpips-alex", "lpips-vgg": "lpips-vgg", "dists": "dists"}
    torch.save(weights.state_dict(ids[name]), file)
    return pyiqa.create_metric(name, device="cpu", pretrained_model_path=str(file))


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("name", ["lpips", "lpips-vgg", "dists"])
def test_networks_equal_pyiqas_own(name, weights, specs, photo_pair, tmp_path, monkeypatch):
    sr, hr = (to_tensor(image) for image in photo_pair)
    theirs = pyiqas_own(name, weights, tmp_path, monkeypatch)
    ours = specs[name].build(BuildContext(weights=weights))
    with torch.no_grad():
        expected, got = theirs(sr, hr).item(), ours(sr, hr).item()
    assert expected > 0.05
    assert got == pytest.approx(expected, abs=1e-5)
