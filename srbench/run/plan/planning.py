"""From a suite to the jobs that it takes, each with its content key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from srbench.contract import WeightFile
from srbench.errors import SuiteError, unknown_name
from srbench.files import available_cores
from srbench.host import RegisteredMetric, Registry
from srbench.models.resolve import ResolvedGenerator, resolve_generator
from srbench.run.plan.inputs import Inputs, gather_inputs
from srbench.run.plan.jobs import Job
from srbench.run.plan.keys import content_key, minor_version
from srbench.run.plan.rows import Row, Term, calibration_terms, plan_rows
from srbench.settings import Suite


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One row for one seed and content scale: what becomes one record.

    ``training`` is the key of the job that makes its generator; ``None`` for bicubic and hr.
    """

    row: Row
    seed: int
    content_scale: float
    training: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All that a run of a suite will do."""

    suite: Suite
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
    pull: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Plan:
    """Resolve every name, hash every input, and lay the jobs out in an order that can run.

    Args:
        only: labels or installed losses to run instead of all of the suite's.
        seeds: instead of the suite's.
        parallel: jobs that will run at once; cores are divided among them where the suite does not
            fix the threads per job.
        pull: fetch weights that are missing.

    Raises:
        UserError: an unknown loss or metric, parameters that do not fit.
    """
    _check_suite(suite, seeds)
    generator = resolve_generator(
        registry.generator_spec(suite.generator.name), suite.generator.params, suite.scale
    )
    # Written out or left out, a default is the same condition.
    settled = suite.generator.model_copy(update={"params": generator.settings})
    suite = suite.model_copy(update={"generator": settled})
    rows = plan_rows(suite, registry, only)
    reference = calibration_terms(suite, registry)
    metrics = tuple(registry.metric(name) for name in suite.metrics)
    validation = tuple(registry.metric(name) for name in suite.validation.metrics)
    terms = [*reference, *(term for row in rows for term in row.terms)]
    inputs = gather_inputs(
        suite.data, _weight_files(terms, (*metrics, *validation)), pull=pull, say=say
    )
    threads = suite.execution.threads or max(1, available_cores() // parallel)
    builder = _Builder(suite, generator, inputs, device, threads, reference)
    jobs: dict[str, Job] = {}
    # bicubic and hr depend on no seed: one record each, under the suite's first.
    cells = [
        Cell(row=row, seed=suite.seeds[0], content_scale=1.0, training=None)
        for row in rows
        if row.kind in ("hr", "bicubic")
    ]
    for seed in seeds or suite.seeds:
        for row in rows:
            if row.kind in ("hr", "bicubic"):
                continue
            for scale in suite.adversarial.content_scales if row.kind == "trained" else (1.0,):
                chain = builder.chain(row, seed, scale)
                jobs.update((job.key, job) for job in chain if job.key not in jobs)
                cells.append(Cell(row=row, seed=seed, content_scale=scale, training=chain[-1].key))
    return Plan(
        suite=suite, device=device, threads=threads, inputs=inputs, jobs=tuple(jobs.values()),
        cells=tuple(cells), metrics=metrics,
    )  # fmt: skip


class _Builder:
    """Builds the chain warm start -> calibration -> adversarial for one cell."""

    def __init__(
        self,
        suite: Suite,
        generator: ResolvedGenerator,
        inputs: Inputs,
        device: str,
        threads: int,
        reference: tuple[Term, ...],
    ) -> None:
        from srbench.train.version import TRAINING_VERSION

        self.suite = suite
        self.inputs = inputs
        self.reference = reference
        execution = {**suite.execution.model_dump(mode="json"), "threads": threads}
        self.common: dict[str, Any] = {
            "scale": suite.scale,
            "device": device,
            "execution": execution,
            "generator": suite.generator.model_dump(mode="json"),
            "data": suite.data.model_dump(mode="json", exclude={"test"}),
        }
        # How often to save and when to give up changes no result: in requests, not in keys.
        self.unkeyed: dict[str, Any] = {
            "checkpoint": suite.checkpoint.model_dump(mode="json"),
            "limits": suite.limits.model_dump(mode="json"),
        }
        self.identity: dict[str, Any] = {
            **self.common,
            "generator": generator.identity,
            "training_version": TRAINING_VERSION,
            "torch": minor_version("torch"),
            "train": inputs.train,
            "val": inputs.val,
            "validation": suite.validation.model_dump(mode="json"),
        }
        # Which images, not what the set was called or how it was found, is what counts.
        self.identity["data"] = suite.data.model_dump(
            mode="json", include={"patch_size", "batch_size"}
        )
        if device != "cpu":
            # The GPU does the arithmetic: a machine with other cores continues the same work.
            self.identity["execution"] = {**execution, "threads": None}

    def chain(self, row: Row, seed: int, content_scale: float) -> list[Job]:
        """The jobs of one cell, in the order in which they must run."""
        warm = self._warm_start(seed)
        if row.kind == "warm-start":
            return [warm]
        calibration = self._calibration(warm, seed) if self.reference else None
        adversarial = self._adversarial(row, seed, content_scale, warm, calibration)
        return [warm, *([calibration] if calibration else []), adversarial]

    def _warm_start(self, seed: int) -> Job:
        section = self.suite.warm_start.model_dump(mode="json")
        key = content_key(
            {"kind": "warm-start", **self.identity, "seed": seed, "warm_start": section}
        )
        request = {
            **self.common,
            **self.unkeyed,
            "seed": seed,
            "warm_start": section,
            "validation": self.suite.validation.model_dump(mode="json"),
        }
        return Job(
            key=key, kind="warm-start", label="warm-start", seed=seed, content_scale=1.0,
            request=request,
        )  # fmt: skip

    def _calibration(self, warm: Job, seed: int) -> Job:
        assert self.suite.calibration is not None
        batches = self.suite.calibration.batches
        key = content_key(
            {
                "kind": "calibration",
                **self._without_validation(),
                "seed": seed,
                "warm_start": warm.key,
                "batches": batches,
                "terms": self._terms_identity(self.reference),
            }
        )
        request = {
            **self.common,
            **self.unkeyed,
            "seed": seed,
            "warm_start_key": warm.key,
            "batches": batches,
            "terms": _terms_request(self.reference),
        }
        return Job(
            key=key, kind="calibration", label=self.suite.calibration.reference, seed=seed,
            content_scale=1.0, request=request, needs=(warm.key,),
        )  # fmt: skip

    def _adversarial(
        self, row: Row, seed: int, content_scale: float, warm: Job, calibration: Job | None
    ) -> Job:
        suite = self.suite
        section = suite.adversarial.model_dump(mode="json", exclude={"content_scales"})
        # Absent, not null, where a suite has none: keys of before [stopping] existed stay.
        stopping = {"stopping": suite.stopping.model_dump(mode="json")} if suite.stopping else {}
        key = content_key(
            {
                "kind": "adversarial",
                **self.identity,
                **stopping,
                "seed": seed,
                "warm_start": warm.key,
                "calibration": calibration.key if calibration else None,
                "adversarial": section,
                "content_scale": content_scale,
                "discriminator": suite.discriminator.model_dump(mode="json"),
                "terms": self._terms_identity(row.terms),
            }
        )
        request = {
            **self.common,
            **self.unkeyed,
            **stopping,
            "seed": seed,
            "warm_start_key": warm.key,
            "calibration_key": calibration.key if calibration else None,
            "is_reference": (
                calibration is not None
                and self._terms_identity(row.terms) == self._terms_identity(self.reference)
            ),
            "calibration_batches": suite.calibration.batches if suite.calibration else 0,
            "calibration_reference": suite.calibration.reference if suite.calibration else None,
            "adversarial": section,
            "content_scale": content_scale,
            "discriminator": suite.discriminator.model_dump(mode="json"),
            "validation": suite.validation.model_dump(mode="json"),
            "terms": _terms_request(row.terms),
        }
        needs = (warm.key, *((calibration.key,) if calibration else ()))
        return Job(
            key=key, kind="adversarial", label=row.label, seed=seed, content_scale=content_scale,
            request=request, needs=needs,
        )  # fmt: skip

    def _without_validation(self) -> dict[str, Any]:
        return {k: v for k, v in self.identity.items() if k not in ("val", "validation")}

    def _terms_identity(self, terms: Sequence[Term]) -> list[dict[str, Any]]:
        return [
            {
                "name": term.loss.spec.name,
                "version": term.loss.spec.version,
                "params": term.loss.canonical_params,
                "weight": term.weight,
                "weights": {file.id: self.inputs.weights[file] for file in term.weight_files},
            }
            for term in terms
        ]


def _terms_request(terms: Sequence[Term]) -> list[dict[str, Any]]:
    return [
        {
            "name": term.qualified_name,
            "params": term.loss.canonical_params,
            "weight": term.weight,
        }
        for term in terms
    ]


def _weight_files(terms: Sequence[Term], metrics: Sequence[RegisteredMetric]) -> list[WeightFile]:
    files = [file for term in terms for file in term.weight_files]
    return files + [file for metric in metrics for file in metric.spec.weights]


def _check_suite(suite: Suite, seeds: Sequence[int]) -> None:
    from srbench.metrics.protocol import PROTOCOLS

    if suite.protocol not in PROTOCOLS:
        raise unknown_name("protocol", suite.protocol, PROTOCOLS)
    if len(set(seeds)) != len(seeds):
        raise SuiteError(f"expected different seeds, got {', '.join(map(str, seeds))}")
