"""The scoring worker: makes the SR images of trained generators and scores them."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from srbench.contract import MetricSpec
from srbench.data import Dataset, find_dataset
from srbench.devices import phase
from srbench.errors import DataError, OutOfMemory, SrbenchError
from srbench.files import locked
from srbench.host import discover
from srbench.imaging import bicubic_image, pixels_sha256, write_image
from srbench.metrics.determinism import one_thread
from srbench.metrics.pairs import ImagePair
from srbench.metrics.score import Scorer
from srbench.models.files import TrainedGenerator
from srbench.models.images import Upscaler, published
from srbench.records import RowKind
from srbench.records.derived import Derived
from srbench.records.layout import HR_FOLDER, OutFolder
from srbench.run.images import image_source, images_are
from srbench.run.plan.tasks import ScoringTask, TargetTask
from srbench.run.work.generators import generator_of, trained_network
from srbench.run.work.lr_images import LrImages
from srbench.run.work.sources import KeptImages, PointImages, Source
from srbench.run.work.stage import Stage
from srbench.run.writing import write_json

Alive = Callable[[int, int], None]

ROWS_AT_ONCE = 12
"""Rows whose scores are written together. They share what the metrics compute of an HR image."""


@phase("scoring")
def run_scoring(stage: Stage[ScoringTask]) -> dict[str, Any] | None:
    """Make the images and scores that the task lists; ``None`` where it was stopped before the end.

    Score files are written a few rows at a time, so little is lost by a stop.
    """
    task, out, events, should_stop = stage.task, stage.out, stage.events, stage.should_stop
    scorers = _Scorers(stage)
    by_dataset: dict[str, list[TargetTask]] = defaultdict(list)
    for target in task.targets:
        by_dataset[target.dataset].append(target)
    total, done = len(task.targets), 0

    def alive(*_: int) -> None:
        events.progress(done, 2 * total)  # a sign of life per image; the bar moves per target

    for name, targets in by_dataset.items():
        dataset = find_dataset(name)
        _check_unchanged(dataset, targets)
        inputs = LrImages(dataset, task.scale)
        hr_folder = out.images(name, HR_FOLDER)
        # Several of these jobs may run at once, and share these images alone.
        with locked(hr_folder.with_name(f".{HR_FOLDER}.lock"), "writes HR images"):
            _write_images(inputs, hr_folder, RowKind.HR, lambda: None, task, alive)
        kept = [target for target in targets if not target.is_point]
        for target in kept:
            if should_stop():
                return None
            _make_images(target, inputs, stage, alive)
            done += 1
            events.progress(done, 2 * total)
        for metrics, group in _by_metrics(kept):
            if should_stop():
                return None
            sources = {t.row: KeptImages(out.images(name, t.row)) for t in group}
            _score(scorers.of(metrics, group), group, dataset, hr_folder, out, alive, sources)
            done += len(group)
            events.progress(done, 2 * total)
        for point in (target for target in targets if target.is_point):
            if should_stop():
                return None
            made = {point.row: PointImages(point, inputs, stage)}
            metrics = tuple(sorted(point.scores))
            _score(scorers.of(metrics, [point]), [point], dataset, hr_folder, out, alive, made)
            done += 2
            events.progress(done, 2 * total)
    return {"key": stage.job.key, "kind": stage.job.kind.name}


def _make_images(
    target: TargetTask, inputs: LrImages, stage: Stage[ScoringTask], alive: Alive
) -> None:
    out, task = stage.out, stage.task

    def upscaler() -> Upscaler | None:
        if target.kind is RowKind.HR:
            return None
        if target.kind is RowKind.BICUBIC:
            return partial(bicubic_image, scale=task.scale)
        assert target.training is not None
        network = trained_network(out.generator(target.training), task)
        trained = TrainedGenerator(network=network, generator=generator_of(task))
        return published(trained, device=task.device, tile=stage.fit.tile)

    folder = out.images(target.dataset, target.row)
    _write_images(inputs, folder, target.identity, upscaler, task, alive)


def _write_images(
    inputs: LrImages,
    folder: Path,
    identity: str,
    build: Callable[[], Upscaler | None],
    task: ScoringTask,
    alive: Alive,
) -> None:
    """One PNG per test image: what the upscaler makes of its LR, or HR itself where it is None.

    The note beside them says what they are of and holds the hashes of their pixels.
    """
    dataset = inputs.dataset
    source = image_source(identity, dataset.manifest().sha256, task.scale)
    if images_are(folder, source):
        return
    upscaler = build()
    kept = Derived(folder)
    kept.forget()  # until the new images are all there, this folder is nobody's
    for old in folder.glob("*.png"):
        old.unlink()

    def make(index: int) -> str:
        image = inputs.hr(index) if upscaler is None else upscaler(inputs.lr(index))
        write_image(folder / f"{dataset.names[index]}.png", image)
        return pixels_sha256(image)

    # At least two: compressing a PNG takes longer than a small generator does.
    with ThreadPoolExecutor(max(2, task.workers), initializer=one_thread) as pool:
        pixels = {}
        for name, sha256 in zip(dataset.names, pool.map(make, range(len(dataset))), strict=True):
            pixels[name] = sha256
            alive(len(pixels), len(dataset))
    kept.note(source, pixels=pixels)


def _check_unchanged(dataset: Dataset, targets: Sequence[TargetTask]) -> None:
    """What is scored now would be filed under what the plan saw."""
    if any(target.manifest != dataset.manifest().sha256 for target in targets):
        raise DataError(
            f"expected the images of {targets[0].dataset!r} as they were when the run began, got "
            "others: they were changed meanwhile",
            "run the same command again; nothing that is trained is lost",
        )


def _by_metrics(
    targets: Sequence[TargetTask],
) -> Iterator[tuple[tuple[str, ...], list[TargetTask]]]:
    """Rows that lack the same metrics, few at a time: what a stop may lose."""
    groups: dict[tuple[str, ...], list[TargetTask]] = defaultdict(list)
    for target in targets:
        if target.scores:
            groups[tuple(sorted(target.scores))].append(target)
    for metrics, group in groups.items():
        for start in range(0, len(group), ROWS_AT_ONCE):
            yield metrics, group[start : start + ROWS_AT_ONCE]


class _Scorers:
    """Builds the metrics of each combination once."""

    def __init__(self, stage: Stage[ScoringTask]) -> None:
        self._task = stage.task
        self._out = stage.out
        self._device = "cpu" if stage.fit.metrics_on_cpu else stage.task.device
        self._registry = discover()
        self._built: dict[tuple[str, ...], _Metrics] = {}
        self._broken: dict[str, SrbenchError] = {}

    def of(self, names: tuple[str, ...], group: Sequence[TargetTask]) -> _Metrics | None:
        """Those of ``names`` that can be built; the rows lack the others' scores and say why."""
        for name in names:
            if name not in self._broken:
                self._try(name)
        for target, name in itertools.product(group, set(names) & set(self._broken)):
            _leave_error(self._out, target, name, self._broken[name])
        whole = tuple(name for name in names if name not in self._broken)
        if not whole:
            return None
        if whole not in self._built:
            self._built[whole] = self._build(whole)
        return self._built[whole]

    def _try(self, name: str) -> None:
        if any(name in names for names in self._built):
            return
        try:
            self._built[(name,)] = self._build((name,))
        except SrbenchError as error:
            self._broken[name] = error

    def _build(self, names: tuple[str, ...]) -> _Metrics:
        specs = [self._registry.metric(name).spec for name in names]
        scorer = Scorer(
            specs,
            protocol=self._task.protocol,
            scale=self._task.scale,
            device=self._device,
        )
        return _Metrics(specs, scorer, self._task.workers)


@dataclass(frozen=True, slots=True)
class _Metrics:
    specs: list[MetricSpec]
    scorer: Scorer
    workers: int


def _score(
    metrics: _Metrics | None,
    group: Sequence[TargetTask],
    dataset: Dataset,
    hr_folder: Path,
    out: OutFolder,
    alive: Alive,
    sources: Mapping[str, Source],
) -> None:
    """Write the group's scores. A metric that fails on an image costs that row's score alone."""
    if metrics is None:
        return
    failures: dict[tuple[str, str], SrbenchError] = {}

    def failed(metric: str, pair: str, error: SrbenchError) -> None:
        if isinstance(error, OutOfMemory):
            raise error  # the job is tried again with less
        failures.setdefault((metric, pair.partition("/")[0]), error)

    scores = metrics.scorer.score(
        _pairs(metrics.specs, group, dataset, hr_folder, sources),
        workers=metrics.workers,
        progress=alive,
        on_failure=failed,
    )
    for target, spec in itertools.product(group, metrics.specs):
        error = failures.get((spec.name, target.row))
        if error is not None:
            _leave_error(out, target, spec.name, error)
            continue
        per_image = {name: scores[spec.name][f"{target.row}/{name}"] for name in dataset.names}
        key = target.scores[spec.name]
        write_json(
            out.scores(key),
            {
                "key": key,
                "version": spec.version,
                "lower_is_better": spec.lower_is_better,
                "mean": math.fsum(per_image.values()) / len(per_image),
                "per_image": per_image,
                "pixels": sources[target.row].pixels(),
            },
        )
        out.score_error(key).unlink(missing_ok=True)


def _leave_error(out: OutFolder, target: TargetTask, metric: str, error: SrbenchError) -> None:
    """The row lacks this score and says why; the other rows and metrics go on."""
    key = target.scores[metric]
    write_json(out.score_error(key), {"key": key, "message": error.what})


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
