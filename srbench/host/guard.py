"""Running a plugin's code so that it neither ends this process nor writes among its results.

A guard against accidents and rude imports, not a sandbox: a plugin is code, see docs/security.md.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Final, NoReturn

SLOW_SECONDS: Final = 5.0
"""A plugin that takes longer to load is named on stderr."""


class PluginExited(BaseException):
    """A plugin called ``os._exit``, which would have ended srbench without a word."""


@contextlib.contextmanager
def guarded(plugin: str) -> Iterator[None]:
    """Load ``plugin`` inside: ``os._exit`` raises, writes to stdout go to stderr, slowness is told.

    Raises:
        PluginExited: it called ``os._exit``.
    """
    exit_now, process = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:  # a child that it forked may end
            exit_now(status)
        raise PluginExited(f"it called os._exit({status})")

    timer = threading.Timer(SLOW_SECONDS, _tell_of, [plugin])
    timer.daemon = True
    timer.start()
    os._exit = refuse
    try:
        with _stdout_to_stderr():
            yield
    finally:
        os._exit = exit_now
        timer.cancel()


def _tell_of(plugin: str) -> None:
    name = plugin.partition(":")[0]
    sys.stderr.write(
        f"still loading the plugin {plugin} after {SLOW_SECONDS:.0f} s; "
        f"to go on without it: Ctrl-C, then srbench -p no:{name} ...\n"
    )


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """``print`` and, where there is a real stdout, file descriptor 1 too."""
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as stack:
        try:
            saved = os.dup(1)
        except OSError:  # closed: nothing can be written to it
            yield
            return
        stack.callback(os.close, saved)
        os.dup2(2, 1)
        stack.callback(os.dup2, saved, 1)
        yield
