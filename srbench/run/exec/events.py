"""What a worker tells its parent: JSON lines in a file, so that any executor can follow it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

BEAT_SECONDS = 10.0
"""Between two signs of life of work that has no iterations."""


class EventLog:
    """Appends events to a file, one JSON object a line.

    Args:
        path: of the file; its folder is made.
        every: least seconds between two ``progress`` events.
    """

    def __init__(self, path: Path, *, every: float = 0.5) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._every = every
        self._last_progress = 0.0

    def write(self, event: str, **values: Any) -> None:
        """Append one event with the time of day."""
        line = {"time": round(time.time(), 3), "event": event, **values}
        # A non-finite logged value must not make the line unreadable for strict JSON readers.
        text = json.dumps(line, allow_nan=False, default=str)
        with self._lock:
            self._file.write(text + "\n")
            self._file.flush()

    def progress(self, iteration: int, total: int) -> None:
        """Append a ``progress`` event, at most one every half second, and always the last."""
        now = time.monotonic()
        if iteration < total and now - self._last_progress < self._every:
            return
        self._last_progress = now
        self.write("progress", iteration=iteration, total=total)

    @contextlib.contextmanager
    def beating(self, what: str) -> Iterator[None]:
        """Give signs of life, event ``what``, while the body runs.

        For work that may take hours without an iteration, such as decoding a large data set or
        waiting for another worker that does. A hang in it is not noticed: use it for nothing else.
        """
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT_SECONDS):
                self.write(what)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class EventTail:
    """Reads the events that were appended to a file since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = path.stat().st_size if path.exists() else 0

    def read(self) -> list[Mapping[str, Any]]:
        """New whole lines, parsed; an unfinished last line is left for the next look."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        self._position += end
        events: list[Mapping[str, Any]] = []
        for line in data[:end].splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a line torn by a kill, followed by a restart of the job
            if isinstance(event, dict):
                events.append(event)
        return events
