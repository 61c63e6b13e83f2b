"""The hooks of srbench. They take no arguments and return data."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from srbench.contract.metric import MetricSpec
from srbench.contract.specs import GeneratorSpec, LossSpec

PROJECT = "srbench"
"""Entry-point group and pluggy project name."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def srbench_losses() -> Iterable[LossSpec]:  # type: ignore[empty-body]
    """The losses that this plugin provides."""


@hookspec
def srbench_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """The metrics that this plugin provides."""


@hookspec
def srbench_generators() -> Iterable[GeneratorSpec]:  # type: ignore[empty-body]
    """The generators that this plugin provides."""
