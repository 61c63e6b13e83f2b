"""The terms of the objective, as functions of images and logits. Every value is a batch mean.

Non-saturating form: Goodfellow et al., "Generative Adversarial Nets", 2014, as the SRGAN paper
uses it, on logits. The ``one-minus-d`` form is what the widespread PyTorch SRGAN code optimises
instead of the paper's: ``1 - D(SR)`` against ``1 - D(HR) + D(SR)`` with ``D`` a sigmoid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from srbench.settings.sections import AdversarialLoss, PixelLoss


def pixel_loss(sr: Tensor, hr: Tensor, kind: PixelLoss) -> Tensor:
    """Mean absolute (``l1``) or squared (``l2``) difference of ``(N, 3, H, W)`` images."""
    return F.l1_loss(sr, hr) if kind == "l1" else F.mse_loss(sr, hr)


def generator_adversarial_loss(sr_logits: Tensor, kind: AdversarialLoss) -> Tensor:
    """What the generator minimises, from the discriminator's logits ``(N,)`` of SR."""
    logits = sr_logits.float()
    if kind == "non-saturating":
        return F.softplus(-logits).mean()  # -log sigmoid(logits)
    return (1 - torch.sigmoid(logits)).mean()


def discriminator_loss(hr_logits: Tensor, sr_logits: Tensor, kind: AdversarialLoss) -> Tensor:
    """What the discriminator minimises, from its logits ``(N,)`` of HR and of SR."""
    real, fake = hr_logits.float(), sr_logits.float()
    if kind == "non-saturating":
        return F.softplus(-real).mean() + F.softplus(fake).mean()
    return 1 - torch.sigmoid(real).mean() + torch.sigmoid(fake).mean()
