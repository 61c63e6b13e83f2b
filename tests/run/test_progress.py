"""What a run shows while it is at work: bars on a terminal, lines elsewhere, events on disk."""

import io
import json
from pathlib import Path

from rich.console import Console

from srbench.records import Failure
from srbench.records.layout import OutFolder
from srbench.run.exec.failures import Outcome
from srbench.run.exec.progress import RunProgress
from srbench.run.writing import write_json

from .conftest import fake_job


def drive(console: Console, folder: Path) -> None:
    """Two jobs side by side; one ends well, one fails, is tried again, and fails."""
    out = OutFolder(folder)
    jobs = [fake_job("one"), fake_job("two"), fake_job("done")]
    write_json(out.result("done"), {})
    one, two, _ = jobs
    with RunProgress(console, out, jobs) as shown:
        shown.job_event(two, {"event": "waiting"})
        for started in (one, two):
            shown.job_started(started)
            shown.job_event(started, {"event": "progress", "iteration": 5, "total": 10})
        if console.is_terminal:
            shown._live.refresh()  # type: ignore[union-attr]
        shown.job_event(
            two, {"event": "retry", "reason": "killed [red]", "fit": "each batch in 2 parts"}
        )
        shown.job_started(two)
        shown.job_event(two, {"event": "progress", "iteration": 1, "total": 10})
        shown.job_ended(one, Outcome(status="finished"))
        failure = Failure(kind="hang", message="no sign of life")
        shown.job_ended(two, Outcome(status="failed", failure=failure))


def test_a_terminal_gets_a_bar_per_running_job(tmp_path: Path) -> None:
    screen = io.StringIO()
    drive(Console(file=screen, force_terminal=True, width=120), tmp_path)
    text = screen.getvalue()
    assert "one seed 0" in text
    assert "two seed 0" in text
    assert "5/10" in text
    assert "all jobs" in text
    assert "no sign of life" in text


def test_a_log_gets_plain_lines(tmp_path: Path) -> None:
    screen = io.StringIO()
    drive(Console(file=screen, width=200, no_color=True), tmp_path)
    lines = screen.getvalue().splitlines()
    assert lines[0] == "2 jobs to run, 1 reused"
    assert lines[1] == "two seed 0: another srbench run is at it; waiting for that one"
    assert "two seed 0: killed [red]; another attempt, each batch in 2 parts" in lines
    assert lines[-1] == "two seed 0: failed after 0 s: no sign of life"
    assert "\x1b" not in screen.getvalue()


def test_events_name_their_jobs(tmp_path: Path) -> None:
    drive(Console(file=io.StringIO()), tmp_path)
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    ended = {e["job"]: e["status"] for e in events if e["event"] == "ended"}
    assert ended == {"one seed 0": "finished", "two seed 0": "failed"}
    assert all({"time", "event", "key", "job"} <= event.keys() for event in events)
