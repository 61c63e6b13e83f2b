"""How strong a loss is in a trainer: the weight that gives one loss the strength of another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from srbench.data import find_dataset
from srbench.errors import DataError, SrbenchError, UserError
from srbench.imaging import read_image, to_tensor
from srbench.metrics.matching import match_folders
from srbench.probe import images

Pairs = Iterable[tuple[Tensor, Tensor]]
"""``(sr, hr)``, each ``(1, 3, H, W)`` RGB in [0, 1]."""

Item = TypeVar("Item")
MOST_IMAGES = 16


def image_gradient_norm(loss: nn.Module, pairs: Pairs, *, device: str = "cpu") -> float:
    """RMS over ``pairs`` of the norm of d loss / d SR.

    Raises:
        SrbenchError: the norm is zero or not finite: such a loss has no strength there.
    """
    squares = []
    for sr, hr in pairs:
        image = sr.to(device).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(image, hr.to(device)), image)
        squares.append(float(gradient.cpu().double().square().sum()))
    norm = math.sqrt(sum(squares) / len(squares))
    if not math.isfinite(norm) or norm == 0:
        raise SrbenchError(
            f"expected a positive, finite gradient of the loss at SR, got a norm of {norm}",
            "`srbench check` shows what is wrong with it",
        )
    return norm


def stand_ins(size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Bicubic SR of srbench's own test photographs."""
    hr = images.photographs(size)
    sr = images.bicubic(hr)
    for at in range(len(hr)):
        yield sr[at : at + 1], hr[at : at + 1]


def of_dataset(name: str, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Bicubic SR of the middles of a data set's first images."""
    for file in _first(find_dataset(name).files):
        hr = _middle(to_tensor(read_image(file)), size, file)
        yield images.bicubic(hr), hr


def of_folders(sr: Path, hr: Path, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The middles of images that a trainer's own generator made, with their ground truths."""
    for pair in _first(match_folders(sr, hr)):
        if not isinstance(pair.sr, Path) or not isinstance(pair.hr, Path):
            raise UserError(f"expected SR and HR of one size, got others for {pair.name}")
        found = (to_tensor(read_image(file)) for file in (pair.sr, pair.hr))
        ours, theirs = (_middle(image, size, pair.sr) for image in found)
        yield ours, theirs


def _first(items: Sequence[Item]) -> Sequence[Item]:
    step = max(1, len(items) // MOST_IMAGES)
    return items[::step][:MOST_IMAGES]


def _middle(image: Tensor, size: int, file: Path) -> Tensor:
    height, width = image.shape[-2:]
    if min(height, width) < size:
        raise DataError(
            f"expected images of at least {size} px a side, got {height} x {width} in {file}",
            "give a smaller --size",
        )
    top, left = (height - size) // 2, (width - size) // 2
    return image[..., top : top + size, left : left + size].contiguous()
