"""The headline from records: each row's curves beside its seeds' warm starts, read at the budgets.

Where several content scales were trained, each budget is read at the one that is best there on the
held-out images; test images choose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from srbench.records import DatasetScores, MetricInfo, Record, RowKind
from srbench.report.budget import Array, Curves
from srbench.report.headline import (
    BUDGETS,
    HeadlineFamily,
    Strength,
    headline_family,
    read_label,
    shared_area,
)
from srbench.report.model import Headline
from srbench.report.resampling import ImageCurves, Resampled, resample_at
from srbench.report.rows import BuiltRow, TableContext
from srbench.report.scales import PRIMARY_BUDGET, validation_curves
from srbench.report.spread import standard_errors

DISTORTION = "psnr"


Runs = Mapping[int, Record]
"""Seed -> one label's run."""


def read_headlines(
    records: Sequence[Record], built: Sequence[BuiltRow], context: TableContext
) -> tuple[Headline, ...]:
    """One per data set and perceptual metric that curves are scored by; the primary one first.

    The primary family is the suite's rank metric at -0.5 dB on the largest of its rank data sets.
    """
    starts = {r.seed: r for r in records if r.loss.kind is RowKind.WARM_START}
    runs: dict[str, dict[float, dict[int, Record]]] = {}
    for record in records:
        if record.curve:
            by_scale = runs.setdefault(record.loss.label, {})
            by_scale.setdefault(record.content_scale, {})[record.seed] = record
    largest = max(
        (d for d in context.rank_datasets if d in context.datasets),
        key=lambda d: max((len(r.scores[d].images) for r in records if d in r.scores), default=0),
        default=None,
    )
    reader = _Reader(
        runs=runs, starts=starts, built=built, seeds=context.seeds,
        rank_metric=context.rank_metric,
    )  # fmt: skip
    found = [
        reader.headline(
            dataset, metric, primary=(dataset, metric.name) == (largest, context.rank_metric)
        )
        for dataset in context.datasets
        for metric in _comparing(context)
    ]
    shown = [headline for headline in found if headline is not None]
    return tuple(sorted(shown, key=lambda headline: not headline.primary))


def _comparing(context: TableContext) -> list[MetricInfo]:
    """Metrics beside distortion that compare with HR: the rank metric first, diagnostics last."""
    able = [m for m in context.metrics if m.axis != "distortion" and m.reference == "full"]
    return sorted(able, key=lambda m: (m.name != context.rank_metric, m.diagnostic))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reader:
    """What all headlines of a table are read from."""

    runs: Mapping[str, Mapping[float, Runs]]
    starts: Runs
    built: Sequence[BuiltRow]
    seeds: Sequence[int]
    rank_metric: str

    def headline(self, dataset: str, metric: MetricInfo, *, primary: bool) -> Headline | None:
        """One data set and metric; ``None`` where no row has all its curves."""
        strengths = {
            label: offered
            for label in self.runs
            if (offered := self._strengths(label, dataset, metric.name))
        }
        if not strengths:
            return None
        chosen = {b.row.label: b.row.scale for b in self.built}
        curves = {
            label: next((s.test for s in offered if s.value == chosen[label]), offered[0].test)
            for label, offered in strengths.items()
        }
        competing = {b.row.label for b in self.built if b.in_family}
        lower = metric.lower_is_better
        families = tuple(
            headline_family(
                {label: s for label, s in strengths.items() if label in competing},
                budget,
                lower_is_better=lower,
                primary=primary and budget == PRIMARY_BUDGET,
            )
            for budget in BUDGETS
        )
        first = next((f for f in families if f.primary), None)
        inside = {label: c for label, c in curves.items() if label in competing}
        depth, gains = shared_area(inside, lower_is_better=lower) if inside else (0.0, {})
        return Headline(
            dataset=dataset,
            metric=metric.name,
            families=families,
            others={
                label: tuple(read_label(s, budget, lower_is_better=lower) for budget in BUDGETS)
                for label, s in strengths.items()
                if label not in competing
            },
            curves=curves,
            places={} if first is None else _places(first, lower),
            depth=depth,
            gains=gains,
            errors={} if first is None else self._errors(inside, dataset, metric.name),
            resampled=None if first is None else self._resampled(first, dataset, metric),
            repeats=self._repeats(inside),
        )

    def _strengths(self, label: str, dataset: str, metric: str) -> tuple[Strength, ...]:
        """A label's curves at each scale that has all of them; validation chooses among several.

        Without curves on the held-out images only the scale that the table shows is read: test
        images choose nothing.
        """
        found = {
            scale: curves
            for scale in sorted(self.runs[label])
            if (curves := self._curves(label, scale, dataset, metric)) is not None
        }
        walks = {scale: self._walk(label, scale) for scale in found}
        if len(found) == 1 or any(walk is None for walk in walks.values()):
            shown = next(b.row.scale for b in self.built if b.row.label == label)
            return tuple(Strength(value=s, test=c) for s, c in found.items() if s == shown)
        return tuple(
            Strength(value=s, test=curves, validation=walks[s]) for s, curves in found.items()
        )

    def _curves(self, label: str, scale: float, dataset: str, metric: str) -> Curves | None:
        """Curves over all seeds of the table; ``None`` where any part is missing."""
        lines = self._lines(label, scale, dataset)
        places = {tuple(line) for line in lines}
        scores = [point.metrics for line in lines for point in line.values()]
        if len(places) != 1 or not all({DISTORTION, metric} <= set(found) for found in scores):
            return None
        psnr, quality = (
            np.array([[p.metrics[name].mean for p in line.values()] for line in lines])
            for name in (DISTORTION, metric)
        )
        return Curves(coefficients=np.array(places.pop()), psnr=psnr, quality=quality)

    def _walk(self, label: str, scale: float) -> Curves | None:
        runs = self.runs[label][scale]
        return validation_curves([runs[seed] for seed in self.seeds], self.rank_metric)

    def _lines(self, label: str, scale: float, dataset: str) -> list[dict[float, DatasetScores]]:
        mine = self.runs[label][scale]
        if not set(self.seeds) <= set(mine) & set(self.starts):
            return []
        return [_line(mine[seed], self.starts[seed], dataset) for seed in self.seeds]

    def _resampled(
        self, family: HeadlineFamily, dataset: str, metric: MetricInfo
    ) -> Resampled | None:
        """The primary family's rows, seeds and images drawn again; ``None`` with too few."""
        if len(family.compared) < 2 or len(self.seeds) < 2:
            return None
        lines = [
            self._lines(label, family.readings[label].strength or 1.0, dataset)
            for label in family.compared
        ]
        names = sorted(next(iter(lines[0][0].values())).images)
        psnr, quality = (
            np.array([[_by_image(line, name, names) for line in row] for row in lines])
            for name in (DISTORTION, metric.name)
        )
        places = np.array(list(lines[0][0]))
        curves = ImageCurves(coefficients=places, psnr=psnr, quality=quality)
        return resample_at(curves, family.budget, lower_is_better=metric.lower_is_better)

    def _errors(
        self, curves: Mapping[str, Curves], dataset: str, metric: str
    ) -> dict[str, tuple[float, float]]:
        """Both standard errors of each row's mean, at the strength that the table shows."""
        shown = {b.row.label: b.row.scale for b in self.built}
        found = {}
        for label in curves:
            runs = self.runs[label].get(shown[label], {})
            if not set(self.seeds) <= set(runs):
                continue
            scores = [runs[seed].scores[dataset].metrics[metric].per_image for seed in self.seeds]
            values = np.array([[one[name] for name in sorted(one)] for one in scores])
            if min(values.shape) > 1:
                these, sample = standard_errors(values)
                found[label] = (float(these), float(sample))
        return found

    def _repeats(self, curves: Mapping[str, Curves]) -> tuple[tuple[str, ...], ...]:
        """Labels that are one loss, told apart by their weights in the objective alone."""
        same: dict[str, list[str]] = {}
        for label in curves:
            runs = next(iter(self.runs[label].values()))
            terms = next(iter(runs.values())).loss.terms
            same.setdefault(repr(terms), []).append(label)
        return tuple(tuple(labels) for labels in same.values() if len(labels) > 1)


def _by_image(line: Mapping[float, DatasetScores], metric: str, names: Sequence[str]) -> Array:
    """One run's scores along its line, ``(K, N)``."""
    return np.array(
        [[point.metrics[metric].per_image[n] for n in names] for point in line.values()]
    )


def _line(run: Record, start: Record, dataset: str) -> dict[float, DatasetScores]:
    """Coefficient -> scores, from the warm start to the row itself."""
    between = {p.coefficient: p.scores.get(dataset) for p in run.curve}
    line = {0.0: start.scores.get(dataset), **between, 1.0: run.scores.get(dataset)}
    return {place: scores for place, scores in line.items() if scores is not None}


def _places(family: HeadlineFamily, lower_is_better: bool) -> dict[str, float]:
    sign = 1.0 if lower_is_better else -1.0
    means = [sign * float(family.readings[label].values.mean()) for label in family.compared]
    return dict(zip(family.compared, stats.rankdata(means, method="min").tolist(), strict=True))
