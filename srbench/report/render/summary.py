"""A leaderboard on one screen: a line for each row, the verdict, and what must not be missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.text import Text

from srbench.errors import plain
from srbench.report.columns import rank_text
from srbench.report.headline_table import headline_place, primary_reading, primary_words
from srbench.report.model import Leaderboard, Row
from srbench.report.place import leading_order
from srbench.report.render.terminal import short_score
from srbench.report.text import interval, table_title, title, used_flags
from srbench.report.verdict import verdict
from srbench.screen import Head, Line, Sheet, fits, say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

HEADLINE: Final = "(at equal distortion)"
INTERVAL: Final = "(interval)"
MOST_ROWS = 18
MOST_LINES = 4
"""Of notes, and of rows in trouble."""


def print_summary(
    board: Leaderboard, console: Console, *, datasets: Sequence[str] | None = None
) -> None:
    """Print a table and the verdict; 40 lines of 80 columns at the most.

    Where rows have curves, they are ranked as the headline ranks them, at equal distortion; the
    scores at one strength stand beside that.

    Columns that do not fit are left out, diagnostics first, and so is what would explain them.

    Args:
        datasets: a table for each; by default one, of the data set that leads.
    """
    say(console, title(board), style="bold")
    say(console, board.summary)
    lead = board.lead_dataset()
    chosen = list(datasets) if datasets is not None else [lead] if lead is not None else []
    missing: dict[str, None] = {}
    for dataset in chosen:
        table, left_out = _fitting(board, dataset, console)
        missing |= dict.fromkeys(left_out)
        say(console, _title(board, dataset), style="italic")
        console.print(table)
    hidden = len(board.rows) - MOST_ROWS
    if hidden > 0 and chosen:
        say(console, f"and {hidden} more rows")
    say(console, verdict(board), style="bold")
    if INTERVAL not in missing:
        say(console, f"Interval: {board.intervals.meaning}")
    if missing:
        names = ", ".join(board.title(name).strip("()") for name in missing)
        say(console, f"For want of columns not shown: {names}")
    for code, flag, meaning in used_flags(board):
        say(console, f"({code}) {flag}: {meaning.partition(' (')[0]}")
    _few(console, [_trouble(row) for row in board.rows if row.missing or row.errors], "red")
    _few(console, board.notes, "yellow")
    others = [name for name in board.datasets if name not in chosen]
    if others:
        say(console, f"Also scored: {', '.join(others)}")


def _few(console: Console, lines: Sequence[str], style: str) -> None:
    for line in lines[:MOST_LINES]:
        say(console, line, style=style)
    if len(lines) > MOST_LINES:
        say(console, f"and {len(lines) - MOST_LINES} more of this kind", style=style)


def _trouble(row: Row) -> str:
    reasons = [*row.errors, *(f"missing {item}" for item in row.missing)]
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return f"{row.label} ({row.status}): {reasons[0][:160]}{more}"


def _fitting(board: Leaderboard, dataset: str, console: Console) -> tuple[Table, list[str]]:
    """The widest table that fits, and which columns are not in it."""
    names, sheet = _sheet(board, dataset)
    kept = list(names)
    needed = {"rank", "label", HEADLINE, INTERVAL, _ranking(board)}
    diagnostics = [metric.name for metric in board.metrics if metric.diagnostic]
    for name in (*diagnostics, *(n for n in names[::-1] if n not in needed), INTERVAL):
        if fits(console, sheet.table(names.index(n) for n in kept)):
            break
        if name in kept:
            kept.remove(name)
    left_out = [name for name in names if name not in kept]
    return sheet.fitted((names.index(name) for name in kept), console), left_out


def _ranking(board: Leaderboard) -> str:
    names = [metric.name for metric in board.metrics]
    return board.rank_metric if board.rank_metric in names else names[0]


def _sheet(board: Leaderboard, dataset: str) -> tuple[list[str], Sheet]:
    """The whole table, and what its columns are called here."""
    metric = board.metric(_ranking(board))
    headline = board.leading_on(dataset)
    # Beside a headline the rank is that of the table: on another data set there is none.
    ranked = headline is None or headline is board.leading
    names = [*(["rank"] if ranked else []), "label", *([HEADLINE] if headline else [])]
    heads = [Head(text=Text("rank"))] if ranked else []
    heads.append(Head(text=Text("label"), numeric=False))
    if headline:
        metric_name, _, budget = plain(primary_words(board, headline)).rpartition(" at ")
        heads.append(Head(text=Text(f"{metric_name}\nat {budget}")))
    names += [*(m.name for m in board.metrics), INTERVAL]
    heads += [Head(text=Text(plain(m.heading))) for m in board.metrics]
    heads.append(Head(text=Text(f"{plain(metric.title)} interval")))
    lines: list[Line] = []
    before = True
    for entry in leading_order(board, dataset)[:MOST_ROWS]:
        row, cell = entry.row, entry.cell(metric)
        state = "" if row.status == "finished" else f" ({row.status})"
        cells = [Text(plain(row.label) + state)]
        if ranked:
            place = headline_place(headline, row.label) if headline else rank_text(row.rank)
            cells.insert(0, Text(place))
        if headline:
            cells.append(Text(primary_reading(board, headline, row.label)))
        cells += [short_score(entry.cell(m), m) for m in board.metrics]
        cells.append(Text("" if cell is None else interval(cell, metric), style="dim"))
        here = row.rank is not None
        lines.append(Line(cells=cells, begins=before and not here and bool(lines)))
        before = here
    return names, Sheet(title=plain(dataset), heads=heads, lines=lines, keep=1 + ranked)


def _title(board: Leaderboard, dataset: str) -> str:
    headline = board.leading_on(dataset)
    if headline is None:
        return table_title(board, dataset)
    first = f"rank: {primary_words(board, headline)}, at equal distortion"
    if headline is not board.leading:
        first = f"{primary_words(board, headline)} is at equal distortion and ranks nothing here"
    return f"{dataset}; {first}; the other scores are at one strength"
