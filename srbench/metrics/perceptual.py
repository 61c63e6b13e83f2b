"""LPIPS, DISTS and NIQE as callables ``(sr, hr) -> (N,)`` that say how large an image must be."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from srbench.errors import ImageError
from srbench.metrics.protocol import NIQE_BLOCK
from srbench.metrics.pyiqa_bridge import FeatureNetwork, niqe_scores


class FeatureDistance(nn.Module):
    """A full-reference network metric on the whole RGB image.

    Each thread keeps the features of the last HR image: where many SR images of one HR are scored
    in a row, half of the work is done once. The scores have the same bits either way.

    Args:
        network: features and their distance.
        least: the smallest side in pixels that survives the network's pooling.
    """

    thread_safe = True

    def __init__(self, network: FeatureNetwork, *, least: int) -> None:
        super().__init__()
        # On a CPU, oneDNN runs these convolutions 1.6 times as fast on channels-last images; the
        # scores move by less than 1e-6.
        self.network = network.to(memory_format=torch.channels_last)
        self._least = least
        self._last = _LastReference()

    def forward(self, sr: Tensor, hr: Tensor | None) -> Tensor:
        """``sr``, ``hr``: RGB float32 [0, 1] ``(N, 3, H, W)``; returns ``(N,)``.

        Raises:
            ImageError: a side is too short for the network.
        """
        assert hr is not None
        _check_side(sr, self._least)
        reference = self._reference(hr)
        image = sr.contiguous(memory_format=torch.channels_last)
        return self.network.distance(self.network.features(image), reference).reshape(-1)

    def _reference(self, hr: Tensor) -> Sequence[Tensor]:
        kept = self._last.hr
        # By value: a caller may have written another image into the same tensor.
        if kept is None or kept.device != hr.device or not torch.equal(kept, hr):
            self._last.hr = None  # the old features go before the new ones take memory
            self._last.features = ()
            image = hr.clone(memory_format=torch.channels_last)
            self._last.features = self.network.features(image)
            self._last.hr = image
        return self._last.features


class _LastReference(threading.local):
    """What a thread computed last of an HR image."""

    hr: Tensor | None = None
    features: Sequence[Tensor] = ()


class Niqe(nn.Module):
    """NIQE: distance to a model of pristine photographs; no reference, lower is better.

    Args:
        mean: of the pristine model, 36 numbers, float64.
        covariance: of the pristine model, ``(36, 36)``, float64.
    """

    thread_safe = True

    def __init__(self, mean: Tensor, covariance: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("covariance", covariance)

    def forward(self, sr: Tensor, hr: Tensor | None = None) -> Tensor:
        """``sr``: RGB float32 [0, 1] ``(N, 3, H, W)``; ``hr`` is not looked at. Returns ``(N,)``.

        Raises:
            ImageError: a side is below 96 pixels.
        """
        _check_side(sr, NIQE_BLOCK)
        mean, covariance = self.get_buffer("mean"), self.get_buffer("covariance")
        return niqe_scores(sr, mean, covariance)


def _check_side(image: Tensor, least: int) -> None:
    height, width = image.shape[-2:]
    if min(height, width) < least:
        raise ImageError(
            f"expected an image of at least {least} x {least} px, got {height} x {width}"
        )
