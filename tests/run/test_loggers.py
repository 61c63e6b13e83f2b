"""Loggers: what each is told, what it leaves, and that none can harm a training."""

import csv
import json
import random
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from in_process import Done, in_process, workplace  # noqa: F401
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from srbench.errors import UnknownName, UserError
from srbench.records.layout import OutFolder
from srbench.run.exec.events import EventLog
from srbench.run.exec.progress import RunProgress
from srbench.run.plan.jobs import load
from srbench.run.work.loggers import LOGGERS, LoggedRun, Logger, Loggers, check_loggers

from .conftest import fake_job

KEY = "0123456789abcdef" * 4


@pytest.fixture
def run(tmp_path: Path) -> LoggedRun:
    settings = {"label": "vgg16", "seed": 1}
    return LoggedRun(out=OutFolder(tmp_path / "mine"), name="vgg16-s1", key=KEY, settings=settings)


@pytest.fixture
def events(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(tmp_path / "events.jsonl")
    yield log
    log.close()


def twice(name: str, run: LoggedRun) -> None:
    """A training that is killed after its third point and continues from its second."""
    for points in ((2, 4, 6), (4, 6, 8)):
        logger: Logger = load(LOGGERS[name])(run)
        for iteration in points:
            logger.log({"train/content": 1 / iteration, "train/pixel": 0.5}, iteration)
            logger.log({"val/psnr": 20.0 + iteration}, iteration)
        logger.close()


def test_tensorboard_reads_its_files(run: LoggedRun) -> None:
    twice("tensorboard", run)
    read = EventAccumulator(str(run.out.root / "tensorboard" / "vgg16-s1")).Reload()
    points = {point.step: point.value for point in read.Scalars("val/psnr")}
    assert points == {2: 22.0, 4: 24.0, 6: 26.0, 8: 28.0}


def test_csv_has_every_value_exactly_under_one_heading(run: LoggedRun) -> None:
    twice("csv", run)
    with (run.out.root / "csv" / "vgg16-s1" / "log.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 18
    last = {(line["name"], int(line["iteration"])): float(line["value"]) for line in lines}
    assert {i: v for (name, i), v in last.items() if name == "train/content"} == {
        i: 1 / i for i in (2, 4, 6, 8)
    }


class Recorder:
    """Stands in for a package, and for what it makes: remembers every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> "Recorder":
            self.calls.append((name, args, kwargs))
            return self

        return call


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_tracker_is_told_the_run_and_every_point(
    name: str, run: LoggedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Recorder()
    monkeypatch.setitem(sys.modules, name, told)  # type: ignore[arg-type]
    twice(name, run)
    kinds = [call for call, _, _ in told.calls]
    assert kinds == ["init", *["log"] * 6, "finish"] * 2
    first, again = (kwargs for call, _, kwargs in told.calls if call == "init")
    assert first == again  # the same run, to be resumed
    assert first["resume"] == "allow"
    assert first["project"] == "srbench"
    assert first["group"] == "mine"
    assert first["config"] == dict(run.settings)
    assert "vgg16-s1" in first["name"]
    assert KEY[:8] in first.get("id", first["name"])
    assert told.calls[1][1:] == (({"train/content": 0.5, "train/pixel": 0.5},), {"step": 2})


@pytest.mark.parametrize("name", ["wandb", "mlflow", "trackio"])
def test_a_package_that_is_not_there_is_named_with_its_cure(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srbench.run.work.loggers.find_spec", lambda name: None)
    with pytest.raises(UserError, match=f"the package {name}") as error:
        check_loggers(("csv", name))
    assert f"pip install {name}" in error.value.fix


def test_a_name_that_nothing_has_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'tensorboard'"):
        check_loggers(["tensorbord"])
    check_loggers(["csv", "my.module:Mine"])


class Careless:
    """Draws random numbers at every point, and raises at the second."""

    made = 0

    def __init__(self, run: LoggedRun) -> None:
        type(self).made += 1
        self.points = 0

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        torch.rand(3)
        np.random.rand()
        random.random()
        self.points += 1
        if self.points == 2:
            raise SystemExit("the server\nis gone")

    def close(self) -> None:
        raise AssertionError("a logger that raised is left alone")


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> str:
    module = types.ModuleType("careless")
    module.Careless = Careless  # type: ignore[attr-defined]
    Careless.made = 0
    monkeypatch.setitem(sys.modules, "careless", module)
    return "careless:Careless"


def test_a_logger_that_raises_is_left_out_and_the_others_go_on(
    careless: str, run: LoggedRun, events: EventLog, capsys: pytest.CaptureFixture[str]
) -> None:
    loggers = Loggers((careless, "csv"), run, events)
    for iteration in (1, 2, 3, 4):
        loggers.log({"train/content": 1.0}, iteration)
    loggers.close()
    assert Careless.made == 1
    assert (run.out.root / "csv" / "vgg16-s1" / "log.csv").read_text().count("\n") == 5
    (event,) = map(json.loads, Path(events._file.name).read_text().splitlines())
    assert event["event"] == "logger-failed"
    assert event["logger"] == careless
    assert event["message"].startswith("SystemExit: the server is gone")
    assert capsys.readouterr().err.count("Traceback") == 1


def test_what_a_logger_draws_leaves_no_trace(
    careless: str, run: LoggedRun, events: EventLog
) -> None:
    def draws() -> tuple[float, float, float]:
        return torch.rand(1).item(), float(np.random.rand()), random.random()

    def seed() -> None:
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)

    seed()
    expected = draws()
    seed()
    Loggers((careless,), run, events).log({"train/content": 1.0}, 1)
    assert draws() == expected


def test_the_user_is_told_once_however_many_trainings_lose_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = {"event": "logger-failed", "logger": "wandb", "message": "CommError: no route"}
    jobs = [fake_job("one"), fake_job("two")]
    with RunProgress(Console(stderr=True, width=200), OutFolder(tmp_path), jobs) as shown:
        for job in jobs:
            shown.job_event(job, lost)
    said = capsys.readouterr().err
    assert said.count("logger wandb: CommError: no route; training goes on without it") == 1


def test_a_run_writes_with_those_that_are_named_and_its_keys_stay(
    tmp_path: Path,
    careless: str,
    in_process: Callable[..., Done],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(workplace(tmp_path))
    ended = in_process("run", "tiny.toml", "--logger", "csv", "--logger", careless)
    assert ended.returncode == 0, ended.said
    out = tmp_path / "runs" / "tiny"
    logs = "".join(path.read_text() for path in out.glob("jobs/*/events.jsonl"))
    assert '"logger-failed"' in logs
    assert not (out / "tensorboard").exists()
    for row in ("warm-start-s1", "pixel-s1", "vgg16-random-s1"):
        assert "train/" in (out / "csv" / row / "log.csv").read_text()
    again = in_process("run", "tiny.toml")
    assert "0 jobs to run, 3 reused" in again.stderr


def test_mlflow_continues_the_run_of_a_training_that_was_killed(
    run: LoggedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FakeMlflow()
    module = types.ModuleType("mlflow")
    module.MlflowClient = lambda: store  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", module)
    twice("mlflow", run)
    ((made, tags),) = store.runs
    assert made == "vgg16-s1"
    assert tags == {"srbench_key": KEY}
    assert [step for _, name, _, step in store.points if name == "val/psnr"] == [2, 4, 6, 4, 6, 8]
    assert store.ended == ["run0", "run0"]


class FakeMlflow:
    """What of MLflow's client is used; it finds runs by their tag, as MLflow does."""

    def __init__(self) -> None:
        self.experiments: list[str] = []
        self.runs: list[tuple[str, dict[str, str]]] = []
        self.points: list[tuple[str, str, float, int]] = []
        self.ended: list[str] = []

    def get_experiment_by_name(self, name: str) -> Any:
        found = name in self.experiments
        return types.SimpleNamespace(experiment_id=f"experiment {name}") if found else None

    def create_experiment(self, name: str) -> str:
        self.experiments.append(name)
        return f"experiment {name}"

    def search_runs(self, experiments: list[str], filter_string: str) -> list[Any]:
        assert experiments == ["experiment mine"]
        wanted = filter_string.removeprefix("tags.srbench_key = ").strip("'")
        return [
            self._run(number)
            for number, (_, tags) in enumerate(self.runs)
            if tags["srbench_key"] == wanted
        ]

    def create_run(self, experiment: str, run_name: str, tags: dict[str, str]) -> Any:
        self.runs.append((run_name, tags))
        return self._run(len(self.runs) - 1)

    def log_dict(self, run_id: str, dictionary: dict[str, Any], artifact_file: str) -> None:
        assert artifact_file.endswith(".json")

    def log_metric(self, run_id: str, key: str, value: float, *, step: int) -> None:
        self.points.append((run_id, key, value, step))

    def set_terminated(self, run_id: str) -> None:
        self.ended.append(run_id)

    @staticmethod
    def _run(number: int) -> Any:
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=f"run{number}"))
