"""What the page of a table shows, worked out before the template writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from srbench.records import MetricInfo
from srbench.report.columns import Column, Entry, Value, columns, entries
from srbench.report.conventions import FLAGS
from srbench.report.figures.plane import Axes, Look, looks, plane
from srbench.report.figures.ranks import ranks
from srbench.report.finding import finding
from srbench.report.metrics import plane_metrics
from srbench.report.model import Cell, Leaderboard, Row
from srbench.report.render.site.svg import svg
from srbench.report.second_view import SecondView, p_text, second_views
from srbench.report.text import DASH, detectable, interval

NARROW = 360


@dataclass(frozen=True, kw_only=True, slots=True)
class CellView:
    """A cell as it is shown; ``None`` in its place where a row has no score.

    ``best``: shares the first tie group, or is first without one.
    """

    value: Value
    text: str
    interval: str = ""
    group: str = ""
    best: bool = False
    flags: tuple[tuple[str, str], ...] = ()
    tip: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowView:
    """One row of the table of one data set. ``link``: of the row's page, from the site's root."""

    row: Row
    link: str
    look: Look
    cells: tuple[CellView | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AboutView:
    """The table of what the rows are, which is the same for every data set."""

    columns: tuple[Column, ...]
    rows: tuple[RowView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetView:
    """One data set: its table and its charts, each chart wide and narrow."""

    name: str
    lead: bool
    images: int
    columns: tuple[Column, ...]
    rows: tuple[RowView, ...]
    detectable: tuple[str, ...]
    planes: tuple[Markup, Markup] | None
    ranks: tuple[Markup, Markup] | None
    ranks_note: str
    finding: str


def dataset_views(
    board: Leaderboard,
    link: Callable[[str], str],
    marks: Mapping[str, str],
    prefix: str,
) -> list[DatasetView]:
    """Every data set of a table.

    Args:
        link: label -> page, from the site's root.
        marks: label -> what was verified of it.
        prefix: from the table's page to the site's root.
    """
    links = {row.label: prefix + link(row.label) for row in board.rows}
    views = {view.dataset: view for view in second_views(board)}
    axes = plane_metrics(board.metrics)
    lead = board.lead_dataset()
    styles = looks(board)
    found = []
    for dataset in board.datasets:
        view = views.get(dataset)
        table = entries(board, dataset, marks)
        shown = [column for column in columns(board, "site", table) if not column.about]
        found.append(
            DatasetView(
                name=dataset,
                lead=dataset == lead,
                images=board.images(dataset),
                columns=tuple(shown),
                rows=_rows(table, shown, link, styles),
                detectable=_detectable(board, dataset, shown),
                planes=_planes(board, dataset, axes, links),
                ranks=_ranks(board, view, links),
                ranks_note="" if view is None else f"Friedman {p_text(view.p_value)}",
                finding=finding(board, dataset),
            )
        )
    return found


def about_view(
    board: Leaderboard, link: Callable[[str], str], marks: Mapping[str, str]
) -> AboutView | None:
    """What the rows are; ``None`` where there is nothing to say. Arguments as above."""
    lead = board.lead_dataset()
    table = [] if lead is None else entries(board, lead, marks)
    shown = columns(board, "site", table)
    chosen = [column for column in shown if column.about or column.name == "label"]
    if len(chosen) < 2 or not table:
        return None
    return AboutView(columns=tuple(chosen), rows=_rows(table, chosen, link, looks(board)))


def _rows(
    table: Sequence[Entry],
    shown: Sequence[Column],
    link: Callable[[str], str],
    styles: Mapping[str, Look],
) -> tuple[RowView, ...]:
    return tuple(
        RowView(
            row=entry.row,
            link=link(entry.row.label),
            look=styles[entry.row.label],
            cells=tuple(_cell(column, entry) for column in shown),
        )
        for entry in table
    )


def _planes(
    board: Leaderboard, dataset: str, axes: Axes | None, links: Mapping[str, str]
) -> tuple[Markup, Markup] | None:
    wide = None if axes is None else plane(board, dataset, axes)
    if axes is None or wide is None:
        return None
    narrow = plane(board, dataset, axes, width=NARROW, height=400)
    assert narrow is not None
    return svg(wide, links), svg(narrow, links)


def _ranks(
    board: Leaderboard, view: SecondView | None, links: Mapping[str, str]
) -> tuple[Markup, Markup] | None:
    if view is None:
        return None
    return svg(ranks(board, view), links), svg(ranks(board, view, width=NARROW), links)


def _cell(column: Column, entry: Entry) -> CellView | None:
    if column.metric is not None:
        return cell_view(entry.cell(column.metric), column.metric)
    text = column.shown(entry)
    return CellView(value=column.value(entry), text=DASH if text == "-" else text)


def cell_view(cell: Cell | None, metric: MetricInfo) -> CellView | None:
    """A score with all that is said of it."""
    if cell is None:
        return None
    covered = interval(cell, metric)
    parts = []
    if covered:
        parts.append(f"95 % interval {covered}")
    if cell.group:
        parts.append(f"tie group {cell.group}")
    parts += cell.flags
    return CellView(
        value=cell.mean,
        text=metric.number(cell.mean),
        interval=covered.replace(" to ", f" {DASH} "),
        group=cell.group,
        best="a" in cell.group if cell.group else cell.rank == 1,
        flags=tuple((FLAGS[flag][0], flag) for flag in cell.flags),
        tip="; ".join(parts),
    )


def _detectable(board: Leaderboard, dataset: str, shown: Sequence[Column]) -> tuple[str, ...]:
    if not any(board.families[dataset, metric.name].tukey for metric in board.metrics):
        return ()
    return tuple(detectable(column, board, dataset).replace("-", DASH) for column in shown)


def options(rows: Sequence[Row], name: str) -> list[str]:
    """Values of a column, for a filter."""
    return sorted({str(getattr(row, name)) for row in rows})


def suite_facts(board: Leaderboard) -> list[tuple[str, str]]:
    """The conditions in a few words: what every row of the table shares."""
    document: Mapping[str, Any] = board.document
    generator = _section(document, "generator")
    adversarial = _section(document, "adversarial")
    warm = _section(document, "warm_start")
    data = _section(document, "data")
    # Records of before generators had parameters of their own have them beside the name.
    params = {**_section(generator, "params"), **generator}
    size = ", ".join(f"{value} {name}" for name, value in params.items() if isinstance(value, int))
    before, after = (section.get("iterations", "?") for section in (warm, adversarial))
    return [
        ("Track", board.track),
        ("Protocol", board.protocol),
        ("Scale", f"x{document.get('scale', 4)}"),
        ("Seeds", ", ".join(map(str, board.seeds))),
        ("Generator", f"{generator.get('name', 'msrresnet')}" + (f", {size}" if size else "")),
        ("Iterations", f"{before} warm start + {after}"),
        ("Trained on", f"{data.get('train', '?')}"),
    ]


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name, {})
    return found if isinstance(found, Mapping) else {}
