"""Plugin discovery and the registry of what plugins provide. Never torch at import time."""

from srbench.host.discovery import discover
from srbench.host.registry import (
    PluginInfo,
    PluginState,
    RegisteredGenerator,
    RegisteredLoss,
    RegisteredMetric,
    Registry,
)
from srbench.host.resolve import ResolvedLoss, build_loss, resolve_loss
from srbench.host.source import source_sha256

__all__ = [
    "PluginInfo",
    "PluginState",
    "RegisteredGenerator",
    "RegisteredLoss",
    "RegisteredMetric",
    "Registry",
    "ResolvedLoss",
    "build_loss",
    "discover",
    "resolve_loss",
    "source_sha256",
]
