"""Which plugin of this project has which loss: for the message when that plugin is not installed.

Nothing else reads it: a loss is whatever an installed plugin says it is. A test keeps the names in
step with the plugins.
"""

from __future__ import annotations

from collections.abc import Mapping

LOSSES_OF: Mapping[str, tuple[str, ...]] = {
    "srbench-classification": (
        *("alexnet", "densenet201", "efficientnet-lite0", "inception-v3", "mobilenet-v2"),
        *("resnet152", "resnet50", "resnext101-32x8d", "timm", "vgg16", "vgg16-bn", "vgg16-caffe"),
        *("vgg19", "wide-resnet101-2"),
    ),
    "srbench-detection": (
        *("craft-vgg16-bn", "fasterrcnn-mobilenet-v3-large", "fasterrcnn-mobilenet-v3-large-320"),
        *("fasterrcnn-resnet50", "fasterrcnn-resnet50-v2", "fcos-resnet50"),
        *("keypointrcnn-resnet50", "maskrcnn-resnet50", "maskrcnn-resnet50-v2"),
        *("retinanet-resnet50", "retinanet-resnet50-v2", "ssd300-vgg16"),
        "ssdlite320-mobilenet-v3-large",
    ),
    "srbench-iqa": ("dists", "lpips", "lpips-vgg", "pyiqa"),
    "srbench-segmentation": (
        *("deeplabv3-mobilenet-v3-large", "deeplabv3-resnet101", "deeplabv3-resnet50", "dpt"),
        *("fcn-resnet101", "fcn-resnet50", "hed-vgg16", "lraspp-mobilenet-v3-large"),
        *("segformer", "smp-encoder", "upernet"),
    ),
    "srbench-selfsupervised": (
        *("clip-resnet50", "clip-vit-base16", "dino-resnet50", "dino-vit-small16"),
        *("dinov2-vit-base14", "dinov2-vit-small14", "fcmae-convnextv2-tiny", "mae-vit-base16"),
        "timm-vit",
    ),
}
"""Distribution -> its losses under their default names."""


def distribution_of(name: str) -> str | None:
    """The distribution of this project that has the loss ``name`` or ``dist:name``."""
    given, _, bare = name.rpartition(":")
    for distribution, names in LOSSES_OF.items():
        if bare in names and given in ("", distribution):
            return distribution
    return None


def how_to_install(distribution: str) -> str:
    """The command that installs it, from a checkout: names on the index are not taken for ours."""
    return (
        f"in a checkout of srbench: pip install ./plugins/{distribution.removeprefix('srbench-')}"
    )
