"""Checkpoints round-trip, and every kind of damage is noticed, said and survived."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srbench.train import CheckpointError, CheckpointFolder

STATE = {
    "tensor": torch.arange(5000.0).reshape(50, 100),
    "numbers": [1, 2.5, -(2**100), True, None],
    "nested": {"tuple": (1, ("a", 2)), "empty": {}},
    "log": [(10, {"content": 0.5})],
}


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def flat(value: Any) -> Any:
    return value.tolist() if isinstance(value, torch.Tensor) else value


def test_round_trip(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "deep" / "folder", identity="key")
    assert folder.load() == (None, ())
    path = folder.save(7, STATE)
    checkpoint, notes = CheckpointFolder(tmp_path / "deep" / "folder", identity="key").load()
    assert checkpoint is not None
    assert (checkpoint.iteration, notes) == (7, ())
    assert {k: flat(v) for k, v in checkpoint.state.items()} == {
        k: flat(v) for k, v in STATE.items()
    }
    # Its own hash at the end does not keep torch from reading it.
    assert torch.load(path, weights_only=True)["iteration"] == 7


def test_channels_last_tensors_keep_their_layout(tmp_path: Path) -> None:
    tensor = torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last)
    folder = CheckpointFolder(tmp_path)
    folder.save(1, {"t": tensor})
    checkpoint, _ = folder.load()
    assert checkpoint is not None
    assert checkpoint.state["t"].stride() == tensor.stride()


def test_the_previous_one_is_kept_and_no_more(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for iteration in (5, 10, 15, 20):
        folder.save(iteration, STATE)
    assert names(tmp_path) == ["checkpoint-000000015.pt", "checkpoint-000000020.pt"]
    checkpoint, _ = folder.load()
    assert checkpoint is not None
    assert checkpoint.iteration == 20


@pytest.mark.parametrize("sixteenth", range(16))
def test_truncated_falls_back_and_says_so(
    sixteenth: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(1, STATE)
    newest = folder.save(2, STATE)
    os.truncate(newest, newest.stat().st_size * sixteenth // 16)
    checkpoint, notes = folder.load()
    assert checkpoint is not None
    assert checkpoint.iteration == 1
    assert len(notes) == 1
    assert "checkpoint-000000002.pt is damaged" in notes[0]
    assert "falling back" in caplog.text
    # The damaged file is out of the way, so that the next save keeps two whole ones.
    folder.save(3, STATE)
    assert names(tmp_path)[:2] == ["checkpoint-000000001.pt", "checkpoint-000000003.pt"]


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9, 0.9999])
def test_one_flipped_bit_is_noticed(place: float, tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(1, STATE)
    newest = folder.save(2, STATE)
    data = bytearray(newest.read_bytes())
    data[int(place * len(data))] ^= 1
    newest.write_bytes(data)
    checkpoint, notes = folder.load()
    assert checkpoint is not None
    assert (checkpoint.iteration, len(notes)) == (1, 1)


def test_all_damaged_starts_over_and_says_so(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for iteration in (1, 2):
        folder.save(iteration, STATE).write_bytes(b"x")
    checkpoint, notes = folder.load()
    assert checkpoint is None
    assert len(notes) == 2


def test_left_overs_and_foreign_files(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(1, STATE)
    (tmp_path / ".tmp-killed").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "checkpoint-x.pt").write_text("mine too")
    checkpoint, notes = folder.load()
    assert checkpoint is not None
    assert notes == ()
    assert names(tmp_path) == ["checkpoint-000000001.pt", "checkpoint-x.pt", "notes.txt"]


def test_another_jobs_checkpoint_is_refused(tmp_path: Path) -> None:
    CheckpointFolder(tmp_path, identity="one").save(1, STATE)
    with pytest.raises(CheckpointError, match="identity 'two', got 'one'"):
        CheckpointFolder(tmp_path, identity="two").load()


def test_another_training_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(1, STATE)
    monkeypatch.setattr("srbench.train.checkpoint.TRAINING_VERSION", 99)
    with pytest.raises(CheckpointError, match="training_version 99, got"):
        folder.load()


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("owned",))


def test_pickled_code_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = CheckpointFolder(tmp_path / "c")
    with monkeypatch.context() as patch:
        patch.setattr("srbench.train.checkpoint._check_plain", lambda *_: None)
        folder.save(1, {"x": Hostile()})
    with pytest.raises(CheckpointError, match="would run code"):
        folder.load()
    assert not (tmp_path / "owned").exists()


def test_state_that_could_not_be_read_back_is_refused_when_written(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"state\['a'\]\[1\] is a PosixPath"):
        CheckpointFolder(tmp_path).save(1, {"a": [1, Path("x")]})
    with pytest.raises(AssertionError, match="is a float64"):
        CheckpointFolder(tmp_path).save(1, {"a": np.float64(1)})


def test_due_by_iterations_and_by_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    folder = CheckpointFolder(tmp_path, every_seconds=60, every_iterations=10)
    assert [i for i in range(1, 31) if folder.due(i)] == [10, 20, 30]
    now = 160.0
    assert folder.due(11)
    folder.save(11, STATE)
    assert not folder.due(12)
    assert not CheckpointFolder(tmp_path, every_seconds=60).due(10)


FULL = """
import resource, signal, sys, torch
from pathlib import Path
from srbench.train import CheckpointError, CheckpointFolder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = CheckpointFolder(Path(sys.argv[1]))
folder.save(1, {"x": torch.zeros(100)})
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    folder.save(2, {"x": torch.zeros(100_000)})
except CheckpointError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [1000, 399_999])
def test_full_disk_is_said_and_costs_nothing(limit: int, tmp_path: Path) -> None:
    """A limit on the size of files fails writes half-way, as a full disk does."""
    command = [sys.executable, "-c", FULL, str(tmp_path), str(limit)]
    # A file on the way to stdout would meet the limit too: take a pipe.
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "expected to write a checkpoint" in done.stdout
    assert "make room" in done.stdout
    checkpoint, notes = CheckpointFolder(tmp_path).load()
    assert checkpoint is not None
    assert (checkpoint.iteration, notes) == (1, ())
    assert names(tmp_path) == ["checkpoint-000000001.pt"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in a destructor
def test_ctrl_c_while_it_is_written_stays_ctrl_c(tmp_path: Path) -> None:
    """torch's writer would say "enforce fail ... unexpected pos" instead."""

    saving = False

    def interrupt(number: int, frame: object) -> None:
        if saving:
            raise KeyboardInterrupt

    state = {f"{n}": torch.zeros(50_000) for n in range(100)}
    folder = CheckpointFolder(tmp_path)
    folder.save(0, state)
    start = time.perf_counter()
    folder.save(1, state)
    usual = time.perf_counter() - start
    before, interrupted = signal.signal(signal.SIGALRM, interrupt), 0
    try:
        for n in range(40):
            signal.setitimer(signal.ITIMER_REAL, usual * (n + 1) / 45)
            try:
                saving = True
                folder.save(2 + n, state)
                saving = False
            except KeyboardInterrupt:  # the timer rings once
                interrupted += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted
    assert folder.load()[0] is not None


def test_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="make room or make the folder writable"):
        CheckpointFolder(tmp_path / "file" / "c").save(1, STATE)
