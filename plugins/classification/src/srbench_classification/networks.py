"""The networks as data: tap names, weights, input range and smallest image of each; torch-free.

**The default tap** is "the last feature layer" of the starting study, read as what torchvision
hands to the pooling and classifier head: the whole of ``features`` where there is such a module,
else the last stage. That is the reading of the PyTorch SRGAN code that such studies started from
(``vgg16().features[:31]``, thus *including* the last max-pooling). Two things follow: VGG and
AlexNet end in ``pool5`` and not in ``relu5_3``, and DenseNet ends in its last batch norm, *before*
the ReLU that torchvision applies outside of ``features``. The study does not say so itself, and a
suite that wants another layer names it; the SRGAN paper's are ``conv5_4`` and ``relu5_4`` of VGG19.

Below ``min_size`` torch cannot compute the default tap. Residual networks pad every convolution and
have no such limit, but below 32 px their last tap is a single position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from srbench.contract import WeightFile
from srbench.contract.architectures import (
    RESNET50_BLOCKS,
    RESNET101_BLOCKS,
    resnet_modules,
    torchvision_features,
    torchvision_module,
)
from srbench.contract.known_weights import ALEXNET_IMAGENET, VGG16_IMAGENET
from srbench.contract.networks import CAFFE_MEAN, CAFFE_STD, HALF, Network, Pretrained
from srbench.contract.taps import VGG16_CONVS, VGG19_CONVS, vgg_taps
from srbench_classification import taps, weights

_VGG_PAPER = "https://arxiv.org/abs/1409.1556"
_RESNET_PAPER = "https://arxiv.org/abs/1512.03385"
_VGG_METRICS = ("dists", "lpips-vgg")
"""They have the architecture of VGG16, under torchvision's weights."""


def _network(name: str, title: str, **facts: Any) -> Network:
    return Network(
        name=name,
        summary=f"features of {title} trained for ImageNet classification",
        task="classification",
        pretrained_on="ImageNet-1k (ILSVRC 2012)",
        **{"license": weights.TORCHVISION_LICENSE, **facts},
    )


def _vgg(name: str, title: str, pretrained: Mapping[str, Pretrained], **facts: Any) -> Network:
    architecture: str = facts.setdefault("backbone", name)
    return _network(
        name,
        title,
        make=partial(torchvision_features, architecture),
        weights=pretrained,
        tap="pool5",
        min_size=32,
        paper=_VGG_PAPER,
        ignore=("classifier.",),
        **facts,
    )


def _resnet(
    name: str,
    title: str,
    files: Iterable[WeightFile],
    blocks: tuple[int, ...],
    *,
    paper: str = _RESNET_PAPER,
) -> Network:
    architecture = name.replace("-", "_")
    tags = ("IMAGENET1K_V1", "IMAGENET1K_V2")
    return _network(
        name,
        title,
        backbone=architecture,
        make=partial(torchvision_module, architecture),
        weights={tag: Pretrained(file=file) for tag, file in zip(tags, files, strict=True)},
        tap="layer4",
        taps=_same(resnet_modules(blocks)),
        paper=paper,
        version=2,  # BatchNorm is folded
    )


def _v1(file: WeightFile) -> dict[str, Pretrained]:
    return {"IMAGENET1K_V1": Pretrained(file=file)}


def _half(tag: str, file: WeightFile) -> dict[str, Pretrained]:
    return {tag: Pretrained(file=file, mean=HALF, std=HALF)}


def _same(paths: Iterable[str]) -> dict[str, str]:
    return {path: path for path in paths}


def _timm_network(architecture: str) -> Any:
    import timm  # a second of imports, which a network of torchvision does not need

    return timm.create_model(architecture, pretrained=False)


_CAFFE = {
    "IMAGENET1K_FEATURES": Pretrained(file=weights.VGG16_FEATURES, mean=CAFFE_MEAN, std=CAFFE_STD)
}
_STUDY = (
    _vgg(
        "vgg16",
        "VGG16",
        {**_v1(VGG16_IMAGENET), **_CAFFE},
        taps=vgg_taps(VGG16_CONVS),
        shares_network_with=_VGG_METRICS,
    ),
    _vgg(
        "vgg16-bn",
        "VGG16 with batch norm",
        _v1(weights.VGG16_BN),
        backbone="vgg16_bn",
        version=2,  # BatchNorm is folded
        taps=vgg_taps(VGG16_CONVS, batch_norm=True),
    ),
    _resnet("resnet152", "ResNet-152", weights.RESNET152, (3, 8, 36, 3)),
    _network(
        "densenet201",
        "DenseNet-201",
        backbone="densenet201",
        make=partial(torchvision_module, "densenet201"),
        weights=_v1(weights.DENSENET201),
        tap="features",
        taps=_same(taps.densenet((6, 12, 48, 32))),
        min_size=29,
        paper="https://arxiv.org/abs/1608.06993",
        version=2,  # BatchNorm is folded
    ),
    _resnet(
        "resnext101-32x8d",
        "ResNeXt-101 32x8d",
        weights.RESNEXT101,
        RESNET101_BLOCKS,
        paper="https://arxiv.org/abs/1611.05431",
    ),
    _resnet(
        "wide-resnet101-2",
        "Wide ResNet-101-2",
        weights.WIDE_RESNET101,
        RESNET101_BLOCKS,
        paper="https://arxiv.org/abs/1605.07146",
    ),
    _network(
        "inception-v3",
        "Inception-v3",
        backbone="inception_v3",
        make=partial(
            torchvision_module,
            "inception_v3",
            aux_logits=False,
            init_weights=False,
            transform_input=False,
        ),
        # torchvision feeds it ImageNet-normalised images and has `transform_input` undo that:
        # what reaches the first convolution is 2x - 1.
        weights=_half("IMAGENET1K_V1", weights.INCEPTION_V3),
        tap="Mixed_7c",
        taps=_same(taps.inception_v3()),
        min_size=75,
        paper="https://arxiv.org/abs/1512.00567",
        ignore=("AuxLogits.",),
        version=2,  # BatchNorm is folded
    ),
)
_REAL_ESRGAN = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}
_FURTHER = (
    _vgg("vgg19", "VGG19", _v1(weights.VGG19), taps=vgg_taps(VGG19_CONVS)),
    # The perceptual loss of Real-ESRGAN's published training settings, at weight 1.
    replace(
        _vgg(
            "vgg19-realesrgan",
            "VGG19",
            _v1(weights.VGG19),
            backbone="vgg19",
            taps=vgg_taps(VGG19_CONVS),
        ),
        summary="Real-ESRGAN's perceptual loss: five layers of VGG19 before their activations, L1",
        tap=_REAL_ESRGAN,
        distance="l1",
        min_size=16,
        paper="https://arxiv.org/abs/2107.10833",
    ),
    _network(
        "alexnet",
        "AlexNet",
        backbone="alexnet",
        make=partial(torchvision_features, "alexnet"),
        weights=_v1(ALEXNET_IMAGENET),
        tap="pool5",
        taps={**taps.ALEXNET, **_same(taps.ALEXNET.values()), "features": "features"},
        min_size=63,
        paper="https://arxiv.org/abs/1404.5997",
        ignore=("classifier.",),
        shares_network_with=("lpips",),
    ),
    _network(
        "mobilenet-v2",
        "MobileNetV2",
        backbone="mobilenet_v2",
        make=partial(torchvision_module, "mobilenet_v2"),
        weights={
            **_v1(weights.MOBILENET_V2),
            "IMAGENET1K_V2": Pretrained(file=weights.MOBILENET_V2_V2),
        },
        tap="features",
        taps=_same(taps.mobilenet_v2()),
        paper="https://arxiv.org/abs/1801.04381",
        version=2,  # BatchNorm is folded
    ),
    _network(
        "efficientnet-lite0",
        "EfficientNet-Lite0",
        backbone="tf_efficientnet_lite0",
        make=partial(_timm_network, "tf_efficientnet_lite0"),
        # Trained on inputs in [-1, 1], as all of TensorFlow's Lite variants.
        weights=_half("in1k", weights.EFFICIENTNET_LITE0),
        tap="bn2",
        taps=_same(taps.efficientnet_lite0()),
        paper="https://arxiv.org/abs/1905.11946",
        license="Apache-2.0; commercial use allowed; trained on ImageNet, whose images have terms "
        "of their own",
    ),
)
_PARENTS = (
    # It lines up with segmenters, detectors and self-supervised encoders of one architecture.
    _resnet("resnet50", "ResNet-50", weights.RESNET50, RESNET50_BLOCKS),
    # The VGG16 of its authors, from which SSD300 was trained, and HED most likely; CRAFT's parent
    # is vgg16-bn.
    _vgg(
        "vgg16-caffe",
        "its authors' VGG16 (Caffe)",
        _CAFFE,
        backbone="vgg16",
        taps=vgg_taps(VGG16_CONVS),
        shares_network_with=_VGG_METRICS,
    ),
)

NETWORKS: Mapping[str, Network] = {n.name: n for n in (*_STUDY, *_FURTHER, *_PARENTS)}
"""Loss name -> network: the seven of the starting study first, other tasks' parents last."""
