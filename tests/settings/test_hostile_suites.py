"""Suites that would take the reader's memory or time are refused before that happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from srbench.errors import SuiteError
from srbench.settings import expand_losses, load_suite, parse_suite

SUITE = """
schema = 1
name = "tiny"
version = 1
summary = "for tests"
track = "raw"
seeds = [1]
[data]
train = "photos"
test = ["photos-test"]
patch_size = 32
[warm_start]
iterations = 1
[adversarial]
iterations = 1
[[loss]]
label = "first"
name = "l2"
"""


def grid(count: int) -> str:
    return SUITE + "[loss.grid]\n" + "".join(f"p{i} = {list(range(10))}\n" for i in range(count))


HOSTILE: dict[str, Callable[[], str]] = {
    "12 grids of ten values": lambda: grid(12),
    "a grid of more combinations than digits can be written": lambda: grid(6000),
    "an integer of 100,000 digits": lambda: SUITE.replace("[1]", f"[{'9' * 100_000}]"),
    "an integer that is no float": lambda: SUITE.replace(
        "[adversarial]\niterations = 1", f"[adversarial]\niterations = 1{'0' * 400}"
    ),
    "a key of 100,000 parts": lambda: SUITE + ".".join("a" * 100_000) + " = 1\n",
    "100,000 dotted keys": lambda: SUITE + "\n".join(f"x.a{i} = 1" for i in range(70_000)),
    "tables in tables in tables": lambda: SUITE + f"x = {'[' * 5000}{']' * 5000}\n",
    "a word of a megabyte": lambda: SUITE + "#" + "a" * 900_000 + "\n" + "x" * 100_000,
    "a label of 10 MB": lambda: SUITE.replace("first", "f" * 1_000_000),
    "an empty label": lambda: SUITE.replace('"first"', '""'),
    "a label with a NUL": lambda: SUITE.replace('"first"', '"fir\\u0000st"'),
    "a label with a zero-width space": lambda: SUITE.replace('"first"', '"fir\\u200bst"'),
    "a label with a Cyrillic letter": lambda: SUITE.replace('"first"', '"p\\u0456xel"'),
    "a reference row's label in capitals": lambda: SUITE.replace('"first"', '"HR"'),
    "two labels that differ in case": lambda: SUITE + '[[loss]]\nlabel = "First"\nname = "l2"\n',
    "a data set with a line break": lambda: SUITE.replace("photos-test", "photos\\ntest"),
    "a seed beyond 2^63": lambda: SUITE.replace("seeds = [1]", f"seeds = [{2**63}]"),
    "an infinite weight": lambda: SUITE.replace("[[loss]]", "content_weight = inf\n[[loss]]"),
}  # fmt: skip


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_suite_is_refused_in_a_line(attack: str) -> None:
    text = HOSTILE[attack]()
    began = time.process_time()
    with pytest.raises(SuiteError) as refused:
        expand_losses(parse_suite(text))
    assert time.process_time() - began < 5
    assert len(str(refused.value)) < 2000


def test_the_mark_that_windows_editors_write_is_read_as_if_it_were_not_there(
    tmp_path: Path,
) -> None:
    for name, encoding in (("plain.toml", "utf-8"), ("marked.toml", "utf-8-sig")):
        (tmp_path / name).write_text(SUITE, encoding=encoding)
    assert (tmp_path / "marked.toml").read_bytes().startswith(b"\xef\xbb\xbf")
    plain, marked = (load_suite(str(tmp_path / f"{name}.toml")) for name in ("plain", "marked"))
    assert marked == plain


def test_the_suite_itself_is_fine() -> None:
    assert [row.label for row in expand_losses(parse_suite(SUITE))] == ["first"]
    assert len(expand_losses(parse_suite(grid(2)))) == 100
