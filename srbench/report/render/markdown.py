"""``leaderboard.md``: the table for a README or a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import quote

from srbench.records import AgreementInfo
from srbench.report.agreement import TRADE_OFF
from srbench.report.columns import Column, Entry, columns, entries
from srbench.report.headline_table import headline_table, reading_rule
from srbench.report.lists import COSTS, LOSSES
from srbench.report.model import CostLine, Headline, Leaderboard, Row
from srbench.report.second_view import second_views, view_line
from srbench.report.stability import order_stability, stability_line
from srbench.report.text import (
    DETECTABLE,
    detectable,
    flag_codes,
    interval,
    markdown_text,
    rank_rule,
    title,
    used_flags,
    web_link,
)
from srbench.screen import counted

_IN_ADDRESSES: Final = ":/?#@!$&'*+,;=%~"
"""What stays as it is: a parenthesis would end the link, and begin what the address says next."""


def leaderboard_markdown(board: Leaderboard) -> str:
    """The whole leaderboard as GitHub-flavoured Markdown. Strings from records are escaped."""
    parts = [f"# {markdown_text(title(board))}", markdown_text(board.summary), *_headlines(board)]
    for dataset in board.datasets:
        place = ", at one strength" if board.headlines else ""
        parts += [f"## {markdown_text(dataset)}{place}", _dataset_table(board, dataset)]
    parts += ["## Reading the table", _bullets(_explanations(board))]
    troubled = [row for row in board.rows if row.missing or row.errors]
    if troubled:
        parts += ["## Incomplete and failed rows", _bullets(map(_trouble, troubled))]
    parts += ["## The losses", _losses_table(board.rows)]
    parts += _cost_sections(board.costs)
    parts += ["## How far the metrics stand in for people", _bullets(_agreements(board))]
    return "\n\n".join(parts) + "\n"


def _headlines(board: Leaderboard) -> list[str]:
    if not board.headlines:
        return []
    parts = ["## At equal distortion", markdown_text(reading_rule(board))]
    for headline in board.headlines:
        shown = headline_table(board, headline)
        lines = [[markdown_text(cell) for cell in line] for line in shown.lines]
        parts += [
            f"### {markdown_text(shown.title)}",
            _table([markdown_text(name) for name in shown.header], lines),
            *([_bullets(map(markdown_text, shown.notes))] if shown.notes else []),
        ]
    return parts


def leading_table(board: Leaderboard) -> str:
    """One table for a README: the primary headline, or what ranks and what that is paid with."""
    if board.leading is not None:
        return _leading_headline(board, board.leading)
    lead = board.lead_dataset()
    if lead is None:
        return f"**{markdown_text(title(board))}**: nothing is scored yet."
    ranking = next((m for m in board.metrics if m.name == board.rank_metric), board.metrics[0])
    other = next((m for m in board.metrics if m.axis not in (ranking.axis, None)), None)
    kept = [metric.name for metric in (ranking, other) if metric is not None]
    table = _dataset_table(
        board,
        lead,
        lambda c: c.name in ("rank", "label") if c.metric is None else c.metric.name in kept,
    )
    about = f"{markdown_text(lead)}, {board.images(lead)} images. {board.intervals.groups}"
    return f"**{markdown_text(title(board))}**\n\n{table}\n\n{about}"


def _leading_headline(board: Leaderboard, headline: Headline) -> str:
    """Ranks, labels and the readings at each budget, without chances and gains."""
    shown = headline_table(board, headline)
    kept = 2 + len(headline.families)
    lines = [[markdown_text(cell) for cell in line[:kept]] for line in shown.lines]
    table = _table([markdown_text(name) for name in shown.header[:kept]], lines)
    seeds = counted(len(board.seeds), "seed")
    where = f"{headline.dataset}, {board.images(headline.dataset)} images, {seeds}"
    about = markdown_text(f"{where}. {reading_rule(board)}")
    return f"**{markdown_text(title(board))}**\n\n{table}\n\n{about}"


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _dataset_table(
    board: Leaderboard, dataset: str, wanted: Callable[[Column], bool] = lambda column: True
) -> str:
    found = entries(board, dataset)
    shown = [column for column in columns(board, "markdown", found) if wanted(column)]
    lines = [[_text(column, entry) for column in shown] for entry in found]
    if any(board.families[dataset, m.name].tukey is not None for m in board.metrics):
        last = [detectable(column, board, dataset) for column in shown]
        lines.append([f"*{text}*" if text == "detectable" else text for text in last])
    return _table([markdown_text(column.title(board)) for column in shown], lines)


def _text(column: Column, entry: Entry) -> str:
    if column.metric is None:
        return markdown_text(column.shown(entry))
    cell, metric = entry.cell(column.metric), column.metric
    if cell is None:
        return "-"
    text = metric.number(cell.mean)
    if cell.group:
        text += f" {cell.group}"
    if cell.flags:
        text += f" ({flag_codes(cell)})"
    covered = interval(cell, metric)
    return f"{text}<br>{covered}" if covered else text


def _explanations(board: Leaderboard) -> list[str]:
    lines = [
        board.intervals.meaning,
        board.intervals.groups,
        markdown_text(rank_rule(board)),
    ]
    if any(family.tukey is not None for family in board.families.values()):
        lines.insert(2, DETECTABLE)
    lines += [
        markdown_text(f"{row.label}: {row.scale_reason}") for row in board.rows if row.scale_reason
    ]
    lines += [f"{code}: {flag}: {meaning}" for code, flag, meaning in used_flags(board)]
    lines += [markdown_text(view_line(board, view)) for view in second_views(board)]
    if (stability := order_stability(board)) is not None:
        lines.append(markdown_text(stability_line(board, stability)))
    return [*lines, *(markdown_text(note) for note in board.notes)]


def _trouble(row: Row) -> str:
    reasons = [f"missing {item}" for item in row.missing] + list(row.errors)
    return markdown_text(f"{row.label} ({row.status}): " + "; ".join(reasons))


def _losses_table(rows: Sequence[Row]) -> str:
    lines = [[markdown_text(text(row)) for _, text in LOSSES] for row in rows]
    return _table([heading for heading, _ in LOSSES], lines)


def _cost_sections(costs: Sequence[CostLine]) -> list[str]:
    parts = []
    for device in dict.fromkeys(line.device for line in costs):
        lines = [
            [markdown_text(line.label), *(column.text(line) for column in COSTS)]
            for line in costs
            if line.device == device
        ]
        header = ["label", *(column.heading for column in COSTS)]
        parts += [f"## Cost on {markdown_text(device)}", _table(header, lines)]
    return parts


def _agreements(board: Leaderboard) -> list[str]:
    lines = []
    for metric in board.metrics:
        known, name = metric.agreement, markdown_text(metric.title)
        lines.append(
            f"{name}: no published agreement with people is on file here."
            if known is None
            else f"{name}: {_sourced(known)}"
        )
    return [*lines, _sourced(TRADE_OFF)]


def _sourced(known: AgreementInfo) -> str:
    finding, source = markdown_text(known.finding), markdown_text(known.source)
    link = web_link(known.url)
    if link is None:
        return f"{finding}. {source}"
    return f"{finding}. [{source}]({quote(link, safe=_IN_ADDRESSES)})"
