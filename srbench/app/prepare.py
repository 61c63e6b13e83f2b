"""From what a user asks for to a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from srbench.devices import check_device, check_graph, detect_device
from srbench.errors import ContractError, UserError
from srbench.host import Registry, discover
from srbench.records.layout import OutFolder
from srbench.run.exec.backends import UNASKED, node_gpus
from srbench.run.exec.local import default_jobs
from srbench.run.plan.planning import Plan, make_plan
from srbench.run.work.loggers import check_loggers
from srbench.run.writing import check_out_folder
from srbench.settings import Suite, load_suite
from srbench.settings.load import is_published


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A plan, where it goes, and how many workers may be at it.

    Attributes:
        jobs: what the user said; ``None``: nothing.
        parallel: workers at once on this machine.
    """

    plan: Plan
    out: OutFolder
    jobs: int | None = None
    parallel: int = 1


def prepare(
    suite: str | Path | Suite,
    *,
    out: str | Path | None = None,
    losses: Sequence[str] = (),
    seeds: Sequence[int] = (),
    device: str | None = None,
    jobs: int | None = None,
    executor: str = "local",
    overrides: Sequence[str] = (),
    loggers: Sequence[str] = (),
    starts: str | None = None,
    registry: Registry | None = None,
    pull: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Prepared:
    """Resolve names, hash inputs, lay out jobs. Nothing is trained, the out folder is not touched.

    Args are those of :func:`srbench.run_suite`, and:
        registry: what is installed, where the caller has looked already.
        pull: fetch weights that are missing.
        say: is told what takes a while.

    Raises:
        UserError: a setting, a name or a parameter that does not fit; a GPU that is here and that
            torch cannot use, where no device is named; no device for machines that are not asked.
    """
    if device is None and executor in UNASKED:
        raise UserError(
            f"expected --device together with --executor {executor}: what its machines have cannot "
            "be seen from here",
            "give --device cuda, or --device cpu",
        )
    check_loggers(loggers)
    strict = not isinstance(suite, Suite) and is_published(str(suite))
    if not isinstance(suite, Suite):
        suite = load_suite(str(suite), overrides)
    gpus = None if device == "cpu" else node_gpus(executor)
    if gpus is None:
        device = device or detect_device()
        parallel = jobs or default_jobs(suite.execution.threads, device)
    else:  # on other machines: this one needs no GPU
        device = device or ("cuda" if gpus else "cpu")
        parallel = gpus or jobs or default_jobs(suite.execution.threads, device)
    plan = make_plan(
        suite, registry or discover(), device=device, only=losses, seeds=seeds, parallel=parallel,
        loggers=loggers, starts=starts or {},
        references=not (starts and losses), pull=pull, strict=strict, say=say,
    )  # fmt: skip
    try:
        if executor == "local":
            check_device(device)
        if suite.execution.cuda_graph:
            check_graph(device)
    except ContractError as error:
        plan.inputs.problems.append(error)  # it can be looked at, and not run
    folder = OutFolder(Path(out) if out is not None else Path("runs") / suite.name)
    check_out_folder(folder, suite)
    return Prepared(plan=plan, out=folder, jobs=jobs, parallel=parallel)
