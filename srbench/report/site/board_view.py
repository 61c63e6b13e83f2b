"""What the page of a table shows, worked out before the template writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from srbench.report.conventions import FLAGS, metric_title, plane_metrics
from srbench.report.model import Cell, CostLine, Leaderboard, Row
from srbench.report.second_view import SecondView, p_text, second_views
from srbench.report.site.charts.plane import Look, looks, plane
from srbench.report.site.charts.ranks import critical_difference
from srbench.report.text import DASH, interval, number, rank_text

WIDE, NARROW = 980, 360


@dataclass(frozen=True, kw_only=True, slots=True)
class CellView:
    """One score as it is shown. ``best``: shares the first tie group, or is first without one."""

    value: float
    text: str
    interval: str
    group: str
    best: bool
    flags: tuple[tuple[str, str], ...]
    tip: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RowView:
    """One row of the table of one data set. ``link``: of the row's page, from the site's root."""

    row: Row
    link: str
    rank: str
    cells: tuple[CellView | None, ...]
    license: str
    cost: CostLine | None
    mark: str
    look: Look


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetView:
    """One data set: its table and its charts, each chart wide and narrow."""

    name: str
    lead: bool
    images: int
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
    axes = plane_metrics(tuple(metric.name for metric in board.metrics))
    lead = board.lead_dataset()
    styles = looks(board)
    found = []
    for dataset in board.datasets:
        view = views.get(dataset)
        found.append(
            DatasetView(
                name=dataset,
                lead=dataset == lead,
                images=board.images(dataset),
                rows=tuple(
                    _row(board, row, dataset, link(row.label), marks.get(row.label, ""), styles)
                    for row in board.rows
                ),
                detectable=_detectable(board, dataset),
                planes=_planes(board, dataset, axes, links),
                ranks=_ranks(view, links),
                ranks_note="" if view is None else f"Friedman {p_text(view.p_value)}",
                finding=finding(board, dataset),
            )
        )
    return found


def _planes(
    board: Leaderboard, dataset: str, axes: tuple[str, str] | None, links: Mapping[str, str]
) -> tuple[Markup, Markup] | None:
    if axes is None or not _fills_plane(board, dataset, axes):
        return None
    return (
        plane(board, dataset, axes, links, width=WIDE, height=500),
        plane(board, dataset, axes, links, width=NARROW, height=400),
    )


def _ranks(view: SecondView | None, links: Mapping[str, str]) -> tuple[Markup, Markup] | None:
    if view is None:
        return None
    return (
        critical_difference(view, links, width=WIDE),
        critical_difference(view, links, width=NARROW),
    )


def _fills_plane(board: Leaderboard, dataset: str, axes: tuple[str, str]) -> bool:
    return any(all((dataset, m) in row.cells for m in axes) for row in board.rows)


def _row(
    board: Leaderboard, row: Row, dataset: str, link: str, mark: str, styles: Mapping[str, Look]
) -> RowView:
    devices = {line.device for line in board.costs}
    costs = [line for line in board.costs if line.label == row.label]
    return RowView(
        row=row,
        link=link,
        rank=rank_text(row.rank).replace("-", DASH),
        cells=tuple(cell_view(row.cells.get((dataset, m.name)), m.name) for m in board.metrics),
        license=short_license(row.license),
        cost=costs[0] if costs and len(devices) == 1 else None,
        mark=mark,
        look=styles[row.label],
    )


def cell_view(cell: Cell | None, metric: str) -> CellView | None:
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
        text=number(cell.mean, metric),
        interval=covered.replace(" to ", f" {DASH} "),
        group=cell.group,
        best="a" in cell.group if cell.group else cell.rank == 1,
        flags=tuple((FLAGS[flag][0], flag) for flag in cell.flags),
        tip="; ".join(parts),
    )


def _detectable(board: Leaderboard, dataset: str) -> tuple[str, ...]:
    tests = [board.families[dataset, metric.name].tukey for metric in board.metrics]
    if not any(tests):
        return ()
    return tuple(
        number(None if test is None else test.detectable, metric.name)
        for test, metric in zip(tests, board.metrics, strict=True)
    )


def finding(board: Leaderboard, dataset: str) -> str:
    """What the table says by the rank metric on one data set, in one or two sentences."""
    metric = board.rank_metric
    having = [r for r in board.rows if (dataset, metric) in r.cells]
    ranked = [(r, r.cells[dataset, metric]) for r in having if r.cells[dataset, metric].rank]
    if not ranked:
        return f"{dataset}: no row has a rank by {metric_title(metric)}."
    ranked.sort(key=lambda item: item[1].rank or 0.0)
    best, cell = ranked[0]
    says = (
        f"{dataset}: best {metric_title(metric)} is {number(cell.mean, metric)}, by {best.label}."
    )
    if len(ranked) == 1:
        return says
    if not cell.group:
        return f"{says} {_why_no_groups(board, dataset)}"
    tied = [r.label for r, c in ranked[1:] if set(c.group) & set(cell.group)]
    if not tied:
        return f"{says} Told apart from every other trained row."
    return f"{says} Not told apart from it: {', '.join(tied)}."


def _why_no_groups(board: Leaderboard, dataset: str) -> str:
    family = board.families.get((dataset, board.rank_metric))
    if len(board.seeds) == 1 or family is None:
        return "With one seed, no difference can be told from chance."
    return "It is not part of a tie group, so no difference from it is claimed."


def short_license(text: str) -> str:
    """The licence's name and what is said of commercial use; the row's page has it in full."""
    parts = [part.strip() for part in text.split(";")]
    return "; ".join([parts[0], *(p for p in parts[1:] if "commercial use" in p.lower())][:2])


def options(rows: Sequence[Row], name: str) -> list[str]:
    """Values of a column, for a filter."""
    return sorted({str(getattr(row, name)) for row in rows})


def suite_facts(board: Leaderboard) -> list[tuple[str, str]]:
    """The conditions in a few words: what every row of the table shares."""
    document: Mapping[str, Any] = board.records[0].suite.document
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
