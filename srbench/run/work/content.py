"""The content loss of one row inside a worker: one loss, or a weighted sum of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from srbench.contract import BuildContext
from srbench.errors import PluginError
from srbench.host import build_loss, discover, resolve_loss, source_sha256
from srbench.run.plan.tasks import TermTask, TrainingTask
from srbench.weights import WeightStore

if TYPE_CHECKING:
    from srbench.records import WeightInfo
    from srbench.weights.cache import LoadedWeights


class WeightedSum(nn.Module):
    """sum_i weight_i x loss_i(sr, hr); the weights are buffers, so they move with the module."""

    weights: torch.Tensor

    def __init__(self, losses: Sequence[nn.Module], weights: Sequence[float]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.register_buffer("weights", torch.tensor(list(weights), dtype=torch.float32))

    def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        """``sr``, ``hr``: ``(N, 3, H, W)`` RGB [0, 1]; returns a scalar."""
        values = torch.stack([loss(sr, hr).float() for loss in self.losses])
        return (self.weights * values).sum()


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentLoss:
    """The built losses of a row, their weights in the sum, and what they were built from."""

    losses: tuple[nn.Module, ...]
    weights: tuple[float, ...]
    used: tuple[LoadedWeights, ...]

    def module(self, scale: Sequence[float] | None = None) -> nn.Module:
        """The loss to train with; ``scale`` multiplies each term (its calibration)."""
        if len(self.losses) == 1:
            return self.losses[0]  # its constant is the calibration's, its weight means nothing
        factors = scale or [1.0] * len(self.losses)
        return WeightedSum(self.losses, [w * f for w, f in zip(self.weights, factors, strict=True)])

    def weight_infos(self) -> tuple[WeightInfo, ...]:
        """The pretrained weights that were loaded, as a record holds them."""
        from srbench.records import WeightInfo  # not needed before training has ended

        return tuple(
            WeightInfo(
                id=used.id, tensors_sha256=used.tensors_sha256, source=used.source,
                license=used.license,
            )
            for used in self.used
        )  # fmt: skip

    def parameter_count(self) -> int:
        """Parameters of all loss networks."""
        return sum(p.numel() for loss in self.losses for p in loss.parameters())


def build_content(terms: Sequence[TermTask], task: TrainingTask) -> ContentLoss:
    """Build the losses that a job names. Their plugins are imported here, in the worker, alone."""
    registry = discover()
    resolved = [resolve_loss(registry.loss(term.name), term.params) for term in terms]
    for loss, term in zip(resolved, terms, strict=True):
        if term.source and source_sha256(loss.spec.build) != term.source:
            raise PluginError(
                f"expected the code of loss {term.loss!r} as it was when this run began, got "
                "another: it was edited meanwhile",
                "run the same command again",
            )
    modules: list[nn.Module] = []
    found: dict[str, LoadedWeights] = {}
    for loss in resolved:
        store = WeightStore(loss.spec.weights)
        modules.append(build_loss(loss, _context(store, task)).to(task.device))
        found |= store.used
    return ContentLoss(
        losses=tuple(modules),
        weights=tuple(term.weight for term in terms),
        used=tuple(found.values()),
    )


def _context(store: WeightStore, task: TrainingTask) -> BuildContext:
    return BuildContext(
        weights=store,
        scale=task.scale,
        patch_size=task.data.patch_size,
        seed=task.seed,
        device=task.device,
    )
