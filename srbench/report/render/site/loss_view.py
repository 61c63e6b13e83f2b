"""What the page of a row shows: its runs, weights, curves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from srbench.records import Record, WeightInfo
from srbench.report.figures.curves import RowCharts, curve_sets
from srbench.report.figures.drawing import PALETTE_SIZE, SHAPES
from srbench.report.model import Leaderboard, Row
from srbench.report.render.site.files import SiteFolder
from srbench.report.render.site.generators import PublishedGenerator, publish_generator
from srbench.report.render.site.sources import Source
from srbench.report.render.site.svg import svg, swatch
from srbench.settings.toml_text import toml_text


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """One run of a row. Files are relative to the site's root."""

    record: Record
    record_file: str
    suite_file: str
    environment_file: str
    generator: PublishedGenerator | None
    mark: str


class Downloads:
    """Suites and environments for download, one file for all runs that share it."""

    def __init__(self, site: SiteFolder) -> None:
        self._site = site
        self._seen: dict[int, str] = {}

    def suite(self, document: Mapping[str, Any]) -> str:
        """A suite as TOML that ``srbench run`` takes."""
        known = self._seen.get(id(document))
        if known is None:
            text = toml_text(document)
            known = self._site.put(f"files/suite-{_digest(text)}.toml", text)
            self._seen[id(document)] = known
        return known

    def environment(self, record: Record) -> str:
        """The environment of a record, as JSON."""
        document = record.environment.model_dump(mode="json")
        text = json.dumps(document, indent=1, sort_keys=True) + "\n"
        return self._site.put(f"files/environment-{_digest(text)}.json", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


def run_views(
    row: Row,
    sources: Sequence[Source],
    site: SiteFolder,
    downloads: Downloads,
    marks: Mapping[str, str],
) -> list[RunView]:
    """The runs of a row, sorted by content scale and seed, the generator of the first published."""
    scored = [s.record.seed for s in sources if s.record.content_scale == row.scale]
    first = min(scored, default=None)
    found = []
    for source in sources:
        record = source.record
        at_first = record.seed == first and record.content_scale == row.scale
        found.append(
            RunView(
                record=record,
                record_file=f"records/{record.key}.json",
                suite_file=downloads.suite(record.suite.document),
                environment_file=downloads.environment(record),
                generator=publish_generator(source, site, first_seed=at_first),
                mark=marks.get(record.key, ""),
            )
        )
    return found


def row_weights(runs: Sequence[RunView]) -> list[WeightInfo]:
    """The pretrained weights behind a row, each once."""
    return list(dict.fromkeys(w for run in runs for w in run.record.loss.weights))


def row_terms(runs: Sequence[RunView]) -> list[dict[str, Any]]:
    """The losses of a row with their parameters as text."""
    terms = dict.fromkeys(
        (t.name, t.version, t.weight, t.distribution, t.distribution_version, _params(t.params))
        for run in runs
        for t in run.record.loss.terms
    )
    names = ("name", "version", "weight", "distribution", "distribution_version", "params")
    return [dict(zip(names, term, strict=True)) for term in terms]


def _params(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in params.items()
        if value is not None
    )


def seed_swatches(row: Row) -> list[tuple[int, Markup]]:
    """(seed, mark) for a legend beside the curves."""
    return [
        (seed, swatch(SHAPES[index % PALETTE_SIZE], f"t{index % PALETTE_SIZE}"))
        for index, seed in enumerate(sorted(row.seeds))
    ]


class RowCurves:
    """Validation and training charts of every row of a table."""

    def __init__(self, board: Leaderboard) -> None:
        self._board = board
        validated = curve_sets(board, log=False)
        validated.sort(key=lambda c: (c.name != board.rank_metric, c.name))
        logged = [c for c in curve_sets(board, log=True) if c.name in _LOGGED]
        self._charts = [
            ("Validation", RowCharts(board, curves, shared=True)) for curves in validated
        ]
        self._charts += [("Training:", RowCharts(board, curves, shared=False)) for curves in logged]

    def of(self, row: Row) -> list[tuple[str, Markup]]:
        """(title, chart) of a row; empty where nothing was logged."""
        found = []
        for kind, charts in self._charts:
            drawn = charts.of(row)
            if drawn is not None:
                name = self._board.title(charts.found.name)
                found.append((f"{kind} {_LOGGED.get(name, name)}", svg(drawn)))
        return found


_LOGGED = {
    "content": "content loss, calibrated",
    "adversarial": "adversarial loss, weighted",
    "content_to_adversarial": "gradient norm, content over adversarial",
    "discriminator": "discriminator loss",
}
"""Logged values that a page shows, and how they are called."""
