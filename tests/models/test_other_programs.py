"""Trained generators in other programs: the same weights, the same image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.files import save_generator
from srbench.models.msrresnet import basicsr_state
from srbench.models.plugin import builtin_generator


def trained_like(network: nn.Module) -> nn.Module:
    """Weights away from their initial values, as training would leave them."""
    draw = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.02 * torch.randn(p.shape, generator=draw))
    return network.eval()


@pytest.mark.parametrize(
    ("name", "params", "scale"),
    [
        ("rrdb", {"blocks": 2, "channels": 8}, 4),
        ("rrdb", {"blocks": 1, "channels": 8}, 2),
        ("span", {"channels": 8}, 2),
        ("span", {"channels": 8}, 3),
        ("span", {"channels": 8}, 4),
        ("span", {"channels": 8, "norm": False}, 4),
    ],
)
def test_spandrel_opens_the_file_and_makes_the_same_image(
    name: str, params: dict[str, Any], scale: int, tmp_path: Path
) -> None:
    spandrel = pytest.importorskip("spandrel")
    generator = builtin_generator(name, params, scale)
    network = trained_like(generator.build(seed=2))
    save_generator(network, generator, tmp_path / "generator.safetensors")
    opened = spandrel.ModelLoader(device="cpu").load_from_file(tmp_path / "generator.safetensors")
    assert opened.architecture.id == {"rrdb": "ESRGAN", "span": "SPAN"}[name]
    assert opened.scale == scale
    lr = torch.rand(1, 3, 13, 10)
    with torch.no_grad():
        torch.testing.assert_close(opened.model.eval()(lr), network(lr), rtol=1e-4, atol=1e-5)


class BasicSRMSRResNet(nn.Module):
    """The modules of BasicSR's ``MSRResNet`` by their names there, and its forward."""

    def __init__(self, blocks: int, channels: int, scale: int) -> None:
        super().__init__()
        self.scale = scale

        def conv(inputs: int, outputs: int) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, 3, 1, 1)

        self.conv_first = conv(3, channels)
        self.body = nn.Sequential(
            *(
                nn.ModuleDict(
                    {"conv1": conv(channels, channels), "conv2": conv(channels, channels)}
                )
                for _ in range(blocks)
            )
        )
        self.factor = scale if scale in (2, 3) else 2
        self.upconv1 = conv(channels, channels * self.factor**2)
        if scale == 4:
            self.upconv2 = conv(channels, channels * 4)
        self.conv_hr = conv(channels, channels)
        self.conv_last = conv(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        def leaky(t: Tensor) -> Tensor:
            return F.leaky_relu(t, 0.1)

        out = leaky(self.conv_first(x))
        for block in self.body:
            out = out + block["conv2"](F.relu(block["conv1"](out)))  # type: ignore[operator, index]
        out = leaky(F.pixel_shuffle(self.upconv1(out), self.factor))
        if self.scale == 4:
            out = leaky(F.pixel_shuffle(self.upconv2(out), 2))
        base = F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return self.conv_last(leaky(self.conv_hr(out))) + base


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_msrresnet_opens_under_basicsrs_names(scale: int) -> None:
    ours = trained_like(
        builtin_generator("msrresnet", {"blocks": 2, "channels": 6}, scale).build(seed=2)
    )
    theirs = BasicSRMSRResNet(2, 6, scale)
    theirs.load_state_dict(basicsr_state(ours.state_dict()), strict=True)
    lr = torch.rand(1, 3, 9, 8)
    torch.testing.assert_close(theirs(lr), ours(lr), rtol=1e-5, atol=1e-6)


def test_a_collapsible_convolution_is_one_convolution_with_gradients_in_both_modes() -> None:
    network = trained_like(builtin_generator("span", {"channels": 4}, 2).build(seed=2))
    lr = torch.rand(2, 3, 9, 8)
    gradients = []
    for training in (True, False):
        sr = network.train(training)(lr)
        sr.square().mean().backward()
        gradients.append((sr.detach(), [p.grad.clone() for p in network.parameters()]))  # type: ignore[union-attr]
        network.zero_grad()
    (trained, wide), (evaluated, narrow) = gradients
    torch.testing.assert_close(trained, evaluated, rtol=1e-4, atol=1e-4)
    for one, other in zip(wide, narrow, strict=True):
        torch.testing.assert_close(
            one, other, rtol=1e-3, atol=1e-3 * float(one.abs().max() + 1e-12)
        )
