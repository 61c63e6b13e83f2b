"""Which test images are shown, where their files lie, and how each row did on them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srbench.records import Record, RowKind
from srbench.records.derived import Derived
from srbench.records.layout import HR_FOLDER, OutFolder, row_folder
from srbench.report.model import Leaderboard, Row
from srbench.report.render.site.generators import inside
from srbench.report.render.site.media import Media
from srbench.report.render.site.media_index import ImageGroup, Picture
from srbench.report.render.site.names import slugs
from srbench.report.render.site.sources import Source


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownImage:
    """A test image that has a page.

    Attributes:
        slug: of its page's file name.
        group: its pictures; ``None`` where none were found.
        runs: label -> the run whose picture and scores the page shows.
    """

    dataset: str
    name: str
    slug: str
    group: ImageGroup | None
    runs: Mapping[str, Record]


def shown_runs(board: Leaderboard, sources: Mapping[int, Source]) -> dict[str, Source]:
    """For each row the run that is shown: its first seed, at the content scale it stands at."""
    found: dict[str, Source] = {}
    scales = {row.label: row.scale for row in board.rows}
    for record in board.records:  # sorted by label, scale and seed
        label = record.loss.label
        if record.scores and record.content_scale == scales[label] and label not in found:
            found[label] = sources[id(record)]
    return {row.label: found[row.label] for row in board.rows if row.label in found}


def collect_images(
    board: Leaderboard, runs: Mapping[str, Source], media: Media, count: int
) -> list[ShownImage]:
    """The images that are shown, ``count`` of each data set, with their pictures."""
    shown = []
    for dataset in board.datasets:
        place = f"{board.suite}/{board.suite_sha256[:12]}/{dataset}/"
        having = {label: s for label, s in runs.items() if dataset in s.record.scores}
        names = choose_images(board, dataset, count)
        wanted = (picture_of(s, dataset, name) for s in having.values() for name in names)
        if any(picture.file is None for picture in wanted):
            # Of published rows there are no other pictures than those that were shown.
            names = choose_images(board, dataset, count, media.shown_before(place))
        files = slugs(names)
        for name in names:
            paths = {label: picture_of(s, dataset, name) for label, s in having.items()}
            if having and (RowKind.HR not in paths or paths[RowKind.HR].file is None):
                ground_truths = [_hr(s, dataset, name) for s in having.values()]
                paths[RowKind.HR] = max(ground_truths, key=lambda p: p.file is not None)
            shown.append(
                ShownImage(
                    dataset=dataset,
                    name=name,
                    slug=files[name],
                    group=media.group(place + name, paths),
                    runs={label: s.record for label, s in having.items()},
                )
            )
    return shown


def choose_images(
    board: Leaderboard, dataset: str, count: int, before: Collection[str] = ()
) -> list[str]:
    """``count`` images, evenly spaced from the easiest to the hardest, so that none is picked.

    Difficulty is the mean score of the rows that a loss trained, by the rank metric (or the first
    metric there is). Those that were shown ``before`` are taken, if they are as many. The names
    come back in alphabetical order.
    """
    records = [r for r in board.records if dataset in r.scores and r.loss.terms]
    records = records or [r for r in board.records if dataset in r.scores]
    names = sorted(records[0].scores[dataset].images)
    kept = [name for name in names if name in before]
    if count > 0 and len(kept) == count:
        return kept
    if len(names) <= count or count < 1:
        return names[:count]
    metrics = records[0].scores[dataset].metrics
    metric = board.rank_metric if board.rank_metric in metrics else next(iter(metrics), None)
    if metric is None:
        return names[:count]
    having = [r for r in records if metric in r.scores[dataset].metrics]
    per_image = [r.scores[dataset].metrics[metric].per_image for r in having]
    hardness = {name: math.fsum(scores[name] for scores in per_image) for name in names}
    ordered = sorted(names, key=lambda name: (hardness[name], name))
    places = [round(i * (len(names) - 1) / max(1, count - 1)) for i in range(count)]
    return sorted(ordered[place] for place in places)


def picture_of(source: Source, dataset: str, image: str) -> Picture:
    """A run's lossless image below its out folder, and what it must show."""
    record = source.record
    if record.loss.kind is RowKind.HR:
        return _hr(source, dataset, image)
    row = row_folder(record.loss.label, record.seed, record.content_scale)
    generator = record.artifacts.get("generator")
    made_by = str(record.loss.kind) if generator is None else generator.sha256
    stated = record.scores[dataset].pixels_sha256.get(image)
    if stated is None:
        return _noted(source, dataset, row, image, made_by)
    return Picture(file=_file(source, dataset, row, image), pixels=stated, of=stated)


def _hr(source: Source, dataset: str, image: str) -> Picture:
    return _noted(source, dataset, HR_FOLDER, image, RowKind.HR)


def _noted(source: Source, dataset: str, row: str, image: str, made_by: str) -> Picture:
    """Where the record states no pixels, the note beside the images says of what they are."""
    manifest = source.record.scores[dataset].manifest_sha256
    note = Derived(OutFolder(source.out).images(dataset, row)).read()
    of, pixels = note.get("of"), note.get("pixels")
    is_this = isinstance(of, dict) and (of.get("identity"), of.get("dataset")) == (
        made_by,
        manifest,
    )
    hashes = pixels if is_this and isinstance(pixels, dict) else {}
    file = _file(source, dataset, row, image) if image in hashes else None
    return Picture(file=file, pixels=hashes.get(image, ""), of=f"{made_by} {manifest}")


def _file(source: Source, dataset: str, row: str, image: str) -> Path | None:
    wanted = OutFolder(source.out).images(dataset, row) / f"{image}.png"
    path = inside(source.out, wanted.relative_to(source.out).as_posix())
    return path if path is not None and path.is_file() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Notable:
    """An image on which a row did well or badly next to the others.

    Attributes:
        score: of the row's shown run.
        others: mean of the rows that a loss trained, this one left out.
    """

    image: ShownImage
    score: float
    others: float


def best_and_worst(
    board: Leaderboard, row: Row, images: Sequence[ShownImage], count: int = 3
) -> tuple[list[Notable], list[Notable]]:
    """Shown images where the row gains and loses most against the others, by the rank metric.

    In relative terms: the easiest images would be every row's best otherwise.
    """
    trained = [r.label for r in board.rows if r.trained]
    found = []
    for image in images:
        scores = {
            label: run.scores[image.dataset].metrics[board.rank_metric].per_image[image.name]
            for label, run in image.runs.items()
            if board.rank_metric in run.scores[image.dataset].metrics
        }
        others = [scores[label] for label in trained if label in scores and label != row.label]
        if row.label in scores and others:
            mean = math.fsum(others) / len(others)
            found.append(Notable(image=image, score=scores[row.label], others=mean))
    if not found:
        return [], []
    sign = 1.0 if board.metric(board.rank_metric).lower_is_better else -1.0
    found.sort(key=lambda n: (sign * (n.score - n.others), n.image.dataset, n.image.name))
    half = min(count, (len(found) + 1) // 2)
    worst = found[half:][-count:]
    return found[:half], worst[::-1]
