"""Finding a suite's regime: candidates with one budget each, judged on the held-out images alone.

A candidate is the suite with some settings replaced, trained for one loss and one seed for the same
number of iterations as every other. No test image is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.app.execute import watched
from srbench.app.prepare import Prepared, prepare
from srbench.errors import SuiteError
from srbench.host import Registry, discover
from srbench.records import CurvePoint
from srbench.records.game import game_verdict
from srbench.run.exec.backends import Place, backend
from srbench.run.exec.scheduler import Scheduler
from srbench.run.plan.jobs import Job
from srbench.run.plan.planning import Cell, Plan
from srbench.run.writing import read_json, write_json
from srbench.settings import Suite, load_suite

if TYPE_CHECKING:
    from rich.console import Console

DEFAULT_TRIES = ("adversarial.adversarial_weight=0.005,0.03,0.1,0.3",)
METRICS = ("psnr", "lpips", "grid", "niqe")
"""On the held-out images; more are measured where the suite asks for them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One candidate.

    Attributes:
        settings: what it replaces, dotted key -> TOML value.
        game: ``lives``, ``discriminator-won``, ``discriminator-lost``; why there is none else.
        start, scores: of the warm start and at the end, on the held-out images.
        health: the last measurement of the game.
        chosen: best by the rank metric among those whose game lives within the budget.
    """

    settings: Mapping[str, str]
    iterations: int
    game: str
    start: Mapping[str, float]
    scores: Mapping[str, float]
    health: Mapping[str, float]
    chosen: bool = False


def tune(
    suite: str,
    console: Console,
    *,
    tries: Sequence[str] = (),
    label: str | None = None,
    iterations: int | None = None,
    budget: float = 1.0,
    out: Path | None = None,
    device: str | None = None,
    jobs: int | None = None,
) -> tuple[Trial, ...]:
    """Train every candidate that has no result yet, and choose.

    Args:
        tries: ``KEY=VALUE,VALUE...``; candidates are all combinations.
        label: of the loss that is trained; the calibration's reference, or the suite's first.
        iterations: of adversarial training for each candidate; the suite's where left out.
        budget: dB of PSNR that a chosen candidate may lie below its warm start.

    Raises:
        SuiteError: no held-out images, or a key that the suite does not have.
    """
    registry = discover()
    plain = load_suite(suite)
    if not plain.data.val:
        raise SuiteError(
            "expected held-out images to tune on, got data.val = 0", "set data.val in the suite"
        )
    row = label or (plain.calibration.reference if plain.calibration else _first_label(plain))
    folder = out or Path("runs") / f"{plain.name}-tuning"
    fixed = [f"adversarial.iterations={iterations or plain.adversarial.iterations}"]
    fixed.append(f"validation.metrics={[*dict.fromkeys((*METRICS, *plain.validation.metrics))]}")
    found = []
    for settings in _candidates(tries or DEFAULT_TRIES):
        overrides = [*fixed, *(f"{key}={value}" for key, value in settings.items())]
        ready = prepare(
            load_suite(suite, overrides), out=folder, losses=[row], device=device, jobs=jobs,
            seeds=plain.seeds[:1], registry=registry,
        )  # fmt: skip
        found.append(_trial(ready, row, settings, console))
    trials = _chosen(found, plain.report.rank_metric, budget, registry)
    document = {
        "suite": plain.name, "version": plain.version, "label": row, "seed": plain.seeds[0],
        "budget_db": budget, "rank_metric": plain.report.rank_metric,
        "trials": [asdict(trial) for trial in trials],
    }  # fmt: skip
    write_json(folder / "trials.json", document)
    return trials


def _first_label(suite: Suite) -> str:
    from srbench.settings import expand_losses

    return expand_losses(suite)[0].label


def _candidates(tries: Sequence[str]) -> list[dict[str, str]]:
    offered: dict[str, list[str]] = {}
    for pair in tries:
        key, equals, values = pair.partition("=")
        if not equals or not all(value.strip() for value in values.split(",")):
            raise SuiteError(
                f"expected --try KEY=VALUE,VALUE..., got {pair!r}",
                "example: --try adversarial.adversarial_weight=0.03,0.1",
            )
        offered[key.strip()] = [value.strip() for value in values.split(",")]
    return [
        dict(zip(offered, values, strict=True)) for values in itertools.product(*offered.values())
    ]


def _trial(ready: Prepared, label: str, settings: Mapping[str, str], console: Console) -> Trial:
    plan, out = ready.plan, ready.out
    cell = next(c for c in plan.cells if c.row.label == label)
    plan = replace(plan, jobs=_chain(plan, cell))
    where = backend(
        "local",
        Place(
            out=out, device=plan.device, threads=plan.threads, at_once=ready.parallel, storage=None
        ),
    )
    with watched(plan, out, console) as observer:
        outcomes = Scheduler(out, observer, where).run(plan.jobs)
    failed = [o for o in outcomes.values() if o.status != "finished"]
    result = {} if failed else read_json(out.result(cell.training or "")) or {}
    warm = {} if failed or cell.warm is None else read_json(out.result(cell.warm)) or {}
    game = [CurvePoint.model_validate(point) for point in result.get("game", [])]
    reason = failed[0].failure.message if failed and failed[0].failure else "stopped"
    return Trial(
        settings=settings,
        iterations=plan.suite.adversarial.iterations,
        game=reason if failed else game_verdict(game) or ("lives" if game else "not measured"),
        start=_last(warm.get("validation", [])),
        scores=_last(result.get("validation", [])),
        health=_last(result.get("game", [])),
    )


def _chain(plan: Plan, cell: Cell) -> tuple[Job, ...]:
    """The jobs that one cell's training needs, in the plan's order."""
    wanted = {cell.training}
    for job in reversed(plan.jobs):
        if job.key in wanted:
            wanted |= set(job.needs)
    return tuple(job for job in plan.jobs if job.key in wanted)


def _last(points: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return dict(max(points, key=lambda point: point["iteration"])["scores"]) if points else {}


def _chosen(
    trials: Sequence[Trial], metric: str, budget: float, registry: Registry
) -> tuple[Trial, ...]:
    sign = 1.0 if registry.metric(metric).spec.lower_is_better else -1.0
    able = [
        trial
        for trial in trials
        if trial.game == "lives"
        and metric in trial.scores
        and trial.scores["psnr"] >= trial.start.get("psnr", trial.scores["psnr"]) - budget
    ]
    best = min(able, key=lambda trial: sign * trial.scores[metric], default=None)
    return tuple(replace(trial, chosen=trial is best) for trial in trials)
