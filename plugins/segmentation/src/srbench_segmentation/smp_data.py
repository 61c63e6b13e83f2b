"""Networks of segmentation-models-pytorch as data: checkpoints of its hub, and its encoders.

The checkpoints are those that the library's authors converted: SegFormer from NVIDIA's, UPerNet
from OpenMMLab's, DPT from Intel's, all trained on ADE20K after ImageNet. Input ranges are those of
the conversions; for the encoders, those of the libraries that the weights came from.

Torch-free. ``size`` is that of the tensors of the whole checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from srbench.contract import HubSource, WeightFile
from srbench_segmentation.smp_table import REVISIONS
from srbench_segmentation.weights import MIT_ADE20K_LICENSE, NVIDIA_LICENSE, hub_file

Range = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Mean and standard deviation per RGB channel, in units of [0, 1]."""

IMAGENET: Range = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: Range = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_DPN_STD = 1 / (0.0167 * 255)
DPN: Range = ((124 / 255, 117 / 255, 104 / 255), (_DPN_STD, _DPN_STD, _DPN_STD))

STAGES = ("stage1", "stage2", "stage3", "stage4", "stage5")
"""Taps of an encoder of the library: the features at 1/2, 1/4, 1/8, 1/16, 1/32 of the image."""

TRANSFORMER_STAGES = STAGES[1:]
"""As above, for encoders that start with patches of 4 pixels."""

DPT_STAGES = ("stage1", "stage2", "stage3", "stage4")
"""DPT reads its ViT after every quarter of the blocks; all four are at 1/16 of the image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A checkpoint of the hub ``smp-hub``.

    Attributes:
        title: for people.
        encoder: the library's name of the encoder.
        backbone: the architecture, as timm or the library calls it.
        file: the weights.
        options: of the encoder's constructor.
        input_range: mean and standard deviation per channel.
        multiple: sides of the images are padded to a multiple of this, for patches.
    """

    title: str
    encoder: str
    backbone: str
    file: WeightFile
    input_range: Range = IMAGENET
    options: Mapping[str, int | bool] = field(default_factory=dict)
    multiple: int = 1


def _segformer(variant: str, pixels: int, size: int) -> Checkpoint:
    repo = f"segformer-{variant}-{pixels}x{pixels}-ade-160k"
    return Checkpoint(
        title=f"SegFormer-{variant.upper()}",
        encoder=f"mit_{variant}",
        backbone=f"mit_{variant}",
        file=hub_file(f"segformer_{variant}-ade20k", repo, NVIDIA_LICENSE, size),
    )


def _upernet(variant: str, model: str, size: int) -> Checkpoint:
    swin = variant.startswith("swin")
    return Checkpoint(
        title=f"UPerNet with {variant}",
        encoder=f"tu-{model}",
        backbone=model,
        file=hub_file(f"upernet_{model}-ade20k", f"upernet-{variant}", MIT_ADE20K_LICENSE, size),
        # Trained at 512 pixels; not strict: windows and masks follow the size of the image.
        options={"img_size": 512, "strict_img_size": False} if swin else {},
        multiple=4 if swin else 1,
    )


SEGFORMER: Mapping[str, Checkpoint] = {
    "b0": _segformer("b0", 512, 15_012_832),
    "b1": _segformer("b1", 512, 54_865_248),
    "b2": _segformer("b2", 512, 109_854_048),
    "b3": _segformer("b3", 512, 189_357_408),
    "b4": _segformer("b4", 512, 256_439_648),
    "b5": _segformer("b5", 640, 338_840_928),
}
"""Variant -> checkpoint."""

UPERNET: Mapping[str, Checkpoint] = {
    "convnext-tiny": _upernet("convnext-tiny", "convnext_tiny", 237_324_600),
    "convnext-small": _upernet("convnext-small", "convnext_small", 323_862_840),
    "convnext-base": _upernet("convnext-base", "convnext_base", 483_586_232),
    "convnext-large": _upernet("convnext-large", "convnext_large", 932_794_296),
    "convnext-xlarge": _upernet("convnext-xlarge", "convnext_xlarge", 1_555_017_400),
    "swin-tiny": _upernet("swin-tiny", "swin_tiny_patch4_window7_224", 236_121_504),
    "swin-small": _upernet("swin-small", "swin_small_patch4_window7_224", 321_393_120),
    "swin-large": _upernet("swin-large", "swin_large_patch4_window12_384", 928_667_016),
}
"""Variant -> checkpoint."""

DPT: Mapping[str, Checkpoint] = {
    "large": Checkpoint(
        title="DPT-Large",
        encoder="vit_large_patch16_384",
        backbone="vit_large_patch16_384",
        file=hub_file("dpt_large-ade20k", "dpt-large-ade20k", MIT_ADE20K_LICENSE, 1_377_460_864),
        input_range=HALF,
        options={"dynamic_img_size": True},
        multiple=16,
    )
}
"""Variant -> checkpoint."""


def encoder_range(encoder: str, weights: str) -> Range:
    """Input range of an encoder's weights.

    >>> encoder_range("inceptionv4", "imagenet")[0]
    (0.5, 0.5, 0.5)
    """
    half = ("inceptionv4", "inceptionresnetv2", "xception", "timm-tf_efficientnet_lite")
    if weights == "advprop" or encoder.startswith(half):
        return HALF
    return DPN if encoder.startswith("dpn") else IMAGENET


def encoder_file(encoder: str, weights: str) -> WeightFile:
    """The weights of one encoder, at the revision that the library itself takes."""
    repo = f"smp-hub/{encoder}.{weights.replace('+', '-')}"
    return WeightFile(
        id=f"smp-{encoder}-{weights.replace('+', '-')}".lower(),
        license=_encoder_license(encoder, weights, repo),
        sources=(
            HubSource(
                repo=repo, filename="model.safetensors", revision=REVISIONS[encoder, weights]
            ),
        ),
    )


def _encoder_license(encoder: str, weights: str, repo: str) -> str:
    if encoder.startswith("mit_"):
        return NVIDIA_LICENSE
    if weights in ("ssl", "swsl", "instagram"):
        return "CC-BY-NC-4.0: no commercial use"
    return f"see https://huggingface.co/{repo}; commercial use is not implied"
