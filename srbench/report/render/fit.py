"""Tables that fit the terminal: too many columns become several tables, never broken names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

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

    def parts(self, console: Console) -> list[Table]:
        """The table, or where it is too wide as many as it takes, each with the first columns."""
        chosen: list[list[int]] = [[]]
        first = list(range(self.keep))
        for column in range(self.keep, len(self.heads)):
            if chosen[-1] and not fits(console, self.table([*first, *chosen[-1], column])):
                chosen.append([])
            chosen[-1].append(column)
        return [self.table([*first, *rest]) for rest in chosen]

    def table(self, columns: Iterable[int]) -> Table:
        """These columns alone."""
        shown = list(columns)
        table = Table(box=box.HORIZONTALS, padding=(0, 1, 0, 0))
        for head in (self.heads[column] for column in shown):
            table.add_column(
                head.text,
                justify="right" if head.numeric else "left",
                no_wrap=not head.wrap,
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
