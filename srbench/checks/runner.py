"""Running all checks of a loss in a process of their own, under a time limit. No torch here.

A loss may hang, crash the interpreter or leave it spoilt; the process that reports must not. A
check that hangs or kills the worker has failed, and a new worker goes on with the next one.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from srbench.checks.fresh import end_group
from srbench.checks.outcome import CheckResult, LossReport, judge
from srbench.errors import SrbenchError, UserError

DEFAULT_TIME_LIMIT = 120.0
"""Seconds that one check may take."""

# A check may itself wait for a fresh process up to the limit, and starts one with torch.
_GRACE = 30.0
_BUILD = "builds"


class _State:
    """What is known so far about the checks of one loss."""

    def __init__(self) -> None:
        self.plan: list[str] = []
        self.weights = "none"
        self.known: dict[str, str] = {}
        self.results: dict[str, CheckResult] = {}
        self.running: str | None = None
        self.unlimited = False
        self.unbuildable: str | None = None

    def take(self, message: dict[str, Any]) -> CheckResult | None:
        """Note what the worker said; a finished check is returned."""
        event = message.pop("event")
        self.unlimited = event == "weights"
        if event == "error":
            error = UserError if message["status"] == UserError.exit_status else SrbenchError
            raise error(message["what"], message["fix"])
        if event == "plan":
            self.plan, self.weights = message["checks"], message["weights"]
            self.known = message["known"]
        elif event == "start":
            self.running = message["check"]
        elif event == "done":
            return self.add(CheckResult(**message))
        return None

    def add(self, result: CheckResult) -> CheckResult:
        self.results[result.name] = result
        return result

    @property
    def finished(self) -> bool:
        return bool(self.plan) and all(name in self.results for name in self.plan)


def run_checks(
    loss: str,
    *,
    distribution: str = "",
    params: Mapping[str, Any] | None = None,
    seeded: bool = False,
    only: Sequence[str] = (),
    time_limit: float = DEFAULT_TIME_LIMIT,
    progress: Callable[[CheckResult], None] = lambda result: None,
) -> LossReport:
    """Run the checks of an installed loss in a process of their own.

    Args:
        loss: ``name`` or ``dist:name``.
        distribution: that provides it, for the report and for seeded weights.
        params: of the loss.
        seeded: build from seeded random weights in the real layout instead of pretrained ones.
        only: names of checks; empty for all.
        time_limit: seconds per check.
        progress: called with every result as it comes.

    Raises:
        UserError: the time limit is not positive, or a check's name is unknown.
    """
    if not time_limit > 0:
        raise UserError(f"expected a positive time limit in seconds, got {time_limit:g}")
    state = _State()
    request: dict[str, Any] = {
        "loss": loss,
        "distribution": distribution or None,
        "params": dict(params or {}),
        "seeded": seeded,
        "only": list(only),
        "time_limit": time_limit,
    }
    while not state.finished:
        request |= {"done": list(state.results), "unbuildable": state.unbuildable}
        failure = _run_worker(request, state, progress)
        if failure is not None:
            _note_failure(state, failure, progress)
    results = tuple(state.results.values())
    return LossReport(loss=loss, distribution=distribution, weights=state.weights, checks=results)


def _note_failure(state: _State, failure: str, progress: Callable[[CheckResult], None]) -> None:
    if not state.plan:
        raise SrbenchError(f"expected a process that finds the loss, but it {failure}")
    left = [name for name in state.plan if name not in state.results]
    # Without a running check it died while it fetched the weights.
    name = state.running if state.running in left else _BUILD if _BUILD in left else left[0]
    if name == _BUILD or state.running not in left:
        state.unbuildable = failure
    progress(state.add(judge(name, state.known.get(name), f"the check {failure}")))


def _run_worker(
    request: Mapping[str, Any], state: _State, progress: Callable[[CheckResult], None]
) -> str | None:
    """Run one worker until it ends; what went wrong, or ``None`` if it did all its work."""
    with tempfile.TemporaryDirectory(prefix="srbench-check-") as folder:
        file = Path(folder, "request.json")
        file.write_text(json.dumps(request))
        with subprocess.Popen(
            [sys.executable, "-m", "srbench.checks.worker", str(file)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                return _listen(process, request["time_limit"] + _GRACE, state, progress)
            finally:
                end_group(process)


def _listen(
    process: subprocess.Popen[str],
    limit: float,
    state: _State,
    progress: Callable[[CheckResult], None],
) -> str | None:
    assert process.stdout is not None
    assert process.stderr is not None
    lines: queue.Queue[str | None] = queue.Queue()
    errors: list[str] = []
    _in_background(lambda: _pump(process.stdout, lines.put))
    reader = _in_background(lambda: _pump(process.stderr, errors.append))
    while True:
        try:
            line = lines.get(timeout=None if state.unlimited else limit)
        except queue.Empty:
            return f"did not end within {limit - _GRACE:g} s"
        if line is None:
            break
        result = state.take(json.loads(line))
        if result is not None:
            progress(result)
    process.wait()
    if process.returncode == 0 and state.finished:
        return None
    reader.join(timeout=5)
    last = [text.strip() for text in errors if text and text.strip()][-1:] or ["no message"]
    return f"ended the process with status {process.returncode}: {last[0]}"


def _pump(stream: IO[str] | None, put: Callable[[Any], None]) -> None:
    assert stream is not None
    for line in stream:
        put(line)
    put(None)


def _in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
