"""What a leaderboard is: plain frozen data, made by :mod:`srbench.report.build`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from srbench.records import CurvePoint, MetricInfo, Record, RowKind
from srbench.records.opinions import Opinion, Opinions
from srbench.report.budget import Array, Curves
from srbench.report.headline import HeadlineFamily, Reading
from srbench.report.resampling import Resampled
from srbench.report.statistics import TukeyResult

Status = Literal["finished", "incomplete", "failed", "collapsed"]
Key = tuple[str, str]
"""(dataset, metric)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One row's score on one data set by one metric.

    Attributes:
        mean: over seeds, of the means over images.
        low, high: 95 % interval; what it covers is said by :class:`Intervals`.
        rank: 1 is best; rows that no loss trained and incomplete rows have none.
        group: tie-group letters; empty with one seed and outside the family.
        flags: names out of :data:`srbench.report.conventions.FLAGS`.
    """

    mean: float
    low: float | None
    high: float | None
    seeds: int
    images: int
    rank: float | None = None
    group: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What people said of a row, and in which study."""

    opinion: Opinion
    study: Opinions


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One label of the suite: what it is, what is missing, and its cells.

    Attributes:
        loss: the installed losses behind the row, or the label of a reference row.
        scale: content scale that was chosen on the validation images.
        missing: what keeps the row from a rank, in words.
        errors: why runs failed, one line each.
        game: flags of an adversarial game that did not live, in any seed.
        mean_rank: of the ranks on the suite's rank data sets by its rank metric, each weighed by
            its number of images.
        rank: place by ``mean_rank``.
        heard: people's opinion, where there is one.
    """

    label: str
    loss: str
    kind: RowKind
    reference: bool
    summary: str
    task: str
    backbone: str
    pretrained_on: str
    license: str
    paper: str
    status: Status
    seeds: tuple[int, ...]
    scale: float
    scales: tuple[float, ...]
    scale_reason: str
    convergence: Literal["settled", "not-converged", "unknown"]
    missing: tuple[str, ...]
    errors: tuple[str, ...]
    cells: Mapping[Key, Cell]
    game: tuple[str, ...] = ()
    mean_rank: float | None = None
    rank: float | None = None
    heard: Heard | None = None

    @property
    def trained(self) -> bool:
        """Whether a loss trained it."""
        return self.kind is RowKind.TRAINED


@dataclass(frozen=True, kw_only=True, slots=True)
class Intervals:
    """What every interval of a table means."""

    kind: Literal["seeds", "images", "none"]
    meaning: str
    groups: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """Tukey's test over one (data set, metric), or the reason why there is none."""

    dataset: str
    metric: str
    labels: tuple[str, ...]
    tukey: TukeyResult | None
    why_not: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Correlation:
    """Rank correlation between metrics over the rows of one data set.

    +1: the two metrics order the rows alike, better with better, whatever their directions.
    """

    dataset: str
    metrics: tuple[str, ...]
    rows: int
    spearman: tuple[tuple[float | None, ...], ...]
    kendall: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    """What one label cost on one device: means over its seeds. ``None``: not measured."""

    device: str
    label: str
    seeds: int
    iterations_per_second: float | None
    seconds: float | None
    peak_memory_bytes: float | None
    loss_gflops_per_step: float | None
    loss_parameters: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """Losses at equal distortion on one data set by one metric.

    Attributes:
        families: one per budget, those of :data:`srbench.report.headline.BUDGETS`.
        others: rows that have curves and do not compete, by label: one reading per budget.
        curves: label -> ``(S,)`` curves that were read; the seeds are the table's.
        places: label -> place in the primary family, where this holds it; 1 is best.
        depth: of the PSNR range that all competing curves share, dB below the warm start.
        gains: label -> ``(S,)`` dominated hypervolume over that range by its depth: the mean gain
            in quality; empty where nothing is shared.
        errors: label -> standard errors of its mean at one strength: of these images, and of images
            like these (:func:`srbench.report.spread.standard_errors`); of the primary one alone.
        resampled: of the primary family, its rows in the order of ``compared``; ``None`` elsewhere
            and with one seed.
        repeats: labels that are one loss at several strengths.
    """

    dataset: str
    metric: str
    families: tuple[HeadlineFamily, ...]
    others: Mapping[str, tuple[Reading, ...]]
    curves: Mapping[str, Curves]
    places: Mapping[str, float]
    depth: float = 0.0
    gains: Mapping[str, Array] = field(default_factory=dict)
    errors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    resampled: Resampled | None = None
    repeats: tuple[tuple[str, ...], ...] = ()

    @property
    def primary(self) -> bool:
        """Whether one of its families is the primary one."""
        return any(family.primary for family in self.families)

    @property
    def ranks(self) -> bool:
        """Whether it is the primary one and any row reaches its budget."""
        return self.primary and bool(self.places)

    def readings(self, label: str) -> tuple[Reading, ...]:
        """What was read for a label, one per budget."""
        return self.others.get(label) or tuple(f.readings[label] for f in self.families)


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Validation and training values of one run."""

    label: str
    seed: int
    scale: float
    validation: tuple[CurvePoint, ...]
    log: tuple[CurvePoint, ...]


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """One suite's table, from records alone.

    Attributes:
        document: the suite, as data.
        records: what the table was made from, after duplicates were dropped.
        beyond: records of its suite that it leaves out, of other seeds than its own.
        rows: ranked ones first, then reference rows, then incomplete and failed ones.
        headlines: at equal distortion, the primary one first; empty where no record has a curve.
    """

    suite: str
    suite_version: int
    suite_sha256: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    summary: str
    track: str
    protocol: str
    declared_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    datasets: tuple[str, ...]
    metrics: tuple[MetricInfo, ...]
    rank_metric: str
    rank_datasets: tuple[str, ...]
    intervals: Intervals
    rows: tuple[Row, ...]
    families: Mapping[Key, Family]
    correlations: tuple[Correlation, ...]
    costs: tuple[CostLine, ...]
    curves: tuple[Curve, ...]
    headlines: tuple[Headline, ...]
    notes: tuple[str, ...]
    records: tuple[Record, ...] = field(repr=False, compare=False)
    beyond: tuple[Record, ...] = field(default=(), repr=False, compare=False)

    def row(self, label: str) -> Row:
        """The row of a label; ``KeyError`` where there is none."""
        for row in self.rows:
            if row.label == label:
                return row
        raise KeyError(label)

    def metric(self, name: str) -> MetricInfo:
        """The column of a metric; ``KeyError`` where there is none."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)

    def title(self, name: str) -> str:
        """How a metric is written; its name where no test set is scored by it."""
        return next((m.title for m in self.metrics if m.name == name), name)

    def images(self, dataset: str) -> int:
        """Test images of a data set that a row was scored on."""
        cells = [c for row in self.rows for (d, _), c in row.cells.items() if d == dataset]
        return max((cell.images for cell in cells), default=0)

    @property
    def leading(self) -> Headline | None:
        """The headline that ranks the table.

        ``None`` where rows have no curves, or none reaches the budget of the primary family: then
        the scores at one strength rank.
        """
        return next((headline for headline in self.headlines if headline.ranks), None)

    def leading_on(self, dataset: str) -> Headline | None:
        """What a data set has by the metric of :attr:`leading`; it ranks on its own alone."""
        if self.leading is None:
            return None
        metric = self.leading.metric
        return next((h for h in self.headlines if (h.dataset, h.metric) == (dataset, metric)), None)

    def lead_dataset(self) -> str | None:
        """The data set that is shown first: the headline's, or of those ranked the one with the
        most images.

        ``None`` where nothing has been scored: every row failed.
        """
        if self.leading is not None:
            return self.leading.dataset
        ranked = [d for d in self.rank_datasets if d in self.datasets] or list(self.datasets)
        order = self.datasets.index
        return max(ranked, key=lambda d: (self.images(d), -order(d)), default=None)
