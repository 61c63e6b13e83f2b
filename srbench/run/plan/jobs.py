"""Jobs: typed data that a worker process can be started from, and what a kind of job is."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from srbench.run.plan.tasks import Task, TrainingTask
from srbench.settings.canonical import content_key

if TYPE_CHECKING:
    from srbench.run.plan.chain import Chain

SETTINGS_VERSION = 1
"""Schema version of suites, whose defaults the keys leave out."""


_IMPORTED_ONCE = frozenset({"srbench", "torch", "torchvision"})


@dataclass(frozen=True, kw_only=True, slots=True)
class StageKind:
    """One kind of job.

    Attributes:
        name: as jobs and results state it.
        task: what a worker is told.
        plan: the kind's job for one row, seed and content scale, or ``None`` where that one has
            none. Asked in the order of the table, with the jobs of the kinds before. Without it,
            jobs of the kind are made elsewhere.
        run: ``module:function``, imported in the worker alone. It takes a
            :class:`srbench.run.work.stage.Stage` and returns the result document, or ``None`` where
            it was stopped before the end.
        measure: as ``run``, for ``srbench plan``: a few steps on random images, see
            :mod:`srbench.run.work.measure`. Without one there is no estimate.
        imports: further modules that the worker comes to need: of srbench, where :attr:`run`
            imports them only when it uses them, and of torch, which imports some at first use.
        title: for people; ``{row}`` is the row with its seed.
        makes_generator: whether its result is a trained generator.
    """

    name: str
    task: type[Task]
    run: str
    plan: Callable[[Chain], Job | None] | None = None
    measure: str | None = None
    imports: tuple[str, ...] = ()
    title: str = "{row} ({kind})"
    makes_generator: bool = False

    @property
    def modules(self) -> list[str]:
        """Modules that a worker needs; a process that forks workers imports them, and no plugin."""
        found = (self.run.partition(":")[0], *self.imports)
        return [name for name in found if name.partition(".")[0] in _IMPORTED_ONCE]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One stage for one (suite, label, content scale, seed).

    Attributes:
        kind: an entry of :data:`srbench.run.plan.kinds.KINDS`.
        label: of the row, for people to read; not part of the key.
        task: everything that the worker is told.
        needs: keys of jobs that must have finished before.
        key: content key; equal keys are the same work.
    """

    kind: StageKind
    label: str
    task: Task
    needs: tuple[str, ...] = ()
    key: str

    @property
    def seed(self) -> int:
        """Of its random streams; 0 where it draws none."""
        return self.task.seed if isinstance(self.task, TrainingTask) else 0

    @property
    def content_scale(self) -> float:
        """How strong its content loss is; 1 where it has none."""
        return self.task.content_scale if isinstance(self.task, TrainingTask) else 1.0

    @property
    def title(self) -> str:
        """For progress displays: ``vgg16-conv5_3 seed 1``."""
        scale = "" if self.content_scale == 1 else f" x{self.content_scale:g}"
        row = f"{self.label}{scale} seed {self.seed}"
        return self.kind.title.format(row=row, kind=self.kind.name)

    def document(self) -> dict[str, Any]:
        """The job as JSON data; :func:`srbench.run.plan.kinds.job_from_document` reads it back."""
        return {
            "key": self.key,
            "kind": self.kind.name,
            "label": self.label,
            "task": self.task.model_dump(mode="json"),
            "needs": list(self.needs),
        }


def make_job(kind: StageKind, label: str, task: Task, needs: tuple[str, ...] = ()) -> Job:
    """A job with the key of its task."""
    key = content_key({"kind": kind.name, "settings": SETTINGS_VERSION, **task.identity()})
    return Job(kind=kind, label=label, task=task, needs=needs, key=key)


def load(function: str) -> Callable[..., Any]:
    """The function that ``module:function`` names."""
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found
