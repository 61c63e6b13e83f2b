"""All that a plugin author imports: ``from srbench.contract import LossSpec, hookimpl``.

Importing this package needs neither torch nor the network. :class:`FeatureLoss`, which needs torch,
is in :mod:`srbench.contract.features`; import it inside ``build``.
"""

from srbench.contract.hookspecs import PROJECT, hookimpl, hookspec
from srbench.contract.metric import Agreement, Axis, MetricSpec
from srbench.contract.specs import (
    API_VERSION,
    BuildContext,
    GeneratorSpec,
    LossSpec,
    Task,
    WeightResolver,
)
from srbench.contract.weightfile import (
    Convert,
    HubSource,
    PyPISource,
    Reader,
    Source,
    UrlSource,
    WeightFile,
)

__all__ = [
    "API_VERSION",
    "PROJECT",
    "Agreement",
    "Axis",
    "BuildContext",
    "Convert",
    "GeneratorSpec",
    "HubSource",
    "LossSpec",
    "MetricSpec",
    "PyPISource",
    "Reader",
    "Source",
    "Task",
    "UrlSource",
    "WeightFile",
    "WeightResolver",
    "hookimpl",
    "hookspec",
]
