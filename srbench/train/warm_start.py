"""First stage: the generator alone on a pixel loss, shared by every loss of a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from srbench.train.checkpoint import CheckpointFolder
from srbench.train.loop import Loop
from srbench.train.micro_batch import MicroBatch, combined, micro_batches
from srbench.train.objective import pixel_loss
from srbench.train.runtime import Placement, session
from srbench.train.schedule import learning_rate, set_learning_rate
from srbench.train.settings import RuntimeSettings, WarmStartSettings
from srbench.train.stage import Hooks, Sampler, StageResult


class WarmStartStep:
    """One update of the generator on the pixel loss.

    Terms: ``sr`` (Euclidean norm of the batch, to tell a broken generator from a broken loss) and
    ``pixel``.
    """

    name = "warm-start"
    terms: tuple[str, ...] = ("sr", "pixel")

    def __init__(
        self, generator: nn.Module, settings: WarmStartSettings, placement: Placement
    ) -> None:
        self.generator = placement.module(generator).train()
        self._settings = settings
        self._placement = placement
        self._forward = placement.forward(self.generator)
        self._optimiser = placement.adam(generator, settings.learning_rate, settings.betas)
        self._scaling = placement.scaling()
        self._update = placement.update(self._plain_update, self._optimiser)
        if self._scaling.is_enabled():
            self.terms = (*self.terms, "skipped")

    def __call__(self, lr: Tensor, hr: Tensor, iteration: int) -> Tensor:
        """Update on ``lr (N, 3, h, w)`` and ``hr``; the values of ``terms``, not awaited."""
        set_learning_rate(self._optimiser, self._rate(iteration))
        return self._update(lr, hr)

    def _plain_update(self, lr: Tensor, hr: Tensor) -> Tensor:
        self._optimiser.zero_grad(set_to_none=True)
        parts = [
            self._accumulate(part) for part in micro_batches(lr, hr, self._settings.micro_batches)
        ]
        self._scaling.step(self._optimiser)
        return self._scaling.updated(combined(parts, norms=(True, False)))

    def _accumulate(self, part: MicroBatch) -> Tensor:
        with self._placement.networks():
            sr = self._forward(part.lr)
        sr = sr.float()
        loss = part.scaled(pixel_loss(sr, part.hr, self._settings.loss))
        self._scaling.scale(loss).backward()  # type: ignore[no-untyped-call]
        return torch.stack([torch.linalg.vector_norm(sr.detach()), loss.detach()])

    def summary(self, means: dict[str, float], iteration: int) -> dict[str, float]:
        """``pixel``, the rate, and in float16 the share of steps that were ``skipped``."""
        values = {name: value for name, value in means.items() if name != "sr"}
        return {**values, "learning_rate": self._rate(iteration)}

    @property
    def result(self) -> nn.Module:
        """The generator itself."""
        return self.generator

    def examine(self, batches: Sequence[tuple[Tensor, Tensor]]) -> dict[str, float]:
        """Nothing: there is no game."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Generator and optimiser."""
        return {
            "generator": dict(self.generator.state_dict()),
            "generator_optimiser": self._optimiser.state_dict(),
            "scaling": self._scaling.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.generator.load_state_dict(state["generator"])
        self._optimiser.load_state_dict(state["generator_optimiser"])
        self._scaling.load_state_dict(state.get("scaling", {}))

    def _rate(self, iteration: int) -> float:
        s = self._settings
        return learning_rate(
            iteration, initial=s.learning_rate, milestones=s.milestones, gamma=s.gamma
        )


def run_warm_start(
    generator: nn.Module,
    sampler: Sampler,
    settings: WarmStartSettings,
    runtime: RuntimeSettings,
    *,
    seed: int,
    checkpoints: CheckpointFolder,
    hooks: Hooks | None = None,
) -> StageResult:
    """Train ``generator`` in place, from the newest checkpoint where there is one.

    Args:
        generator: left on the runtime's device, in eval mode.
        seed: of the global random states during the stage.
        checkpoints: of this job; holds the finished state too, until it is cleared.

    Raises:
        NonFiniteLoss: a term went NaN or infinite.
        CheckpointError: a checkpoint could not be written, or belongs to other work.
    """
    with session(runtime, seed=seed) as placement:
        step = WarmStartStep(generator, settings, placement)
        loop = Loop(
            step, sampler, settings, placement=placement, checkpoints=checkpoints, hooks=hooks
        )
        return loop.run()
