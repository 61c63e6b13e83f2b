"""Progress of a download on stderr: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

Advance = Callable[[int], None]


@contextlib.contextmanager
def download_progress(label: str, total: int | None) -> Iterator[Advance]:
    """Gives a function to call with the number of bytes that came in.

    Args:
        label: what is downloaded.
        total: bytes expected; ``None`` where the server does not say.
    """
    if sys.stderr.isatty():
        with _bar(label, total) as advance:
            yield advance
    else:
        yield _lines(label, total)


@contextlib.contextmanager
def _bar(label: str, total: int | None) -> Iterator[Advance]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(escape(label), total=total)
        yield lambda count: progress.advance(task, count)


def _lines(label: str, total: int | None) -> Advance:
    size = f"{total / 2**20:.1f} MiB" if total else "unknown size"
    sys.stderr.write(f"downloading {label} ({size})\n")
    done = 0
    step = 1

    def advance(count: int) -> None:
        nonlocal done, step
        done += count
        # Quarters are enough for a log file, and small files need none.
        while total and total > 2**23 and step <= 4 and done * 4 >= step * total:
            sys.stderr.write(f"downloading {label}: {25 * step} %\n")
            step += 1

    return advance
