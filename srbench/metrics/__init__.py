"""Image-quality metrics under a named protocol: PSNR to NIQE, grid, and pyiqa's others.

Names are loaded on first use: the plugin module below this package must import without torch.

Example:
    >>> from srbench.metrics import evaluate_folders
    >>> from srbench.metrics.plugin import METRICS
    >>> psnr = [spec for spec in METRICS if spec.name == "psnr"]
    >>> result = evaluate_folders("sr", "hr", psnr)  # doctest: +SKIP
    >>> result.metrics["psnr"].mean  # doctest: +SKIP
    28.42
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.lazy import lazy_names

if TYPE_CHECKING:
    from srbench.metrics.folders import Evaluation, MetricScores, evaluate_folders
    from srbench.metrics.matching import match_folders
    from srbench.metrics.named import default_metrics, pyiqa_metric, resolve_metrics
    from srbench.metrics.pairs import ImagePair
    from srbench.metrics.protocol import PROTOCOLS, Protocol, get_protocol
    from srbench.metrics.score import ScoreError, score_images

__all__ = [
    "PROTOCOLS",
    "Evaluation",
    "ImagePair",
    "MetricScores",
    "Protocol",
    "ScoreError",
    "default_metrics",
    "evaluate_folders",
    "get_protocol",
    "match_folders",
    "pyiqa_metric",
    "resolve_metrics",
    "score_images",
]

__getattr__ = lazy_names(
    __name__,
    {
        ".folders": ("Evaluation", "MetricScores", "evaluate_folders"),
        ".matching": ("match_folders",),
        ".named": ("default_metrics", "pyiqa_metric", "resolve_metrics"),
        ".protocol": ("PROTOCOLS", "Protocol", "get_protocol"),
        ".pairs": ("ImagePair",),
        ".score": ("ScoreError", "score_images"),
    },
)
