"""What is published about each metric's agreement with people, one sourced line per metric."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from srbench.report.conventions import metric_title


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """A finding on how far a metric stands in for human opinion.

    Attributes:
        finding: one sentence.
        source: authors, title, venue and year.
        url: http(s) address of the source.
    """

    finding: str
    source: str
    url: str


_LEDIG = (
    "Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial "
    "Network, CVPR 2017"
)
_ZHANG = (
    "Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, "
    "CVPR 2018"
)
_ZHANG_FINDING = (
    "Calibrated deep features agree with people's choices between two distorted patches "
    "by a large margin more often than PSNR and SSIM do, on that paper's own judgements"
)

PUBLISHED: Final = MappingProxyType(
    {
        "psnr": Agreement(
            finding="In x4 super-resolution the highest PSNR did not get the highest mean opinion "
            "score: people preferred SRGAN, whose PSNR is lower",
            source=_LEDIG,
            url="https://arxiv.org/abs/1609.04802",
        ),
        "ssim": Agreement(
            finding="The report of a super-resolution challenge that asked people: methods of "
            "superior visual quality are rated poorly by PSNR, SSIM and other distortion metrics",
            source="Blau et al., The 2018 PIRM Challenge on Perceptual Image Super-resolution, "
            "ECCV Workshops 2018",
            url="https://arxiv.org/abs/1809.07517",
        ),
        "lpips": Agreement(
            finding=f"{_ZHANG_FINDING}; a metric of this kind still falls short on the outputs of "
            "GANs (Gu et al., PIPAL, ECCV 2020, arXiv:2007.12142)",
            source=_ZHANG,
            url="https://arxiv.org/abs/1801.03924",
        ),
        "lpips-vgg": Agreement(
            finding=_ZHANG_FINDING, source=_ZHANG, url="https://arxiv.org/abs/1801.03924"
        ),
        "dists": Agreement(
            finding="Fitted to human ratings and to tolerate resampled texture; explains ratings "
            "on conventional quality databases and on texture databases",
            source="Ding et al., Image Quality Assessment: Unifying Structure and Texture "
            "Similarity, IEEE TPAMI 2022",
            url="https://arxiv.org/abs/2004.07728",
        ),
        "niqe": Agreement(
            finding="Built without human ratings; on conventional distortions comparable with "
            "no-reference metrics that were trained on them. It sees no HR image, so it cannot "
            "tell invented detail from true detail",
            source="Mittal, Soundararajan and Bovik, Making a Completely Blind Image Quality "
            "Analyzer, IEEE Signal Processing Letters 20(3), 2013",
            url="https://doi.org/10.1109/LSP.2012.2227726",
        ),
    }
)

TRADE_OFF: Final = Agreement(
    finding="No method can be best at distortion and at looking natural at once: below a bound, "
    "improving one worsens the other, whatever the distortion metric",
    source="Blau and Michaeli, The Perception-Distortion Tradeoff, CVPR 2018",
    url="https://arxiv.org/abs/1711.06077",
)


def agreement_line(metric: str) -> str:
    """One line for the table's page; says so where nothing is on file."""
    known = PUBLISHED.get(metric)
    if known is None:
        return f"{metric_title(metric)}: no published agreement with people is on file here"
    return f"{metric_title(metric)}: {known.finding} [{known.source}]"
