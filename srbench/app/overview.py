"""A plan for people and programs: what is cached, what would run, and what that will take."""

from __future__ import annotations

import math
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from srbench.devices import visible_gpus
from srbench.files import cache_folder
from srbench.records.layout import OutFolder
from srbench.run.code import changes
from srbench.run.exec.estimate import METHOD, Estimate, Estimates, wall_seconds
from srbench.run.exec.remaining import human_time
from srbench.run.plan.environment import device_here
from srbench.run.plan.jobs import Job
from srbench.run.plan.planning import Plan
from srbench.run.plan.targets import Target, applicable_metrics, points_of, targets
from srbench.run.writing import read_result
from srbench.screen import counted


def plan_overview(
    plan: Plan, out: OutFolder, *, parallel: int, estimates: Estimates | None = None
) -> dict[str, Any]:
    """The plan as JSON data.

    Args:
        parallel: jobs at once.
        estimates: from :func:`srbench.run.exec.estimate.estimate_jobs`; left out: no figures.
    """
    suite = plan.suite
    jobs = [_job(job, out, estimates or {}) for job in plan.jobs]
    return {
        "suite": suite.name,
        "version": suite.version,
        "track": suite.track,
        "summary": suite.summary,
        "out": str(out.root),
        "device": plan.device,
        "device_name": device_here(plan.device) or f"no {plan.device} device here",
        "threads_per_job": plan.threads,
        "parallel": parallel,
        "seeds": sorted({cell.seed for cell in plan.cells}),
        "jobs": jobs,
        "scores": _scores(plan, out),
        "images": _images(plan),
        "missing": [str(problem) for problem in plan.inputs.problems],
        "warnings": plan.inputs.warnings,
        "edited": [str(change) for change in changes(plan, out)],
        "total": None if estimates is None else _total(plan, jobs, parallel),
        "method": None if estimates is None else METHOD,
    }


def jobs_to_measure(plan: Plan, out: OutFolder) -> list[Job]:
    """The jobs that would run, and the warm starts that sharing saves."""
    todo = {job.key: job for job in plan.jobs if read_result(out, job.key) is None}
    shared = _shared(plan)
    needed = {need for job in todo.values() for need in job.needs if need in shared}
    return [job for job in plan.jobs if job.key in todo or job.key in needed]


def _shared(plan: Plan) -> set[str]:
    """Keys of jobs whose generator other jobs start from: the warm starts."""
    makers = {job.key for job in plan.jobs if job.kind.makes_generator}
    return {need for job in plan.jobs for need in job.needs if need in makers}


def _job(job: Job, out: OutFolder, estimates: Estimates) -> dict[str, Any]:
    found = estimates.get(job.key)
    return {
        "key": job.key,
        "kind": job.kind.name,
        "title": job.title,
        "label": job.label,
        "seed": job.seed,
        "content_scale": job.content_scale,
        "state": "run" if read_result(out, job.key) is None else "cached",
        "estimate": asdict(found) if isinstance(found, Estimate) else None,
        "no_estimate": found if isinstance(found, str) else None,
    }


def _images(plan: Plan) -> dict[str, Any] | None:
    """How the training images are kept; ``None`` where they are not here."""
    place = plan.inputs.places.get("train")
    if place is None:
        return None
    there = next(folder for folder in (cache_folder(), *cache_folder().parents) if folder.is_dir())
    return {
        "count": plan.inputs.counts["train"],
        "store": plan.suite.data.store,
        "folder": str(cache_folder() / place),
        "ready": (cache_folder() / place).is_dir(),
        "decoded_bytes": plan.inputs.decoded_bytes,
        "free_bytes": shutil.disk_usage(there).free,
    }


def _scores(plan: Plan, out: OutFolder) -> dict[str, Any]:
    """Scores by data set and metric: how many there are, and how many would be computed."""
    known: dict[tuple[int, str], list[Target]] = defaultdict(list)
    for target in targets(plan, out):
        known[id(target.cell), target.dataset].append(target)
    total: Counter[tuple[str, str]] = Counter()
    missing: Counter[tuple[str, str]] = Counter()
    for cell in plan.cells:
        for dataset in plan.suite.data.test:
            points = points_of(plan, cell)
            mine: Counter[tuple[str, str]] = Counter()
            for point, count in ((False, 1), (True, points)):
                for metric in applicable_metrics(plan, cell, dataset, point=point):
                    mine[dataset, metric.spec.name] += count
            total.update(mine)
            missing.update(mine)
            for target in known[id(cell), dataset]:
                done = target.scores.keys() - set(target.missing(out))
                missing.subtract((dataset, name) for name in done)
    return {
        "total": total.total(),
        "to_compute": missing.total(),
        "by_dataset_and_metric": [
            {"dataset": d, "metric": m, "total": n, "to_compute": missing[d, m]}
            for (d, m), n in sorted(total.items())
        ],
    }


def _total(plan: Plan, jobs: list[dict[str, Any]], parallel: int) -> dict[str, Any]:
    """Hours of all jobs that would run; and what they would be if every loss warm-started anew."""
    run = [job for job in jobs if job["estimate"] is not None and job["state"] == "run"]
    took = {job["key"]: job["estimate"]["seconds"] for job in jobs if job["estimate"] is not None}
    seconds, keys = sum(took[job["key"]] for job in run), {job["key"] for job in run}
    todo = [job for job in plan.jobs if job.key in keys]
    shared = _shared(plan)
    needs = {job.key: job.needs for job in plan.jobs if job.kind.makes_generator}
    # Each training would bring its own; what is shared runs once, if it runs at all.
    alone = seconds + sum(
        took.get(need, 0.0) for job in run for need in needs.get(job["key"], ()) if need in shared
    )
    alone -= sum(took[job["key"]] for job in run if job["key"] in shared)
    return {
        "jobs_to_run": sum(job["state"] == "run" for job in jobs),
        "jobs_cached": sum(job["state"] == "cached" for job in jobs),
        "without_estimate": sum(job["no_estimate"] is not None for job in jobs),
        "flops": sum(job["estimate"]["flops"] or 0.0 for job in run),
        "jobs_per_gpu": _jobs_per_gpu(plan.device, parallel),
        "peak_memory_bytes": max((job["estimate"]["memory_bytes"] or 0 for job in run), default=0),
        "job_hours": seconds / 3600,
        "job_hours_without_shared_warm_start": alone / 3600,
        "wall_hours": wall_seconds(todo, took, parallel) / 3600,
        "wall_hours_at_least": wall_seconds(todo, took, len(jobs)) / 3600,
    }


def _jobs_per_gpu(device: str, parallel: int) -> int:
    """The most that share a GPU of this machine; 0 on the CPU."""
    if device == "cpu":
        return 0
    return math.ceil(parallel / max(1, len(visible_gpus(device)[1])))


def overview_lines(document: dict[str, Any]) -> Iterator[str]:
    """The overview as plain text."""
    yield (
        f"suite {document['suite']} version {document['version']}, track {document['track']}: "
        f"{document['summary']}"
    )
    seeds, threads = ", ".join(map(str, document["seeds"])), document["threads_per_job"]
    yield (
        f"{document['device']} ({document['device_name']}), {counted(threads, 'thread')} per job, "
        f"{document['parallel']} at once, "
        f"seed{'' if len(document['seeds']) == 1 else 's'} {seeds}, out folder {document['out']}"
    )
    width = max((len(job["title"]) for job in document["jobs"]), default=0)
    for job in document["jobs"]:
        yield f"  {job['state']:6}  {job['title']:{width}}  {_figures(job)}".rstrip()
    if document["images"] is not None:
        yield _images_line(document["images"])
    scores = document["scores"]
    yield f"scores: {scores['to_compute']} of {scores['total']} to compute"
    for line in scores["by_dataset_and_metric"]:
        if line["to_compute"]:
            yield (
                f"  run     {line['dataset']} {line['metric']}: {line['to_compute']} of "
                f"{line['total']} generators"
            )
    for problem in document["missing"]:
        yield f"missing: {problem}"
    for warning in document["warnings"]:
        yield f"warning: {warning}"
    for change in document["edited"]:
        yield f"edited: {change}; a run asks for --fresh LABEL or --accept-code-change"
    yield from _total_lines(document)


def _images_line(images: dict[str, Any]) -> str:
    count, decoded = f"{images['count']:,}", f"{images['decoded_bytes'] / 1e9:.2f} GB"
    if images["store"] == "files":
        return f"training images: {count}, decoded as patches are cut ({decoded} are not stored)"
    if images["ready"]:
        return f"training images: {count}, {decoded}, ready in {images['folder']}"
    return (
        f"training images: {count}, to be decoded into {decoded} in {images['folder']}, where "
        f'{images["free_bytes"] / 1e9:.2f} GB are free; data.store = "files" takes none'
    )


def _figures(job: dict[str, Any]) -> str:
    if job["no_estimate"]:
        return f"no estimate: {job['no_estimate']}"
    estimate = job["estimate"]
    if estimate is None:
        return ""
    parts = []
    if estimate["flops"] is not None:
        parts.append(f"{estimate['flops'] / 1e12:9.3g} TFLOP")
        parts.append(f"{estimate['memory_bytes'] / 2**30:6.2f} GiB")
    else:
        parts.append(" " * 27)
    parts.append(f"{human_time(estimate['seconds']):>9}")
    if not estimate["validation_counted"]:
        parts.append("(without validation: its images are not here)")
    return "  ".join(parts)


def _total_lines(document: dict[str, Any]) -> Iterator[str]:
    total = document["total"]
    if total is None:
        return
    yield (
        f"to run: {total['jobs_to_run']} jobs, {total['jobs_cached']} cached; "
        f"{total['flops'] / 1e12:.3g} TFLOP; at most "
        f"{total['peak_memory_bytes'] / 2**30:.2f} GiB per job"
        + (
            f", {shared} jobs share a GPU: {shared * total['peak_memory_bytes'] / 2**30:.2f} GiB"
            if (shared := total["jobs_per_gpu"]) > 1
            else ""
        )
    )
    yield (
        f"time: about {human_time(3600 * total['wall_hours'])} with {document['parallel']} at once "
        f"({human_time(3600 * total['job_hours'])} of jobs), and the scoring; at least "
        f"{human_time(3600 * total['wall_hours_at_least'])} on any number of devices: the warm "
        "start, then the longest loss"
    )
    yield (
        "without sharing the warm start: "
        f"{human_time(3600 * total['job_hours_without_shared_warm_start'])} of jobs"
    )
    if total["without_estimate"]:
        missing = counted(total["without_estimate"], "job")
        yield f"without an estimate, and not in the totals: {missing}"
    yield f"how: {document['method']}"
