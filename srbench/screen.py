"""Tables and paragraphs that fit the terminal: names, which are there to be copied, never break."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rich import box
from rich.cells import cell_len
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from srbench.errors import plain

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """One column: its heading, whether it holds numbers, whether its text may go over lines."""

    text: Text
    numeric: bool = True
    wrap: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One row of cells; ``begins``: a rule stands above it."""

    cells: Sequence[Text]
    begins: bool = False
    style: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A table before it is known how wide the terminal is.

    Attributes:
        title: stands above it, or above the first of its parts.
        keep: how many columns, from the left, every part of it begins with.
    """

    title: str
    heads: Sequence[Head]
    lines: Sequence[Line]
    keep: int = 1

    @classmethod
    def of(
        cls, heads: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", keep: int = 1
    ) -> Self:
        """A sheet of strings, none of which is read as markup; ``>`` before a heading: numbers."""
        return cls(
            title=title,
            heads=[
                Head(text=Text(plain(h.removeprefix(">"))), numeric=h.startswith(">"))
                for h in heads
            ],
            lines=[Line(cells=[Text(plain(cell)) for cell in row]) for row in rows],
            keep=keep,
        )

    def print(self, console: Console) -> None:
        """All columns, over several tables where one is too wide."""
        self._print_title(console)
        for table in self.parts(console):
            console.print(table)

    def print_most(self, console: Console) -> None:
        """As many columns from the left as fit; the others are named below."""
        self._print_title(console)
        shown = list(range(len(self.heads)))
        while len(shown) > self.keep and not fits(console, self.table(shown)):
            del shown[-1]
        console.print(self.fitted(shown, console))
        if left_out := ", ".join(head.text.plain for head in self.heads[len(shown) :]):
            say(console, f"For want of columns not shown: {left_out}")

    def _print_title(self, console: Console) -> None:
        if self.title:
            say(console, self.title, style="italic")

    def parts(self, console: Console) -> list[Table]:
        """The table, or where it is too wide as many as it takes, each with the first columns."""
        chosen: list[list[int]] = [[]]
        first = list(range(self.keep))
        for column in range(self.keep, len(self.heads)):
            if chosen[-1] and not fits(console, self.table([*first, *chosen[-1], column])):
                chosen.append([])
            chosen[-1].append(column)
        return [self.fitted([*first, *rest], console) for rest in chosen]

    def fitted(self, columns: Iterable[int], console: Console) -> Table:
        """These columns alone; where even they are too wide, texts go over lines, never numbers."""
        shown = list(columns)
        table = self.table(shown)
        return table if fits(console, table) else self.table(shown, fold=True)

    def table(self, columns: Iterable[int], *, fold: bool = False) -> Table:
        """These columns, as wide as they are; ``fold``: texts may go over several lines."""
        shown = list(columns)
        table = Table(box=box.HORIZONTALS, padding=(0, 1, 0, 0))
        for column in shown:
            head = self.heads[column]
            texts = (head.text, *(line.cells[column] for line in self.lines))
            widest = max(cell_len(part) for text in texts for part in text.plain.split("\n"))
            table.add_column(
                head.text,
                justify="right" if head.numeric else "left",
                no_wrap=not (head.wrap or (fold and not head.numeric)),
                min_width=widest if head.numeric else min(widest, 6),
                overflow="fold",
            )
        for line in self.lines:
            if line.begins:
                table.add_section()
            table.add_row(*(line.cells[column] for column in shown), style=line.style)
        return table


def fits(console: Console, table: Table) -> bool:
    """Whether nothing of it has to be broken or cut."""
    wide = console.options.update(max_width=10_000)
    return Measurement.get(console, wide, table).maximum <= console.width


def say(console: Console, text: str, style: str = "", *, whole: bool = False) -> None:
    """One paragraph, broken into lines on a terminal alone; ``whole``: there neither, for paths."""
    console.print(Text(plain(text), style=style), soft_wrap=whole or not console.is_terminal)


def counted(number: int, what: str) -> str:
    """``1 loss``, ``2 losses``, ``3 seeds``."""
    return f"{number} {what}" + ("" if number == 1 else "es" if what.endswith("s") else "s")


def brief(text: str) -> str:
    """What comes before the small print, in 40 characters at the most."""
    return textwrap.shorten(text.partition(";")[0], 40, placeholder=" ...")
