"""From a suite to the jobs that it takes, each with its content key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from srbench.contract import WeightFile
from srbench.errors import SuiteError, unknown_name
from srbench.files import available_cores
from srbench.host import RegisteredMetric, Registry, source_sha256
from srbench.models.resolve import resolve_generator
from srbench.namesake import DISTRIBUTION
from srbench.records.layout import row_folder
from srbench.records.starts import Start
from srbench.run.plan.chain import Chain
from srbench.run.plan.foresight import check_metrics, check_settings
from srbench.run.plan.inputs import (
    Inputs,
    find_starts,
    gather_images,
    gather_weights,
    read_starts,
)
from srbench.run.plan.jobs import Job
from srbench.run.plan.kinds import VALIDATION_CURVE, plan_chain
from srbench.run.plan.leaks import find_leaks
from srbench.run.plan.rows import Row, Term, calibration_terms, plan_rows
from srbench.run.plan.tasks import DEFAULT_LOGGERS, GeneratorTask
from srbench.settings import Suite
from srbench.train.adversarial_losses import adversarial_loss


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One row for one seed and content scale: what becomes one record.

    ``training`` is the key of the job that makes its generator, ``None`` for bicubic and hr;
    ``warm`` that of the warm start which this one was trained from, where it was; ``walk`` that of
    its curve on the held-out images, where there is a strength to choose; ``start`` is what of a
    published folder its seed begins with.
    """

    row: Row
    seed: int
    content_scale: float
    training: str | None
    warm: str | None = None
    walk: str | None = None
    start: Start | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All that a run of a suite will do."""

    suite: Suite
    generator: GeneratorTask
    device: str
    threads: int
    inputs: Inputs
    jobs: tuple[Job, ...]
    cells: tuple[Cell, ...]
    metrics: tuple[RegisteredMetric, ...]


def make_plan(
    suite: Suite,
    registry: Registry,
    *,
    device: str,
    only: Sequence[str] = (),
    seeds: Sequence[int] = (),
    parallel: int = 1,
    references: bool = True,
    loggers: Sequence[str] = (),
    starts: str | Mapping[int, Start] = MappingProxyType({}),
    pull: bool = True,
    strict: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Plan:
    """Resolve every name, hash every input, and lay the jobs out in an order that can run.

    Args:
        only: labels or installed losses to run instead of all of the suite's.
        seeds: instead of the suite's.
        parallel: jobs that will run at once; cores are divided among them where the suite does not
            fix the threads per job.
        references: also the reference rows that have to be trained.
        loggers: what trainings' curves are written by; empty: TensorBoard.
        starts: by seed, what is taken from a published folder instead of trained; or that folder.
        pull: fetch weights that are missing, and look for copies of test images among the
            training images; without it what was found before is known.
        strict: refuse test images among the training images, where the suite does not allow it.

    Raises:
        UserError: an unknown loss or metric, parameters that do not fit.
    """
    _check_suite(suite, seeds)
    generator = _generator(suite, registry)
    # Written out or left out, a default is the same condition.
    suite = suite.but(generator=suite.generator.but(params=generator.params))
    if isinstance(starts, str):
        starts = read_starts(starts, suite, seeds or suite.seeds)
    rows = plan_rows(suite, registry, only, references=references)
    reference = calibration_terms(suite, registry)
    metrics = tuple(registry.metric(name) for name in suite.metrics)
    validation = tuple(registry.metric(name) for name in suite.validation.metrics)
    terms = [*reference, *(term for row in rows for term in row.terms)]
    warnings = check_settings(suite, rows, reference, seeds or suite.seeds)
    inputs = gather_images(suite.data, suite.scale)
    inputs.warnings += warnings
    check_metrics(suite, [m.spec for m in metrics], [m.spec for m in validation], inputs)
    find_leaks(suite.data, inputs, near=pull, strict=strict, say=say)
    used = [m for m in metrics if inputs.scored_by(m.spec.name)]
    if suite.data.val:  # else nothing is validated
        used += validation
    find_starts(suite.warm_start, starts.values(), inputs, pull=pull)
    gather_weights(_weight_files(terms, used), inputs, pull=pull, say=say)
    threads = suite.execution.threads or max(1, available_cores() // parallel)
    wanted = [(row, seed) for seed in seeds or suite.seeds for row in rows if row.kind.generated]
    chains = [
        Chain(
            suite=suite, generator=generator, inputs=inputs, device=device,
            execution=suite.execution.but(threads=threads), reference=reference, row=row,
            seed=seed, content_scale=scale, start=starts.get(seed),
            loggers=tuple(loggers) or DEFAULT_LOGGERS,
        )
        for row, seed in wanted
        # Without a content loss there is nothing to scale.
        for scale in (suite.adversarial.content_scales if row.terms else (1.0,))
    ]  # fmt: skip
    jobs: dict[str, Job] = {}
    # bicubic and hr depend on no seed: one record each, under the suite's first.
    cells = [
        Cell(row=row, seed=suite.seeds[0], content_scale=1.0, training=None)
        for row in rows
        if not row.kind.generated
    ]
    for chain in chains:
        steps = plan_chain(chain)
        for job in steps:
            jobs.setdefault(job.key, job)
        cells.append(_cell(chain, steps))
    _check_folders(cells)
    return Plan(
        suite=suite, generator=generator, device=device, threads=threads, inputs=inputs,
        jobs=tuple(jobs.values()), cells=tuple(cells), metrics=metrics,
    )  # fmt: skip


def _cell(chain: Chain, steps: Sequence[Job]) -> Cell:
    made = [job.key for job in steps if job.kind.makes_generator]
    return Cell(
        row=chain.row,
        seed=chain.seed,
        content_scale=chain.content_scale,
        training=made[-1],
        warm=made[0] if len(made) > 1 else None,
        start=chain.start,
        walk=next((job.key for job in steps if job.kind is VALIDATION_CURVE), None),
    )


def _check_folders(cells: Sequence[Cell]) -> None:
    """Two rows of one folder would take each other's images for their own."""
    seen = set()
    for cell in cells:
        folder = row_folder(cell.row.label, cell.seed, cell.content_scale)
        if folder in seen:
            raise SuiteError(
                f"expected rows that can be told apart, got two for {folder!r}",
                "give the losses other labels, or content_scales that differ in six digits",
            )
        seen.add(folder)


def _generator(suite: Suite, registry: Registry) -> GeneratorTask:
    found = registry.generator(suite.generator.name)
    resolved = resolve_generator(found.spec, suite.generator.params, suite.scale)
    return GeneratorTask(
        name=f"{found.distribution}:{found.spec.name}",
        generator=found.spec.name,
        version=found.spec.version,
        params=resolved.settings,
        # srbench's own have TRAINING_VERSION, and one package with all of srbench
        source="" if found.distribution == DISTRIBUTION else source_sha256(found.spec.build),
    )


def check_ready(plan: Plan) -> None:
    """Refuse to start on a missing input.

    Raises:
        SrbenchError: the first problem; the others are named too.
    """
    problems = plan.inputs.problems
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    first = problems[0]
    others = "; ".join(problem.what for problem in problems[1:])
    raise type(first)(f"{first.what}. Also missing: {others}", first.fix)


def _weight_files(terms: Sequence[Term], metrics: Sequence[RegisteredMetric]) -> list[WeightFile]:
    files = [file for term in terms for file in term.weight_files]
    return files + [file for metric in metrics for file in metric.spec.weights]


def _check_suite(suite: Suite, seeds: Sequence[int]) -> None:
    from srbench.metrics.protocol import PROTOCOLS

    if suite.protocol not in PROTOCOLS:
        raise unknown_name("protocol", suite.protocol, PROTOCOLS)
    adversarial_loss(suite.adversarial.adversarial_loss)
    if len(set(seeds)) != len(seeds):
        raise SuiteError(f"expected different seeds, got {', '.join(map(str, seeds))}")
