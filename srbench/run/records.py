"""From job results and score files to records: cheap, so it is done anew after every run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from srbench.imaging import image_size
from srbench.records import (
    Artifact,
    CalibrationInfo,
    Cost,
    CurvePoint,
    DatasetScores,
    Environment,
    Failure,
    Interpolated,
    LossInfo,
    MetricScores,
    Record,
    RowKind,
    SuiteInfo,
    ValidationPoint,
    WeightInfo,
    metric_info,
    record_key,
    write_record,
)
from srbench.records.layout import HR_FOLDER, OutFolder
from srbench.records.starts import KEY
from srbench.run.exec.failures import read_failure
from srbench.run.freshness import Sources
from srbench.run.plan.environment import describe_environment
from srbench.run.plan.planning import Cell, Plan
from srbench.run.plan.rows import loss_info
from srbench.run.plan.targets import Target, stale_hr
from srbench.run.superseded import ADDED, manifests_of, supersede
from srbench.run.writing import read_json, read_result, read_scores
from srbench.settings import expand_losses

MAX_LOG_POINTS = 200


def assemble_records(plan: Plan, out: OutFolder, found: Sequence[Target]) -> list[Path]:
    """Write one record per cell that has scores or a failure; returns the files.

    A record whose sources are unchanged since it was written is left as it is: a rerun of a large,
    finished suite then answers in seconds.
    """
    by_cell: dict[int, list[Target]] = {}
    for target in found:
        by_cell.setdefault(id(target.cell), []).append(target)
    assembler = _Assembler(plan, out)
    sources = Sources(plan, out)
    paths = []
    for cell in plan.cells:
        mine = by_cell.get(id(cell), [])
        path = out.records / f"{assembler.key(cell)}.json"
        if not sources.unchanged(path, cell, mine):
            record = assembler.record(cell, mine)
            if record is None:
                continue
            write_record(record, out.records)
            sources.note(path, cell, mine)
        paths.append(path)
    sources.save()
    supersede(plan, out, {path.stem for path in paths})
    return paths


class _Assembler:
    """Holds what all records of a plan share."""

    def __init__(self, plan: Plan, out: OutFolder) -> None:
        self.plan = plan
        self.out = out
        suite = plan.suite
        self.labels = {row.label for row in expand_losses(suite)}
        self.suite = SuiteInfo(
            name=suite.name,
            version=suite.version,
            sha256=suite.conditions,
            track=suite.track,
            document=suite.model_dump(mode="json", by_alias=True),
        )
        self.manifests = manifests_of(plan)
        self.stale_hr = stale_hr(plan, out)
        self.sizes: dict[str, dict[str, tuple[int, int]]] = {}
        self.here = describe_environment(threads=plan.threads, gpu=None)

    def record(self, cell: Cell, found: list[Target]) -> Record | None:
        """The cell's record; ``None`` while its work is unfinished but has not failed."""
        result = None if cell.training is None else read_result(self.out, cell.training)
        failure = None
        if cell.training is not None and result is None:
            failure = read_failure(self.out, cell.training)
            if failure is None:
                return None
        scores = self._by_dataset(t for t in found if not t.generator.is_point)
        if failure is None and not scores:
            return None
        curve = self._curve(found, scores)
        errors = self._score_errors(found)
        return self._record(cell, result or {}, scores, curve, failure, errors)

    def _by_dataset(self, found: Iterable[Target]) -> dict[str, DatasetScores]:
        return {t.dataset: s for t in found if (s := self._scores(t)) is not None}

    def _curve(
        self, found: Sequence[Target], ends: Mapping[str, DatasetScores]
    ) -> tuple[Interpolated, ...]:
        points = []
        for coefficient in self.plan.suite.curve:
            here = [t for t in found if t.generator.coefficient == coefficient]
            scores = {
                dataset: point
                for dataset, scores in self._by_dataset(here).items()
                if dataset in ends and (point := _as_point(scores, ends[dataset])).metrics
            }
            if scores:
                points.append(Interpolated(coefficient=coefficient, scores=scores))
        return tuple(points)

    def _record(
        self,
        cell: Cell,
        result: Mapping[str, Any],
        scores: dict[str, DatasetScores],
        curve: tuple[Interpolated, ...],
        failure: Failure | None,
        score_errors: list[str],
    ) -> Record:
        loss = loss_info(cell.row)
        extra = (
            cell.row.kind is RowKind.TRAINED
            and not loss.reference
            and loss.label not in self.labels
        )
        calibration, cost = result.get("calibration"), result.get("cost")
        collapsed = result.get("collapsed")
        return Record(
            key=self.key(cell),
            suite=self.suite,
            loss=_with_weights(loss, result.get("weights", [])),
            seed=cell.seed,
            content_scale=cell.content_scale,
            status="failed" if failure else "collapsed" if collapsed else "finished",
            error=failure,
            protocol=self.plan.suite.protocol,
            calibration=CalibrationInfo.model_validate(calibration) if calibration else None,
            scores=scores,
            curve=curve,
            validation=_points(result.get("validation", [])),
            validation_curve=self._walk(cell),
            log=_points(result.get("log", [])),
            game=_points(result.get("game", [])),
            cost=Cost.model_validate(cost) if cost else None,
            environment=(
                Environment.model_validate(result["environment"]) if result else self.here
            ),
            data=self.manifests,
            artifacts=self._artifacts(cell, result, with_warm_start=bool(curve or cell.start)),
            keys={
                **({"training": cell.training} if cell.training else {}),
                **({KEY: cell.start.warm_start} if cell.start else {}),
            },
            metrics={
                metric.spec.name: metric_info(metric.spec)
                for metric in self.plan.metrics
                if any(metric.spec.name in found.metrics for found in scores.values())
            },
            notes=(
                *((f"stopped as collapsed: {collapsed}",) if collapsed else ()),
                *result.get("notes", ()),
                *((ADDED,) if extra else ()),
                *score_errors,
            ),
        )

    def _walk(self, cell: Cell) -> tuple[ValidationPoint, ...]:
        found = (read_json(self.out.result(cell.walk)) if cell.walk else None) or {}
        return tuple(ValidationPoint.model_validate(p) for p in found.get("points", ()))

    def key(self, cell: Cell) -> str:
        """Key of the cell's record."""
        return record_key(
            suite=self.suite.name,
            version=self.suite.version,
            label=cell.row.label,
            seed=cell.seed,
            content_scale=cell.content_scale,
        )

    def _scores(self, target: Target) -> DatasetScores | None:
        metrics: dict[str, MetricScores] = {}
        pixels: dict[str, str] = {}
        for name, key in target.scores.items():
            document = read_scores(self.out, key)
            if document is not None:
                del document["key"]
                pixels = document.pop("pixels", {})
                metrics[name] = MetricScores.model_validate(document)
        if not metrics:
            return None
        images = tuple(sorted(next(iter(metrics.values())).per_image))
        return DatasetScores(
            images=images,
            manifest_sha256=self.plan.inputs.test[target.dataset],
            sizes=self._sizes_of(target.dataset, images),
            metrics=metrics,
            pixels_sha256=pixels,
            trained_on=self._trained_on(target),
            unscorable={
                metric: reason
                for (dataset, metric), reason in self.plan.inputs.unscorable.items()
                if dataset == target.dataset
            },
        )

    def _trained_on(self, target: Target) -> tuple[str, ...]:
        trained = target.cell.training is not None
        return self.plan.inputs.leaks.get(target.dataset, ()) if trained else ()

    def _score_errors(self, found: list[Target]) -> list[str]:
        errors = []
        for target in found:
            where = target.dataset
            if target.generator.is_point:
                where += f" at {target.generator.coefficient:g}"
            for metric in target.missing(self.out):
                key = target.scores[metric]
                document = read_json(self.out.score_error(key))
                if isinstance(document, dict) and document.get("key") == key:
                    errors.append(f"no {metric} on {where}: {document['message']}")
        return errors

    def _sizes_of(self, dataset: str, images: tuple[str, ...]) -> dict[str, tuple[int, int]]:
        if dataset not in self.sizes:
            folder = self.out.images(dataset, HR_FOLDER)
            there = dataset not in self.stale_hr  # else scoring failed, which is told elsewhere
            self.sizes[dataset] = (
                {name: image_size(folder / f"{name}.png") for name in images} if there else {}
            )
        return self.sizes[dataset]

    def _artifacts(
        self, cell: Cell, result: Mapping[str, Any], *, with_warm_start: bool
    ) -> dict[str, Artifact]:
        if cell.training is None or not result:
            return {}
        found = {"generator": self._artifact(cell.training, result)}
        if with_warm_start and cell.warm is not None:
            warm = read_result(self.out, cell.warm)
            assert warm is not None  # the row was trained from it
            found["warm-start"] = self._artifact(cell.warm, warm)
        return found

    def _artifact(self, training: str, result: Mapping[str, Any]) -> Artifact:
        path = self.out.generator(training).relative_to(self.out.root)
        generator = result["generator"]
        return Artifact(path=path.as_posix(), sha256=generator["sha256"], bytes=generator["bytes"])


def _as_point(scores: DatasetScores, end: DatasetScores) -> DatasetScores:
    """Without what the row lacks or states itself: metrics that fail on it, and image sizes."""
    metrics = {name: metric for name, metric in scores.metrics.items() if name in end.metrics}
    return scores.model_copy(update={"metrics": metrics, "sizes": {}})


def _with_weights(loss: LossInfo, weights: list[Any]) -> LossInfo:
    return loss.model_copy(
        update={"weights": tuple(WeightInfo.model_validate(item) for item in weights)}
    )


def _points(points: list[Any]) -> tuple[CurvePoint, ...]:
    step = max(1, -(-len(points) // MAX_LOG_POINTS))
    kept = points[::-1][::step][::-1]  # from the end: the last point is always kept
    return tuple(CurvePoint.model_validate(point) for point in kept)
