"""A process that keeps what it frees asks the kernel for no page twice."""

import subprocess
import sys

import pytest

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


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TOP_PAD_"])
def test_what_the_user_has_set_stays(name: str) -> None:
    script = "from srbench.memory import keep_freed_memory; print(keep_freed_memory())"
    assert process(script, **{name: "1"}) == ["False"]
