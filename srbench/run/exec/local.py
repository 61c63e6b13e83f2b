"""Workers on this machine: every job in a process of its own, several at once where asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from srbench.devices import check_device, visible_gpus
from srbench.errors import UserError
from srbench.files import available_cores
from srbench.records.layout import OutFolder
from srbench.run.exec.backends import Place
from srbench.run.exec.process import GRACE_SECONDS, POLL_SECONDS, WorkerProcess
from srbench.run.exec.scheduler import Backend, News
from srbench.run.exec.starting import ForkServer, NewInterpreter, Starter, can_fork
from srbench.run.plan.jobs import Job


@dataclass(slots=True)
class LocalBackend(Backend):
    """Runs workers on this machine.

    Attributes:
        slots: workers at once.
        gpus: worker ``i`` sees only ``gpus[i % len(gpus)]``. Empty on CPU.
        variable: of the environment, which tells it so.
        starter: starts them; ``None``: forks on CPU, new interpreters on GPUs.
    """

    out: OutFolder
    slots: int = 1
    gpus: Sequence[str] = ()
    variable: str = "CUDA_VISIBLE_DEVICES"
    starter: Starter | None = None
    _workers: dict[int, WorkerProcess] = field(default_factory=dict)
    _kept: bool = False

    def scoring_shares(self) -> tuple[int, int]:
        """A job for each worker on GPUs; on the CPU one job has all cores."""
        return (self.slots, 1) if self.gpus else (1, available_cores())

    def submit(self, job: Job) -> None:
        """See :class:`Backend`."""
        slot = next(slot for slot in range(self.slots) if slot not in self._workers)
        gpu = {self.variable: self.gpus[slot % len(self.gpus)]} if self.gpus else {}
        starter = self.starter or NewInterpreter()
        self._workers[slot] = WorkerProcess(job, self.out, starter=starter, environment=gpu)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """See :class:`Backend`. What starts workers, with their imports; it ends with the last."""
        if self._kept:
            yield
            return
        given = self.starter
        self.starter = given or (ForkServer() if can_fork() and not self.gpus else None)
        self._kept = True
        try:
            yield
        finally:
            if self.starter:
                self.starter.close()
            self.starter, self._kept = given, False

    def connected(self) -> AbstractContextManager[None]:
        """See :class:`Backend`."""
        return self.kept()

    def poll(self) -> Iterator[News]:
        """See :class:`Backend`."""
        time.sleep(POLL_SECONDS)
        for slot, worker in list(self._workers.items()):
            outcome = worker.poll()
            news = News(worker.job, worker.events(), outcome)
            if outcome is not None:
                del self._workers[slot]
            yield news

    def stop(self) -> None:
        """See :class:`Backend`. Kills those that do not end in time."""
        for worker in self._workers.values():
            worker.stop()
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in self._workers.values():
            worker.wait(deadline - time.monotonic())
        self._workers.clear()


def local_backend(place: Place) -> LocalBackend:
    """As many workers as the user says, each with one of the visible GPUs."""
    if place.storage is not None:
        raise UserError(
            "expected --storage together with --executor ray",
            "on one machine, or with a shared disk, the out folder is the storage: use --out",
        )
    if place.device == "cpu":
        return LocalBackend(out=place.out, slots=place.at_once or 1)
    check_device(place.device)
    variable, gpus = visible_gpus(place.device)
    return LocalBackend(
        out=place.out, slots=place.at_once or max(1, len(gpus)), gpus=gpus, variable=variable
    )


def default_jobs(threads: int | None, device: str) -> int:
    """Workers at once where the user does not say.

    One per visible GPU. On CPU as many as the cores hold where the suite fixes the threads per job,
    else one that has all cores.
    """
    if device != "cpu":
        return max(1, len(visible_gpus(device)[1]))
    return max(1, available_cores() // threads) if threads else 1
