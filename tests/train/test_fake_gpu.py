"""Training jobs on a GPU that does not exist: what `tests/support/fake_gpu.py` can see.

In processes of their own, since torch forgets no device that it was taught.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from shipped import names

WORK = Path(__file__).parents[1] / "support" / "fake_gpu_work.py"
PARTS = 2

COPIES = {"pyiqa"}
"""pyiqa's SSIM indexes with a list, which is copied to the device in each step: its own code. The
fake device takes no copies of constants, so that they are seen."""


CRASHES = 3
"""Attempts where a signal ends the process. FakeTensorMode on a device made in Python is experimental
and was seen to corrupt memory at random: that says nothing of the code which it looks at, and what
it finds there it finds each time."""


def problems(*work: str) -> dict[str, str]:
    """Of each piece of work that did not go well: why."""
    for _ in range(CRASHES):
        done = subprocess.run(
            [sys.executable, str(WORK), *work], capture_output=True, text=True, check=False
        )
        if done.returncode >= 0:
            break
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found
    return {name: problem for name, problem in found.items() if problem}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_shipped_loss_takes_a_step_on_a_gpu(part: int) -> None:
    assert len(names()) >= 67
    chosen = names()[part::PARTS]
    found = problems(*chosen)
    assert set(found) == COPIES & set(chosen), found
    assert all("empty_strided" in problem for problem in found.values())


@pytest.mark.slow
def test_stages_on_a_gpu() -> None:
    """With discriminators, validation and checkpoints; and the two usual mistakes are caught."""
    assert problems("stages") == {}
