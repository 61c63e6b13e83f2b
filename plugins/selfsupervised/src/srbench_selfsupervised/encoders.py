"""The encoders as data; torch-free.

timm's models come from its repositories on the hub, DINO's ResNet-50 from its authors. Neither
publishes a hash that could be pinned here: the tensors' hash is measured at the first load,
recorded, and a later load that differs is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from srbench.contract import HubSource, UrlSource, WeightFile

Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
CLIP_MEAN: Triple = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Triple = (0.26862954, 0.26130258, 0.27577711)

UNPINNED = (
    "the publisher gives no hash; the tensors' hash is recorded at the first load, and a later "
    "load that differs is refused"
)
"""Why the conformance check ``weights-declared`` fails."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoder:
    """One encoder.

    Attributes:
        title: for people.
        model: timm's name with its tag; of torchvision's ResNet-50, ``resnet50``.
        backbone: its architecture.
        file: its weights.
        pretrained_on: images, and what stood in for labels.
        license: code and weights.
        paper: URL.
        blocks: of a ViT; 0 for others.
        patch: images are padded, by repeating the edge, until their sides are multiples of this:
            the side of a ViT's patches; 1 for networks that take any size.
        float32: also under autocast: in bfloat16 the rounding of its features is as large as a
            fifth of what SR and HR differ by (measured with seeded weights, near the truth).
    """

    title: str
    model: str
    backbone: str
    file: WeightFile
    pretrained_on: str
    license: str
    paper: str
    blocks: int = 0
    patch: int = 1
    float32: bool = False
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD


def timm_file(weight_id: str, repo: str, license_: str, size: int = 0) -> WeightFile:
    """A model's file in timm's repository of it; ``size`` is that of its tensors."""
    source = HubSource(repo=f"timm/{repo}", filename="model.safetensors")
    return WeightFile(id=weight_id, license=license_, sources=(source,), size=size)


_APACHE = "Apache-2.0; commercial use allowed"
_MIT = "MIT (OpenAI); commercial use allowed by the licence"
_NC = "CC-BY-NC-4.0: no commercial use"
_LVD = "LVD-142M (curated, no labels)"
_UNLABELLED = "ImageNet-1k without labels"
_WIT = "400 million images with captions (WIT)"

_DINOV2 = "https://arxiv.org/abs/2304.07193"
_DINO = "https://arxiv.org/abs/2104.14294"
_CLIP = "https://arxiv.org/abs/2103.00020"

ENCODERS: Mapping[str, Encoder] = {
    "dinov2-vit-small14": Encoder(
        title="DINOv2's ViT-S/14",
        model="vit_small_patch14_dinov2.lvd142m",
        backbone="vit_small_patch14",
        file=timm_file(
            "vit_small_patch14-dinov2", "vit_small_patch14_dinov2.lvd142m", _APACHE, 88_224_768
        ),
        pretrained_on=_LVD,
        license=_APACHE,
        paper=_DINOV2,
        blocks=12,
        patch=14,
    ),
    "dinov2-vit-base14": Encoder(
        title="DINOv2's ViT-B/14",
        model="vit_base_patch14_dinov2.lvd142m",
        backbone="vit_base_patch14",
        file=timm_file(
            "vit_base_patch14-dinov2", "vit_base_patch14_dinov2.lvd142m", _APACHE, 346_318_848
        ),
        pretrained_on=_LVD,
        license=_APACHE,
        paper=_DINOV2,
        blocks=12,
        patch=14,
    ),
    "dino-vit-small16": Encoder(
        title="DINO's ViT-S/16",
        model="vit_small_patch16_224.dino",
        backbone="vit_small_patch16",
        file=timm_file("vit_small_patch16-dino", "vit_small_patch16_224.dino", _APACHE, 86_662_656),
        pretrained_on=_UNLABELLED,
        license=_APACHE,
        paper=_DINO,
        blocks=12,
        patch=16,
    ),
    "dino-resnet50": Encoder(
        title="DINO's ResNet-50",
        model="resnet50",
        backbone="resnet50",
        file=WeightFile(
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
        pretrained_on=_UNLABELLED,
        license=_APACHE,
        paper=_DINO,
    ),
    "mae-vit-base16": Encoder(
        title="MAE's ViT-B/16",
        model="vit_base_patch16_224.mae",
        backbone="vit_base_patch16",
        file=timm_file("vit_base_patch16-mae", "vit_base_patch16_224.mae", _NC, 343_194_624),
        pretrained_on=_UNLABELLED,
        license=_NC,
        paper="https://arxiv.org/abs/2111.06377",
        blocks=12,
        patch=16,
    ),
    "fcmae-convnextv2-tiny": Encoder(
        title="ConvNeXt V2-T after masked autoencoding",
        model="convnextv2_tiny.fcmae",
        backbone="convnextv2_tiny",
        file=timm_file("convnextv2_tiny-fcmae", "convnextv2_tiny.fcmae", _NC, 111_465_984),
        pretrained_on=_UNLABELLED,
        license=_NC,
        paper="https://arxiv.org/abs/2301.00808",
    ),
    "clip-vit-base16": Encoder(
        title="CLIP's image tower ViT-B/16",
        # OpenAI trained with QuickGELU; timm keeps the file under the name without it.
        model="vit_base_patch16_clip_quickgelu_224.openai",
        backbone="vit_base_patch16_clip",
        file=timm_file(
            "vit_base_patch16-clip_openai", "vit_base_patch16_clip_224.openai", _MIT, 344_772_608
        ),
        pretrained_on=_WIT,
        license=_MIT,
        paper=_CLIP,
        blocks=12,
        patch=16,
        mean=CLIP_MEAN,
        std=CLIP_STD,
    ),
    "clip-resnet50": Encoder(
        title="CLIP's image tower ResNet-50 (with three stem convolutions and blurred strides)",
        model="resnet50_clip.openai",
        backbone="resnet50_clip",
        file=timm_file("resnet50-clip_openai", "resnet50_clip.openai", _MIT, 153_481_016),
        pretrained_on=_WIT,
        license=_MIT,
        paper=_CLIP,
        # Its shortcuts round sizes down where its blocks round them up.
        patch=32,
        float32=True,
        mean=CLIP_MEAN,
        std=CLIP_STD,
    ),
}
"""Loss name -> encoder."""
