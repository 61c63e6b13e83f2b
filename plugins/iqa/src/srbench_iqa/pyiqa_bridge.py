"""Any differentiable metric of pyiqa as a loss; the only module of this plugin that imports pyiqa.

pyiqa's licence is PolyForm Noncommercial 1.0.0, and its defaults are not srbench's protocol.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Self

import pyiqa
import torch
from pyiqa.default_model_configs import DEFAULT_CONFIGS
from torch import Tensor, nn

from srbench.contract.features import check_images
from srbench.errors import UserError, WeightsError, unknown_name
from srbench_iqa.params import PyiqaParams

_NOT_PER_IMAGE = frozenset({"fid", "fid_dinov2", "fid_mmd", "inception_score"})


class PyiqaLoss(nn.Module):
    """One of pyiqa's metrics as a loss: the score, or 1 minus it where higher is better.

    A metric without reference looks at ``sr`` alone, and equal images are then not its minimum.

    Args:
        name: pyiqa's name.
        min_size: smallest side of an image that it takes, in pixels.

    Raises:
        UnknownName: pyiqa has no such metric, or it does not score single images.
        WeightsError: pyiqa could not build it; most often its files cannot be reached.
    """

    def __init__(self, name: str, min_size: int = 1) -> None:
        super().__init__()
        self.min_size = min_size
        if name not in DEFAULT_CONFIGS or name in _NOT_PER_IMAGE:
            raise unknown_name("pyiqa metric", name, set(DEFAULT_CONFIGS) - _NOT_PER_IMAGE)
        self.name = name
        self.metric: Any = _create(name)
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode."""
        return super().train(False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """The batch mean as a float32 scalar; both ``(N, 3, H, W)``, RGB in [0, 1].

        Raises:
            UserError: the shapes differ or are not ``(N, 3, H, W)``; the metric cannot be
                differentiated.
        """
        check_images(sr, hr, self.min_size)
        # pyiqa switches gradients on, whatever its caller wants.
        with torch.set_grad_enabled(torch.is_grad_enabled()):
            network: Any = self.metric.net
            full = self.metric.metric_mode == "FR"
            scores = network(sr.float(), hr.detach().float()) if full else network(sr.float())
        scores = (scores[0] if isinstance(scores, tuple) else scores).float().mean()
        if sr.requires_grad and torch.is_grad_enabled() and not scores.requires_grad:
            raise UserError(
                f"expected a metric that can be differentiated, got {self.name!r}",
                "metrics that count or sort, such as niqe, make no loss",
            )
        value: Tensor = scores if self.metric.lower_better else 1 - scores
        return value


def build_pyiqa_loss(params: PyiqaParams) -> PyiqaLoss:
    """The loss of ``params.metric``."""
    return PyiqaLoss(params.metric, params.min_size)


def _create(name: str) -> nn.Module:
    try:
        # pyiqa reports its downloads by print(); its random initialisation must move no seed.
        with contextlib.redirect_stdout(sys.stderr), torch.random.fork_rng(devices=[]):
            metric: nn.Module = pyiqa.create_metric(name, device="cpu", as_loss=True)
    except Exception as error:  # downloads, hubs, missing packages: anything may be raised
        raise WeightsError(
            f"pyiqa cannot build its metric {name!r}: {type(error).__name__}: {error}",
            "its weights come from pyiqa's own servers: check the network, or place the file "
            "where the message says; a ModuleNotFoundError names a package to install",
        ) from error
    return metric
