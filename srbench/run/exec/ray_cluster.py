"""The Ray executor: the same jobs and workers as on one machine, on all machines of a Ray cluster.

Ray only schedules. A task starts the worker process that the local executor would start, on its
node, and watches it; the worker writes checkpoints and results to the out folder, which all nodes
share. So a lost node, or a lost head, loses at most the iterations since the last checkpoint.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from srbench.errors import UserError
from srbench.records import Failure
from srbench.run.exec.attempts import Retries
from srbench.run.exec.events import EventTail
from srbench.run.exec.failures import Outcome, write_failure
from srbench.run.exec.local import BUSY_POLL_SECONDS, Observer
from srbench.run.exec.order import Elsewhere, blocked_outcome, finished_before
from srbench.run.exec.process import GRACE_SECONDS
from srbench.run.exec.ray_node import run_job
from srbench.run.exec.ray_versions import node_versions, version_differences
from srbench.run.exec.storage import Storage
from srbench.run.layout import OutFolder
from srbench.run.plan.jobs import Job

LOST_NODES = 20
"""How often one job may lose the node or the Ray worker that watches it."""

WAIT_SECONDS = 0.2


@dataclass(slots=True)
class _Task:
    job: Job
    events: EventTail
    started: bool = False


@dataclass(slots=True)
class RayExecutor:
    """Runs jobs on a Ray cluster: the one at ``RAY_ADDRESS``, a running one, or one started here.

    Attributes:
        out: the out folder, on a file system that all nodes share under the same path.
        observer: told of everything.
        device: ``cuda`` asks Ray for one GPU per job.
        threads: CPUs that Ray sets aside per job.
        parallel: jobs at once; ``None``: as many as the cluster holds.
        storage: URL that jobs' files travel through, where no file system is shared.
    """

    out: OutFolder
    observer: Observer
    device: str
    threads: int
    parallel: int | None = None
    storage: str | None = None
    _tasks: dict[Any, _Task] = field(default_factory=dict)

    def run(self, jobs: Sequence[Job]) -> dict[str, Outcome]:
        """See :class:`srbench.run.exec.local.Executor`.

        Raises:
            UserError: ray is not installed, a node has other versions, or no node can hold a job.
        """
        if self.storage is not None:
            storage = Storage(self.storage)
            for job in jobs:
                storage.share(self.out, job.key)
                storage.fetch(self.out, job.key)
        outcomes = finished_before(jobs, self.out)
        waiting = [job for job in jobs if job.key not in outcomes]
        if waiting:
            with _connected() as ray:
                self._check_cluster(ray)
                self._run(ray, waiting, outcomes)
        return {job.key: outcomes[job.key] for job in jobs}

    def _run(self, ray: Any, waiting: list[Job], outcomes: dict[str, Outcome]) -> None:
        elsewhere, retries = Elsewhere(self.out), Retries(self.out)
        submit = ray.remote(run_job).options(
            num_cpus=self.threads,
            num_gpus=1 if self.device == "cuda" else 0,
            max_retries=LOST_NODES,
        )
        expected = node_versions()()
        root = str(self.out.root.resolve())
        try:
            while waiting or self._tasks:
                waiting = self._submit_ready(
                    waiting,
                    outcomes,
                    elsewhere,
                    lambda job: submit.remote(root, job.document(), expected, self.storage),
                )
                done = self._wait(ray)
                self._follow()
                for reference in done:
                    task = self._tasks.pop(reference)
                    outcome = self._result(ray, reference, task.job)
                    retry = retries.again(task.job, outcome)
                    if retry is not None:
                        self.observer.job_event(task.job, retry)
                        waiting.append(task.job)
                    else:
                        self._end(task.job, outcome, outcomes)
        except BaseException:
            self._cancel(ray)
            raise

    def _submit_ready(
        self,
        waiting: list[Job],
        outcomes: dict[str, Outcome],
        elsewhere: Elsewhere,
        submit: Callable[[Job], Any],
    ) -> list[Job]:
        left = []
        for job in waiting:
            blocked = blocked_outcome(job, outcomes, self.out)
            full = self.parallel is not None and len(self._tasks) >= self.parallel
            if blocked is not None:
                self._end(job, blocked, outcomes)
                continue
            if full or any(need not in outcomes for need in job.needs):
                left.append(job)
                continue
            state = elsewhere.look(job)
            if isinstance(state, Outcome):
                self._end(job, state, outcomes)
            elif state == "busy":
                left.append(job)
            else:
                events = EventTail(self.out.job(job.key) / "events.jsonl")
                self._tasks[submit(job)] = _Task(job, events)
        return left

    def _wait(self, ray: Any) -> list[Any]:
        if not self._tasks:
            time.sleep(BUSY_POLL_SECONDS)
            return []
        done, _ = ray.wait(list(self._tasks), num_returns=1, timeout=WAIT_SECONDS)
        return list(done)

    def _follow(self) -> None:
        for task in self._tasks.values():
            for event in task.events.read():
                if event["event"] == "started":  # again after the loss of a node
                    task.started = True
                    self.observer.job_started(task.job)
                if task.started:
                    self.observer.job_event(task.job, event)

    def _result(self, ray: Any, reference: Any, job: Job) -> Outcome:
        try:
            document = ray.get(reference)
            if self.storage is not None:
                Storage(self.storage).fetch(self.out, job.key)
        except ray.exceptions.RayError as error:
            # Ray has retried what it could: the node or its Ray worker was lost too often.
            if self.out.result(job.key).exists():
                return Outcome(status="finished")
            failure = Failure(kind=type(error).__name__, message=str(error)[:2000])
            write_failure(self.out, job.key, failure)
            return Outcome(status="failed", failure=failure)
        failed = document["failure"]
        return Outcome(
            status=document["status"],
            failure=None if failed is None else Failure.model_validate(failed),
        )

    def _end(self, job: Job, outcome: Outcome, outcomes: dict[str, Outcome]) -> None:
        outcomes[job.key] = outcome
        self.observer.job_ended(job, outcome)

    def _cancel(self, ray: Any) -> None:
        """Ask every worker to write a checkpoint and stop."""
        for reference in self._tasks:
            ray.cancel(reference, force=False)
        if self._tasks:
            ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=GRACE_SECONDS)
        self._tasks.clear()

    def _check_cluster(self, ray: Any) -> None:
        nodes = [node for node in ray.nodes() if node["Alive"]]
        _check_room(nodes, self.threads, 1 if self.device == "cuda" else 0)
        _check_versions(ray, nodes)


@contextlib.contextmanager
def _connected() -> Iterator[Any]:
    """The ``ray`` module, connected; a connection made here is closed again."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A task without GPUs must not hide them from the nodes' own processes, nor warn about it.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise UserError(
            "expected ray for --executor ray, found it not installed",
            "pip install 'srbench-core[ray]'",
        ) from error
    if ray.is_initialized():
        yield ray
        return
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except ConnectionError as error:
        raise UserError(
            f"expected a Ray cluster at {os.environ.get('RAY_ADDRESS', 'this machine')}, "
            f"got: {error}",
            "start it with `ray start --head --disable-usage-stats`, or unset RAY_ADDRESS",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_room(nodes: Sequence[Mapping[str, Any]], threads: int, gpus: int) -> None:
    resources = [node["Resources"] for node in nodes]
    if any(r.get("CPU", 0) >= threads and r.get("GPU", 0) >= gpus for r in resources):
        return
    have = "; ".join(
        f"{node['NodeManagerHostname']}: {node['Resources'].get('CPU', 0):g} CPUs, "
        f"{node['Resources'].get('GPU', 0):g} GPUs"
        for node in nodes
    )
    raise UserError(
        f"expected a node with {threads} CPUs and {gpus} GPUs for one job, got {have}",
        "set execution.threads to fewer, or --device cpu",
    )


def _check_versions(ray: Any, nodes: Sequence[Mapping[str, Any]]) -> None:
    """Refuse to start where a node would compute something else.

    Raises:
        UserError: names every node and package that differs.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    describe = node_versions()
    expected = describe()
    asked = {}
    for node in nodes:
        here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        remote = ray.remote(describe).options(num_cpus=0, max_retries=2, scheduling_strategy=here)
        asked[node["NodeID"]] = remote.remote()
    names = {node["NodeID"]: node["NodeManagerHostname"] for node in nodes}
    problems = []
    for key, reference in asked.items():
        name = f"{names[key]} ({key[:8]})"
        try:
            found = ray.get(reference)
        except ray.exceptions.RayError as error:
            if any(node["NodeID"] == key and node["Alive"] for node in ray.nodes()):
                said = (str(error).strip().splitlines() or [type(error).__name__])[0]
                problems.append(f"node {name} gave no answer: {said}")
            continue  # lost meanwhile: nothing will run there
        different = version_differences(expected, found)
        if different:
            problems.append(f"node {name}: {', '.join(different)}")
    if problems:
        raise UserError(
            f"expected the same versions on every node as here; {'; '.join(problems)}",
            "install the same versions everywhere, or take these nodes out of the cluster",
        )
