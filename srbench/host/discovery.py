"""Isolated discovery: one broken plugin never takes the others, or srbench, down.

``pluggy.PluginManager.load_setuptools_entrypoints`` is not used: one bad plugin stops it, and
duplicates vanish. ``pm.hook.srbench_losses()`` is not used either: one raising implementation would
end the call for all. Every step of every plugin runs inside its own ``try``.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import pluggy

from srbench.contract import API_VERSION, PROJECT, GeneratorSpec, LossSpec, MetricSpec, hookspecs
from srbench.errors import ContractError, describe
from srbench.host.guard import guarded
from srbench.host.registry import PluginInfo, Registered, Registry, Spec
from srbench.namesake import DISTRIBUTION

_HOOKS: Mapping[type[Spec], str] = {
    LossSpec: "srbench_losses",
    MetricSpec: "srbench_metrics",
    GeneratorSpec: "srbench_generators",
}


@dataclass(frozen=True, slots=True)
class _Candidate:
    distribution: str
    version: str
    entry_point: importlib.metadata.EntryPoint

    @property
    def key(self) -> str:
        return f"{self.distribution}:{self.entry_point.name}"


def discover() -> Registry:
    """Find, load and question every installed plugin.

    The environment variable ``SRBENCH_PLUGINS`` says which are not to be loaded: a comma-separated
    list of ``no:NAME`` (a distribution or entry point; ``-p no:NAME`` adds to it), or of the only
    plugins to load (empty: only srbench's own).

    Returns:
        The registry, with one :class:`PluginInfo` per entry point, whatever became of it.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins: list[PluginInfo] = []
    found: dict[type, list[Any]] = {kind: [] for kind in _HOOKS}
    is_blocked = _block_rule()
    for candidate in _candidates():
        if is_blocked(candidate):
            plugins.append(_info(candidate, "blocked", "blocked by -p or SRBENCH_PLUGINS"))
            continue
        info, specs = _load(manager, candidate)
        plugins.append(info)
        for spec in specs:
            item = Registered(
                spec=spec, distribution=candidate.distribution, version=candidate.version,
                plugin=candidate.entry_point.name,
            )  # fmt: skip
            found[type(spec)].append(item)
    return Registry(plugins, found[LossSpec], found[MetricSpec], found[GeneratorSpec])


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _candidates() -> list[_Candidate]:
    """Entry points of the group, one per (distribution, name); the first on ``sys.path`` counts."""
    found: dict[str, list[_Candidate]] = {}
    for dist in importlib.metadata.distributions():
        # Metadata of strangers' packages may be damaged in any way; such a package has no plugin.
        try:
            points = [p for p in dist.entry_points if p.group == PROJECT]
            if not points:
                continue  # nor is the rest of its metadata worth the time to parse it
            name, version = dist.metadata["Name"], dist.version
        except Exception as error:
            if PROJECT in str(getattr(dist, "_path", "")):
                print(f"warning: damaged metadata in {dist}: {error}", file=sys.stderr)  # noqa: T201
            continue
        if name:
            key = _normalized(str(name))
            found.setdefault(key, [_Candidate(key, str(version), point) for point in points])
    return [c for key in sorted(found) for c in sorted(found[key], key=lambda c: c.key)]


def _block_rule() -> Callable[[_Candidate], bool]:
    never: set[str] = set()
    only: set[str] | None = None
    setting = os.environ.get("SRBENCH_PLUGINS")
    if setting is not None:
        names = [name.strip() for name in setting.split(",") if name.strip()]
        never = {_normalized(name[3:]) for name in names if name.startswith("no:")}
        wanted = {_normalized(name) for name in names if not name.startswith("no:")}
        if wanted or not names:
            only = wanted

    def rule(candidate: _Candidate) -> bool:
        names = {candidate.distribution, _normalized(candidate.entry_point.name)}
        if names & never:
            return True
        # The host's built-in losses and metrics are never blocked by accident.
        return only is not None and candidate.distribution != DISTRIBUTION and not names & only

    return rule


def _load(manager: pluggy.PluginManager, candidate: _Candidate) -> tuple[PluginInfo, list[Spec]]:
    # Whatever is raised ends this plugin alone. KeyboardInterrupt is the user's and is not caught.
    try:
        with guarded(candidate.key):
            module = candidate.entry_point.load()
            manager.register(module, name=candidate.key)
            manager.check_pending()  # names misspelt hooks; earlier offenders are unregistered
            specs = list(_specs(manager, module))
            newer = [s.name for s in specs if s.api_version > API_VERSION]
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if manager.has_plugin(candidate.key):
            manager.unregister(name=candidate.key)
        return _info(candidate, "failed", describe(error), traceback.format_exc()), []
    if newer:
        reason = (
            f"expected contract version {API_VERSION} or older, got a newer one for "
            f"{', '.join(newer)}: upgrade srbench"
        )
        return _info(candidate, "incompatible", reason), []
    losses, metrics, generators = (
        tuple(spec.name for spec in specs if isinstance(spec, kind)) for kind in _HOOKS
    )
    info = replace(_info(candidate, "ok"), losses=losses, metrics=metrics, generators=generators)
    return info, specs


def _specs(manager: pluggy.PluginManager, module: object) -> Iterator[Spec]:
    for kind, hook in _HOOKS.items():
        caller = getattr(manager.hook, hook)
        for implementation in caller.get_hookimpls():
            if implementation.plugin is not module:
                continue
            if implementation.wrapper or implementation.hookwrapper:
                raise ContractError(f"{caller.name}: expected a plain function, got a hook wrapper")
            returned = implementation.function()
            try:
                items = list(returned)
            except TypeError as error:
                raise ContractError(
                    f"{caller.name}: expected an iterable of {kind.__name__}, got {returned!r:.200}"
                ) from error
            seen: set[str] = set()
            for item in items:
                if not isinstance(item, kind):
                    raise ContractError(
                        f"{caller.name}: expected {kind.__name__} objects, got {item!r:.200}"
                    )
                if item.name in seen:
                    raise ContractError(f"{caller.name}: {item.name!r} is declared twice")
                seen.add(item.name)
                yield item


def _info(
    candidate: _Candidate,
    state: Literal["ok", "failed", "blocked", "incompatible"],
    error: str = "",
    trace: str = "",
) -> PluginInfo:
    return PluginInfo(
        name=candidate.entry_point.name,
        distribution=candidate.distribution,
        version=candidate.version,
        state=state,
        error=error,
        traceback=trace,
    )
