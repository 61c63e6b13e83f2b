"""Where the layout of a weight file is known from, without the file.

torchvision's official files are recognised by their URL and timm's by their repository on the hub:
both libraries make the same network without weights. For any other file the plugin offers a layout
through an entry point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from importlib.metadata import entry_points

import torchvision
from torch import nn

from srbench.checks.seeded import GROUP, Layout
from srbench.contract import HubSource, UrlSource, WeightFile
from srbench.errors import PluginError


def known_layouts(files: Iterable[WeightFile], distribution: str | None) -> dict[str, Layout]:
    """The layouts that are known for ``files``; others are left out.

    Args:
        files: of one loss.
        distribution: whose entry points are asked first.

    Raises:
        PluginError: see :func:`offered_layouts`.
    """
    offered = offered_layouts(distribution) if distribution is not None else {}
    found = {file.id: offered.get(file.id) or official_layout(file) for file in files}
    return {weight_id: layout for weight_id, layout in found.items() if layout is not None}


def official_layout(file: WeightFile) -> Callable[[], nn.Module] | None:
    """A function that makes the network of an official file; ``None`` for any other file."""
    for source in file.sources:
        if isinstance(source, UrlSource) and source.url in _torchvision_urls():
            return partial(_torchvision_network, _torchvision_urls()[source.url])
        if isinstance(source, HubSource) and source.repo.startswith("timm/"):
            return partial(_timm_network, source.repo.removeprefix("timm/"))
    return None


@cache
def _torchvision_urls() -> Mapping[str, str]:
    """URL of every official file -> name of its network."""
    return {
        weights.url: name
        for name in torchvision.models.list_models()
        for weights in torchvision.models.get_model_weights(name)
    }


def _torchvision_network(name: str) -> nn.Module:
    options: dict[str, object] = {"weights": None}
    if name.startswith(("fasterrcnn", "maskrcnn", "keypointrcnn", "retinanet", "fcos", "ssd")):
        options["weights_backbone"] = None
    if name.startswith(("deeplabv3", "fcn", "lraspp")):
        # The published files were trained with the auxiliary head, where there is one.
        options["weights_backbone"] = None
        options |= {} if name.startswith("lraspp") else {"aux_loss": True}
    if name.startswith(("inception", "googlenet")):
        options |= {"init_weights": False, "aux_logits": True}
    network: nn.Module = torchvision.models.get_model(name, **options)
    return network


def _timm_network(name: str) -> nn.Module:
    import timm

    network: nn.Module = timm.create_model(name, pretrained=False)
    return network


def offered_layouts(distribution: str) -> dict[str, Layout]:
    """The layouts that a distribution offers through the entry-point group :data:`GROUP`.

    Raises:
        PluginError: an entry point cannot be loaded, or is no mapping.
    """
    found: dict[str, Layout] = {}
    for point in entry_points(group=GROUP):
        owner = point.dist.name if point.dist is not None else ""
        if _plain(owner) != _plain(distribution):
            continue
        try:
            layouts = point.load()
        except Exception as error:
            raise PluginError(
                f"expected {point.value!r} of {owner} to give weight layouts, got "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(layouts, Mapping):
            raise PluginError(
                f"expected {point.value!r} of {owner} to be a mapping of weight ids to layouts, "
                f"got {type(layouts).__name__}"
            )
        found.update(layouts)
    return found


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
