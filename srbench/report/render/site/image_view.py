"""What the page of a test image shows: the rows' pictures and their scores on it."""

from __future__ import annotations

from dataclasses import dataclass

from srbench.records import MetricInfo, RowKind, kind_of_label
from srbench.report.model import Leaderboard, Row
from srbench.report.place import leading_order
from srbench.report.render.site.media_index import Shown
from srbench.report.render.site.pictures import ShownImage

_FIRST_AND_LAST = {RowKind.BICUBIC: -1, RowKind.HR: 1}


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreView:
    """A score of one picture. ``best``: of all rows that were made by a generator."""

    value: float
    text: str
    best: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureView:
    """One row on one image. ``page``: of the row, or empty for HR without a row."""

    label: str
    name: str
    page: str
    seed: int | None
    picture: Shown | None
    scores: tuple[ScoreView | None, ...]


def picture_views(
    board: Leaderboard, image: ShownImage, pages: dict[str, str]
) -> list[PictureView]:
    """The rows with scores or a picture, as the headline has them or else in the table's order;
    LR-bicubic first and HR last."""
    best = {m.name: _best(board, image, m.name) for m in board.metrics}
    pictures = image.group.rows if image.group is not None else {}
    order = [entry.row.label for entry in leading_order(board, image.dataset)]
    labels = [label for label in order if label in image.runs]
    labels += [label for label in pictures if label not in labels]
    labels.sort(key=lambda label: _FIRST_AND_LAST.get(kind_of_label(label), 0))
    rows = {row.label: row for row in board.rows}
    return [
        PictureView(
            label=label,
            name=kind_of_label(label).picture_name or label,
            page=pages.get(label, ""),
            seed=_seed(image, rows.get(label)),
            picture=pictures.get(label),
            scores=tuple(_score(image, label, m, best[m.name]) for m in board.metrics),
        )
        for label in labels
    ]


def first_pair(views: list[PictureView]) -> tuple[str, str]:
    """The two pictures that a page opens with: bicubic and the best-placed trained row."""
    shown = [view.label for view in views if view.picture is not None]
    left = RowKind.BICUBIC if RowKind.BICUBIC in shown else shown[0]
    others = [label for label in shown if label not in (left, RowKind.HR)]
    return left, (others or shown)[0]


def _seed(image: ShownImage, row: Row | None) -> int | None:
    if row is None or not row.seeds:
        return None
    return image.runs[row.label].seed


def _best(board: Leaderboard, image: ShownImage, metric: str) -> float | None:
    values = [
        run.scores[image.dataset].metrics[metric].per_image[image.name]
        for label, run in image.runs.items()
        if label != RowKind.HR and metric in run.scores[image.dataset].metrics
    ]
    if not values:
        return None
    return min(values) if board.metric(metric).lower_is_better else max(values)


def _score(
    image: ShownImage, label: str, metric: MetricInfo, best: float | None
) -> ScoreView | None:
    run = image.runs.get(label)
    if run is None or metric.name not in run.scores[image.dataset].metrics:
        return None
    value = run.scores[image.dataset].metrics[metric.name].per_image[image.name]
    return ScoreView(
        value=value, text=metric.number(value), best=value == best and label != RowKind.HR
    )
