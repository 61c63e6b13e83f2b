"""``srbench`` in processes that are forked from one that has imported everything already.

Each starts in some hundredths of a second and may lose its disk, its rights or its life.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["everything"])


def _ensure_running() -> None:
    """Start the server; what it preloads is looked up where Python looks by itself."""
    before = os.environ.get("PYTHONPATH")
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (here, before)))
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@dataclass(frozen=True)
class Finished:
    """What a process left."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float


def forked(
    args: Sequence[str | bytes],
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    disk: int | None = None,
    rights: bool = True,
    interrupt: float | Callable[[], bool] | None = None,
    seconds: float = 600,
) -> Finished:
    """``srbench ARGS`` in ``folder``, workers of its jobs in its own process.

    Args:
        environment: added to this process's.
        disk: bytes that a file can grow to before the disk is full.
        rights: keep root's to write where the mode of a file forbids it.
        interrupt: send Ctrl-C after this many seconds, or once this is so.
        seconds: the longest it may take.
    """
    pipes = []
    for name in ("out", "err", "ready"):
        path = folder / f".{name}.fifo"
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o666)
        path.chmod(0o666)
        pipes.append((path, os.open(path, os.O_RDWR | os.O_NONBLOCK)))
    argv = [os.fsencode(arg) if isinstance(arg, str) else arg for arg in args]
    process = _context.Process(
        target=_child,
        args=(argv, str(folder), dict(environment or {}), disk, rights, [p for p, _ in pipes]),
    )
    _ensure_running()
    began, ready = time.monotonic(), None
    process.start()
    texts = {handle: b"" for _, handle in pipes}
    try:
        while process.exitcode is None and time.monotonic() - began < seconds:
            if ready is None and texts[pipes[2][1]]:
                ready = time.monotonic()
            if interrupt is not None and ready and _due(interrupt, ready):
                os.kill(process.pid or 0, signal.SIGINT)
                interrupt = None
            _read(texts, 0.01)
            process.join(0)
        assert process.exitcode is not None, f"still running: {args}"
        _read(texts, 0.0)
    finally:
        process.kill()
        process.join()
        for path, handle in pipes:
            os.close(handle)
            path.unlink()
    out, err, _ = (text.decode("utf-8", "backslashreplace") for text in texts.values())
    return Finished(process.exitcode, out, err, time.monotonic() - (ready or began))


def _due(interrupt: float | Callable[[], bool], ready: float) -> bool:
    return interrupt() if callable(interrupt) else time.monotonic() - ready >= interrupt


def _read(texts: dict[int, bytes], seconds: float) -> None:
    while ready := select.select(list(texts), [], [], seconds)[0]:
        for handle in ready:
            texts[handle] += os.read(handle, 1 << 16)


def _child(
    argv: list[bytes],
    folder: str,
    environment: dict[str, str],
    disk: int | None,
    rights: bool,
    pipes: list[Any],
) -> None:
    import everything  # at once, or the server's own import failed and nobody heard of it
    from in_process import own_workers

    from srbench.__main__ import main  # as the console script: Ctrl-C may come before all else

    assert everything

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for descriptor, path in enumerate(pipes[:2], start=1):
        os.dup2(os.open(path, os.O_WRONLY), descriptor)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  # for as long as it lives
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["srbench", *(os.fsdecode(arg) for arg in argv)]
    own_workers()
    if disk is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (disk, disk))
    if not rights and os.getuid() == 0:
        _obey_modes()
    Path(pipes[2]).write_text(".")  # from here on it can be interrupted
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    except SystemExit as end:
        status = end.code
    except KeyboardInterrupt:  # between the two lines above
        status = 130
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status if isinstance(status, int) else status is not None)


def _obey_modes() -> None:
    """Give up CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (capset(2)): root is then like anybody."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then their upper halves
    assert libc.capget(header, held) == 0
    for low in (0, 1):
        held[low] &= ~0b110
    assert libc.capset(header, held) == 0
