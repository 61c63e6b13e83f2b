"""Gradients in float16: scaled against underflow, and a step is skipped where they overflow."""

from __future__ import annotations

import torch
from torch import Tensor


class Scaling(torch.amp.GradScaler):
    """torch's scaler of gradients (Micikevicius et al. 2018, arXiv 1710.03740) for both optimisers.

    Where it is not enabled everything stays as it is, to the last bit. With fused Adam the host
    never waits for whether a step is skipped.
    """

    def norm(self, gradient: Tensor) -> Tensor:
        """Euclidean norm of what a scaled ``gradient`` stands for.

        One that overflows counts as 0: its step is skipped, and the next ones are scaled by less.
        But not where scaling is at its end: what is not finite unscaled is the loss's own.
        """
        norm: Tensor = torch.linalg.vector_norm(gradient)
        if not self.is_enabled():
            return norm
        scale = self.scale(torch.ones_like(norm))
        norm /= scale
        return norm.masked_fill(~torch.isfinite(norm) & (scale > 1), 0)

    def updated(self, values: Tensor) -> Tensor:
        """End a step; its ``values`` and, where this is enabled, whether it was skipped, 1 or 0."""
        if not self.is_enabled():
            return values
        one = torch.ones_like(values[:1])
        before = self.scale(one)
        self.update()
        return torch.cat([values, (self.scale(one) < before).to(values.dtype)])
