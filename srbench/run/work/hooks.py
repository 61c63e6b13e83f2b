"""Connects a training stage with the world: events, loggers, validation, stopping."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from srbench.devices import phase
from srbench.run.exec.events import EventLog
from srbench.run.work.collapse import CollapseRule
from srbench.run.work.loggers import Loggers
from srbench.run.work.validation import Validator
from srbench.train import Hooks

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(slots=True)
class StageHooks:
    """The hooks of one stage.

    Attributes:
        events: the job's event file.
        loggers: those that the user chose.
        should_stop: asked between iterations.
        validator: scores the generator on the held-out images, where there are any.
    """

    events: EventLog
    loggers: Loggers
    should_stop: Callable[[], bool]
    validator: Validator | None = None

    def hooks(
        self, rule: CollapseRule | None = None, held_out: Sequence[tuple[Tensor, Tensor]] = ()
    ) -> Hooks:
        """For the training room, which knows neither files nor metrics.

        Args:
            held_out: batches on which the health of the game is measured.
        """
        hooks = Hooks(
            on_progress=self.events.progress,
            on_log=self._log,
            validate=self._validate,
            should_stop=self.should_stop,
            held_out=held_out,
            on_game=self._game,
        )
        return hooks if rule is None else replace(hooks, is_lost=rule)

    def close(self) -> None:
        """Close the loggers."""
        self.loggers.close()

    def _log(self, iteration: int, values: dict[str, float]) -> None:
        self._write("log", "train", iteration, values)

    def _game(self, iteration: int, values: dict[str, float]) -> None:
        self._write("game", "game", iteration, values)

    def _validate(self, generator: nn.Module, iteration: int) -> dict[str, float] | None:
        if self.validator is None:
            return None
        with phase("validation"):
            scores = self.validator(generator)
        self._write("validation", "val", iteration, scores)
        return scores

    def _write(self, event: str, group: str, iteration: int, values: dict[str, float]) -> None:
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        self.events.write(event, iteration=iteration, values=finite)
        self.loggers.log({f"{group}/{name}": value for name, value in finite.items()}, iteration)
