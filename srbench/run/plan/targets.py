"""What there is to score: which generator, on which data set, by which metric, is not scored yet.

Scores are content-addressed like training: by the generator's hash, the protocol, the metric and
its version, and the test images. A new metric or a new test set trains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from srbench.host import RegisteredMetric
from srbench.records.layout import OutFolder, row_folder
from srbench.run.plan.jobs import Job, make_job
from srbench.run.plan.kinds import SCORING
from srbench.run.plan.planning import Cell, Plan
from srbench.run.plan.tasks import ScoringTask, TargetTask
from srbench.run.writing import read_json
from srbench.settings.canonical import content_key


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One cell on one data set, and the score files that it needs.

    Attributes:
        row: folder name, see :func:`srbench.records.layout.row_folder`.
        identity: sha256 of the generator's file; the row's kind where there is none.
        scores: metric name -> key of its score file.
    """

    cell: Cell
    row: str
    dataset: str
    identity: str
    scores: dict[str, str]

    def missing(self, out: OutFolder) -> list[str]:
        """Metrics that are not scored yet."""
        return [name for name, key in self.scores.items() if not out.scores(key).exists()]

    def images_ready(self, out: OutFolder) -> bool:
        """Whether this generator's images are all there."""
        note = read_json(out.images(self.dataset, self.row) / ".source.json")
        return note is not None and note.get("identity") == self.identity and "pixels" in note


def targets(plan: Plan, out: OutFolder) -> list[Target]:
    """Every cell of the plan whose generator exists, on every test set."""
    found = []
    for cell in plan.cells:
        identity = generator_identity(cell, out)
        if identity is None:
            continue
        for dataset in plan.suite.data.test:
            found.append(
                Target(
                    cell=cell,
                    row=row_folder(cell.row.label, cell.seed, cell.content_scale),
                    dataset=dataset,
                    identity=identity,
                    scores={
                        metric.spec.name: _score_key(plan, identity, dataset, metric)
                        for metric in applicable_metrics(plan, cell)
                    },
                )
            )
    return found


def applicable_metrics(plan: Plan, cell: Cell) -> list[RegisteredMetric]:
    """All metrics; for ``hr`` only those that need no reference."""
    return [
        m for m in plan.metrics if cell.row.kind.has_reference_scores or m.spec.reference == "none"
    ]


def generator_identity(cell: Cell, out: OutFolder) -> str | None:
    """The sha256 of the cell's generator, or ``None`` where its training has not finished."""
    if cell.training is None:
        return cell.row.kind
    result = read_json(out.result(cell.training))
    return None if result is None else str(result["generator"]["sha256"])


def scoring_job(plan: Plan, out: OutFolder, wanted: Iterable[Target], workers: int) -> Job:
    """The job that makes and scores the images of ``wanted``; its key names its folder, no more."""
    targets = tuple(
        TargetTask(
            row=target.row,
            kind=target.cell.row.kind,
            dataset=target.dataset,
            identity=target.identity,
            training=target.cell.training,
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
    return make_job(SCORING, "scores", task)


def _score_key(plan: Plan, identity: str, dataset: str, metric: RegisteredMetric) -> str:
    return content_key(
        {
            "kind": "scores",
            "generator": identity,
            "scale": plan.suite.scale,
            "protocol": plan.suite.protocol,
            "dataset": plan.inputs.test[dataset],
            "metric": metric.spec.name,
            "version": metric.spec.version,
            "weights": {file.id: plan.inputs.weights[file] for file in metric.spec.weights},
        }
    )
