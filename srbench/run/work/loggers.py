"""Where the curves of a training go. To add a place is to add its entry here."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from srbench.errors import UserError, unknown_name

if TYPE_CHECKING:
    from srbench.records.layout import OutFolder
    from srbench.run.exec.events import EventLog

LOGGERS: Final[dict[str, str]] = {
    "tensorboard": "srbench.run.work.loggers:TensorBoard",
    "csv": "srbench.run.work.loggers:Csv",
    "wandb": "srbench.run.work.loggers:Wandb",
    "mlflow": "srbench.run.work.loggers:Mlflow",
    "trackio": "srbench.run.work.loggers:Trackio",
}
"""Name -> ``module:function`` that makes a :class:`Logger` of a :class:`LoggedRun`."""

EXTRAS: Final = frozenset({"wandb", "mlflow", "trackio"})
"""Those whose package of the same name comes with an extra of the same name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedRun:
    """One training as a logger is told of it.

    Attributes:
        name: of the row with its seed, ``vgg16-s1``.
        key: of the job; a training that continues after a kill has the same.
        settings: of the job, as JSON data.
    """

    out: OutFolder
    name: str
    key: str
    settings: Mapping[str, Any]

    @property
    def suite(self) -> str:
        """What its rows have in common: the name of the out folder."""
        return self.out.root.resolve().name

    def folder(self, logger: str) -> Path:
        """Its folder for this logger's files, made."""
        folder = self.out.logs(logger, self.name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class Logger(Protocol):
    """One place. Whatever it raises ends its own work, never the training."""

    def log(self, values: Mapping[str, float], iteration: int, /) -> None:
        """Note finite values, ``train/content`` say, after so many updates.

        A training that continues repeats the points since its checkpoint.
        """
        ...

    def close(self) -> None:
        """Nothing more comes, now."""
        ...


def check_loggers(names: Sequence[str]) -> None:
    """Refuse names that nothing is made of.

    Raises:
        UnknownName: neither in the table nor a ``module:function``.
        UserError: its package is not installed.
    """
    for name in names:
        if name not in LOGGERS and ":" not in name:
            raise unknown_name("logger", name, LOGGERS)
        if name in EXTRAS and find_spec(name) is None:
            raise UserError(
                f"expected the package {name} for --logger {name}, found it not installed",
                f"pip install {name}; in a clone of srbench: pip install -e '.[{name}]'",
            )


@dataclass(slots=True)
class Loggers:
    """Those that were chosen for a training, made at its first point. One that raises is left out.

    They draw random numbers as they like: :class:`srbench.train.Hooks` promises nothing of that, so
    it is undone here.
    """

    names: Sequence[str]
    run: LoggedRun
    events: EventLog
    _made: dict[str, Logger] = field(default_factory=dict, init=False)
    _failed: set[str] = field(default_factory=set, init=False)

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """See :meth:`Logger.log`."""
        for name in self.names:
            self._guarded(name, lambda logger: logger.log(values, iteration))

    def close(self) -> None:
        """Close those that were made."""
        for name in list(self._made):
            self._guarded(name, lambda logger: logger.close())

    def _guarded(self, name: str, action: Callable[[Logger], None]) -> None:
        from srbench.run.plan.jobs import load
        from srbench.train.rng import isolated_rng

        if name in self._failed:
            return
        try:
            with isolated_rng():
                if name not in self._made:
                    self._made[name] = load(LOGGERS.get(name, name))(self.run)
                action(self._made[name])
        except (Exception, SystemExit) as error:
            self._failed.add(name)
            sys.stderr.write(traceback.format_exc())
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            self.events.write("logger-failed", logger=name, message=reason[:500])


class TensorBoard:
    """Event files for ``tensorboard --logdir OUT/tensorboard``."""

    def __init__(self, run: LoggedRun) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(run.folder("tensorboard")))

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """See :class:`Logger`."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, iteration)

    def close(self) -> None:
        """See :class:`Logger`."""
        self._writer.close()


class Csv:
    """``OUT/csv/ROW/log.csv``: iteration, name, value; the last line of a point counts."""

    def __init__(self, run: LoggedRun) -> None:
        path = run.folder("csv") / "log.csv"
        self._file: IO[str] = path.open("a", encoding="utf-8")
        if not path.stat().st_size:
            self._file.write("iteration,name,value\n")

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """See :class:`Logger`."""
        self._file.writelines(f"{iteration},{name},{value!r}\n" for name, value in values.items())
        self._file.flush()

    def close(self) -> None:
        """See :class:`Logger`."""
        self._file.close()


class Wandb:
    """A run of Weights & Biases in project ``srbench`` unless ``WANDB_PROJECT`` says another."""

    def __init__(self, run: LoggedRun) -> None:
        import os

        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "srbench"), group=run.suite, name=run.name,
            id=run.key[:32], resume="allow", dir=str(run.folder("wandb")),
            config=dict(run.settings),
        )  # fmt: skip

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """See :class:`Logger`. Points that the run has already are passed over by wandb."""
        self._run.log(dict(values), step=iteration)

    def close(self) -> None:
        """See :class:`Logger`."""
        self._run.finish()


class Mlflow:
    """A run of MLflow in the experiment of the suite's name, where ``MLFLOW_TRACKING_URI`` says."""

    def __init__(self, run: LoggedRun) -> None:
        from mlflow import MlflowClient

        self._client = client = MlflowClient()
        experiment = client.get_experiment_by_name(run.suite)
        place = experiment.experiment_id if experiment else client.create_experiment(run.suite)
        earlier = client.search_runs([place], f"tags.srbench_key = '{run.key}'")
        tags = {"srbench_key": run.key}
        found = earlier[0] if earlier else client.create_run(place, run_name=run.name, tags=tags)
        self._id = found.info.run_id
        client.log_dict(self._id, dict(run.settings), "job.json")

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """See :class:`Logger`."""
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=iteration)

    def close(self) -> None:
        """See :class:`Logger`."""
        self._client.set_terminated(self._id)


class Trackio:
    """A run of Trackio in project ``srbench``; ``TRACKIO_SPACE_ID`` sends it to a Space."""

    def __init__(self, run: LoggedRun) -> None:
        import trackio

        self._trackio = trackio
        trackio.init(
            project="srbench", name=f"{run.suite}-{run.name}-{run.key[:8]}", group=run.suite,
            resume="allow", config=dict(run.settings),
        )  # fmt: skip

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """See :class:`Logger`."""
        self._trackio.log(dict(values), step=iteration)

    def close(self) -> None:
        """See :class:`Logger`."""
        self._trackio.finish()
