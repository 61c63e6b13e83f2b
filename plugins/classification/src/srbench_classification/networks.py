"""The networks as data: tap names, weights, input range and smallest image of each; torch-free.

**The default tap** is "the last feature layer" of the starting study, read as what torchvision
hands to the pooling and classifier head: the whole of ``features`` where there is such a module,
else the last stage. That is the reading of the PyTorch SRGAN code that such studies started from
(``vgg16().features[:31]``, thus *including* the last max-pooling). Two things follow: VGG and
AlexNet end in ``pool5`` and not in ``relu5_3``, and DenseNet ends in its last batch norm, *before*
the ReLU that torchvision applies outside of ``features``. The study does not say so itself, and a
suite that wants another layer names it.

Sizes are in pixels: below ``min_size`` torch cannot compute the default tap. Residual networks pad
every convolution and have no such limit, but below 32 px their last tap is a single position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from srbench.contract import WeightFile
from srbench.contract.known_weights import (
    ALEXNET_IMAGENET,
    EFFICIENTNET_LITE0_IMAGENET,
    MOBILENET_V2_IMAGENET,
    VGG16_IMAGENET,
)
from srbench.contract.taps import VGG16_CONVS, VGG19_CONVS, vgg_layer_kinds, vgg_tap_paths
from srbench_classification import taps, weights

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pretrained:
    """One set of weights and the input range that it was trained in.

    Attributes:
        file: where the weights come from.
        mean: per RGB channel, in units of [0, 1].
        std: likewise.
    """

    file: WeightFile
    mean: Triple = (0.485, 0.456, 0.406)
    std: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A classification network whose features make a loss.

    Attributes:
        architecture: what torchvision (or, with ``library="timm"``, timm) calls it.
        title: for people.
        default_tap: see the module's docstring.
        min_size: smallest side of an image.
        pretrained: tag -> weights; the first is the default.
        modules: gives the module paths that the forward pass calls before the head.
        names: exact names -> module paths.
        features_only: only ``features`` is built and loaded, not the head.
        options: of the constructor.
        ignore: prefixes of tensors in the weights that the network as built has no place for.
        shares_network_with: metrics that use the same network.
    """

    architecture: str
    title: str
    default_tap: str
    min_size: int
    pretrained: Mapping[str, Pretrained]
    modules: Callable[[], frozenset[str]]
    paper: str
    library: str = "torchvision"
    license: str = weights.TORCHVISION_LICENSE
    names: Mapping[str, str] = field(default_factory=dict)
    features_only: bool = False
    options: Mapping[str, bool] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    shares_network_with: tuple[str, ...] = ()


def _vgg(
    architecture: str,
    title: str,
    pretrained: Mapping[str, Pretrained],
    convs: tuple[int, ...],
    *,
    batch_norm: bool = False,
    shares_network_with: tuple[str, ...] = (),
) -> Network:
    kinds = vgg_layer_kinds(convs, batch_norm=batch_norm)
    return Network(
        architecture=architecture,
        title=title,
        default_tap="pool5",
        min_size=32,
        pretrained=pretrained,
        modules=lambda: taps.chain(len(kinds)),
        names=vgg_tap_paths(kinds),
        paper="https://arxiv.org/abs/1409.1556",
        features_only=True,
        ignore=("classifier.",),
        shares_network_with=shares_network_with,
    )


def _resnet(
    architecture: str,
    title: str,
    files: tuple[WeightFile, WeightFile],
    *,
    blocks: tuple[int, ...],
    paper: str,
) -> Network:
    return Network(
        architecture=architecture,
        title=title,
        default_tap="layer4",
        min_size=1,
        pretrained={
            "IMAGENET1K_V1": Pretrained(file=files[0]),
            "IMAGENET1K_V2": Pretrained(file=files[1]),
        },
        modules=lambda: taps.resnet(blocks),
        paper=paper,
    )


def _v1(file: WeightFile) -> dict[str, Pretrained]:
    return {"IMAGENET1K_V1": Pretrained(file=file)}


NETWORKS: Mapping[str, Network] = {
    "vgg16": _vgg(
        "vgg16",
        "VGG16",
        {
            **_v1(VGG16_IMAGENET),
            "IMAGENET1K_FEATURES": Pretrained(
                file=weights.VGG16_FEATURES,
                mean=(0.48235, 0.45882, 0.40784),
                std=(1 / 255, 1 / 255, 1 / 255),
            ),
        },
        VGG16_CONVS,
        shares_network_with=("dists", "lpips-vgg"),
    ),
    "vgg16-bn": _vgg(
        "vgg16_bn",
        "VGG16 with batch norm",
        _v1(weights.VGG16_BN),
        VGG16_CONVS,
        batch_norm=True,
    ),
    "vgg19": _vgg("vgg19", "VGG19", _v1(weights.VGG19), VGG19_CONVS),
    "resnet152": _resnet(
        "resnet152",
        "ResNet-152",
        (weights.RESNET152, weights.RESNET152_V2),
        blocks=(3, 8, 36, 3),
        paper="https://arxiv.org/abs/1512.03385",
    ),
    "resnext101-32x8d": _resnet(
        "resnext101_32x8d",
        "ResNeXt-101 32x8d",
        (weights.RESNEXT101, weights.RESNEXT101_V2),
        blocks=(3, 4, 23, 3),
        paper="https://arxiv.org/abs/1611.05431",
    ),
    "wide-resnet101-2": _resnet(
        "wide_resnet101_2",
        "Wide ResNet-101-2",
        (weights.WIDE_RESNET101, weights.WIDE_RESNET101_V2),
        blocks=(3, 4, 23, 3),
        paper="https://arxiv.org/abs/1605.07146",
    ),
    "densenet201": Network(
        architecture="densenet201",
        title="DenseNet-201",
        default_tap="features",
        min_size=29,
        pretrained=_v1(weights.DENSENET201),
        modules=lambda: taps.densenet((6, 12, 48, 32)),
        paper="https://arxiv.org/abs/1608.06993",
    ),
    "inception-v3": Network(
        architecture="inception_v3",
        title="Inception-v3",
        default_tap="Mixed_7c",
        min_size=75,
        # torchvision feeds it ImageNet-normalised images and has `transform_input` undo that:
        # what reaches the first convolution is 2x - 1.
        pretrained={
            "IMAGENET1K_V1": Pretrained(
                file=weights.INCEPTION_V3, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
            )
        },
        modules=taps.inception_v3,
        paper="https://arxiv.org/abs/1512.00567",
        options={"aux_logits": False, "init_weights": False, "transform_input": False},
        ignore=("AuxLogits.",),
    ),
    "alexnet": Network(
        architecture="alexnet",
        title="AlexNet",
        default_tap="pool5",
        min_size=63,
        pretrained=_v1(ALEXNET_IMAGENET),
        modules=lambda: taps.chain(13),
        names=taps.ALEXNET_NAMES,
        paper="https://arxiv.org/abs/1404.5997",
        features_only=True,
        ignore=("classifier.",),
        shares_network_with=("lpips",),
    ),
    "mobilenet-v2": Network(
        architecture="mobilenet_v2",
        title="MobileNetV2",
        default_tap="features",
        min_size=1,
        pretrained={
            **_v1(MOBILENET_V2_IMAGENET),
            "IMAGENET1K_V2": Pretrained(file=weights.MOBILENET_V2_V2),
        },
        modules=taps.mobilenet_v2,
        paper="https://arxiv.org/abs/1801.04381",
    ),
    "efficientnet-lite0": Network(
        architecture="tf_efficientnet_lite0",
        title="EfficientNet-Lite0",
        default_tap="bn2",
        min_size=1,
        # Trained on inputs in [-1, 1], as all of TensorFlow's Lite variants.
        pretrained={
            "in1k": Pretrained(
                file=EFFICIENTNET_LITE0_IMAGENET, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
            )
        },
        modules=taps.efficientnet_lite0,
        paper="https://arxiv.org/abs/1905.11946",
        library="timm",
        license="Apache-2.0; commercial use allowed; trained on ImageNet, whose images have terms "
        "of their own",
    ),
}
"""Loss name -> network."""


@cache
def known_taps(name: str) -> frozenset[str]:
    """Everything that a tap of the loss ``name`` may be called."""
    network = NETWORKS[name]
    return network.modules() | network.names.keys()
