"""Names and shapes of the weights that only URLs and hubs carry, for checks with seeded values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from srbench_selfsupervised.encoders import ENCODERS, Encoder
from srbench_selfsupervised.params import TimmVitParams


def _encoder(encoder: Encoder) -> Any:
    from srbench_selfsupervised.build import empty_model

    return empty_model(encoder)


def _timm(architecture: str) -> Any:
    import timm

    return timm.create_model(architecture, pretrained=False, num_classes=0)


LAYOUTS: Mapping[str, Callable[[], Any]] = {
    **{encoder.file.id: partial(_encoder, encoder) for encoder in ENCODERS.values()},
    TimmVitParams().weight_file.id: partial(_timm, TimmVitParams().architecture),
}
"""Weight id -> a network with the layout of the published file."""
