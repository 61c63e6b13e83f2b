"""When adversarial training has collapsed, by the signs that a suite opts into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from srbench.imaging import upscale
from srbench.run.exec.attempts import Fit
from srbench.run.plan.tasks import AdversarialTask
from srbench.run.work.stage_data import validator_of
from srbench.train import Point


class _Bicubic(nn.Module):
    def __init__(self, scale: int) -> None:
        super().__init__()
        self._scale = scale

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        return upscale(lr, self._scale)


@dataclass(frozen=True, kw_only=True, slots=True)
class CollapseRule:
    """Judges a run by its logged and validated points alone, so that a resumed one agrees.

    Attributes:
        patience: iterations for which a sign must hold without a break.
        discriminator_below: the discriminator's loss; at 0 the generator learns nothing from it.
        psnr_below: validation PSNR, dB.
    """

    patience: int
    discriminator_below: float | None = None
    psnr_below: float | None = None

    def __call__(self, log: Sequence[Point], validation: Sequence[Point]) -> str | None:
        """The reason, or ``None``."""
        # A logged value is the mean since the point before, a validated one that of a moment.
        since = _below(log, "discriminator", self.discriminator_below, mean=True)
        if since is not None and log[-1][0] - since >= self.patience:
            return (
                f"the discriminator's loss stayed below {self.discriminator_below:g} from "
                f"iteration {since} to {log[-1][0]}"
            )
        since = _below(validation, "psnr", self.psnr_below, mean=False)
        if since is not None and validation[-1][0] - since >= self.patience:
            return (
                f"validation PSNR stayed below {self.psnr_below:.2f} dB from iteration {since} to "
                f"{validation[-1][0]}"
            )
        return None


def collapse_rule(task: AdversarialTask, fit: Fit) -> CollapseRule | None:
    """The suite's ``[stopping]``, with bicubic's PSNR on the held-out images measured here."""
    section = task.stopping
    if section is None:
        return None
    margin, floor = section.psnr_below_bicubic, None
    if margin is not None:
        validator = validator_of(task, fit, ("psnr",))
        assert validator is not None, "the suite's schema asks for held-out images"
        floor = validator(_Bicubic(task.scale))["psnr"] - margin
    return CollapseRule(
        patience=section.patience,
        discriminator_below=section.discriminator_below,
        psnr_below=floor,
    )


def _below(points: Sequence[Point], name: str, limit: float | None, *, mean: bool) -> int | None:
    """Iteration since which ``name`` has been below ``limit``; ``None`` where it is not."""
    if limit is None:
        return None
    since = None
    for index in range(len(points) - 1, -1, -1):
        iteration, values = points[index]
        if not values.get(name, limit) < limit:
            break
        since = (points[index - 1][0] if index else 0) if mean else iteration
    return since
