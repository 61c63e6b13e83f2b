"""The table in the terminal (rich). Strings from records never reach rich's markup."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from srbench.records import MetricInfo
from srbench.report.agreement import agreement_line
from srbench.report.columns import COSTS, LOSSES, Column, Entry, columns, entries
from srbench.report.headline_table import headline_table, reading_rule
from srbench.report.model import Cell, Correlation, Leaderboard, Row
from srbench.report.second_view import second_views, view_line
from srbench.report.text import (
    DETECTABLE,
    detectable,
    flag_codes,
    interval,
    plain,
    rank_rule,
    title,
    used_flags,
)

if TYPE_CHECKING:
    from rich.console import Console

HEADING_WIDTH = 8


def print_leaderboard(
    board: Leaderboard, console: Console, *, datasets: Sequence[str] | None = None
) -> None:
    """Print the table of each data set, then what its numbers mean.

    Args:
        datasets: only these; all where left out.
    """
    _say(console, title(board), style="bold")
    _say(console, board.summary)
    _print_headlines(board, console, datasets)
    narrow = False
    for dataset in board.datasets if datasets is None else datasets:
        console.print()
        narrow |= not _print_dataset(board, dataset, console)
    _print_explanations(board, console, narrow=narrow)
    _print_troubles(board.rows, console)
    for view in second_views(board):
        if datasets is None or view.dataset in datasets:
            _say(console, view_line(board, view))
    for correlation in board.correlations:
        if datasets is None or correlation.dataset in datasets:
            console.print()
            console.print(_correlation_table(board, correlation))
    _print_losses(board.rows, console)
    _print_costs(board, console)
    console.print()
    for metric in board.metrics:
        _say(console, agreement_line(metric), style="dim")


def _print_headlines(board: Leaderboard, console: Console, datasets: Sequence[str] | None) -> None:
    found = [h for h in board.headlines if datasets is None or h.dataset in datasets]
    for headline in found:
        shown = headline_table(board, headline)
        table = Table(title=Text(plain(shown.title)), title_justify="left", box=box.HORIZONTALS)
        for name in shown.header:
            table.add_column(Text(plain(name)), justify="left" if name == "label" else "right")
        for line in shown.lines:
            table.add_row(*(Text(plain(cell)) for cell in line))
        console.print()
        console.print(table)
        for note in shown.notes:
            _say(console, note)
    if found:
        _say(console, reading_rule(board))
        _say(console, "The tables below are at one strength: each generator as it was trained.")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(plain(text), style=style), soft_wrap=not console.is_terminal)


def _print_dataset(board: Leaderboard, dataset: str, console: Console) -> bool:
    """Print one table, without intervals where the terminal is too narrow; whether it has them."""
    table = _dataset_table(board, dataset, intervals=True)
    wide = console.options.update(max_width=10_000)
    fits = Measurement.get(console, wide, table).maximum <= console.width
    # A table squeezed into fewer columns breaks labels into single letters.
    console.print(table if fits else _dataset_table(board, dataset, intervals=False))
    return fits


def _dataset_table(board: Leaderboard, dataset: str, *, intervals: bool) -> Table:
    title = plain(dataset) if intervals else f"{plain(dataset)} (intervals need a wider terminal)"
    table = Table(
        title=Text(title), title_justify="left", box=box.HORIZONTALS, padding=(0, 1, 0, 0)
    )
    found = entries(board, dataset)
    shown = columns(board, "terminal", found)
    for column in shown:
        table.add_column(
            _heading(column, board),
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric or column.name == "label",
            overflow="fold",
        )
    previous = None
    for entry in found:
        kind = (entry.row.rank is not None, entry.row.trained)
        if previous is not None and kind != previous:
            table.add_section()
        previous = kind
        table.add_row(*(_text(column, entry, intervals) for column in shown))
    if any(board.families[dataset, m.name].tukey is not None for m in board.metrics):
        table.add_section()
        table.add_row(*(Text(detectable(column, board, dataset)) for column in shown), style="dim")
    return table


def _heading(column: Column, board: Leaderboard) -> Text:
    """A long heading over several lines, so that its column stays as narrow as its numbers."""
    return Text(textwrap.fill(plain(column.title(board)), HEADING_WIDTH))


def _text(column: Column, entry: Entry, intervals: bool) -> Text:
    if column.metric is not None:
        return _score(entry.cell(column.metric), column.metric, intervals)
    status = entry.row.status if column.name == "label" else "finished"
    return Text(plain(column.shown(entry)) + ("" if status == "finished" else f"\n{status}"))


def _score(cell: Cell | None, metric: MetricInfo, intervals: bool) -> Text:
    if cell is None:
        return Text("-")
    text = Text(metric.number(cell.mean))
    if cell.group:
        text.append(f" {cell.group}", style="bold")
    if cell.flags:
        text.append(f" ({flag_codes(cell)})", style="yellow")
    covered = interval(cell, metric)
    if covered and intervals:
        text.append(f"\n{covered}", style="dim")
    return text


def _print_explanations(board: Leaderboard, console: Console, *, narrow: bool) -> None:
    console.print()
    where = " (in a wider terminal, and in leaderboard.md)" if narrow else ""
    _say(console, f"Interval{where}: {board.intervals.meaning}")
    _say(console, f"Letters: {board.intervals.groups}")
    if any(family.tukey is not None for family in board.families.values()):
        _say(console, DETECTABLE)
    _say(console, rank_rule(board))
    for row in board.rows:
        if row.scale_reason:
            _say(console, f"{row.label}: {row.scale_reason}")
    for code, flag, meaning in used_flags(board):
        _say(console, f"({code}) {flag}: {meaning}")
    for note in board.notes:
        _say(console, note, style="yellow")


def _print_troubles(rows: Sequence[Row], console: Console) -> None:
    for row in rows:
        reasons = [f"missing {item}" for item in row.missing] + list(row.errors)
        if reasons:
            _say(console, f"{row.label} ({row.status}): " + "; ".join(reasons), style="red")


def _correlation_table(board: Leaderboard, correlation: Correlation) -> Table:
    about = (
        f"Do the metrics order the {correlation.rows} rows of {correlation.dataset} alike? "
        "Spearman (Kendall); +1: the same order, better with better"
    )
    table = Table(title=Text(plain(about)), title_justify="left")
    titles = [Text(plain(board.title(name))) for name in correlation.metrics]
    table.add_column("")
    for name in titles:
        table.add_column(name, justify="right")
    for name, *lines in zip(titles, correlation.spearman, correlation.kendall, strict=True):
        pairs = zip(*lines, strict=True)
        table.add_row(
            name, *("-" if s is None or k is None else f"{s:+.2f} ({k:+.2f})" for s, k in pairs)
        )
    return table


def _print_losses(rows: Sequence[Row], console: Console) -> None:
    table = Table(title="The losses", title_justify="left")
    for name, _ in LOSSES:
        table.add_column(name, overflow="fold")
    for row in (row for row in rows if row.trained):
        table.add_row(*(Text(plain(text(row))) for _, text in LOSSES))
    console.print()
    console.print(table)


def _print_costs(board: Leaderboard, console: Console) -> None:
    for device in dict.fromkeys(line.device for line in board.costs):
        table = Table(title=Text(plain(f"Cost on {device}")), title_justify="left")
        table.add_column("label", overflow="fold")
        for column in COSTS:
            table.add_column(column.heading, justify="right")
        for line in (line for line in board.costs if line.device == device):
            table.add_row(Text(plain(line.label)), *(column.text(line) for column in COSTS))
        console.print()
        console.print(table)
