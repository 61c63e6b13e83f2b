"""Models against published parameter counts, an independent forward, and documented shapes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from srbench.errors import UserError
from srbench.models.discriminator import Discriminator, build_discriminator
from srbench.models.plugin import builtin_generator

SMALL: dict[str, dict[str, Any]] = {
    "srresnet": {"blocks": 1, "channels": 4},
    "msrresnet": {"blocks": 1, "channels": 4},
    "rrdb": {"blocks": 1, "channels": 4, "growth": 2},
    "span": {"channels": 4},
}


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def build(
    name: str, params: dict[str, Any] | None = None, *, scale: int = 4, seed: int | None = None
) -> torch.nn.Module:
    return builtin_generator(name, params or {}, scale).build(seed=seed)


@pytest.mark.parametrize(
    ("name", "params", "published"),
    [
        # leftthomas/SRGAN prints 734219 for its 5-block generator; the same layers with 16 blocks.
        ("srresnet", {"blocks": 5}, 734_219),
        ("srresnet", {}, 1_549_462),
        # BasicSR's MSRResNet x4, 1.517 M in the NTIRE efficient super-resolution reports.
        ("msrresnet", {}, 1_517_571),
        # ESRGAN's and Real-ESRGAN's x4 generator of 23 blocks, 16.70 M, as its users print it.
        ("rrdb", {}, 16_697_987),
    ],
)
def test_generators_have_published_parameter_counts(
    name: str, params: dict[str, Any], published: int
) -> None:
    assert count(build(name, params)) == published


@pytest.mark.parametrize(
    ("channels", "scale", "thousands"), [(52, 2, 481), (52, 4, 498), (48, 2, 411), (48, 4, 426)]
)
def test_span_has_the_parameter_counts_of_its_paper(
    channels: int, scale: int, thousands: int
) -> None:
    """SPAN and SPAN-S as the paper counts them: every convolution collapsed into one."""
    state = build("span", {"channels": channels}, scale=scale).state_dict()
    kept = [v for k, v in state.items() if re.search("eval_conv|conv_cat|upsampler", k)]
    assert round(sum(tensor.numel() for tensor in kept) / 1000) == thousands


@pytest.mark.parametrize(("b", "c"), [(1, 4), (3, 10)])
def test_srresnet_count_closed_form(b: int, c: int) -> None:
    k3 = 9 * c * c + c
    expected = (3 * 81 * c + c + 1) + b * (2 * k3 + 4 * c + 1) + (k3 + 2 * c)
    expected += 2 * (4 * k3 + 1) + (3 * 81 * c + 3)
    assert count(build("srresnet", {"blocks": b, "channels": c})) == expected


@pytest.mark.parametrize(("b", "c"), [(1, 4), (3, 10)])
def test_msrresnet_count_closed_form(b: int, c: int) -> None:
    k3 = 9 * c * c + c
    expected = (27 * c + c) + 2 * b * k3 + 2 * 4 * k3 + k3 + (27 * c + 3)
    assert count(build("msrresnet", {"blocks": b, "channels": c})) == expected


def test_discriminator_counts() -> None:
    network = Discriminator(64)
    # leftthomas/SRGAN prints 5215425 for the same eight convolutions under a 1x1-convolution head.
    assert count(network.features) == 5_215_425 - (512 * 1024 + 1024) - (1024 + 1)
    assert count(network.head) == 512 * 6 * 6 * 1024 + 1024 + 1024 + 1


def test_discriminator_is_the_papers_layer_list() -> None:
    features = Discriminator(64).features
    convolutions = [m for m in features if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [c.stride[0] for c in convolutions] == [1, 2] * 4
    kinds = [type(m).__name__ for m in features]
    assert kinds[:5] == ["Conv2d", "LeakyReLU", "Conv2d", "BatchNorm2d", "LeakyReLU"]
    assert kinds.count("BatchNorm2d") == 7
    assert {m.negative_slope for m in features if isinstance(m, torch.nn.LeakyReLU)} == {0.2}


def test_discriminator_at_the_papers_patch_pools_nothing() -> None:
    torch.manual_seed(0)
    network = Discriminator(4).eval()
    image = torch.rand(2, 3, 96, 96)
    features = network.features(image)
    assert features.shape == (2, 32, 6, 6)
    expected = network.head[3](network.head[2](network.head[1](features.flatten(1))))
    assert torch.equal(network(image), expected[:, 0])


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (88, 88), (96, 128), (40, 72)])
def test_discriminator_takes_any_patch(size: tuple[int, int]) -> None:
    logits = build_discriminator(4, seed=0)(torch.rand(3, 3, *size))
    assert logits.shape == (3,)
    assert torch.isfinite(logits).all()


def test_discriminator_refuses_tiny_patches() -> None:
    with pytest.raises(UserError, match="at least 16 px"):
        build_discriminator(4)(torch.rand(1, 3, 12, 32))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_output_is_scaled(name: str, scale: int) -> None:
    network = build(name, SMALL[name], scale=scale)
    assert network(torch.rand(2, 3, 7, 5)).shape == (2, 3, 7 * scale, 5 * scale)


def test_msrresnet_equals_an_independent_forward() -> None:
    """BasicSR's MSRResNet written with functions over the state dict."""
    network = build("msrresnet", {"blocks": 2, "channels": 6}, seed=3)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn_like(p))
    w = network.state_dict()

    def conv(x: torch.Tensor, key: str) -> torch.Tensor:
        return F.conv2d(x, w[key + ".weight"], w[key + ".bias"], padding=1)

    lr = torch.rand(2, 3, 9, 8)
    x = F.leaky_relu(conv(lr, "conv_first"), 0.1)
    for i in range(2):
        x = x + conv(torch.relu(conv(x, f"body.{i}.conv1")), f"body.{i}.conv2")
    for i in range(2):
        x = F.leaky_relu(F.pixel_shuffle(conv(x, f"upsampling.{i}"), 2), 0.1)
    x = conv(F.leaky_relu(conv(x, "conv_hr"), 0.1), "conv_last")
    x = x + F.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)
    assert torch.equal(network(lr), x)


def test_srresnet_equals_an_independent_forward() -> None:
    """Figure 4 of the paper written with functions over the state dict."""
    network = build("srresnet", {"blocks": 2, "channels": 6}, seed=3).eval()
    w = network.state_dict()

    def conv(x: torch.Tensor, key: str, padding: int = 1) -> torch.Tensor:
        return F.conv2d(x, w[key + ".weight"], w[key + ".bias"], padding=padding)

    def bn(x: torch.Tensor, key: str) -> torch.Tensor:
        return F.batch_norm(
            x,
            w[key + ".running_mean"],
            w[key + ".running_var"],
            w[key + ".weight"],
            w[key + ".bias"],
        )

    lr = torch.rand(2, 3, 9, 8)
    shallow = x = F.prelu(conv(lr, "head.0", 4), w["head.1.weight"])
    for i in range(2):
        body = F.prelu(
            bn(conv(x, f"blocks.{i}.body.0"), f"blocks.{i}.body.1"), w[f"blocks.{i}.body.2.weight"]
        )
        x = x + bn(conv(body, f"blocks.{i}.body.3"), f"blocks.{i}.body.4")
    x = shallow + bn(conv(x, "after_blocks.0"), "after_blocks.1")
    for i in range(2):
        x = F.prelu(F.pixel_shuffle(conv(x, f"upsampling.{i}.0"), 2), w[f"upsampling.{i}.2.weight"])
    assert torch.allclose(network(lr), conv(x, "tail", 4), atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_nearest_upsampling_has_no_tile_of_its_own(scale: int) -> None:
    """A flat LR: every SR pixel away from the edge is the same, whatever the weights are."""
    flat = torch.full((1, 3, 16, 16), 0.3, dtype=torch.float64)
    tiles = {}
    for upsampling in ("nearest", "pixel-shuffle"):
        params = {"blocks": 1, "channels": 6, "upsampling": upsampling}
        network = build("msrresnet", params, scale=scale, seed=4).double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
            inside = network(flat)[..., 6 * scale : 10 * scale, 6 * scale : 10 * scale]
        tiles[upsampling] = float((inside - inside[..., :1, :1]).abs().max())
    assert tiles["nearest"] < 1e-12
    assert tiles["pixel-shuffle"] > 1e-3


def test_nearest_upsampling_equals_an_independent_forward() -> None:
    network = build("msrresnet", {"blocks": 1, "channels": 6, "upsampling": "nearest"}, seed=3)
    state, lr = network.state_dict(), torch.rand(2, 3, 5, 7)

    def conv(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    x = F.leaky_relu(conv("conv_first", lr), 0.1)
    x = x + conv("body.0.conv2", F.relu(conv("body.0.conv1", x)))
    for stage in range(2):
        x = x.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
        x = F.leaky_relu(conv(f"upsampling.{stage}", x), 0.1)
    x = conv("conv_last", F.leaky_relu(conv("conv_hr", x), 0.1))
    base = F.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(network(lr), x + base)


def test_untrained_msrresnet_is_close_to_bilinear_and_not_stuck_there() -> None:
    lr = torch.rand(1, 3, 16, 16)
    base = F.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)
    for blocks, channels in ((8, 32), (16, 64)):
        network = build("msrresnet", {"blocks": blocks, "channels": channels}, seed=0)
        difference = network(lr) - base
        assert difference.abs().mean() < 0.1
        difference.square().mean().backward()
        # BasicSR's initialisation gives the first layer gradients some 1e6 times below the last's.
        first, last = network.conv_first.weight.grad, network.conv_last.weight.grad  # type: ignore[union-attr]
        assert first.abs().mean() > 0.01 * last.abs().mean()  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("name", SMALL)
def test_seed_fixes_weights_and_leaves_the_global_state(name: str) -> None:
    before = torch.get_rng_state()
    first, again, other = (build(name, SMALL[name], seed=s).state_dict() for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[k], again[k]) for k in first)
    key = {"srresnet": "tail.weight", "span": "upsampler.0.weight"}.get(name, "conv_last.weight")
    assert not torch.equal(first[key], other[key])


def test_networks_of_one_seed_draw_from_different_streams() -> None:
    generator = build("srresnet", SMALL["srresnet"], seed=1)
    discriminator = build_discriminator(4, seed=1)
    a = generator.blocks[0].body[0].weight.flatten()[:50]  # type: ignore[index, union-attr]
    b = discriminator.features[2].weight.flatten()[:50]
    assert not torch.allclose(a, b)  # same shape and initialisation: equal if the stream were


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("srresnt", {}, 4), "did you mean 'srresnet'"),
        (("srresnet", {"blocks": 0}, 4), "blocks: .*greater than or equal to 1"),
        (("srresnet", {"channels": 0}, 4), "channels: .*greater than or equal to 4"),
        (("srresnet", {"chanels": 8}, 4), "unknown parameter 'chanels'"),
        (("srresnet", {}, 5), "knows the scales 2, 3, 4, 8, got 5"),
    ],
)
def test_bad_arguments(arguments: tuple[str, dict[str, Any], int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        builtin_generator(*arguments)


def test_discriminator_refuses_no_width() -> None:
    with pytest.raises(UserError, match="channels of 1 or more"):
        build_discriminator(0)
