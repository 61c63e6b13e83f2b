"""All of a leaderboard in the terminal (rich). Strings from records never reach rich's markup."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from srbench.errors import plain
from srbench.records import MetricInfo
from srbench.report.agreement import agreement_line
from srbench.report.columns import Column, Entry, columns, entries
from srbench.report.headline_table import headline_table, reading_rule
from srbench.report.lists import COSTS, LOSSES
from srbench.report.model import Cell, Correlation, Leaderboard, Row
from srbench.report.second_view import second_views, view_line
from srbench.report.text import (
    DETECTABLE,
    detectable,
    flag_codes,
    interval,
    rank_rule,
    table_title,
    title,
    used_flags,
)
from srbench.screen import Head, Line, Sheet, say

if TYPE_CHECKING:
    from rich.console import Console

HEADING_WIDTH = 8


def print_leaderboard(
    board: Leaderboard, console: Console, *, datasets: Sequence[str] | None = None
) -> None:
    """Print the table of each data set, then what its numbers mean.

    A table that is too wide comes in several parts, each with the labels.

    Args:
        datasets: only these; all where left out.
    """
    say(console, title(board), style="bold")
    say(console, board.summary)
    print_headlines(board, console, datasets)
    for dataset in board.datasets if datasets is None else datasets:
        _print_sheet(console, _dataset_sheet(board, dataset))
    _print_explanations(board, console)
    print_troubles(board.rows, console)
    for view in second_views(board):
        if datasets is None or view.dataset in datasets:
            say(console, view_line(board, view))
    for correlation in board.correlations:
        if datasets is None or correlation.dataset in datasets:
            _print_correlation(board, correlation, console)
    _print_losses(board.rows, console)
    _print_costs(board, console)
    console.print()
    for metric in board.metrics:
        say(console, agreement_line(metric), style="dim")


def print_headlines(
    board: Leaderboard, console: Console, datasets: Sequence[str] | None = None
) -> None:
    """Quality at equal distortion, where records have curves, and how it is read."""
    found = [h for h in board.headlines if datasets is None or h.dataset in datasets]
    for headline in found:
        shown = headline_table(board, headline)
        heads = [
            Head(text=Text(_filled(plain(name))), numeric=name != "label") for name in shown.header
        ]
        lines = [Line(cells=[Text(plain(cell)) for cell in line]) for line in shown.lines]
        keep = 1 + shown.header.index("label")
        _print_sheet(console, Sheet(title=plain(shown.title), heads=heads, lines=lines, keep=keep))
        for note in shown.notes:
            say(console, note)
    if found:
        say(console, reading_rule(board))
        say(console, "The tables below are at one strength: each generator as it was trained.")


def _print_sheet(console: Console, sheet: Sheet) -> None:
    console.print()
    say(console, sheet.title, style="italic")
    for table in sheet.parts(console):
        console.print(table)


def _dataset_sheet(board: Leaderboard, dataset: str) -> Sheet:
    found = entries(board, dataset)
    shown = columns(board, "terminal", found)
    heads = [
        Head(text=Text(_filled(plain(_heading(column, board)))), numeric=column.numeric)
        for column in shown
    ]
    lines: list[Line] = []
    previous = None
    for entry in found:
        kind = (entry.row.rank is not None, entry.row.trained)
        begins = previous is not None and kind != previous
        previous = kind
        lines.append(Line(cells=[_text(column, entry) for column in shown], begins=begins))
    if any(board.families[dataset, m.name].tukey is not None for m in board.metrics):
        cells = [Text(detectable(column, board, dataset)) for column in shown]
        lines.append(Line(cells=cells, begins=True, style="dim"))
    keep = 1 + next(i for i, column in enumerate(shown) if column.name == "label")
    return Sheet(title=table_title(board, dataset), heads=heads, lines=lines, keep=keep)


def _heading(column: Column, board: Leaderboard) -> str:
    """Short: what ranks are by stands above the table, in one line instead of a dozen."""
    return column.name if column.name == "rank" else column.title(board)


def _filled(text: str) -> str:
    """A long heading over several lines, so that its column stays as narrow as its numbers."""
    return textwrap.fill(text, HEADING_WIDTH, break_long_words=False)


def _text(column: Column, entry: Entry) -> Text:
    if column.metric is not None:
        return _score(entry.cell(column.metric), column.metric)
    status = entry.row.status if column.name == "label" else "finished"
    return Text(plain(column.shown(entry)) + ("" if status == "finished" else f"\n{status}"))


def _score(cell: Cell | None, metric: MetricInfo) -> Text:
    text = short_score(cell, metric)
    covered = "" if cell is None else interval(cell, metric)
    if covered:
        text.append(f"\n{covered}", style="dim")
    return text


def short_score(cell: Cell | None, metric: MetricInfo) -> Text:
    """A score with its letters and flags, on one line."""
    if cell is None:
        return Text("-")
    text = Text(metric.number(cell.mean))
    if cell.group:
        text.append(f" {cell.group}", style="bold")
    if cell.flags:
        text.append(f" ({flag_codes(cell)})", style="yellow")
    return text


def _print_explanations(board: Leaderboard, console: Console) -> None:
    console.print()
    say(console, f"Interval: {board.intervals.meaning}")
    say(console, f"Letters: {board.intervals.groups}")
    if any(family.tukey is not None for family in board.families.values()):
        say(console, DETECTABLE)
    say(console, rank_rule(board))
    for row in board.rows:
        if row.scale_reason:
            say(console, f"{row.label}: {row.scale_reason}")
    for code, flag, meaning in used_flags(board):
        say(console, f"({code}) {flag}: {meaning}")
    for note in board.notes:
        say(console, note, style="yellow")


def print_troubles(rows: Sequence[Row], console: Console) -> None:
    """What rows lack, and why runs failed."""
    for row in rows:
        reasons = [f"missing {item}" for item in row.missing] + list(row.errors)
        if reasons:
            say(console, f"{row.label} ({row.status}): " + "; ".join(reasons), style="red")


def _print_correlation(board: Leaderboard, correlation: Correlation, console: Console) -> None:
    about = (
        f"Do the metrics order the {correlation.rows} rows of {correlation.dataset} alike? "
        "Spearman (Kendall); +1: the same order, better with better"
    )
    titles = [Text(plain(board.title(name))) for name in correlation.metrics]
    lines = []
    for name, *pairs in zip(titles, correlation.spearman, correlation.kendall, strict=True):
        cells = [
            Text("-" if s is None or k is None else f"{s:+.2f} ({k:+.2f})")
            for s, k in zip(*pairs, strict=True)
        ]
        lines.append(Line(cells=[name, *cells]))
    heads = [Head(text=Text(""), numeric=False), *(Head(text=name) for name in titles)]
    _print_sheet(console, Sheet(title=plain(about), heads=heads, lines=lines))


def _print_losses(rows: Sequence[Row], console: Console) -> None:
    heads = [Head(text=Text(name), numeric=False, wrap=name == "licence") for name, _ in LOSSES]
    lines = [
        Line(cells=[Text(plain(text(row))) for _, text in LOSSES]) for row in rows if row.trained
    ]
    _print_sheet(console, Sheet(title="The losses", heads=heads, lines=lines))


def _print_costs(board: Leaderboard, console: Console) -> None:
    for device in dict.fromkeys(line.device for line in board.costs):
        heads = [Head(text=Text("label"), numeric=False)]
        heads += [Head(text=Text(_filled(column.heading))) for column in COSTS]
        lines = [
            Line(cells=[Text(plain(cost.label)), *(Text(c.text(cost)) for c in COSTS)])
            for cost in board.costs
            if cost.device == device
        ]
        _print_sheet(console, Sheet(title=plain(f"Cost on {device}"), heads=heads, lines=lines))
