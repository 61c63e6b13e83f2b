"""The loop that both stages share: data, logging, validation, checkpoints, stopping."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from srbench.train.checkpoint import CheckpointError, CheckpointFolder
from srbench.train.monitor import Monitor
from srbench.train.rng import capture_rng, isolated_rng, restore_rng
from srbench.train.runtime import Placement, peak_memory_bytes
from srbench.train.settings import AdversarialSettings, WarmStartSettings
from srbench.train.stage import Hooks, Point, Sampler, StageResult, TrainingStep


@dataclass(kw_only=True, slots=True)
class _Progress:
    """What a checkpoint keeps beside the step's own state."""

    iteration: int = 0
    seconds: float = 0.0
    log: list[Point] = field(default_factory=list)
    validation: list[Point] = field(default_factory=list)
    game: list[Point] = field(default_factory=list)


class Loop:
    """Runs a :class:`TrainingStep` to its end, or until it is told to stop."""

    def __init__(
        self,
        step: TrainingStep,
        sampler: Sampler,
        schedule: WarmStartSettings | AdversarialSettings,
        *,
        placement: Placement,
        checkpoints: CheckpointFolder,
        hooks: Hooks | None,
    ) -> None:
        self._step = step
        self._sampler = sampler
        self._schedule = schedule
        self._placement = placement
        self._checkpoints = checkpoints
        self._hooks = hooks or Hooks()
        self._held_out = [
            (placement.images(lr), placement.images(hr)) for lr, hr in self._hooks.held_out
        ]
        self._monitor = Monitor(step.terms, placement.device)
        self._progress = _Progress()
        self._saved: int | None = None
        self._window = (0, 0.0)
        self._clock = 0.0
        # On the CPU reading a value costs nothing, so a bad one is found in its own iteration.
        self._check_always = placement.device.type == "cpu"

    def run(self) -> StageResult:
        """Resume where there is a checkpoint, train, and report.

        Raises:
            NonFiniteLoss: a term went NaN or infinite; no checkpoint holds that state.
            CheckpointError: a checkpoint could not be written or belongs to other work.
        """
        resumed_from, notes = self._restore()
        stopped = False
        self._start_clock()
        lost = self._lost()
        while self._progress.iteration < self._schedule.iterations and lost is None:
            if self._hooks.should_stop():
                stopped = True
                break
            if self._iterate():
                lost = self._lost()
        self._stop_clock()
        if self._progress.iteration > 0:
            self._save()
        self._step.generator.eval()
        progress = self._progress
        return StageResult(
            iterations=progress.iteration,
            seconds=progress.seconds,
            iterations_per_second=_rate(progress.iteration, progress.seconds),
            log=progress.log,
            validation=progress.validation,
            game=progress.game,
            peak_memory_bytes=peak_memory_bytes(self._placement.device),
            data_wait_fraction=self._sampler.wait_fraction,
            stopped=stopped,
            resumed_from=resumed_from,
            notes=notes,
            lost=lost,
        )

    def _lost(self) -> str | None:
        return self._hooks.is_lost(self._progress.log, self._progress.validation)

    def _iterate(self) -> bool:
        """One update; whether there is a new logged or validated point."""
        lr, hr = self._sampler.next()
        values = self._step(
            self._placement.images(lr), self._placement.images(hr), self._progress.iteration
        )
        self._monitor.add(self._progress.iteration, values)
        if self._check_always:
            self._monitor.check()
        self._progress.iteration += 1
        done, last = self._progress.iteration, self._schedule.iterations
        logs = done % self._schedule.log_every == 0 or done == last
        every = self._schedule.validate_every
        validates = bool(every and done % every == 0) or done == last
        if logs:
            self._log()
        if validates:
            self._validate()
        if done < last and self._checkpoints.due(done):
            self._pause(self._save)
        self._hooks.on_progress(done, last)
        return logs or validates

    def _log(self) -> None:
        self._monitor.check()
        iteration = self._progress.iteration
        values = self._step.summary(self._monitor.means(), iteration - 1)
        self._lap()
        since, seconds = self._window
        values["iterations_per_second"] = _rate(iteration - since, self._progress.seconds - seconds)
        values["data_wait_fraction"] = self._sampler.wait_fraction
        self._window = (iteration, self._progress.seconds)
        self._progress.log.append((iteration, values))
        self._hooks.on_log(iteration, values)

    def _validate(self) -> None:
        self._monitor.check()
        self._pause(self._call_validation)
        if self._hooks.held_out:
            self._pause(self._examine)

    def _examine(self) -> None:
        with isolated_rng():
            values = self._step.examine(self._held_out)
        if values:
            self._progress.game.append((self._progress.iteration, values))
            self._hooks.on_game(self._progress.iteration, values)

    def _call_validation(self) -> None:
        generator = self._step.result
        generator.eval()
        try:
            with isolated_rng(), torch.no_grad():
                scores = self._hooks.validate(generator, self._progress.iteration)
        finally:
            generator.train()
        if scores is not None:
            self._progress.validation.append((self._progress.iteration, scores))

    def _save(self) -> None:
        if self._saved == self._progress.iteration:
            return
        self._monitor.check()
        progress = self._progress
        state = {
            "stage": self._step.name,
            "step": self._step.state_dict(),
            "monitor": self._monitor.state_dict(),
            "sampler": self._sampler.state_dict(),
            "rng": capture_rng(),
            "seconds": progress.seconds,
            "log": progress.log,
            "validation": progress.validation,
            "game": progress.game,
        }
        self._checkpoints.save(progress.iteration, state)
        self._saved = progress.iteration

    def _restore(self) -> tuple[int | None, tuple[str, ...]]:
        checkpoint, notes = self._checkpoints.load()
        if checkpoint is None:
            return None, notes
        state = checkpoint.state
        if state["stage"] != self._step.name:
            raise CheckpointError(
                f"expected a checkpoint of stage {self._step.name}, got one of {state['stage']}",
                "give each stage a checkpoint folder of its own",
            )
        self._step.load_state_dict(state["step"])
        self._monitor.load_state_dict(state["monitor"])
        self._sampler.load_state_dict(state["sampler"])
        restore_rng(state["rng"])
        self._progress = _Progress(
            iteration=checkpoint.iteration,
            seconds=state["seconds"],
            log=list(state["log"]),
            validation=list(state["validation"]),
            game=list(state["game"]),
        )
        self._window = (checkpoint.iteration, state["seconds"])
        self._saved = checkpoint.iteration
        return checkpoint.iteration, notes

    def _pause(self, work: Callable[[], None]) -> None:
        self._stop_clock()
        try:
            work()
        finally:
            self._start_clock()

    def _start_clock(self) -> None:
        self._clock = time.perf_counter()

    def _stop_clock(self) -> None:
        self._placement.synchronize()
        self._lap()

    def _lap(self) -> None:
        now = time.perf_counter()
        self._progress.seconds += now - self._clock
        self._clock = now


def _rate(iterations: int, seconds: float) -> float:
    return iterations / seconds if seconds > 0 else 0.0
