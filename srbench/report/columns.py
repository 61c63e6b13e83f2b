"""The columns of a table as data. An entry here is a column of every output that it names.

A column knows how its value is found and how people read it; the outputs (``render``) know how a
cell looks in the terminal, in Markdown, in CSV, in JSON and on a page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from srbench.records import MetricInfo
from srbench.report.lists import figure_text
from srbench.report.model import Cell, CostLine, Heard, Leaderboard, Row

Output = Literal["terminal", "markdown", "csv", "json", "site"]
Value = str | float | int | None
ALL: Final[frozenset[Output]] = frozenset({"terminal", "markdown", "csv", "json", "site"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One row of the table of one data set; ``mark``: what was verified of it."""

    board: Leaderboard
    row: Row
    dataset: str
    mark: str = ""

    @property
    def heard(self) -> Heard | None:
        """People's opinion, where it is on this data set; JSON has it once for the row."""
        found = self.row.heard
        if found is None or not self.dataset:
            return found
        places = {content.place.dataset for content in found.study.contents}
        return found if self.dataset in places else None

    def cell(self, metric: MetricInfo) -> Cell | None:
        """The row's score by a metric."""
        return self.row.cells.get((self.dataset, metric.name))

    @property
    def cost(self) -> CostLine | None:
        """What the row cost on the device that most rows ran on: others do not compare."""
        lines = self.board.costs
        devices = [line.device for line in lines]
        most = max(sorted(set(devices)), key=devices.count, default=None)
        mine = (line for line in lines if (line.device, line.label) == (most, self.row.label))
        return next(mine, None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: in CSV and JSON.
        value: of an entry, as programs read it.
        heading: for people; the name where left out.
        text: of an entry, for people; made from the value where left out.
        outputs: where it stands.
        numeric: set to the right.
        descending: more comes first when a reader sorts by it.
        note: a longer word on the heading.
        present: whether the table of these entries has it.
        metric: set in a column of scores; the outputs then draw its whole cell.
        about: says what a row is and not how it did. Pages have a table of their own for these,
            once for all data sets, so that the scores have room.
    """

    name: str
    value: Callable[[Entry], Value]
    heading: Callable[[Leaderboard], str] | str = ""
    text: Callable[[Entry], str] | None = None
    outputs: frozenset[Output] = ALL
    numeric: bool = False
    descending: bool = False
    note: str = ""
    present: Callable[[Sequence[Entry]], bool] = lambda entries: True
    metric: MetricInfo | None = None
    about: bool = False

    def title(self, board: Leaderboard) -> str:
        """What people read above it."""
        heading = self.heading(board) if callable(self.heading) else self.heading
        return heading or self.name

    def shown(self, entry: Entry) -> str:
        """What people read in it; a dash where there is nothing."""
        if self.text is not None:
            return self.text(entry) or "-"
        value = self.value(entry)
        return "-" if value is None or value == "" else f"{value}"


def ranked_by(board: Leaderboard) -> str:
    """What the rows are ranked on, and how."""
    metric, sets = board.title(board.rank_metric), ", ".join(board.rank_datasets)
    if len(board.rank_datasets) == 1:
        return f"{metric} on {sets}"
    return f"mean {metric} rank on {sets}, weighted by number of images"


def rank_text(rank: float | None) -> str:
    """A rank without needless decimals."""
    return "-" if rank is None else f"{rank:g}"


def short_license(text: str) -> str:
    """The licence's name and what is said of commercial use; the row's page has it in full."""
    parts = [part.strip() for part in text.split(";")]
    return "; ".join([parts[0], *(p for p in parts[1:] if "commercial use" in p.lower())][:2])


def _cost(name: str) -> Callable[[Entry], Value]:
    return lambda entry: None if entry.cost is None else getattr(entry.cost, name)


def _any_cost(entries: Sequence[Entry]) -> bool:
    return any(entry.cost is not None for entry in entries)


SCORES: Final = Column(name="scores", value=lambda entry: None)
"""Where the metrics of a table stand among the columns; a CSV has them last."""


def _opinion(name: str) -> Callable[[Entry], Value]:
    return lambda e: None if e.heard is None else getattr(e.heard.opinion, name)


def _any_opinion(entries: Sequence[Entry]) -> bool:
    return any(entry.heard is not None for entry in entries)


def _opinion_text(entry: Entry) -> str:
    if entry.heard is None:
        return ""
    said, study = entry.heard.opinion, entry.heard.study
    interval = f"{said.low:+.2f} to {said.high:+.2f}"
    about = f"{study.raters} raters, {said.votes:,} votes"
    return f"{said.score:+.2f} {said.group} ({interval}; {about})"


_OPINION: tuple[Column, ...] = (
    Column(
        name="opinion",
        value=_opinion("score"),
        heading="people's opinion (reported)",
        text=_opinion_text,
        numeric=True,
        descending=True,
        note="what raters preferred, higher is better; reported, never verified",
        present=_any_opinion,
    ),
    *(
        Column(
            name=f"opinion_{name}",
            value=value,
            outputs=frozenset({"csv", "json"}),
            present=_any_opinion,
        )
        for name, value in (
            ("low", _opinion("low")),
            ("high", _opinion("high")),
            ("raters", lambda e: None if e.heard is None else e.heard.study.raters),
            ("votes", _opinion("votes")),
        )
    ),
)

COLUMNS: tuple[Column, ...] = (
    Column(name="loss", value=lambda e: e.row.loss, outputs=frozenset({"csv", "json"})),
    Column(
        name="rank",
        value=lambda e: e.row.rank,
        heading=lambda board: f"rank ({ranked_by(board)})",
        text=lambda e: rank_text(e.row.rank),
        outputs=ALL - {"csv"},
        numeric=True,
    ),
    Column(name="label", value=lambda e: e.row.label),
    Column(
        name="game",
        value=lambda e: ", ".join(e.row.game),
        outputs=ALL - {"csv"},
        note="whether the adversarial game lived; empty: it did, or was not measured",
        present=lambda entries: any(entry.row.game for entry in entries),
    ),
    Column(name="dataset", value=lambda e: e.dataset, outputs=frozenset({"csv"})),
    Column(
        name="seeds",
        value=lambda e: len(e.row.seeds),
        text=lambda e: str(len(e.row.seeds) or "-"),
        outputs=ALL - {"json"},
        numeric=True,
    ),
    SCORES,
    *_OPINION,
    Column(name="status", value=lambda e: e.row.status, outputs=ALL - {"terminal", "site"}),
    Column(
        name="task",
        value=lambda e: e.row.task,
        text=lambda e: e.row.task.replace("none", ""),
        outputs=frozenset({"json", "site"}),
        about=True,
    ),
    Column(
        name="backbone",
        value=lambda e: e.row.backbone,
        text=lambda e: e.row.backbone.replace("none", ""),
        outputs=frozenset({"json", "site"}),
        about=True,
    ),
    Column(
        name="gflops",
        value=_cost("loss_gflops_per_step"),
        heading="GFLOPs",
        text=lambda e: figure_text(None if e.cost is None else e.cost.loss_gflops_per_step, 1),
        outputs=frozenset({"site"}),
        numeric=True,
        note="GFLOPs of the loss per step, forward and backward",
        present=_any_cost,
        about=True,
    ),
    Column(
        name="iterations_per_second",
        value=_cost("iterations_per_second"),
        heading="it/s",
        text=lambda e: figure_text(None if e.cost is None else e.cost.iterations_per_second, 2),
        outputs=frozenset({"site"}),
        numeric=True,
        descending=True,
        note="iterations per second on the device that the table ran on",
        present=_any_cost,
        about=True,
    ),
    Column(
        name="license",
        value=lambda e: e.row.license,
        heading="licence",
        text=lambda e: short_license(e.row.license),
        outputs=frozenset({"json", "site"}),
        about=True,
    ),
    Column(
        name="checked",
        value=lambda e: e.mark,
        outputs=frozenset({"site"}),
        present=lambda entries: any(entry.mark for entry in entries),
        about=True,
    ),
)


def entries(
    board: Leaderboard, dataset: str, marks: Mapping[str, str] | None = None
) -> list[Entry]:
    """The table of one data set, a row each; ``marks``: label -> what was verified of it."""
    found = marks or {}
    return [
        Entry(board=board, row=row, dataset=dataset, mark=found.get(row.label, ""))
        for row in board.rows
    ]


def columns(board: Leaderboard, output: Output, table: Sequence[Entry]) -> list[Column]:
    """The columns of a table in one output, one for each metric in the place of the scores."""
    found: list[Column] = []
    for column in COLUMNS:
        if column is SCORES:
            found += [_score_column(metric) for metric in board.metrics]
        elif output in column.outputs and column.present(table):
            found.append(column)
    return found


def _score_column(metric: MetricInfo) -> Column:
    def value(entry: Entry) -> Value:
        cell = entry.cell(metric)
        return None if cell is None else cell.mean

    return Column(
        name=metric.name,
        value=value,
        heading=metric.heading,
        numeric=True,
        descending=not metric.lower_is_better,
        metric=metric,
    )
