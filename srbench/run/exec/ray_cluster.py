"""Workers on a Ray cluster: the same jobs as on one machine, on all of its machines.

Ray only schedules. A task starts the worker process that the local executor would start, on its
node, and watches it; the worker writes checkpoints and results to the out folder, which all nodes
share. So a lost node, or a lost head, loses at most the iterations since the last checkpoint.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from srbench.devices import COUNTED
from srbench.errors import UserError
from srbench.records import Failure
from srbench.run.exec.backends import Place
from srbench.run.exec.events import EventTail
from srbench.run.exec.failures import Outcome, write_failure
from srbench.run.exec.node import outcome_of, run_job
from srbench.run.exec.node_versions import node_versions, version_differences
from srbench.run.exec.process import GRACE_SECONDS
from srbench.run.exec.scheduler import Backend, News
from srbench.run.exec.storage import Storage
from srbench.run.plan.jobs import Job

LOST_NODES = 20
"""How often one job may lose the node or the Ray worker that watches it."""

WAIT_SECONDS = 0.2


@dataclass(slots=True)
class _Task:
    job: Job
    events: EventTail


class RayBackend(Backend):
    """Workers on a Ray cluster: the one at ``RAY_ADDRESS``, a running one, or one started here.

    The out folder lies on a file system that all nodes share under the same path, unless the place
    names a storage. Ray sets a GPU aside per job, and the job's threads as CPUs. The option
    ``num_gpus`` makes that a part of a GPU, which as many jobs share as fit, or several.

    Raises:
        UserError: ray is not installed, a node has other versions, or no node can hold a job; an
            option that is not Ray's.
    """

    def __init__(self, place: Place) -> None:
        self.slots = place.at_once
        self._out = place.out
        self._threads = place.threads
        self._gpus = _share(place)
        self._storage = None if place.storage is None else Storage(place.storage)
        self._ray: Any = None
        self._remote: Callable[[Job], Any] = lambda job: None
        self._tasks: dict[Any, _Task] = {}

    def scoring_shares(self) -> tuple[int, int]:
        """A job for each GPU of the cluster, or for each of its groups of CPUs."""
        with _connected() as ray:
            room = sum(_room(node, self._threads, self._gpus) for node in _alive(ray))
        return self.slots or max(1, room), 1 if self._gpus else self._threads

    def gather(self, jobs: Sequence[Job]) -> None:
        """Exchange what this machine and the storage know of the jobs."""
        if self._storage is not None:
            for job in jobs:
                self._storage.share(self._out, job.key)
                self._storage.fetch(self._out, job.key)

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Be connected to the cluster, all of whose nodes were found fit."""
        with _connected() as ray:
            nodes = _alive(ray)
            _check_room(nodes, self._threads, self._gpus)
            _check_versions(ray, nodes)
            task = ray.remote(run_job).options(
                num_cpus=self._threads, num_gpus=self._gpus, max_retries=LOST_NODES
            )
            expected, root = node_versions()(), str(self._out.root.resolve())
            url = None if self._storage is None else self._storage.url
            self._ray = ray
            self._remote = lambda job: task.remote(root, job.document(), expected, url)
            yield

    def submit(self, job: Job) -> None:
        """See :class:`Backend`."""
        events = EventTail(self._out.job(job.key) / "events.jsonl")
        self._tasks[self._remote(job)] = _Task(job, events)

    def poll(self) -> Iterator[News]:
        """See :class:`Backend`."""
        done, _ = self._ray.wait(list(self._tasks), num_returns=1, timeout=WAIT_SECONDS)
        for reference, task in list(self._tasks.items()):
            outcome = self._outcome(reference, task.job) if reference in done else None
            if outcome is not None:
                del self._tasks[reference]
            yield News(task.job, task.events.read(), outcome)

    def stop(self) -> None:
        """See :class:`Backend`."""
        for reference in self._tasks:
            self._ray.cancel(reference, force=False)
        if self._tasks:
            self._ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=GRACE_SECONDS)
        self._tasks.clear()

    def _outcome(self, reference: Any, job: Job) -> Outcome:
        try:
            document = self._ray.get(reference)
            if self._storage is not None:
                self._storage.fetch(self._out, job.key)
        except self._ray.exceptions.RayError as error:
            # Ray has retried what it could: the node or its Ray worker was lost too often.
            if self._out.result(job.key).exists():
                return Outcome(status="finished")
            failure = Failure(kind=type(error).__name__, message=str(error)[:2000])
            write_failure(self._out, job.key, failure)
            return Outcome(status="failed", failure=failure)
        return outcome_of(document)


def node_gpus() -> int:
    """The most GPUs that one node of the cluster has: the head may have none."""
    with _connected() as ray:
        return max(int(node["Resources"].get("GPU", 0)) for node in _alive(ray))


def _alive(ray: Any) -> list[Mapping[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


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
            "pip install 'ray>=2.40' 'fsspec>=2024.2'",
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


def _share(place: Place) -> float:
    """GPUs of one job: none on the CPU, else 1 or what the user says."""
    if place.device not in COUNTED:
        if place.options:
            raise UserError(
                f"expected no --executor-option with --executor ray on {place.device}, got "
                f"{dict(place.options)}",
                "num_gpus, the only one, is for --device cuda or xpu",
            )
        return 0
    share = place.options.get("num_gpus", 1)
    whole = isinstance(share, (int, float)) and share > 0 and (share < 1 or share == int(share))
    if set(place.options) - {"num_gpus"} or not whole:
        raise UserError(
            "expected of Ray's options num_gpus alone, a part of one GPU or a number of them, "
            f"got {dict(place.options)}",
            "--executor-option num_gpus=0.5 lets two jobs share a GPU",
        )
    return float(share)


def _room(node: Mapping[str, Any], threads: int, gpus: float) -> int:
    """How many jobs a node holds at once."""
    resources = node["Resources"]
    cpus = int(resources.get("CPU", 0)) // threads
    return min(cpus, int(resources.get("GPU", 0) / gpus + 1e-6)) if gpus else cpus


def _check_room(nodes: Sequence[Mapping[str, Any]], threads: int, gpus: float) -> None:
    if any(_room(node, threads, gpus) for node in nodes):
        return
    have = "; ".join(
        f"{node['NodeManagerHostname']}: {node['Resources'].get('CPU', 0):g} CPUs, "
        f"{node['Resources'].get('GPU', 0):g} GPUs"
        for node in nodes
    )
    raise UserError(
        f"expected a node with {threads} CPUs and {gpus:g} GPUs for one job, got {have}",
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
