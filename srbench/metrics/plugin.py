"""The built-in metrics as a plugin. Importing this needs neither torch nor pyiqa."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from srbench.contract import BuildContext, MetricSpec, hookimpl
from srbench.contract.known_weights import (
    ALEXNET_IMAGENET,
    DISTS_WEIGHTS,
    LPIPS_ALEX,
    LPIPS_VGG,
    NIQE_PRISTINE,
    VGG16_IMAGENET,
)

if TYPE_CHECKING:
    from torch import Tensor

    Metric = Callable[[Tensor, "Tensor | None"], Tensor]

# The network metrics run on pyiqa, whose licence forbids commercial use whatever the weights allow.
_PYIQA = "code PolyForm-Noncommercial-1.0.0 (pyiqa); weights {}; no commercial use"

# Below these sides some pooling layer has nothing left to pool.
_LEAST_ALEXNET, _LEAST_VGG16 = 31, 16


def build_psnr(ctx: BuildContext) -> Metric:
    """PSNR in the protocol's colour, border = scale."""
    from srbench.metrics.fidelity import Psnr
    from srbench.metrics.protocol import get_protocol

    protocol = get_protocol(ctx.protocol)
    return Psnr(protocol, border=protocol.border(ctx.scale))


def build_ssim(ctx: BuildContext) -> Metric:
    """SSIM in the protocol's colour, border = scale."""
    from srbench.metrics.fidelity import Ssim
    from srbench.metrics.protocol import get_protocol

    protocol = get_protocol(ctx.protocol)
    return Ssim(protocol, border=protocol.border(ctx.scale))


def build_lpips(ctx: BuildContext) -> Metric:
    """LPIPS v0.1 on AlexNet."""
    from srbench.metrics.perceptual import FeatureDistance
    from srbench.metrics.pyiqa_bridge import lpips_network

    features, heads = _weights(ctx, ALEXNET_IMAGENET.id), _weights(ctx, LPIPS_ALEX.id)
    return FeatureDistance(lpips_network("alex", features, heads), least=_LEAST_ALEXNET)


def build_lpips_vgg(ctx: BuildContext) -> Metric:
    """LPIPS v0.1 on VGG16."""
    from srbench.metrics.perceptual import FeatureDistance
    from srbench.metrics.pyiqa_bridge import lpips_network

    features, heads = _weights(ctx, VGG16_IMAGENET.id), _weights(ctx, LPIPS_VGG.id)
    return FeatureDistance(lpips_network("vgg", features, heads), least=_LEAST_VGG16)


def build_dists(ctx: BuildContext) -> Metric:
    """DISTS on VGG16."""
    from srbench.metrics.perceptual import FeatureDistance
    from srbench.metrics.pyiqa_bridge import dists_network

    features, weights = _weights(ctx, VGG16_IMAGENET.id), _weights(ctx, DISTS_WEIGHTS.id)
    return FeatureDistance(dists_network(features, weights), least=_LEAST_VGG16)


def build_niqe(ctx: BuildContext) -> Metric:
    """NIQE on BT.601 Y."""
    from srbench.metrics.perceptual import Niqe

    model = _weights(ctx, NIQE_PRISTINE.id)
    return Niqe(model["mu_pris_param"], model["cov_pris_param"])


def build_grid(ctx: BuildContext) -> Metric:
    """Energy of the upsampling grid in SR - HR, RGB, whole image."""
    from srbench.metrics.grid import Grid

    return Grid(scale=ctx.scale)


def _weights(ctx: BuildContext, weight_id: str) -> dict[str, Tensor]:
    return ctx.weights.state_dict(weight_id)


METRICS = (
    MetricSpec(
        name="psnr",
        version=1,
        lower_is_better=False,
        reference="full",
        build=build_psnr,
        license="Apache-2.0",
        summary="peak signal-to-noise ratio in dB; 80 dB for identical images",
    ),
    MetricSpec(
        name="ssim",
        version=1,
        lower_is_better=False,
        reference="full",
        build=build_ssim,
        license="Apache-2.0",
        summary="structural similarity, Gaussian window of 11 px",
        paper="https://doi.org/10.1109/TIP.2003.819861",
    ),
    MetricSpec(
        name="lpips",
        version=1,
        lower_is_better=True,
        reference="full",
        build=build_lpips,
        license=_PYIQA.format("BSD"),
        weights=(ALEXNET_IMAGENET, LPIPS_ALEX),
        summary="learned perceptual distance v0.1 on AlexNet features",
        paper="https://arxiv.org/abs/1801.03924",
    ),
    MetricSpec(
        name="lpips-vgg",
        version=1,
        lower_is_better=True,
        reference="full",
        build=build_lpips_vgg,
        license=_PYIQA.format("BSD"),
        weights=(VGG16_IMAGENET, LPIPS_VGG),
        summary="learned perceptual distance v0.1 on VGG16 features",
        paper="https://arxiv.org/abs/1801.03924",
    ),
    MetricSpec(
        name="dists",
        version=1,
        lower_is_better=True,
        reference="full",
        build=build_dists,
        license=_PYIQA.format("BSD and MIT"),
        weights=(VGG16_IMAGENET, DISTS_WEIGHTS),
        summary="deep image structure and texture similarity on VGG16 features",
        paper="https://arxiv.org/abs/2004.07728",
    ),
    MetricSpec(
        name="niqe",
        version=1,
        lower_is_better=True,
        reference="none",
        build=build_niqe,
        license=_PYIQA.format("Apache-2.0"),
        weights=(NIQE_PRISTINE,),
        summary="natural image quality evaluator on BT.601 Y, blocks of 96 px",
        paper="https://doi.org/10.1109/LSP.2012.2227726",
    ),
    MetricSpec(
        name="grid",
        version=1,
        lower_is_better=True,
        reference="full",
        build=build_grid,
        license="Apache-2.0",
        summary="energy of SR - HR at the frequencies of the upsampling's tile; 1 is no grid",
        paper="https://distill.pub/2016/deconv-checkerboard/",
    ),
)
"""The built-in metrics, in the order in which tables show them."""


@hookimpl
def srbench_metrics() -> tuple[MetricSpec, ...]:
    """The built-in metrics."""
    return METRICS
