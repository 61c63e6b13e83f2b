"""The time left is told from the pace of the jobs, and holds still."""

import itertools

import pytest

from srbench.run.exec.remaining import TimeLeft, human_time

from .conftest import fake_job

STARTUP = 8.0
SECONDS = {"a": 100.0, "b": 60.0, "c": 140.0, "d": 80.0, "e": 120.0, "f": 90.0}


def simulated() -> list[tuple[float, float]]:
    """(what is left, what was told) of six jobs on two places, each slow to start."""
    left = TimeLeft([fake_job(name) for name in SECONDS])
    clock, waiting, running, told = 0.0, list(SECONDS), {}, []
    while waiting or running:
        while waiting and len(running) < 2:
            running[waiting[0]] = clock
            left.started(waiting.pop(0))
        clock += 1.0
        for name, start in list(running.items()):
            share = (clock - start - STARTUP) / SECONDS[name]
            if share >= 1.0:
                left.ended(name)
                del running[name]
            elif share >= 0.0:
                left.progress(name, share, clock)
        told.append((clock, left.of_all()))
    return [(clock - at, seconds) for at, seconds in told if seconds is not None]


def test_what_is_told_is_within_a_third_of_what_is_left() -> None:
    found = simulated()
    assert len(found) > 300
    ratios = [told / left for left, told in found if left > 30]
    assert min(ratios) > 0.66
    assert max(ratios) < 1.5


def test_it_never_jumps() -> None:
    told = [seconds for _, seconds in simulated()]
    steps = [abs(after - before) for before, after in itertools.pairwise(told)]
    assert max(steps) < 0.25 * max(told)


def test_starting_is_no_part_of_the_pace() -> None:
    left = TimeLeft([fake_job("slow")])
    left.started("slow")
    left.progress("slow", 0.0, 100.0)  # after a hundred seconds of starting
    left.progress("slow", 0.1, 110.0)
    assert left.of_job("slow") == pytest.approx(90.0)


def test_a_job_that_continues_is_timed_from_where_it_was() -> None:
    left = TimeLeft([fake_job("again")])
    left.started("again")
    left.progress("again", 0.8, 5.0)
    assert left.of_job("again") is None
    left.progress("again", 0.9, 15.0)
    assert left.of_job("again") == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (44.6, "45 s"), (600, "10 min"), (3.4 * 3600, "3.4 h"), (4.5e5, "5.2 days")],
)
def test_units_that_people_use(seconds: float | None, text: str) -> None:
    assert human_time(seconds) == text
