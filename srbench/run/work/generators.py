"""The generator of a job, inside a worker: its plugin is imported here alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from srbench.host import discover
from srbench.models.files import load_generator
from srbench.models.resolve import ResolvedGenerator, resolve_generator


def job_generator(request: Mapping[str, Any]) -> ResolvedGenerator:
    """The generator that a job names, for its scale."""
    chosen = request["generator"]
    spec = discover().generator_spec(chosen["name"])
    return resolve_generator(spec, chosen["params"], request["scale"])


def trained_network(path: Path, request: Mapping[str, Any]) -> nn.Module:
    """The job's generator with the weights in ``path``, in eval mode on the job's device."""
    # The job says whose generator it is; the file knows the bare name only.
    spec = job_generator(request).spec
    return load_generator(path, lambda _: spec).network.to(request["device"])
