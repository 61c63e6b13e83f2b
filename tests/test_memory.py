"""A process that keeps what it frees asks the kernel for no page twice."""

import subprocess
import sys
from pathlib import Path

import pytest

from srbench.memory import TUNABLES

FAULTS = """
import resource, torch
from srbench.memory import keep_freed_memory
if {kept}:
    print(keep_freed_memory())
for done in range(30):
    torch.ones(10_000_000)  # 40 MB, 9,766 pages: more than glibc keeps by itself
    if done == 9:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def process(script: str, **environment: str) -> list[str]:
    plain = {"PATH": "/usr/bin:/bin", **environment}
    command = [sys.executable, "-c", script]
    return subprocess.check_output(command, text=True, env=plain).split()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_pages_are_cleared_once() -> None:
    (dropped,) = process(FAULTS.format(kept=False))
    done, kept = process(FAULTS.format(kept=True))
    if done == "False":
        pytest.skip("the C library is not glibc")
    assert int(kept) < 500
    assert int(dropped) > 20 * 9000  # or this is needed no longer


@pytest.mark.parametrize(
    "set_up", [{"MALLOC_TOP_PAD_": "1"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"}]
)
def test_what_the_user_has_set_stays(set_up: dict[str, str]) -> None:
    script = "from srbench.memory import keep_freed_memory; print(keep_freed_memory())"
    assert process(script, **set_up) == ["False"]


def test_the_documented_line_is_what_workers_get() -> None:
    text = (Path(__file__).parent.parent / "docs" / "speed.md").read_text(encoding="utf-8")
    assert f"GLIBC_TUNABLES={TUNABLES} python train.py" in text
