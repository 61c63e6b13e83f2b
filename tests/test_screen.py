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


def test_a_name_that_is_too_long_goes_over_lines_and_no_number_is_cut() -> None:
    name = "a-photograph-" * 6
    rows = [(name + "one", "0.1234", "27.51"), (name + "two", "0.4321", "28.15")]
    for width in (30, 40, 60):
        text = printed(Sheet.of(["image", ">lpips", ">psnr"], rows), width)
        assert max(map(len, text.splitlines())) <= width
        for part in ("0.1234", "0.4321", "27.51", "28.15", "lpips", "psnr"):
            assert part in text
        first = "".join(line[1:].split(" ")[0] for line in text.splitlines())
        assert name + "one" in first
        assert name + "two" in first


def test_a_table_in_parts_keeps_what_tells_its_rows_apart() -> None:
    heads = ["", "weight", "rate", *(f">metric{n}" for n in range(6))]
    rows = [("*", "0.1", "2e-4", *"123456"), ("", "0.3", "2e-4", *"654321")]
    text = printed(Sheet.of(heads, rows, keep=3), 50)
    assert text.count("0.1") == text.count("0.3") == text.count("weight") > 1
