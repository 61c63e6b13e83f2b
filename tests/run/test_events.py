import json
import time
from pathlib import Path

import pytest

from srbench.run.exec.events import EventLog, EventTail


def test_long_preparations_give_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srbench.run.exec.events.BEAT_SECONDS", 0.02)
    log = EventLog(tmp_path / "events.jsonl")
    tail = EventTail(tmp_path / "events.jsonl")
    with log.beating("preparing"):
        time.sleep(0.3)
    assert {event["event"] for event in tail.read()} == {"preparing"}
    time.sleep(0.1)
    assert tail.read() == []
    log.close()


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = EventTail(path)
    assert tail.read() == []
    path.write_text('{"event": "a"}\n{"event": "to')
    assert [event["event"] for event in tail.read()] == ["a"]
    with path.open("a") as file:
        file.write("\n" + json.dumps({"event": "b"}) + "\n")
    assert [event["event"] for event in tail.read()] == ["b"]
