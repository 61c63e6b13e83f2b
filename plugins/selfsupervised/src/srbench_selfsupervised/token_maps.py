"""A ViT as a network of feature maps: its tokens, put back to where their patches are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from srbench.contract.taps import unknown_tap
from srbench_selfsupervised.encoders import NORM


class TokenMaps(nn.Module):
    """The tokens of some blocks as ``(N, C, h, w)`` maps; class and register tokens left out.

    Images of any size go in: position embeddings are interpolated (timm's ``dynamic_img_size``),
    and sides that are no multiple of the patch are padded at the right and the bottom by repeating
    the edge. The computation ends at the last block that is asked for.

    Args:
        model: one of timm's, with ``forward_intermediates``, made with ``dynamic_img_size=True``.
        taps: ``block1``, ``block2``, ..., or ``norm``, the last block after the model's ``norm``.
        patch: side of a patch in pixels.

    Raises:
        UnknownName: a tap that the model does not have.
    """

    def __init__(self, model: nn.Module, taps: Iterable[str], patch: int) -> None:
        super().__init__()
        self.model = model
        self.patch = patch
        count = len(getattr(model, "blocks"))  # noqa: B009 - a module's attribute, for mypy
        self.blocks = {tap: _block(type(model).__name__, tap, count) for tap in taps}
        self.maps = nn.ModuleDict({tap: nn.Identity() for tap in self.blocks})

    @property
    def tap_paths(self) -> dict[str, str]:
        """Each tap with the module that its map passes through."""
        return {tap: f"maps.{tap}" for tap in self.maps}

    def forward(self, images: Tensor) -> None:
        """Hand each map to its module; the taps read them there."""
        height, width = images.shape[-2:]
        padding = (0, -width % self.patch, 0, -height % self.patch)
        wanted = sorted(set(self.blocks.values()))
        model: Any = self.model
        maps = model.forward_intermediates(
            F.pad(images, padding, mode="replicate"),
            indices=wanted,
            output_fmt="NCHW",
            intermediates_only=True,
            stop_early=True,
        )
        by_block = dict(zip(wanted, maps, strict=True))
        for tap, block in self.blocks.items():
            features = by_block[block]
            if tap == NORM:
                features = model.norm(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            self.maps[tap](features)


def _block(model: str, tap: str, count: int) -> int:
    if tap == NORM:
        return count - 1
    match = re.fullmatch(r"block([1-9][0-9]*)", tap)
    if match is None or int(match[1]) > count:
        raise unknown_tap(model, tap, [NORM, *(f"block{k + 1}" for k in range(count))])
    return int(match[1]) - 1
