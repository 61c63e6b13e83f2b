"""What there is to score: which generator, on which data set, by which metric, is not scored yet.

Scores are content-addressed like training: by the generator's hash, the protocol, the metric and
its version, and the test images. A new metric or a new test set trains nothing. A point of a curve
has the hashes of both generators and its coefficient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from srbench.host import RegisteredMetric
from srbench.records import RowKind
from srbench.records.layout import HR_FOLDER, OutFolder, row_folder
from srbench.run.images import image_source, images_are
from srbench.run.plan.jobs import Job, make_job
from srbench.run.plan.kinds import SCORING
from srbench.run.plan.planning import Cell, Plan
from srbench.run.plan.tasks import ScoringTask, TargetTask
from srbench.run.writing import read_result, read_scores
from srbench.settings.canonical import content_key


@dataclass(frozen=True, kw_only=True, slots=True)
class Generator:
    """What makes the images of a target.

    Attributes:
        identity: sha256 of the generator's file; the row's kind where there is none.
        warm: sha256 of its warm start's, for a point of its curve.
        coefficient: how far from the warm start; 1: the trained generator itself.
    """

    identity: str
    warm: str | None = None
    coefficient: float = 1.0

    @property
    def is_point(self) -> bool:
        """Whether it lies between two generators."""
        return self.coefficient < 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One cell, or one point of its curve, on one data set, and the score files that it needs.

    Attributes:
        row: folder name, see :func:`srbench.records.layout.row_folder`.
        scores: metric name -> key of its score file.
        source: what its images are made of.
    """

    cell: Cell
    row: str
    dataset: str
    generator: Generator
    scores: dict[str, str]
    source: dict[str, object]

    def missing(self, out: OutFolder) -> list[str]:
        """Metrics that are not scored yet."""
        return [name for name, key in self.scores.items() if read_scores(out, key) is None]

    def images_ready(self, out: OutFolder) -> bool:
        """Whether this generator's images are all there; those of a curve's points are not kept."""
        if self.generator.is_point:
            return True
        return images_are(out.images(self.dataset, self.row), self.source)


def targets(plan: Plan, out: OutFolder) -> list[Target]:
    """Every cell of the plan whose generator exists, and its curve, on every test set."""
    return [
        Target(
            cell=cell,
            row=row_folder(cell.row.label, cell.seed, cell.content_scale),
            dataset=dataset,
            generator=generator,
            scores={
                metric.spec.name: _score_key(plan, generator, dataset, metric)
                for metric in applicable_metrics(plan, cell, dataset, point=generator.is_point)
            },
            source=image_source(generator.identity, plan.inputs.test[dataset], plan.suite.scale),
        )
        for cell in plan.cells
        for generator in _generators(plan, cell, out)
        for dataset in plan.suite.data.test
    ]


def applicable_metrics(
    plan: Plan, cell: Cell, dataset: str, *, point: bool = False
) -> list[RegisteredMetric]:
    """All metrics that can score the data set.

    For ``hr`` only those that need no reference, for a point of a curve only those of curves.
    """
    able = [
        m
        for m in plan.metrics
        if (cell.row.kind.has_reference_scores or m.spec.reference == "none")
        and (dataset, m.spec.name) not in plan.inputs.unscorable
    ]
    wanted = plan.suite.curve_metrics if point else ()
    return [m for m in able if not wanted or m.spec.name in wanted]


def points_of(plan: Plan, cell: Cell) -> int:
    """How many points of a cell's curve are scored beside its own generator."""
    return len(plan.suite.curve) if cell.warm is not None else 0


def _generators(plan: Plan, cell: Cell, out: OutFolder) -> Iterator[Generator]:
    if cell.training is None:
        yield Generator(identity=cell.row.kind)
        return
    identity = _sha256(cell.training, out)
    if identity is None:
        return  # its training has not finished
    yield Generator(identity=identity)
    warm = None if cell.warm is None else _sha256(cell.warm, out)
    if warm is not None:
        for coefficient in plan.suite.curve:
            yield Generator(identity=identity, warm=warm, coefficient=coefficient)


def _sha256(training: str, out: OutFolder) -> str | None:
    result = read_result(out, training)
    return None if result is None else str(result["generator"]["sha256"])


def stale_hr(plan: Plan, out: OutFolder) -> set[str]:
    """Test sets whose HR images are not in the out folder as they are."""
    return {
        name
        for name, sha256 in plan.inputs.test.items()
        if not images_are(
            out.images(name, HR_FOLDER), image_source(RowKind.HR, sha256, plan.suite.scale)
        )
    }


def scoring_jobs(
    plan: Plan, out: OutFolder, wanted: Sequence[Target], count: int, workers: int
) -> list[Job]:
    """At most ``count`` jobs that make and score the images of ``wanted``, a row in one of them."""
    rows = list(dict.fromkeys(target.row for target in wanted))
    parts = [set(rows[first::count]) for first in range(min(count, len(rows)))]
    return [
        scoring_job(plan, out, [target for target in wanted if target.row in part], workers)
        for part in parts
    ]


def scoring_job(plan: Plan, out: OutFolder, wanted: Sequence[Target], workers: int) -> Job:
    """The job that makes and scores the images of ``wanted``; its key names its folder, no more."""
    targets = tuple(
        TargetTask(
            row=target.row,
            kind=target.cell.row.kind,
            dataset=target.dataset,
            identity=target.generator.identity,
            manifest=plan.inputs.test[target.dataset],
            training=target.cell.training,
            warm=target.cell.warm if target.generator.is_point else None,
            coefficient=target.generator.coefficient,
            scores={name: target.scores[name] for name in target.missing(out)},
        )
        for target in wanted
    )
    task = ScoringTask(
        device=plan.device,
        scale=plan.suite.scale,
        execution=plan.suite.execution.but(threads=plan.threads),
        limits=plan.suite.limits,
        protocol=plan.suite.protocol,
        generator=plan.generator,
        workers=workers,
        targets=targets,
    )
    made = [key for target in targets for key in (target.training, target.warm) if key]
    return make_job(SCORING, "scores", task, needs=tuple(dict.fromkeys(made)))


def made_by(job: Job, out: OutFolder) -> list[Path]:
    """Folders of images and files of scores that a scoring job leaves; of other jobs none."""
    if not isinstance(job.task, ScoringTask):
        return []
    targets = job.task.targets
    kept = {(target.dataset, target.row) for target in targets if not target.is_point}
    kept |= {(target.dataset, HR_FOLDER) for target in targets}
    keys = [key for target in targets for key in target.scores.values()]
    return [
        *(out.images(*names) for names in sorted(kept)),
        *(path for key in keys for path in (out.scores(key), out.score_error(key))),
    ]


def _score_key(plan: Plan, generator: Generator, dataset: str, metric: RegisteredMetric) -> str:
    made_by = {"generator": generator.identity}
    if generator.is_point:
        assert generator.warm is not None  # nothing is trained before its warm start
        made_by |= {"warm_start": generator.warm, "coefficient": repr(generator.coefficient)}
    return content_key(
        {
            "kind": "scores",
            **made_by,
            "scale": plan.suite.scale,
            "protocol": plan.suite.protocol,
            "dataset": plan.inputs.test[dataset],
            "metric": metric.spec.name,
            "version": metric.spec.version,
            "weights": {file.id: plan.inputs.weights[file] for file in metric.spec.weights},
        }
    )
