"""Tables that fit the terminal."""

import io
import re

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from srbench.screen import Sheet

NAMES = st.text("abcdefgh-_.0123456789", min_size=1, max_size=20)
ROWS = st.integers(1, 7).flatmap(
    lambda columns: st.lists(st.tuples(*[NAMES] * columns), min_size=1, max_size=5)
)


def printed(sheet: Sheet, width: int, how: str = "print") -> str:
    out = io.StringIO()
    getattr(sheet, how)(Console(file=out, width=width, no_color=True))
    return out.getvalue()


@given(rows=ROWS, width=st.integers(50, 120))
def test_every_cell_is_whole_and_stands_beside_its_name(
    rows: list[tuple[str, ...]], width: int
) -> None:
    heads = ["name", *(f">column{n}" for n in range(1, len(rows[0])))]
    text = printed(Sheet.of(heads, rows), width)
    assert max(map(len, text.splitlines())) <= width
    lines = [line.split() for line in text.splitlines()]
    for number, name in enumerate(heads[1:], start=1):
        tables = [index for index, words in enumerate(lines) if name[1:] in words]
        assert len(tables) == 1  # each column once
        (top,) = tables
        place = lines[top].index(name[1:])
        below = lines[top + 2 : top + 2 + len(rows)]
        assert [(words[0], words[place]) for words in below] == [(r[0], r[number]) for r in rows]


@given(rows=ROWS, width=st.integers(50, 120))
def test_what_is_left_out_is_named(rows: list[tuple[str, ...]], width: int) -> None:
    heads = ["name", *(f"column{n}" for n in range(1, len(rows[0])))]
    text = printed(Sheet.of(heads, rows), width, "print_most")
    table, _, said = text.partition("For want of columns not shown: ")
    assert max(map(len, table.splitlines())) <= width
    shown = re.findall(r"name|column\d", table.splitlines()[1])
    assert [*shown, *(said.strip().split(", ") if said else [])] == heads


def test_cells_are_no_markup_and_rewrite_no_terminal() -> None:
    text = printed(Sheet.of(["name"], [["[red]a[/red]"], ["b\x1b[2J\nc"]]), 60)
    assert "[red]a[/red]" in text
    assert "b\\x1b[2J c" in text
    assert "\x1b" not in text
