"""Gram, contextual, focal frequency and random networks against their formulas."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
import torchvision
from pydantic import ValidationError
from torch import nn

from srbench.contract import BuildContext
from srbench.contract.features import IMAGENET_MEAN, IMAGENET_STD, FeatureLoss
from srbench.contract.known_weights import VGG16_IMAGENET
from srbench.controls import plugin
from srbench.controls.classics import CLASSICS, GramParams, RandomParams
from srbench.controls.contextual import ContextualLoss, contextual_similarity
from srbench.controls.focal_frequency import FocalFrequencyLoss, focal_frequency
from srbench.controls.gram import GramLoss, gram
from srbench.controls.random_network import random_network
from srbench.errors import UnknownName, WeightsError

SPECS = {spec.name: spec for spec in CLASSICS}


class Resolver:
    """Seeded VGG16 features under the real keys."""

    def state_dict(self, weight_id):
        if weight_id != VGG16_IMAGENET.id:
            raise WeightsError(f"no {weight_id}")
        generator = torch.Generator().manual_seed(3)
        with torch.device("meta"):
            features = torchvision.models.vgg16(weights=None).features
        return {
            f"features.{name}": torch.randn(value.shape, generator=generator)
            * (math.sqrt(2 / value[0].numel()) if value.ndim > 1 else 0.05)
            for name, value in features.state_dict().items()
        }


def build(name, *, seed=0, **params):
    spec = SPECS[name]
    settled = spec.params(**params) if spec.params is not None else None
    return spec.build(BuildContext(weights=Resolver(), seed=seed), settled)


@pytest.fixture(scope="module")
def pair():
    generator = torch.Generator().manual_seed(5)
    hr = torch.rand(2, 3, 48, 48, generator=generator)
    return (hr + 0.1 * torch.randn(hr.shape, generator=generator)).clamp(0, 1), hr


@pytest.mark.parametrize("name", SPECS)
def test_the_plugin_offers_it_frozen_and_differentiable(name, pair):
    spec = {spec.name: spec for spec in plugin.srbench_losses()}[name]
    assert pickle.loads(pickle.dumps(spec)) == spec
    loss = build(name)
    sr, hr = pair[0].clone().requires_grad_(), pair[1].clone().requires_grad_()
    value = loss(sr, hr)
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(sr.grad).all()
    assert sr.grad.abs().sum() > 0
    assert hr.grad is None
    assert loss(hr, hr) < 0.01 * value
    assert not any(p.requires_grad for p in loss.parameters())


@pytest.mark.parametrize("name", SPECS)
def test_a_batch_gives_the_mean_of_its_images(name, pair):
    loss = build(name)
    with torch.no_grad():
        alone = [loss(sr[None], hr[None]) for sr, hr in zip(*pair, strict=True)]
        torch.testing.assert_close(loss(*pair), torch.stack(alone).mean(), rtol=1e-4, atol=0)


# Gram


def test_gram_matrix_is_the_mean_product_of_channels():
    features = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    expected = np.einsum("nchw,ndhw->ncd", features.numpy(), features.numpy()) / 12
    np.testing.assert_allclose(gram(features).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_gram_loss_is_four_times_gatys_loss():
    network = nn.Sequential(nn.Conv2d(3, 6, 3))
    loss = GramLoss(network, "0", normalize=None)
    sr, hr = torch.rand(1, 3, 10, 12), torch.rand(1, 3, 10, 12)
    with torch.no_grad():
        ours, theirs = (network(images)[0].flatten(1).double() for images in (sr, hr))
        count, positions = ours.shape
        gatys = ((ours @ ours.T - theirs @ theirs.T) ** 2).sum() / (4 * count**2 * positions**2)
        assert loss(sr, hr).item() == pytest.approx(4 * gatys.item(), rel=1e-4)


def test_gram_loss_does_not_see_where_things_are():
    network = nn.Sequential(nn.Conv2d(3, 6, 1))
    images = torch.rand(1, 3, 8, 8)
    loss = GramLoss(network, "0", normalize=None)
    assert loss(images.flip(2).roll(3, 3), images) == pytest.approx(0, abs=1e-9)


def test_gram_reads_all_its_taps_and_one_tap_replaces_them(pair):
    parts = [build("gram", tap=tap)(*pair) for tap in GramParams().tap_weights]
    assert len(parts) == 4
    torch.testing.assert_close(build("gram")(*pair), sum(parts))
    with pytest.raises(ValidationError, match="did you mean"):
        GramParams(tap="relu1_3")


def test_gram_stays_in_float32_under_autocast(pair):
    loss = build("gram")
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss(*pair).dtype == torch.float32
        assert gram(torch.full((1, 2, 4, 4), 300.0, dtype=torch.bfloat16)).dtype == torch.float32


# Contextual


def reference_similarity(sr, hr, bandwidth):
    """The paper's equations 2 to 5, by loops, for one image."""
    mean = hr.mean(axis=1, keepdims=True)
    ours, theirs = (sr - mean).T, (hr - mean).T

    def distance(i, j):
        lengths = np.linalg.norm(ours[i]) * np.linalg.norm(theirs[j])
        return 1 - ours[i] @ theirs[j] / lengths

    count = ours.shape[0]
    d = np.array([[distance(i, j) for j in range(count)] for i in range(count)])
    relative = d / (d.min(axis=1, keepdims=True) + 1e-5)
    w = np.exp((1 - relative) / bandwidth)
    c = w / w.sum(axis=1, keepdims=True)
    return c.max(axis=0).mean()


@pytest.mark.parametrize("bandwidth", [0.1, 0.5, 2.0])
def test_contextual_similarity_is_the_papers(bandwidth):
    generator = torch.Generator().manual_seed(2)
    sr = torch.randn(2, 7, 4, 5, generator=generator)
    hr = sr + 0.5 * torch.randn(sr.shape, generator=generator)
    ours = contextual_similarity(sr, hr, bandwidth)
    for image in range(2):
        flat = (x[image].flatten(1).double().numpy() for x in (sr, hr))
        expected = reference_similarity(*flat, bandwidth)
        assert ours[image].item() == pytest.approx(expected, rel=1e-4)


def test_contextual_loss_is_minus_the_log_and_ignores_places():
    generator = torch.Generator().manual_seed(4)
    hr = torch.randn(1, 8, 6, 6, generator=generator)
    shuffled = hr.flatten(2)[..., torch.randperm(36, generator=generator)].view_as(hr)
    assert contextual_similarity(shuffled, hr).item() == pytest.approx(1, abs=0.02)
    loss = ContextualLoss(nn.Sequential(nn.Conv2d(3, 8, 3)), "0", normalize=((0,) * 3, (1,) * 3))
    images = torch.rand(2, 1, 3, 12, 12, generator=generator)
    with torch.no_grad():
        maps = [loss.features(image)["0"] for image in images]
        expected = -math.log(contextual_similarity(*maps).item())
        assert loss(*images).item() == pytest.approx(expected, rel=1e-5)


def test_contextual_takes_one_known_tap():
    with pytest.raises(ValidationError, match="did you mean"):
        SPECS["contextual"].params(tap="relu3_4")


# Focal frequency


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_focal_frequency_is_the_papers(alpha):
    generator = torch.Generator().manual_seed(6)
    sr, hr = torch.rand(2, 2, 3, 9, 12, generator=generator).unbind(0)
    spectra = [np.fft.fft2(x.double().numpy(), norm="ortho") for x in (sr, hr)]
    magnitude = np.abs(spectra[0] - spectra[1])
    weight = magnitude**alpha
    weight = weight / weight.max(axis=(2, 3), keepdims=True)
    expected = (weight * magnitude**2).mean()
    assert focal_frequency(sr, hr, alpha).item() == pytest.approx(expected, rel=1e-5)


def test_focal_frequency_without_focus_is_the_mean_squared_error():
    sr, hr = torch.rand(2, 1, 3, 16, 16).unbind(0)
    value = FocalFrequencyLoss(alpha=0.0)(sr, hr)
    torch.testing.assert_close(value, (sr - hr).square().mean())


def test_focal_frequency_has_no_gradient_through_its_weights():
    sr, hr = torch.rand(2, 1, 1, 8, 8, dtype=torch.float64).unbind(0)
    sr.requires_grad_()
    focal_frequency(sr, hr).backward()
    error = torch.fft.fft2((sr - hr).detach(), norm="ortho")
    weight = error.abs() / error.abs().amax((-2, -1), keepdim=True)
    expected = 2 * torch.fft.ifft2(weight * error, norm="ortho").real / sr.numel()
    torch.testing.assert_close(sr.grad, expected)


def test_focal_frequency_of_equal_images_has_a_finite_gradient():
    images = torch.rand(1, 3, 8, 8, requires_grad=True)
    FocalFrequencyLoss()(images, images.detach().clone()).backward()
    assert (images.grad == 0).all()


# Random networks


def test_random_networks_are_the_librarys_and_reproducible(pair):
    torch.manual_seed(7)
    expected = torchvision.models.resnet18(weights=None).eval()
    loss = FeatureLoss(
        random_network("resnet18", 7), "layer4", normalize=(IMAGENET_MEAN, IMAGENET_STD)
    )
    with torch.no_grad():
        images = loss.normalize(pair[1])
        kept = []
        expected.layer4.register_forward_hook(lambda *args: kept.append(args[2]))
        expected(images)
        assert torch.equal(loss.features(pair[1])["layer4"], kept[0])
    again, other = build("random", seed=7), build("random", seed=8)
    same = build("random", seed=7)
    assert torch.equal(again(*pair), same(*pair))
    assert not torch.equal(again(*pair), other(*pair))


def test_random_networks_leave_the_random_state_alone_and_carry_no_head():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    network = random_network("vgg11", 1)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert sum(p.numel() for p in network.parameters()) < 10e6


def test_random_networks_of_timm(pair):
    params = {"architecture": "convnext_atto", "library": "timm", "tap": "stages.3"}
    assert torch.isfinite(build("random", **params)(*pair))


def test_resolving_names_the_architecture():
    spec = SPECS["random"].resolve(RandomParams(architecture="densenet121", tap="features"))
    assert spec.backbone == "densenet121"
    assert spec.task == "none"
    assert spec.weights == ()


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_unknown_architectures_name_their_neighbours(library):
    with pytest.raises(UnknownName, match=r"did you mean .*resnet50"):
        random_network("resnet51", 0, library)
