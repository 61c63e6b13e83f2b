"""The scoring worker: makes the SR images of trained generators and scores them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from srbench.contract import MetricSpec
from srbench.data import Dataset, find_dataset
from srbench.host import discover
from srbench.imaging import bicubic_image, pixels_sha256, write_image
from srbench.metrics.determinism import one_thread
from srbench.metrics.score import ImagePair, ScoreError, Scorer
from srbench.models.files import TrainedGenerator
from srbench.models.images import Upscaler, published
from srbench.records import RowKind
from srbench.records.layout import HR_FOLDER, OutFolder
from srbench.run.plan.tasks import ScoringTask, TargetTask
from srbench.run.work.generators import generator_of, trained_network
from srbench.run.work.lr_images import LrImages
from srbench.run.work.sources import KeptImages, PointImages, Source
from srbench.run.work.stage import Stage
from srbench.run.writing import read_json, write_json

Alive = Callable[[int, int], None]


def run_scoring(stage: Stage[ScoringTask]) -> dict[str, Any] | None:
    """Make the images and scores that the task lists; ``None`` where it was stopped before the end.

    Every score file is written as soon as its data set is done, so little is lost by a stop.
    """
    task, out, events, should_stop = stage.task, stage.out, stage.events, stage.should_stop
    scorers = _Scorers(task)
    by_dataset: dict[str, list[TargetTask]] = defaultdict(list)
    for target in task.targets:
        by_dataset[target.dataset].append(target)
    total, done = len(task.targets), 0

    def alive(*_: int) -> None:
        events.progress(done, 2 * total)  # a sign of life per image; the bar moves per target

    for name, targets in by_dataset.items():
        dataset = find_dataset(name)
        inputs = LrImages(dataset, task.scale)
        hr_folder = out.images(name, HR_FOLDER)
        _write_images(inputs, hr_folder, "hr", None, task.workers, alive)
        kept = [target for target in targets if not target.is_point]
        for target in kept:
            if should_stop():
                return None
            _make_images(target, inputs, out, task, alive)
            done += 1
            events.progress(done, 2 * total)
        for metrics, group in _by_metrics(kept).items():
            if should_stop():
                return None
            sources = {t.row: KeptImages(out.images(name, t.row)) for t in group}
            _score(scorers.of(metrics), group, dataset, hr_folder, out, alive, sources)
            done += len(group)
            events.progress(done, 2 * total)
        for point in (target for target in targets if target.is_point):
            if should_stop():
                return None
            made = {point.row: PointImages(point, inputs, out, task)}
            metrics = tuple(sorted(point.scores))
            _score(scorers.of(metrics), [point], dataset, hr_folder, out, alive, made)
            done += 2
            events.progress(done, 2 * total)
    return {"key": stage.job.key, "kind": stage.job.kind.name}


def _make_images(
    target: TargetTask,
    inputs: LrImages,
    out: OutFolder,
    task: ScoringTask,
    alive: Alive,
) -> None:
    folder = out.images(target.dataset, target.row)
    upscaler: Upscaler | None
    if target.kind is RowKind.HR:
        upscaler = None
    elif target.kind is RowKind.BICUBIC:
        upscaler = partial(bicubic_image, scale=task.scale)
    else:
        assert target.training is not None
        network = trained_network(out.generator(target.training), task)
        trained = TrainedGenerator(network=network, generator=generator_of(task))
        upscaler = published(trained, device=task.device)
    _write_images(inputs, folder, target.identity, upscaler, task.workers, alive)


def _write_images(
    inputs: LrImages,
    folder: Path,
    identity: str,
    upscaler: Upscaler | None,
    workers: int,
    alive: Alive,
) -> None:
    """One PNG per test image: what ``upscaler`` makes of its LR, or HR itself where it is None.

    The note beside them says what they are of and holds the hashes of their pixels.
    """
    note = folder / ".source.json"
    dataset = inputs.dataset
    wanted = {"identity": identity, "dataset": dataset.manifest().sha256}
    before = read_json(note)
    if before is not None and before == {**wanted, "pixels": before.get("pixels")}:
        return
    note.unlink(missing_ok=True)  # until the new images are all there, this folder is nobody's

    def make(index: int) -> str:
        image = inputs.hr(index) if upscaler is None else upscaler(inputs.lr(index))
        write_image(folder / f"{dataset.names[index]}.png", image)
        return pixels_sha256(image)

    # At least two: compressing a PNG takes longer than a small generator does.
    with ThreadPoolExecutor(max(2, workers), initializer=one_thread) as pool:
        pixels = {}
        for name, sha256 in zip(dataset.names, pool.map(make, range(len(dataset))), strict=True):
            pixels[name] = sha256
            alive(len(pixels), len(dataset))
    write_json(note, {**wanted, "pixels": pixels})


def _by_metrics(
    targets: Sequence[TargetTask],
) -> dict[tuple[str, ...], list[TargetTask]]:
    groups: dict[tuple[str, ...], list[TargetTask]] = defaultdict(list)
    for target in targets:
        if target.scores:
            groups[tuple(sorted(target.scores))].append(target)
    return groups


class _Scorers:
    """Builds the metrics of each combination once."""

    def __init__(self, task: ScoringTask) -> None:
        self._task = task
        self._registry = discover()
        self._built: dict[tuple[str, ...], _Metrics] = {}

    def of(self, names: tuple[str, ...]) -> _Metrics:
        if names not in self._built:
            specs = [self._registry.metric(name).spec for name in names]
            scorer = Scorer(
                specs,
                protocol=self._task.protocol,
                scale=self._task.scale,
                device=self._task.device,
            )
            self._built[names] = _Metrics(specs, scorer, self._task.workers)
        return self._built[names]


@dataclass(frozen=True, slots=True)
class _Metrics:
    specs: list[MetricSpec]
    scorer: Scorer
    workers: int


def _score(
    metrics: _Metrics,
    group: Sequence[TargetTask],
    dataset: Dataset,
    hr_folder: Path,
    out: OutFolder,
    alive: Alive,
    sources: Mapping[str, Source],
) -> None:
    try:
        scores = metrics.scorer.score(
            _pairs(metrics.specs, group, dataset, hr_folder, sources),
            workers=metrics.workers,
            progress=alive,
        )
    except ScoreError as error:
        if len(group) == 1 and len(metrics.specs) == 1:
            # The row lacks this score and says why; the other rows and metrics go on.
            key = group[0].scores[metrics.specs[0].name]
            write_json(out.score_error(key), {"message": error.what})
            return
        _score_one_by_one(metrics, group, dataset, hr_folder, out, alive, sources)
        return
    for target in group:
        pixels = sources[target.row].pixels()
        for spec in metrics.specs:
            per_image = {name: scores[spec.name][f"{target.row}/{name}"] for name in dataset.names}
            key = target.scores[spec.name]
            write_json(
                out.scores(key),
                {
                    "version": spec.version,
                    "lower_is_better": spec.lower_is_better,
                    "mean": math.fsum(per_image.values()) / len(per_image),
                    "per_image": per_image,
                    "pixels": pixels,
                },
            )
            out.score_error(key).unlink(missing_ok=True)


def _score_one_by_one(
    metrics: _Metrics,
    group: Sequence[TargetTask],
    dataset: Dataset,
    hr_folder: Path,
    out: OutFolder,
    alive: Alive,
    sources: Mapping[str, Source],
) -> None:
    for target in group:
        for spec in metrics.specs:
            alone = replace(metrics, specs=[spec], scorer=metrics.scorer.only(spec.name))
            _score(alone, [target], dataset, hr_folder, out, alive, sources)


def _pairs(
    specs: Sequence[MetricSpec],
    group: Sequence[TargetTask],
    dataset: Dataset,
    hr_folder: Path,
    sources: Mapping[str, Source],
) -> list[ImagePair]:
    full = any(spec.reference == "full" for spec in specs)
    return [
        ImagePair(
            name=f"{target.row}/{name}",
            sr=sources[target.row].image(name),
            hr=hr_folder / f"{name}.png" if full else None,
        )
        for target in group
        for name in dataset.names
    ]
