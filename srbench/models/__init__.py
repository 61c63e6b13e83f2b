"""Generators and the discriminator. All take and give RGB [0, 1] ``(N, 3, H, W)``."""

from srbench.models.build import build_discriminator, build_generator, generator_names
from srbench.models.discriminator import Discriminator
from srbench.models.files import GENERATOR_FORMAT
from srbench.models.msrresnet import MSRResNet
from srbench.models.srresnet import SRResNet

__all__ = [
    "GENERATOR_FORMAT",
    "Discriminator",
    "MSRResNet",
    "SRResNet",
    "build_discriminator",
    "build_generator",
    "generator_names",
]
