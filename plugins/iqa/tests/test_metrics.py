"""LPIPS and DISTS against pyiqa's implementations, with the real weights."""

from __future__ import annotations

import pytest
import torch
from srbench_iqa.dists import Dists, L2Pooling
from srbench_iqa.lpips import MIN_SIZE, unit_length
from srbench_iqa.plugin import srbench_losses

from srbench.contract import BuildContext
from srbench.errors import UserError, WeightsError

SPECS = {spec.name: spec for spec in srbench_losses()}
NAMES = ("lpips", "lpips-vgg", "dists")


def build(name, store):
    return SPECS[name].build(BuildContext(weights=store), None)


def reference(name, store):
    """pyiqa's network with the same weights, as the metrics of srbench use it."""
    from srbench.metrics import pyiqa_bridge

    vgg16 = store.state_dict("vgg16-imagenet")
    if name == "dists":
        return pyiqa_bridge.dists_network(vgg16, store.state_dict("dists"))
    if name == "lpips-vgg":
        return pyiqa_bridge.lpips_network("vgg", vgg16, store.state_dict("lpips-vgg"))
    alexnet = store.state_dict("alexnet-imagenet")
    return pyiqa_bridge.lpips_network("alex", alexnet, store.state_dict("lpips-alex"))


@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_equal_pyiqas(name, store, images):
    sr, hr = images
    loss, network = build(name, store), reference(name, store)
    ours, theirs = sr.clone().requires_grad_(), sr.clone().requires_grad_()
    value, expected = loss(ours, hr), network(theirs, hr).mean()
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    value.backward()
    expected.backward()
    scale = theirs.grad.abs().max().item()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-5 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_batch_mean_of_the_scores(name, store, images):
    loss = build(name, store)
    with torch.no_grad():
        single = [loss(sr[None], hr[None]) for sr, hr in zip(*images, strict=True)]
        torch.testing.assert_close(loss(*images), torch.stack(single).mean())


@pytest.mark.parametrize("name", NAMES)
def test_frozen_and_gradient_to_sr_only(name, store, images):
    loss = build(name, store)
    sr, hr = images[0].clone().requires_grad_(), images[1].clone().requires_grad_()
    loss(sr, hr).backward()
    assert torch.isfinite(sr.grad).all()
    assert hr.grad is None
    assert loss(hr, hr).abs() < 1e-6
    assert not any(p.requires_grad or p.is_meta for p in loss.parameters())
    loss.train()
    assert not any(module.training for module in loss.modules())


@pytest.mark.parametrize("name", NAMES)
def test_flat_images_give_a_finite_gradient(name, store):
    loss = build(name, store)
    black = torch.zeros(1, 3, 64, 64, requires_grad=True)
    loss(black, torch.zeros(1, 3, 64, 64)).backward()
    assert torch.isfinite(black.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_smallest_image(name, store):
    loss, side = build(name, store), SPECS[name].min_size
    assert torch.isfinite(loss(torch.rand(1, 3, side, side), torch.rand(1, 3, side, side)))
    small = torch.rand(1, 3, side - 1, side + 9)
    with pytest.raises(UserError, match=f"at least {side} x {side}"):
        loss(small, small)
    assert side == {"lpips": MIN_SIZE["alex"], "lpips-vgg": MIN_SIZE["vgg"], "dists": 16}[name]


def test_alexnet_has_nothing_left_below_its_smallest_image(store):
    network = build("lpips", store).tapped
    with pytest.raises(RuntimeError, match="too small"):
        network(torch.rand(1, 3, 30, 30))


def test_unit_length_of_nothing_is_nothing_and_has_a_gradient():
    features = torch.zeros(1, 4, 2, 2, requires_grad=True)
    length = unit_length(features)
    length.sum().backward()
    assert (length == 0).all()
    assert torch.isfinite(features.grad).all()
    one = unit_length(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).flatten()
    torch.testing.assert_close(one, torch.tensor([0.6, 0.8]))


def test_l2_pooling_of_a_constant_away_from_the_edge():
    pooled = L2Pooling(2)(torch.full((1, 2, 9, 9), 3.0))
    assert pooled.shape == (1, 2, 5, 5)
    torch.testing.assert_close(pooled[..., 1:4, 1:4], torch.full((1, 2, 3, 3), 3.0))


def test_foreign_weights_are_refused(store):
    vgg16, dists = store.state_dict("vgg16-imagenet"), store.state_dict("dists")
    with pytest.raises(WeightsError, match="alpha and beta"):
        Dists(vgg16, {"alpha": dists["alpha"]})
    del vgg16["features.0.weight"]
    with pytest.raises(WeightsError, match=r"missing: 0\.weight"):
        Dists(vgg16, dists)
