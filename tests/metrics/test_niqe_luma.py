"""NIQE's luma is the rounded one of exact arithmetic, on every processor (``make portable``)."""

import numpy as np
import pytest
import torch
from pyiqa.archs import niqe_arch

from srbench.imaging import to_tensor
from srbench.metrics.pyiqa_bridge import niqe_scores

WEIGHTS = np.array([65481, 128553, 24966])  # of 255,000, BT.601 studio range


def near_halves() -> np.ndarray:
    """8-bit colours whose luma lies within 2e-5 of a half: float32 rounds many the wrong way."""
    colours = np.stack(np.meshgrid(*[np.arange(256)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    distance = np.abs((colours @ WEIGHTS) % 255_000 - 127_500)
    return colours[distance <= 5].astype(np.uint8)


def test_colours_near_a_half_are_rounded_as_in_exact_arithmetic() -> None:
    rng = np.random.default_rng(0)
    colours = near_halves()
    image = rng.integers(0, 256, (288, 288, 3), dtype=np.uint8)
    where = rng.random((288, 288)) < 0.5
    image[where] = colours[rng.integers(0, len(colours), where.sum())]
    luma = (2 * (image.astype(np.int64) @ WEIGHTS) + 255_000) // 510_000 + 16
    mean, covariance = torch.zeros(1, 36), torch.eye(36)
    gray = torch.from_numpy(luma / 255.0)[None, None]
    reference = niqe_arch.calculate_niqe(gray, mu_pris_param=mean, cov_pris_param=covariance[None])
    assert niqe_scores(to_tensor(image), mean, covariance).item() == pytest.approx(
        reference.item(), rel=1e-9
    )
