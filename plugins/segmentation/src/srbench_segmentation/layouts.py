"""Names and shapes of smp's weights, for checks with seeded values: the library makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from srbench_segmentation.smp_data import DPT, SEGFORMER, UPERNET, Checkpoint, encoder_file
from srbench_segmentation.smp_table import REVISIONS


def _checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    import torch

    from srbench_segmentation.smp_build import empty_encoder

    with torch.device("cpu"):  # SegFormer's encoder cannot be made on `meta`
        encoder = empty_encoder(checkpoint)
    return {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}


def _encoder_of_the_library(name: str) -> Any:
    import torch
    from segmentation_models_pytorch.encoders import encoders

    entry = encoders[name]
    with torch.device("cpu"):
        return entry["encoder"](**entry["params"], depth=5, output_stride=32)


LAYOUTS: Mapping[str, Callable[[], Any]] = {
    **{
        checkpoint.file.id: partial(_checkpoint, checkpoint)
        for table in (SEGFORMER, UPERNET, DPT)
        for checkpoint in table.values()
    },
    **{
        encoder_file(name, weights).id: partial(_encoder_of_the_library, name)
        for name, weights in REVISIONS
    },
}
"""Weight id -> a network or state dict with the layout of the published file."""
