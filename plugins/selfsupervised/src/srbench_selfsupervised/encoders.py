"""The encoders as data; torch-free.

timm's models come from its repositories on the hub, DINO's ResNet-50 from its authors. Neither
publishes a hash that could be pinned here: the tensors' hash is measured at the first load,
recorded, and a later load that differs is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from srbench.contract import HubSource, UrlSource, WeightFile
from srbench.contract.architectures import RESNET50_BLOCKS, resnet_modules, torchvision_module
from srbench.contract.networks import Network, Pretrained, Triple
from srbench.contract.weightfile import UNPINNED
from srbench.errors import UserError

CLIP_MEAN: Triple = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Triple = (0.26862954, 0.26130258, 0.27577711)

NORM = "norm"
"""The tap after a ViT's last normalisation, which is what its head receives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoder(Network):
    """One encoder.

    Attributes:
        vit: its tokens are put back to where their patches are.
        patch: images are padded, by repeating the edge, until their sides are multiples of this:
            the side of a ViT's patches; 1 for networks that take any size.
        float32: also under autocast: in bfloat16 the rounding of its features is as large as a
            fifth of what SR and HR differ by (measured with seeded weights, near the truth).
    """

    vit: bool = False
    patch: int = 1
    float32: bool = False


def timm_file(weight_id: str, repo: str, license_: str, size: int = 0) -> WeightFile:
    """A model's file in timm's repository of it; ``size`` is that of its tensors."""
    source = HubSource(repo=f"timm/{repo}", filename="model.safetensors")
    return WeightFile(id=weight_id, license=license_, sources=(source,), size=size)


def dynamic_vit(model: str) -> Any:
    """One of timm's ViTs, made for images of any size.

    Raises:
        UserError: it is no ViT of one patch size.
    """
    import timm

    try:
        network: Any = timm.create_model(model, pretrained=False, dynamic_img_size=True)
    except TypeError as error:
        raise UserError(
            f"expected a timm ViT that takes images of any size, got {model!r}: {error}",
            "the loss timm takes convolutional networks and hierarchical transformers",
        ) from error
    if not hasattr(network, "forward_intermediates") or not hasattr(network, "blocks"):
        raise UserError(f"expected a timm ViT, got {type(network).__name__} for {model!r}")
    return network


def _timm(model: str) -> Any:
    import timm

    return timm.create_model(model, pretrained=False)


def _headless_resnet50() -> Any:
    from torch import nn

    network: Any = torchvision_module("resnet50")
    network.fc = nn.Identity()
    return network


_APACHE = "Apache-2.0; commercial use allowed"
_MIT = "MIT (OpenAI); commercial use allowed by the licence"
_NC = "CC-BY-NC-4.0: no commercial use"
_LVD = "LVD-142M (curated, no labels)"
_UNLABELLED = "ImageNet-1k without labels"
_WIT = "400 million images with captions (WIT)"

_DINOV2 = "https://arxiv.org/abs/2304.07193"
_DINO = "https://arxiv.org/abs/2104.14294"
_CLIP = "https://arxiv.org/abs/2103.00020"

_VIT_TAPS = {tap: f"maps.{tap}" for tap in (NORM, *(f"block{k + 1}" for k in range(12)))}
_CLIP_RANGE = {"mean": CLIP_MEAN, "std": CLIP_STD}


def _encoder(
    name: str,
    title: str,
    file: WeightFile,
    input_range: Mapping[str, Triple] | None = None,
    **facts: Any,
) -> Encoder:
    return Encoder(
        name=name,
        summary=f"features of {title}",
        task="self-supervised",
        weights={"": Pretrained(file=file, **(input_range or {}))},
        license=file.license,
        known_failures={"weights-declared": UNPINNED},
        **facts,
    )


def _vit(name: str, title: str, file: WeightFile, model: str, **facts: Any) -> Encoder:
    made = partial(dynamic_vit, model)
    return _encoder(name, title, file, make=made, tap=NORM, taps=_VIT_TAPS, vit=True, **facts)


_ALL = (
    _vit(
        "dinov2-vit-small14",
        "DINOv2's ViT-S/14",
        timm_file(
            "vit_small_patch14-dinov2", "vit_small_patch14_dinov2.lvd142m", _APACHE, 88_224_768
        ),
        "vit_small_patch14_dinov2.lvd142m",
        backbone="vit_small_patch14",
        pretrained_on=_LVD,
        paper=_DINOV2,
        patch=14,
    ),
    _vit(
        "dinov2-vit-base14",
        "DINOv2's ViT-B/14",
        timm_file(
            "vit_base_patch14-dinov2", "vit_base_patch14_dinov2.lvd142m", _APACHE, 346_318_848
        ),
        "vit_base_patch14_dinov2.lvd142m",
        backbone="vit_base_patch14",
        pretrained_on=_LVD,
        paper=_DINOV2,
        patch=14,
    ),
    _vit(
        "dino-vit-small16",
        "DINO's ViT-S/16",
        timm_file("vit_small_patch16-dino", "vit_small_patch16_224.dino", _APACHE, 86_662_656),
        "vit_small_patch16_224.dino",
        backbone="vit_small_patch16",
        pretrained_on=_UNLABELLED,
        paper=_DINO,
        patch=16,
    ),
    _encoder(
        "dino-resnet50",
        "DINO's ResNet-50",
        WeightFile(
            id="resnet50-dino",
            license=_APACHE,
            sources=(
                UrlSource(
                    url="https://dl.fbaipublicfiles.com/dino/dino_resnet50_pretrain/"
                    "dino_resnet50_pretrain.pth"
                ),
            ),
            size=94_245_032,
        ),
        make=_headless_resnet50,
        # The file may hold a classifier that nothing was trained for.
        ignore=("fc.",),
        tap="layer4",
        taps={path: path for path in resnet_modules(RESNET50_BLOCKS)},
        backbone="resnet50",
        pretrained_on=_UNLABELLED,
        paper=_DINO,
        min_size=32,
        version=2,  # BatchNorm is folded
    ),
    _vit(
        "mae-vit-base16",
        "MAE's ViT-B/16",
        timm_file("vit_base_patch16-mae", "vit_base_patch16_224.mae", _NC, 343_194_624),
        "vit_base_patch16_224.mae",
        backbone="vit_base_patch16",
        pretrained_on=_UNLABELLED,
        paper="https://arxiv.org/abs/2111.06377",
        patch=16,
    ),
    _encoder(
        "fcmae-convnextv2-tiny",
        "ConvNeXt V2-T after masked autoencoding",
        timm_file("convnextv2_tiny-fcmae", "convnextv2_tiny.fcmae", _NC, 111_465_984),
        make=partial(_timm, "convnextv2_tiny.fcmae"),
        tap="stages.3",
        backbone="convnextv2_tiny",
        pretrained_on=_UNLABELLED,
        paper="https://arxiv.org/abs/2301.00808",
        min_size=32,
    ),
    _vit(
        "clip-vit-base16",
        "CLIP's image tower ViT-B/16",
        timm_file(
            "vit_base_patch16-clip_openai", "vit_base_patch16_clip_224.openai", _MIT, 344_772_608
        ),
        # OpenAI trained with QuickGELU; timm keeps the file under the name without it.
        "vit_base_patch16_clip_quickgelu_224.openai",
        input_range=_CLIP_RANGE,
        backbone="vit_base_patch16_clip",
        pretrained_on=_WIT,
        paper=_CLIP,
        patch=16,
    ),
    _encoder(
        "clip-resnet50",
        "CLIP's image tower ResNet-50 (with three stem convolutions and blurred strides)",
        timm_file("resnet50-clip_openai", "resnet50_clip.openai", _MIT, 153_481_016),
        input_range=_CLIP_RANGE,
        make=partial(_timm, "resnet50_clip.openai"),
        tap="stages.3",
        backbone="resnet50_clip",
        pretrained_on=_WIT,
        paper=_CLIP,
        # Its shortcuts round sizes down where its blocks round them up.
        patch=32,
        float32=True,
        min_size=32,
    ),
)

ENCODERS: Mapping[str, Encoder] = {encoder.name: encoder for encoder in _ALL}
"""Loss name -> encoder."""
