"""The pixel term against the formula."""

from __future__ import annotations

import pytest
import torch

from srbench.train.objective import pixel_loss


def test_pixel_losses() -> None:
    sr, hr = torch.tensor([0.0, 0.5]), torch.tensor([1.0, 0.0])
    assert pixel_loss(sr, hr, "l1").item() == pytest.approx(0.75)
    assert pixel_loss(sr, hr, "l2").item() == pytest.approx(0.625)
