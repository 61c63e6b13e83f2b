"""Ctrl-C that comes where Python can raise nothing."""

import signal
import subprocess
import sys

import pytest

DROPPED = """
import os, signal, time
from srbench.cli.interrupts import never_lose_ctrl_c

class Slow:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, if pytest was started so
if {kept}:
    never_lose_ctrl_c()
slow = Slow()
del slow
time.sleep({seconds})
print("went on")
"""


@pytest.mark.parametrize("kept", [True, False])
def test_in_a_destructor_it_is_sent_again(kept: bool) -> None:
    """And without that Python prints a traceback and goes on, which is what this is for."""
    script = DROPPED.format(kept=kept, seconds=60 if kept else 0)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    if kept:
        assert done.returncode == -signal.SIGINT
        assert "Exception ignored" not in done.stderr
        assert "went on" not in done.stdout
    else:
        assert "Exception ignored" in done.stderr
        assert "went on" in done.stdout


def test_another_error_in_a_destructor_is_still_told() -> None:
    script = DROPPED.format(kept=True, seconds=0).replace("time.sleep(1)", "raise OSError('disk')")
    script = script.replace("os.kill(os.getpid(), signal.SIGINT)", "pass")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "OSError: disk" in done.stderr
    assert "went on" in done.stdout
