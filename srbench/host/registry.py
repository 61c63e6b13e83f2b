"""What is installed: plugins with their state; losses, metrics and generators by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from srbench.contract import GeneratorSpec, LossSpec, MetricSpec
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
    generators: tuple[str, ...] = ()

    @property
    def provides(self) -> tuple[str, ...]:
        """All names that it has, of whatever kind."""
        return (*self.losses, *self.metrics, *self.generators)


Spec = LossSpec | MetricSpec | GeneratorSpec
SpecT = TypeVar("SpecT", bound=Spec)


@dataclass(frozen=True, kw_only=True)
class Registered(Generic[SpecT]):
    """A loss, metric or generator, and who provides it."""

    spec: SpecT
    distribution: str
    version: str
    plugin: str


RegisteredLoss = Registered[LossSpec]
RegisteredMetric = Registered[MetricSpec]
RegisteredGenerator = Registered[GeneratorSpec]


class Registry:
    """Losses, metrics, generators and plugins by name.

    A name that two distributions provide is reachable only as ``dist:name``: which of two losses a
    table shows must never depend on the order of installation.

    Attributes:
        plugins: every entry point found, in the order of distribution and entry-point names.
        losses: reachable name -> loss; ``dist:name`` keys where a bare name is ambiguous.
        metrics: likewise.
        generators: likewise.
    """

    def __init__(
        self,
        plugins: Iterable[PluginInfo],
        losses: Iterable[RegisteredLoss],
        metrics: Iterable[RegisteredMetric],
        generators: Iterable[RegisteredGenerator] = (),
    ) -> None:
        losses, metrics, generators = list(losses), list(metrics), list(generators)
        clashes = {**_clashes(losses), **_clashes(metrics), **_clashes(generators)}
        self.plugins = tuple(_mark_duplicates(info, clashes) for info in plugins)
        self.losses: Mapping[str, RegisteredLoss] = _by_name(losses)
        self.metrics: Mapping[str, RegisteredMetric] = _by_name(metrics)
        self.generators: Mapping[str, RegisteredGenerator] = _by_name(generators)
        self._all_losses = _qualified(losses)
        self._all_metrics = _qualified(metrics)
        self._all_generators = _qualified(generators)

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

    def generator(self, name: str) -> RegisteredGenerator:
        """The generator called ``name`` or ``dist:name``; errors as for :meth:`loss`."""
        return self._find("generator", name, self.generators, self._all_generators)

    def generator_spec(self, name: str) -> GeneratorSpec:
        """The spec of :meth:`generator`."""
        return self.generator(name).spec

    @property
    def broken(self) -> tuple[PluginInfo, ...]:
        """Plugins that could not be used at all."""
        return tuple(p for p in self.plugins if p.state in ("failed", "incompatible"))

    def _find(
        self,
        kind: str,
        name: str,
        names: Mapping[str, Registered[SpecT]],
        qualified: Mapping[str, Registered[SpecT]],
    ) -> Registered[SpecT]:
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
            "`pip install ./plugins/NAME` (`srbench docs losses` has all of them)",
        )


def _clashes(items: Iterable[Registered[SpecT]]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = defaultdict(list)
    for item in items:
        owners[item.spec.name].append(item.distribution)
    return {name: who for name, who in owners.items() if len(who) > 1}


def _qualified(items: Iterable[Registered[SpecT]]) -> dict[str, Registered[SpecT]]:
    return {f"{item.distribution}:{item.spec.name}": item for item in items}


def _by_name(items: list[Registered[SpecT]]) -> dict[str, Registered[SpecT]]:
    clashes = _clashes(items)
    result: dict[str, Registered[SpecT]] = {}
    for item in items:
        name = item.spec.name
        result[f"{item.distribution}:{name}" if name in clashes else name] = item
    return dict(sorted(result.items()))


def _mark_duplicates(info: PluginInfo, clashes: Mapping[str, list[str]]) -> PluginInfo:
    mine = [name for name in info.provides if name in clashes]
    if info.state != "ok" or not mine:
        return info
    reasons = "; ".join(
        f"{name!r} is provided by {' and '.join(sorted(set(clashes[name])))}: "
        f"write '{info.distribution}:{name}'"
        for name in mine
    )
    return replace(info, state="duplicate", error=reasons)
