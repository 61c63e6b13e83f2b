"""The layout of DINO's ResNet-50, which only its authors' URL carries, for seeded values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from srbench_selfsupervised.encoders import ENCODERS

LAYOUTS: Mapping[str, Callable[[], Any]] = {"resnet50-dino": ENCODERS["dino-resnet50"].make}
"""Weight id -> a network with the layout of the published file."""
