"""From the name that a user types to a metric: registered ones first, then pyiqa's by its names."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from srbench.contract import BuildContext, MetricSpec
from srbench.errors import UnknownName, UserError, unknown_name
from srbench.metrics.vetted import VETTED

if TYPE_CHECKING:
    from srbench.metrics.pyiqa_bridge import PyiqaMetric

PYIQA_WEIGHTLESS = frozenset(
    {
        "cw_ssim", "entropy", "fsim", "gmsd", "mad", "ms_ssim", "nlpd", "piqe", "psnry", "ssimc",
        "vif", "vsi",
    }
)  # fmt: skip
"""pyiqa's metrics that are formulas: vetted, because they load no file."""


class _HasSpec(Protocol):
    @property
    def spec(self) -> MetricSpec: ...


class MetricRegistry(Protocol):
    """The part of ``srbench.host.Registry`` that names are looked up in."""

    @property
    def metrics(self) -> Mapping[str, _HasSpec]:
        """Reachable name -> metric."""
        ...

    def metric(self, name: str) -> _HasSpec:
        """The metric, or an error."""
        ...


def default_metrics(*, with_hr: bool) -> tuple[str, ...]:
    """What ``srbench eval`` computes where no metric is named."""
    return ("psnr", "ssim", "lpips", "niqe") if with_hr else ("niqe",)


def resolve_metrics(
    names: Iterable[str], registry: MetricRegistry, *, allow_unsafe_weights: bool = False
) -> tuple[MetricSpec, ...]:
    """The metrics of these names, each once, in the order of first mention.

    Args:
        names: of registered metrics (``name`` or ``dist:name``), or pyiqa's names.
        registry: what is installed.
        allow_unsafe_weights: allow those of pyiqa's metrics that load files of their own.

    Raises:
        UnknownName: neither the registry nor pyiqa has it; the nearest names are given.
        PluginError: two distributions provide it, or a broken plugin may have.
        UserError: a pyiqa metric that loads files, without ``allow_unsafe_weights``.
    """
    return tuple(_resolve(name, registry, allow_unsafe_weights) for name in dict.fromkeys(names))


def _resolve(name: str, registry: MetricRegistry, allow_unsafe_weights: bool) -> MetricSpec:
    name = VETTED[name].name if name in VETTED else name
    ambiguous = any(key.endswith(f":{name}") for key in registry.metrics)
    if name in registry.metrics or ambiguous or ":" in name:
        return registry.metric(name).spec
    from srbench.metrics.pyiqa_bridge import pyiqa_catalog

    catalog = pyiqa_catalog()
    if name in catalog:
        return pyiqa_metric(name, allow_unsafe_weights=allow_unsafe_weights)
    try:
        return registry.metric(name).spec
    except UnknownName:
        known = {*registry.metrics, *catalog}
        fix = "`srbench plugins` lists the installed ones; pyiqa's are at github.com/chaofengc/"
        raise unknown_name("metric", name, known, f"{fix}IQA-PyTorch") from None


def pyiqa_metric(name: str, *, allow_unsafe_weights: bool = False) -> MetricSpec:
    """One of pyiqa's metrics with pyiqa's own defaults: no protocol holds for it.

    Its colour space and border are pyiqa's (full-range YIQ where it uses luma), and it may download
    files from pyiqa's servers and unpickle them, which can run code.

    Args:
        name: pyiqa's name; ``+`` becomes ``-plus`` in the metric's name (``lpips-plus``).
        allow_unsafe_weights: needed unless the metric is one of :data:`PYIQA_WEIGHTLESS`.

    Raises:
        UnknownName: pyiqa has no such metric, or it does not score single images.
        UserError: it loads files and ``allow_unsafe_weights`` is not set.
    """
    from srbench.metrics.pyiqa_bridge import pyiqa_catalog

    catalog = pyiqa_catalog()
    if name not in catalog:
        raise unknown_name("pyiqa metric", name, catalog)
    if name not in PYIQA_WEIGHTLESS and not allow_unsafe_weights:
        raise UserError(
            f"the metric {name!r} would let pyiqa download files and unpickle them, "
            "which can run code on this machine",
            "if you trust pyiqa's servers: --allow-unsafe-weights",
        )
    info = catalog[name]
    return MetricSpec(
        name=name.replace("+", "-plus").lower(),
        version=1,
        lower_is_better=info.lower_is_better,
        reference=info.reference,
        build=functools.partial(build_pyiqa_metric, name),
        license="PolyForm-Noncommercial-1.0.0 (pyiqa); weights as their authors say",
        summary=f"pyiqa's {name} with pyiqa's defaults, outside any protocol",
    )


def build_pyiqa_metric(name: str, ctx: BuildContext) -> PyiqaMetric:
    """Factory of :func:`pyiqa_metric`; module-level, so that the spec pickles."""
    del ctx  # pyiqa's defaults are the point
    from srbench.metrics.pyiqa_bridge import PyiqaMetric

    return PyiqaMetric(name)
