"""Scoring protocols: colour, border, range and rounding together, under a name that never changes.

A change of any detail is a new protocol with a new name; scores of two never share a table. The
text for readers is ``docs/protocols.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from srbench.errors import unknown_name

GRID_BLOCK = 64
"""Side in pixels of the blocks of ``grid``; less where the scale is no divisor."""

NIQE_BLOCK = 96
"""NIQE cuts Y, right and bottom, to multiples of this side, and needs at least one block of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """How images are prepared before PSNR and SSIM see them.

    LPIPS, DISTS and NIQE do not depend on it: the first two take the whole RGB image, NIQE the
    whole BT.601 Y.

    Attributes:
        name: goes with every score.
        summary: one line.
        color: ``y`` is BT.601 studio-range luma, ``rgb`` all three channels.
        clamp_contrast: whether SSIM's contrast-structure term is held at 0 from below, pixel by
            pixel, as pyiqa does; BasicSR and the paper do not.
        known_bytes: whether a record states the hash of every image that was scored, so that SR
            made anywhere else is held to its bytes. Without, images were made in float32 and
            differ between processors.
    """

    name: str
    summary: str
    color: Literal["y", "rgb"]
    clamp_contrast: bool
    known_bytes: bool

    def border(self, scale: int) -> int:
        """Pixels removed on each side before PSNR and SSIM: the scale."""
        return scale


def _both(family: str, summary: str, **preparation: Any) -> Iterator[Protocol]:
    """A protocol for images of known bytes, and its forerunner, which scores files the same."""
    for version, known in (("v2", True), ("v1", False)):
        yield Protocol(
            name=f"{family}-{version}", summary=summary, known_bytes=known, **preparation
        )


_ALL = (
    *_both(
        "y4",
        "PSNR and SSIM on BT.601 Y; LPIPS and DISTS on RGB; NIQE on BT.601 Y",
        color="y",
        clamp_contrast=True,
    ),
    *_both(
        "rgb4",
        "PSNR and SSIM on RGB as BasicSR reports them; the rest as y4",
        color="rgb",
        clamp_contrast=False,
    ),
)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({item.name: item for item in _ALL})
"""Every protocol by its name."""


def get_protocol(name: str) -> Protocol:
    """The protocol called ``name``.

    Raises:
        UnknownName: there is none; the nearest names are given.
    """
    if name not in PROTOCOLS:
        raise unknown_name("protocol", name, PROTOCOLS, "`srbench docs protocols` describes them")
    return PROTOCOLS[name]
