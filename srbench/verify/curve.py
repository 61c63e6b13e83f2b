"""The curve of a row: is it the suite's, does it begin at its seed's warm start, its images."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from srbench.models.files import TrainedGenerator
from srbench.models.images import Upscaler, published
from srbench.models.interpolate import interpolate
from srbench.records import Interpolated, Record, RowKind
from srbench.settings import Suite
from srbench.verify.contents import Contents
from srbench.verify.difference import Difference
from srbench.verify.identity import excused, wanted_along_curves
from srbench.verify.row_images import is_of_a_plugin, submitted_generator
from srbench.verify.stored import RecordFile, suite_key


def can_recompute_curve(record: Record, contents: Contents) -> bool:
    """Whether both ends of the curve are here, and the warm-start row of its seed."""
    here = all(artifact.sha256 in contents.generators for artifact in record.generators)
    return here and not is_of_a_plugin(record) and _warm_start(record, contents) is not None


def curve_differences(record: Record, suite: Suite, contents: Contents) -> Iterator[Difference]:
    """Everything about a row's curve that does not fit together, apart from its scores."""
    if record.status == "failed":
        return
    wanted = suite.curve if record.loss.kind is RowKind.TRAINED else ()
    stated = tuple(point.coefficient for point in record.curve)
    if stated != wanted:
        message = f"its curve has points at {_list(stated)}, the suite's are {_list(wanted)}"
        yield Difference(what="record", message=message)
    for point in record.curve:
        yield from _incomplete(record, point, wanted_along_curves(record, suite))
    row = _warm_start(record, contents) if record.curve else None
    begins = record.artifacts["warm-start"].sha256 if record.curve else ""
    if row is not None and all(a.sha256 != begins for a in row.generators):
        message = "its curve begins at another generator than the warm start of its seed"
        yield Difference(what="generator", message=message)


def point_upscaler(
    contents: Contents, record: Record, suite: Suite, point: Interpolated, device: str
) -> Upscaler:
    """What makes the images of one point of the curve.

    Raises:
        SubmissionError: a generator's file is not what it must be.
    """
    start = submitted_generator(contents, record, suite, "warm-start").network
    trained: TrainedGenerator = submitted_generator(contents, record, suite, "generator")
    end = trained.network
    end.load_state_dict(interpolate(start.state_dict(), end.state_dict(), point.coefficient))
    return published(trained, device=device)


def place(dataset: str, point: Interpolated) -> str:
    """How notes and differences name a point's scores: ``set5 at 0.5``."""
    return f"{dataset} at {point.coefficient:g}"


def _warm_start(record: Record, contents: Contents) -> RecordFile | None:
    wanted = (suite_key(record), RowKind.WARM_START, record.seed)
    rows = contents.records.files.values()
    return next((r for r in rows if (r.suite, r.kind, r.seed) == wanted), None)


def _incomplete(
    record: Record, point: Interpolated, wanted: Collection[str]
) -> Iterator[Difference]:
    """Scores by ``wanted`` metrics that the row has and this point lacks without a reason."""
    for dataset, end in record.scores.items():
        there = point.scores.get(dataset)
        where = place(dataset, point)
        for metric in sorted(set(end.metrics) & set(wanted) - set(there.metrics if there else ())):
            if not excused(record, where, metric):
                message = f"{metric!r:.80} on {where!r:.80}: the row has it, its curve has not"
                yield Difference(what="metric", dataset=where, metric=metric, message=message)


def _list(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "none"
