"""Fresh processes in which a plugin is imported or a loss built, under a time limit."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.checks.outcome import CheckFailed


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a fresh process said.

    Attributes:
        data: of its task; see :mod:`srbench.checks.child`.
        printed: everything that it wrote to stdout.
    """

    data: Mapping[str, Any]
    printed: str


def ask(task: str, request: Mapping[str, Any], time_limit: float) -> Answer:
    """Run a task in a new process and wait for its answer.

    Args:
        task: ``import`` or ``build``.
        request: plain JSON data. Under ``build`` the object at the key ``subject`` is pickled.
        time_limit: in seconds; the process is killed after that.

    Raises:
        CheckFailed: the subject cannot be pickled; the process hung or died.
    """
    with tempfile.TemporaryDirectory(prefix="srbench-check-") as name:
        folder = Path(name)
        plain = dict(request)
        if "subject" in plain:
            (folder / "subject.pickle").write_bytes(_pickled(plain.pop("subject")))
            plain["pickle"] = str(folder / "subject.pickle")
        (folder / "request.json").write_text(json.dumps(plain))
        command = [sys.executable, "-m", "srbench.checks.child", task]
        command += [str(folder / "request.json"), str(folder / "result.json")]
        printed, errors, status = _run(command, time_limit, task)
        result = folder / "result.json"
        if not result.exists():
            last = errors.strip().splitlines()[-1:] or ["no message"]
            raise CheckFailed(f"the process ended with status {status}: {last[0]}")
        return Answer(data=json.loads(result.read_text()), printed=printed)


def _pickled(subject: object) -> bytes:
    try:
        return pickle.dumps(subject)
    except Exception as error:
        raise CheckFailed(
            f"expected spec, params and weights that pickle, got {type(error).__name__}: {error}; "
            "define build, resolve and params at module level"
        ) from error


def _run(command: list[str], time_limit: float, task: str) -> tuple[str, str, int]:
    environment = {
        **os.environ,
        # What this process can import the new one can: tests put folders on sys.path.
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            printed, errors = process.communicate(timeout=time_limit)
        except subprocess.TimeoutExpired as error:
            raise CheckFailed(
                f"expected the plugin to {task} within {time_limit:g} s, got no answer: it hangs"
            ) from error
        finally:
            end_group(process)
    return printed, errors, process.returncode


def end_group(process: subprocess.Popen[Any]) -> None:
    """Kill a process that leads its own group, and whatever it started."""
    if sys.platform == "win32":  # no groups: what it started may stay
        process.kill()
    else:
        # Those two mean that all of the group has ended already.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
