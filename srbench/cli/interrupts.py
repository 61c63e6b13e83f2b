"""Ctrl-C and SIGTERM: both end a command at a place where nothing that was computed is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def stop_on_sigterm() -> None:
    """Make SIGTERM (preemption) end like Ctrl-C: workers write checkpoints, finished work stays."""

    def interrupt(number: int, frame: object) -> None:
        del number, frame
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def never_lose_ctrl_c() -> None:
    """Send Ctrl-C again where Python dropped it.

    The handler raises ``KeyboardInterrupt`` wherever the program happens to be. In a destructor or
    in a callback of a weak reference (the import system has one for each module) Python cannot
    raise it: it prints a traceback that nobody asked for and goes on as if nothing had happened.
    """
    before = sys.unraisablehook

    def again(unraisable: UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            before(unraisable)
            return
        # A moment later: raised from in here it would be dropped like the first one.
        timer = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT))
        timer.daemon = True
        with contextlib.suppress(RuntimeError):  # no thread starts while Python ends: it ends
            timer.start()

    sys.unraisablehook = again
