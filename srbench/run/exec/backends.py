"""Where jobs can run. To add a place is to add its entry here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from srbench.errors import UserError, unknown_name

if TYPE_CHECKING:
    from srbench.records.layout import OutFolder
    from srbench.run.exec.scheduler import Backend

BACKENDS: Final[dict[str, str]] = {
    "local": "srbench.run.exec.local:local_backend",
    "ray": "srbench.run.exec.ray_cluster:RayBackend",
    "slurm": "srbench.run.exec.slurm:SlurmBackend",
}
"""Name -> ``module:function`` that makes a backend of a :class:`Place`; imported when chosen."""

NODE_GPUS: Final[dict[str, str]] = {"ray": "srbench.run.exec.ray_cluster:node_gpus"}
"""Of backends that run jobs on other machines: the function that counts the GPUs of a node."""

UNASKED: Final = frozenset({"slurm"})
"""Backends whose machines nobody can ask before there is a job: the user says what they have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What the user says of where jobs run.

    Attributes:
        device: one of :data:`srbench.devices.DEVICES`.
        threads: CPUs per job.
        at_once: jobs at once; ``None``: as many as there is room for.
        storage: URL that jobs' files travel through, where no file system is shared.
        options: what the user tells the backend alone.
    """

    out: OutFolder
    device: str
    threads: int
    at_once: int | None = None
    storage: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def backend(name: str, place: Place) -> Backend:
    """The backend of this name.

    Raises:
        UserError: no such backend, or one that cannot do what the place asks.
    """
    from srbench.run.plan.jobs import load

    if name not in BACKENDS:
        raise unknown_name("executor", name, BACKENDS)
    if place.options and name == "local":
        raise UserError("expected --executor-option together with --executor ray or slurm")
    made: Backend = load(BACKENDS[name])(place)
    return made


def node_gpus(name: str) -> int | None:
    """The most GPUs that a machine of this backend has; ``None``: it is this machine."""
    from srbench.run.plan.jobs import load

    found: int | None = load(NODE_GPUS[name])() if name in NODE_GPUS else None
    return found
