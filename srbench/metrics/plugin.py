"""The built-in metrics as a plugin. Importing this needs neither torch nor pyiqa."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from srbench.contract import Agreement, BuildContext, MetricSpec, hookimpl
from srbench.contract.known_weights import (
    ALEXNET_IMAGENET,
    DISTS_WEIGHTS,
    LPIPS_ALEX,
    LPIPS_VGG,
    NIQE_PRISTINE,
    VGG16_IMAGENET,
)
from srbench.metrics.protocol import GRID_BLOCK, NIQE_BLOCK
from srbench.metrics.vetted import VETTED

if TYPE_CHECKING:
    from torch import Tensor

    Metric = Callable[[Tensor, "Tensor | None"], Tensor]

# The network metrics run on pyiqa, whose licence forbids commercial use whatever the weights allow.
_PYIQA = "code PolyForm-Noncommercial-1.0.0 (pyiqa); weights {}; no commercial use"

# Below these sides some pooling layer has nothing left to pool.
_LEAST_ALEXNET, _LEAST_VGG16 = 31, 16

_ZHANG = (
    "Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, "
    "CVPR 2018"
)
_ZHANG_FINDING = (
    "Calibrated deep features agree with people's choices between two distorted patches "
    "by a large margin more often than PSNR and SSIM do, on that paper's own judgements"
)
_ZHANG_URL = "https://arxiv.org/abs/1801.03924"


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
        least=0.0,
        most=80.0,
        title="PSNR",
        digits=2,
        axis="distortion",
        tolerance=1e-3,
        without_border=True,
        agreement=Agreement(
            finding="In x4 super-resolution the highest PSNR did not get the highest mean opinion "
            "score: people preferred SRGAN, whose PSNR is lower",
            source="Ledig et al., Photo-Realistic Single Image Super-Resolution Using a "
            "Generative Adversarial Network, CVPR 2017",
            url="https://arxiv.org/abs/1609.04802",
        ),
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
        least=-1.0,
        most=1.0,
        title="SSIM",
        axis="distortion",
        tolerance=1e-5,
        min_size=11,
        without_border=True,
        agreement=Agreement(
            finding="The report of a super-resolution challenge that asked people: methods of "
            "superior visual quality are rated poorly by PSNR, SSIM and other distortion metrics",
            source="Blau et al., The 2018 PIRM Challenge on Perceptual Image Super-resolution, "
            "ECCV Workshops 2018",
            url="https://arxiv.org/abs/1809.07517",
        ),
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
        paper=_ZHANG_URL,
        least=0.0,
        most=10.0,
        title="LPIPS",
        axis="perception",
        min_size=_LEAST_ALEXNET,
        agreement=Agreement(
            finding=f"{_ZHANG_FINDING}; a metric of this kind still falls short on the outputs of "
            "GANs (Gu et al., PIPAL, ECCV 2020, arXiv:2007.12142)",
            source=_ZHANG,
            url=_ZHANG_URL,
        ),
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
        paper=_ZHANG_URL,
        least=0.0,
        most=10.0,
        title="LPIPS-VGG",
        axis="perception",
        min_size=_LEAST_VGG16,
        agreement=Agreement(finding=_ZHANG_FINDING, source=_ZHANG, url=_ZHANG_URL),
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
        least=0.0,
        most=1.0,
        title="DISTS",
        axis="perception",
        min_size=_LEAST_VGG16,
        agreement=Agreement(
            finding="Fitted to human ratings and to tolerate resampled texture; explains ratings "
            "on conventional quality databases and on texture databases",
            source="Ding et al., Image Quality Assessment: Unifying Structure and Texture "
            "Similarity, IEEE TPAMI 2022",
            url="https://arxiv.org/abs/2004.07728",
        ),
    ),
    MetricSpec(
        name="niqe",
        version=2,
        lower_is_better=True,
        reference="none",
        build=build_niqe,
        license=_PYIQA.format("Apache-2.0"),
        weights=(NIQE_PRISTINE,),
        summary=f"natural image quality evaluator on BT.601 Y, blocks of {NIQE_BLOCK} px",
        paper="https://doi.org/10.1109/LSP.2012.2227726",
        least=0.0,
        most=1000.0,
        title="NIQE",
        digits=2,
        axis="perception",
        tolerance=1e-2,
        min_size=NIQE_BLOCK,
        block=NIQE_BLOCK,
        diagnostic=True,  # three seeds show nothing smaller than from the warm start to HR
        min_blocks=9,  # it fits a Gaussian over its blocks: with fewer the fit is unstable
        agreement=Agreement(
            finding="Built without human ratings; on conventional distortions comparable with "
            "no-reference metrics that were trained on them. It sees no HR image, so it cannot "
            "tell invented detail from true detail",
            source="Mittal, Soundararajan and Bovik, Making a Completely Blind Image Quality "
            "Analyzer, IEEE Signal Processing Letters 20(3), 2013",
            url="https://doi.org/10.1109/LSP.2012.2227726",
        ),
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
        least=0.0,
        title="grid",
        digits=2,
        tolerance=1e-2,
        min_size=GRID_BLOCK,
        diagnostic=True,  # an artefact's size, not how good an image looks
    ),
)
"""The built-in metrics, in the order in which tables show them."""


ALL_METRICS = (*METRICS, *VETTED.values())
"""With those of pyiqa that are held to published hashes."""


@hookimpl
def srbench_metrics() -> tuple[MetricSpec, ...]:
    """All metrics that come with srbench."""
    return ALL_METRICS
