"""What a stage is given and what it gives back: data, hooks, the step, the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

Point = tuple[int, dict[str, float]]
"""An iteration (updates done so far) and values by name."""


class Sampler(Protocol):
    """Endless training batches; ``srbench.data.PatchSampler`` is one."""

    @property
    def wait_fraction(self) -> float:
        """Share of the time between batches that was spent waiting for data."""
        ...

    def next(self) -> tuple[Tensor, Tensor]:
        """``(lr, hr)``, RGB float32 [0, 1] ``(N, 3, h, w)`` and ``(N, 3, scale*h, scale*w)``."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """The position in the stream."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a position."""
        ...


def _no_progress(iteration: int, total: int) -> None: ...


def _no_log(iteration: int, values: dict[str, float]) -> None: ...


def _no_validation(generator: nn.Module, iteration: int) -> dict[str, float] | None:
    return None


def _never() -> bool:
    return False


def _not_lost(log: Sequence[Point], validation: Sequence[Point]) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hooks:
    """What a stage reports to, and asks.

    Attributes:
        on_progress: after every iteration, ``(updates done, total)``.
        on_log: at logging points, ``(updates done, values)``. A resumed stage repeats the points
            since its checkpoint.
        validate: ``(generator in eval mode, updates done)`` to mean scores, or ``None``. Runs
            without gradients; whatever it draws from the random states is undone.
        should_stop: asked before every iteration; true makes the stage save and return.
        held_out: batches ``(lr, hr)`` on which the health of the game is measured, at the points
            where ``validate`` is called; none: it is not measured.
        on_game: at those points, ``(updates done, values)``.
        is_lost: asked after every logged or validated point, with all points so far; a reason makes
            the stage end there for good. It must depend on those points alone: a resumed stage
            asks again.
    """

    on_progress: Callable[[int, int], None] = _no_progress
    on_log: Callable[[int, dict[str, float]], None] = _no_log
    validate: Callable[[nn.Module, int], dict[str, float] | None] = _no_validation
    should_stop: Callable[[], bool] = _never
    held_out: Sequence[tuple[Tensor, Tensor]] = ()
    on_game: Callable[[int, dict[str, float]], None] = _no_log
    is_lost: Callable[[Sequence[Point], Sequence[Point]], str | None] = _not_lost


@dataclass(frozen=True, kw_only=True, slots=True)
class StageResult:
    """What a stage did.

    Attributes:
        iterations: generator updates done, those before a resume included.
        seconds: of training; validation and checkpoints are not counted.
        iterations_per_second: over those seconds; 0 where there were none.
        log: logged values; term values are means since the point before.
        validation: scores on the validation images.
        game: health of the adversarial game on held-out patches (``srbench.train.game``).
        peak_memory_bytes: of this process, on the GPU where there is one.
        data_wait_fraction: share of the time spent waiting for data.
        stopped: the ``should_stop`` hook ended it early; a checkpoint holds the rest.
        resumed_from: iteration of the checkpoint that it continued, or ``None``.
        notes: for the record: damaged checkpoints passed over.
        lost: why the ``is_lost`` hook ended it early, or ``None``.
    """

    iterations: int
    seconds: float
    iterations_per_second: float
    log: list[Point]
    validation: list[Point]
    game: list[Point]
    peak_memory_bytes: int
    data_wait_fraction: float
    stopped: bool
    resumed_from: int | None = None
    notes: tuple[str, ...] = ()
    lost: str | None = None


class TrainingStep(Protocol):
    """One generator update."""

    name: str
    terms: tuple[str, ...]
    generator: nn.Module

    def __call__(self, lr: Tensor, hr: Tensor, iteration: int) -> Tensor:
        """Update on one batch; values of ``terms`` as ``(T,)`` on the device, not awaited."""
        ...

    @property
    def result(self) -> nn.Module:
        """What is validated and kept: ``generator``, or an average of its weights."""
        ...

    def examine(self, batches: Sequence[tuple[Tensor, Tensor]]) -> dict[str, float]:
        """The health of the game on fixed batches; empty where there is no game."""
        ...

    def summary(self, means: dict[str, float], iteration: int) -> dict[str, float]:
        """What is logged, from the means of the terms."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimisers."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        ...
