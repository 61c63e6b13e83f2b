"""The mistake that is made most often with a loss in one's own trainer: images of another range."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch.utils.hooks import RemovableHandle

SLACK = 0.05
"""Resampling overshoots a little."""


class RangeCheck:
    """Looks at the first HR that a loss is given, and never again: a look stops the GPU."""

    def __init__(self, loss: str) -> None:
        self._loss = loss
        self._handle: RemovableHandle | None = None

    def watch(self, module: torch.nn.Module) -> None:
        """Warn at the module's first call where its second image is not in [0, 1]."""
        self._handle = module.register_forward_pre_hook(self._look, with_kwargs=True)

    def _look(self, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        del module
        if self._handle is not None:
            self._handle.remove()
        hr = kwargs.get("hr", args[1] if len(args) > 1 else None)
        if hr is None or hr.numel() == 0:
            return
        low, high = (float(value) for value in hr.detach().aminmax())
        looks = "0 to 255" if high > 2 else "[-1, 1]" if low < -SLACK else ""
        looks = looks or ("more than 1" if high > 1 + SLACK else "")
        if looks:
            warnings.warn(
                f"loss {self._loss!r} expects RGB in [0, 1]; HR has values from {low:.3g} to "
                f"{high:.3g}, which looks like {looks}: convert before the loss",
                stacklevel=3,
            )
