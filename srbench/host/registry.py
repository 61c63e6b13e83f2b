"""What is installed: plugins with their state, losses and metrics by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from srbench.contract import LossSpec, MetricSpec
from srbench.errors import PluginError, unknown_name

PluginState = Literal["ok", "failed", "blocked", "duplicate", "incompatible"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginInfo:
    """One entry point of the group ``srbench`` and what became of it.

    Attributes:
        name: of the entry point.
        distribution: that declares it; ``version`` is the distribution's.
        error: one line, empty where the state is ``ok``.
        traceback: of the exception, where there was one.
    """

    name: str
    distribution: str
    version: str
    state: PluginState
    error: str = ""
    traceback: str = ""
    losses: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredLoss:
    """A loss and who provides it."""

    spec: LossSpec
    distribution: str
    version: str
    plugin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredMetric:
    """A metric and who provides it."""

    spec: MetricSpec
    distribution: str
    version: str
    plugin: str


_Item = TypeVar("_Item", RegisteredLoss, RegisteredMetric)


class Registry:
    """Losses, metrics and plugins by name.

    A name that two distributions provide is reachable only as ``dist:name``: which of two losses a
    table shows must never depend on the order of installation.

    Attributes:
        plugins: every entry point found, in the order of distribution and entry-point names.
        losses: reachable name -> loss; ``dist:name`` keys where a bare name is ambiguous.
        metrics: likewise.
    """

    def __init__(
        self,
        plugins: Iterable[PluginInfo],
        losses: Iterable[RegisteredLoss],
        metrics: Iterable[RegisteredMetric],
    ) -> None:
        losses, metrics = list(losses), list(metrics)
        clashes = {**_clashes(losses), **_clashes(metrics)}
        self.plugins = tuple(_mark_duplicates(info, clashes) for info in plugins)
        self.losses: Mapping[str, RegisteredLoss] = _by_name(losses)
        self.metrics: Mapping[str, RegisteredMetric] = _by_name(metrics)
        self._all_losses = {f"{loss.distribution}:{loss.spec.name}": loss for loss in losses}
        self._all_metrics = {f"{item.distribution}:{item.spec.name}": item for item in metrics}

    def loss(self, name: str) -> RegisteredLoss:
        """The loss called ``name`` or ``dist:name``.

        Raises:
            UnknownName: nothing provides it; the nearest names are given.
            PluginError: two distributions provide it; or none does, and some plugin is broken or
                blocked.
        """
        return self._find("loss", name, self.losses, self._all_losses)

    def metric(self, name: str) -> RegisteredMetric:
        """The metric called ``name`` or ``dist:name``; errors as for :meth:`loss`."""
        return self._find("metric", name, self.metrics, self._all_metrics)

    @property
    def broken(self) -> tuple[PluginInfo, ...]:
        """Plugins that could not be used at all."""
        return tuple(p for p in self.plugins if p.state in ("failed", "incompatible"))

    def _find(
        self, kind: str, name: str, names: Mapping[str, _Item], qualified: Mapping[str, _Item]
    ) -> _Item:
        found = names.get(name) or qualified.get(name)
        if found is not None:
            return found
        owners = [key for key in qualified if key.endswith(f":{name}")]
        if len(owners) > 1:
            raise PluginError(
                f"expected one {kind} called {name!r}, got {len(owners)}: {', '.join(owners)}",
                f"write one of {', '.join(repr(o) for o in owners)}, or uninstall a distribution",
            )
        error = unknown_name(kind, name, names)
        if self.broken:
            reasons = "; ".join(f"{p.distribution} ({p.error})" for p in self.broken)
            raise PluginError(
                f"{error.what}. Broken plugins that may have provided it: {reasons}",
                "`srbench plugins` shows their tracebacks",
            )
        blocked = sorted({p.distribution for p in self.plugins if p.state == "blocked"})
        if blocked:
            raise PluginError(
                f"{error.what}. Blocked plugins that may have provided it: {', '.join(blocked)}",
                "leave out `-p no:NAME`, or take NAME out of SRBENCH_PLUGINS",
            )
        listing = "`srbench losses`" if kind == "loss" else "`srbench plugins`"
        raise unknown_name(
            kind,
            name,
            names,
            f"{listing} lists what is installed; pip adds plugins, in a checkout of srbench "
            "`pip install ./plugins/NAME` (docs/losses.md has all of them)",
        )


def _clashes(items: Iterable[RegisteredLoss] | Iterable[RegisteredMetric]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = defaultdict(list)
    for item in items:
        owners[item.spec.name].append(item.distribution)
    return {name: who for name, who in owners.items() if len(who) > 1}


def _by_name(items: list[_Item]) -> dict[str, _Item]:
    clashes = _clashes(items)
    result: dict[str, _Item] = {}
    for item in items:
        name = item.spec.name
        result[f"{item.distribution}:{name}" if name in clashes else name] = item
    return dict(sorted(result.items()))


def _mark_duplicates(info: PluginInfo, clashes: Mapping[str, list[str]]) -> PluginInfo:
    mine = [name for name in (*info.losses, *info.metrics) if name in clashes]
    if info.state != "ok" or not mine:
        return info
    reasons = "; ".join(
        f"{name!r} is provided by {' and '.join(sorted(set(clashes[name])))}: "
        f"write '{info.distribution}:{name}'"
        for name in mine
    )
    return replace(info, state="duplicate", error=reasons)
