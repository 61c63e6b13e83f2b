"""Folded BatchNorm: the network that was, in fewer layers; and what must not be folded."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from srbench_classification.networks import NETWORKS as CLASSIFICATION
from srbench_detection.networks import NETWORKS as DETECTION
from srbench_segmentation.networks import HED
from srbench_segmentation.networks import NETWORKS as SEGMENTATION
from srbench_selfsupervised.encoders import ENCODERS
from torch import nn

from srbench.contract.features import FeatureLoss, fold_network
from srbench.contract.folding import fold_batch_norms

SHIPPED = {
    network.name: network
    for network in (
        *(*CLASSIFICATION.values(), *DETECTION.values(), *SEGMENTATION.values(), HED),
        *(encoder for encoder in ENCODERS.values() if not encoder.vit),
    )
}
COUNTS = {  # torchvision's layers, counted by hand in its definitions
    "vgg16-bn": (13, 13),
    "resnet152": (155, 155),
    "densenet201": (99, 201),
    "inception-v3": (94, 94),
    "mobilenet-v2": (52, 52),
    "craft-vgg16-bn": (12, 12),
}


def alive(network: nn.Module) -> nn.Module:
    """In eval mode, with statistics as of a trained network."""
    generator = torch.Generator().manual_seed(5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
                nn.init.normal_(module.bias, 0, 0.1, generator=generator)
    return network.eval()


def norms(network: nn.Module) -> int:
    return sum(type(module) is nn.BatchNorm2d for module in network.modules())


@pytest.mark.parametrize(
    ("architecture", "tap"),
    [
        ("resnet18", "layer4"),
        ("resnet18", "layer2.0.bn1"),  # a BatchNorm that is gone can be tapped
        ("vgg11_bn", "features.11"),
        ("densenet121", "features"),
        ("mobilenet_v2", "features.5"),
    ],
)
def test_values_and_gradients_are_those_of_the_unfolded_network(architecture, tap):
    torch.manual_seed(0)
    plain = alive(torchvision.models.get_model(architecture, weights=None)).double()
    folded = copy.deepcopy(plain)
    assert fold_batch_norms(folded, keep=[tap])
    sr, hr = torch.rand(2, 2, 3, 64, 64, dtype=torch.float64).unbind(0)

    def outcome(network):
        image = sr.clone().requires_grad_(True)
        loss = FeatureLoss(network, tap, normalize=None)
        value = loss(image, hr)
        value.backward()
        return value.detach(), image.grad

    (value, gradient), (expected, expected_gradient) = outcome(folded), outcome(plain)
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)
    error = (gradient - expected_gradient).norm() / expected_gradient.norm()
    assert error < 1e-9


@pytest.mark.parametrize("name", SHIPPED)
def test_the_version_of_a_shipped_loss_says_whether_it_is_folded(name):
    network = SHIPPED[name]
    module = network.empty()
    before = norms(module)
    folded = fold_network(module, network, network.params())
    assert (network.version == 2) == bool(folded)
    assert norms(module) == before - len(folded)
    if name in COUNTS:
        assert (len(folded), before) == COUNTS[name]


class Wrapped(nn.Module):
    """``stem`` gives its convolution's output, which a BatchNorm outside of it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3))
        self.bn = nn.BatchNorm2d(4)

    def forward(self, image):
        return self.bn(self.stem(image))


class ReadTwice(Wrapped):
    def forward(self, image):
        output = self.stem(image)
        return self.bn(output) + output


class RunTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, image):
        return self.bn(self.conv(self.bn(self.conv(image))))


class TwoNames(Wrapped):
    def __init__(self) -> None:
        super().__init__()
        self.other = self.bn


class OwnNorm(nn.BatchNorm2d):
    """Does more than its class."""


class Subclass(Wrapped):
    def __init__(self) -> None:
        super().__init__()
        self.bn = OwnNorm(4)


class NoStatistics(Wrapped):
    """Normalises by the batch itself, also in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(4, track_running_stats=False)


@pytest.mark.parametrize(
    ("kind", "tap"),
    [
        (Wrapped, "stem.0"),
        (Wrapped, "stem"),
        (ReadTwice, "bn"),
        (RunTwice, "bn"),
        (TwoNames, "bn"),
        (Subclass, "bn"),
        (NoStatistics, "bn"),
    ],
)
def test_what_would_change_a_value_is_left_alone(kind, tap):
    torch.manual_seed(1)
    network = alive(kind())
    image = torch.rand(1, 3, 64, 64)
    before = network(image)
    assert fold_batch_norms(network, keep=[tap]) == {}
    assert torch.equal(network(image), before)


def test_without_scale_and_shift_and_with_a_shared_file():
    torch.manual_seed(1)
    network = Wrapped()
    network.bn = nn.BatchNorm2d(4, affine=False)
    alive(network)
    image, weight = torch.rand(1, 3, 64, 64), network.stem[0].weight
    kept, before = weight.detach().clone(), network(image)
    assert fold_batch_norms(network, keep=["bn"]) == {"bn": "stem.0"}
    torch.testing.assert_close(network(image), before)
    assert torch.equal(weight, kept)  # whoever else holds the tensor sees no change


def test_no_random_number_is_drawn_and_no_hook_stays():
    network = alive(torchvision.models.resnet18(weights=None))
    state = torch.get_rng_state()
    fold_batch_norms(network)
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
