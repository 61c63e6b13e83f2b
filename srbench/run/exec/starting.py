"""How a worker's process comes to be: as a new interpreter, or forked from one that has torch.

A new interpreter spends 4 to 8 s of CPU on imports before it can do anything, which is more than a
small job takes. A fork of one that has imported everything spends some hundredths. Nothing else
differs: the one that forks runs no operation and starts no thread, and knows no plugin.

Jobs on GPUs get new interpreters: CUDA does not survive a fork once anything has asked for it, and
libraries ask when they are imported.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import math
import os
import signal
import subprocess
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, Final, Protocol

WORKER: Final = "srbench.run.work.worker"
"""The module whose ``main(argv)`` does a job."""

PARENT: Final = "SRBENCH_PARENT"
"""Environment variable with the process id that a worker ends with."""

if sys.platform == "win32":
    KILL: Final = signal.SIGTERM
else:
    KILL: Final = signal.SIGKILL
"""Ends a process at once, as on Windows every signal does that can be sent there."""


class Child(Protocol):
    """A process that was started: what of :class:`subprocess.Popen` a run uses."""

    @property
    def pid(self) -> int | None:
        """Its process id; ``None`` where it is not known yet."""

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; ``None`` while it runs."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal, unless it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, in seconds; ``None``: as long as it takes.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """


class Starter(ABC):
    """Starts workers."""

    @abstractmethod
    def start(
        self, argv: Sequence[str], log: Path, environment: Mapping[str, str], imports: Sequence[str]
    ) -> Child:
        """A worker, in a session of its own: Ctrl-C goes to the run alone, which asks to stop.

        Args:
            argv: of :data:`WORKER`.
            log: its output goes to the end of this file.
            environment: of the worker.
            imports: modules that it will need, of no plugin.
        """

    def close(self) -> None:  # noqa: B027  # most hold nothing open
        """No more will be started."""


@dataclass(frozen=True, slots=True)
class NewInterpreter(Starter):
    """Starts each worker as a process of its own. ``command``: argv before the worker's."""

    command: Sequence[str] = (sys.executable, "-m", WORKER)

    def start(
        self, argv: Sequence[str], log: Path, environment: Mapping[str, str], imports: Sequence[str]
    ) -> Child:
        """See :class:`Starter`."""
        del imports
        with log.open("ab") as stream:
            return subprocess.Popen(
                [*self.command, *argv],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**environment, PARENT: str(os.getpid())},
                start_new_session=True,
            )


def can_fork() -> bool:
    """Elsewhere, libraries of the system do not survive a fork (macOS), or there is none."""
    return sys.platform == "linux"


class ForkServer(Starter):
    """A process that imports what workers need, once, and forks them.

    It ends with this process, whatever ends that; its workers notice that it is gone.

    Args:
        worker: the module whose ``main(argv)`` a worker is.
    """

    def __init__(self, worker: str = WORKER) -> None:
        self._worker = worker
        self._children: dict[int, ForkedChild] = {}
        self._server: subprocess.Popen[bytes] | None = None
        self._connection: Connection

    def _begin(self, log: Path, environment: Mapping[str, str]) -> None:
        """Start the server as the first worker would be: libraries read some settings but once."""
        if sys.platform != "linux":  # see can_fork
            raise NotImplementedError(sys.platform)
        self._connection, theirs = Pipe()
        with theirs, log.open("ab") as stream:
            self._server = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), self._worker],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=dict(environment),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(
        self, argv: Sequence[str], log: Path, environment: Mapping[str, str], imports: Sequence[str]
    ) -> ForkedChild:
        """See :class:`Starter`. Returns at once, though the server may have to import first."""
        if self._server is None:
            self._begin(log, environment)
        number = len(self._children)
        child = self._children[number] = ForkedChild(self, number)
        order = (number, list(argv), os.path.abspath(log), dict(environment), list(imports))
        self._send(("start", order))
        return child

    def send_signal(self, child: ForkedChild, number: int) -> None:
        """Have the server send it: it alone knows whether the process is still that one."""
        self._send(("signal", (child.number, number)))

    def news(self, seconds: float = 0.0) -> None:
        """Take in what the server has told; wait for it at most so long."""
        if self._server is None:
            return  # it was closed, and nobody tells any more
        try:
            while self._connection.poll(seconds):
                number, what, value = self._connection.recv()
                setattr(self._children[number], what, value)
                seconds = 0.0
        except (EOFError, OSError):  # the server is gone; the next worker gets another one
            self.close()

    def close(self) -> None:
        """End the server; workers that still run write checkpoints and end."""
        if self._server is not None:
            self._connection.close()
            self._server.wait()
            self._server = None
        for child in self._children.values():
            if child.code is None:
                child.code = -KILL  # it ends, and nobody will tell how

    def _send(self, message: tuple[str, Any]) -> None:
        with contextlib.suppress(OSError):  # gone: `news` says so of each worker
            self._connection.send(message)


class ForkedChild:
    """A worker that a :class:`ForkServer` has forked or is about to."""

    def __init__(self, server: ForkServer, number: int) -> None:
        self.number = number
        self.pid: int | None = None
        self.code: int | None = None
        self._server = server

    def poll(self) -> int | None:
        """See :class:`Child`."""
        self._server.news()
        return self.code

    def send_signal(self, number: int, /) -> None:
        """See :class:`Child`."""
        self._server.send_signal(self, number)

    def wait(self, timeout: float | None = None) -> int:
        """See :class:`Child`."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(WORKER, timeout or 0.0)
            self._server.news(min(1.0, deadline - time.monotonic()))
        return code


class _Server:
    """The side that forks."""

    def __init__(self, connection: Connection, worker: str) -> None:
        self._connection = connection
        self._worker = worker
        self._running: dict[int, tuple[int, int]] = {}
        """pidfd -> number, pid."""

    def serve(self) -> None:
        """Until the run is gone."""
        while True:
            for ready in wait([self._connection, *self._running]):
                if ready is self._connection:
                    what, order = self._connection.recv()
                    (self._start if what == "start" else self._signal)(*order)
                else:
                    assert isinstance(ready, int)
                    number, pid = self._running.pop(ready)
                    os.close(ready)
                    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    self._connection.send((number, "code", status))

    def _start(
        self,
        number: int,
        argv: list[str],
        log: str,
        environment: dict[str, str],
        imports: list[str],
    ) -> None:
        if any(name not in sys.modules for name in (self._worker, *imports)):
            for name in (self._worker, *imports):
                with contextlib.suppress(Exception):  # the worker imports it again, and tells
                    importlib.import_module(name)
            gc.collect()
            gc.freeze()  # or the collector's marks would copy the memory into every worker
        environment = {**environment, PARENT: str(os.getpid())}
        if sys.platform != "linux":  # see can_fork
            raise NotImplementedError(sys.platform)
        pid = os.fork()
        if pid == 0:
            self._become(argv, log, environment)
        self._running[os.pidfd_open(pid)] = number, pid
        self._connection.send((number, "pid", pid))

    def _signal(self, number: int, what: int) -> None:
        if sys.platform != "linux":  # see can_fork
            raise NotImplementedError(sys.platform)
        for pidfd, (running, _) in self._running.items():
            if running == number:
                signal.pidfd_send_signal(pidfd, what)

    def _become(self, argv: list[str], log: str, environment: dict[str, str]) -> None:
        """In the new process: the worker, and nothing of the server."""
        if sys.platform != "linux":  # see can_fork
            raise NotImplementedError(sys.platform)
        status = 1
        try:
            os.setsid()
            stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for descriptor in (1, 2):
                os.dup2(stream, descriptor)
            for handle in (stream, self._connection.fileno(), *self._running):
                os.close(handle)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = [self._worker, *argv]
            status = importlib.import_module(self._worker).main(argv)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else status
        except BaseException:
            traceback.print_exc()
        finally:
            for output in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError):
                    output.flush()
            os._exit(status)


if __name__ == "__main__":
    with contextlib.suppress(EOFError, OSError):
        _Server(Connection(int(sys.argv[1])), sys.argv[2]).serve()
    os._exit(0)
