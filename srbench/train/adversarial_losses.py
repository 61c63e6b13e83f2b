"""Adversarial losses by name: pairs of functions of the discriminator's logits of HR and of SR.

To add one is to add its entry to :data:`ADVERSARIAL_LOSSES`. Importing this needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from srbench.errors import unknown_name

if TYPE_CHECKING:
    from torch import Tensor

Function = Callable[["Tensor", "Tensor"], "Tensor"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AdversarialLoss:
    """What the two networks minimise. Functions of ``(real, fake)``, float32 logits ``(N,)``.

    Attributes:
        generator: scalar, a mean over the batch; ``real`` carries no gradient.
        discriminator: likewise; 2 log 2 where it is a cross-entropy that cannot tell.
        relativistic: the generator's depends on ``real``. Where it does not, that is given the
            ``fake`` logits in its place, and HR is not looked at before the generator's update.
    """

    generator: Function
    discriminator: Function
    relativistic: bool = False


def adversarial_loss(name: str) -> AdversarialLoss:
    """The entry called ``name``.

    Raises:
        UnknownName: there is none; the nearest names are given.
    """
    if name not in ADVERSARIAL_LOSSES:
        raise unknown_name("adversarial loss", name, ADVERSARIAL_LOSSES)
    return ADVERSARIAL_LOSSES[name]


def _cross_entropy(logits: Tensor, *, real: bool) -> Tensor:
    """Mean of ``-log sigmoid(logits)``, or of ``-log(1 - sigmoid(logits))``."""
    from torch.nn.functional import softplus

    return softplus(-logits if real else logits).mean()


def _non_saturating(real: Tensor, fake: Tensor) -> Tensor:
    return _cross_entropy(fake, real=True)


def _classify(real: Tensor, fake: Tensor) -> Tensor:
    return _cross_entropy(real, real=True) + _cross_entropy(fake, real=False)


def _one_minus_d(real: Tensor, fake: Tensor) -> Tensor:
    return (1 - fake.sigmoid()).mean()


def _one_minus_d_critic(real: Tensor, fake: Tensor) -> Tensor:
    return 1 - real.sigmoid().mean() + fake.sigmoid().mean()


def _relativistic(real: Tensor, fake: Tensor) -> Tensor:
    return _classify(fake - real.mean(), real - fake.mean())


def _relativistic_critic(real: Tensor, fake: Tensor) -> Tensor:
    return _classify(real - fake.mean(), fake - real.mean())


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return -fake.mean()


def _hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    return (1 - real).relu().mean() + (1 + fake).relu().mean()


def _least_squares(real: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * (fake - 1).square().mean()


def _least_squares_critic(real: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()


ADVERSARIAL_LOSSES: Final[dict[str, AdversarialLoss]] = {
    # Goodfellow et al. 2014 as the SRGAN paper uses it, arXiv 1406.2661 and 1609.04802.
    "non-saturating": AdversarialLoss(generator=_non_saturating, discriminator=_classify),
    # What the widespread PyTorch SRGAN code optimises instead of the paper's.
    "one-minus-d": AdversarialLoss(generator=_one_minus_d, discriminator=_one_minus_d_critic),
    # RaGAN, Jolicoeur-Martineau 2018, arXiv 1807.00734, as ESRGAN uses it, arXiv 1809.00219,
    # equations 1 and 2. BasicSR halves both.
    "relativistic-average": AdversarialLoss(
        generator=_relativistic, discriminator=_relativistic_critic, relativistic=True
    ),
    # Lim and Ye 2017, arXiv 1705.02894, equations 19 and 20.
    "hinge": AdversarialLoss(generator=_hinge, discriminator=_hinge_critic),
    # LSGAN, Mao et al. 2017, arXiv 1611.04076, equation 9: targets 0, 1 and 1.
    "least-squares": AdversarialLoss(generator=_least_squares, discriminator=_least_squares_critic),
}
"""Name -> loss, as a suite's ``adversarial.adversarial_loss`` chooses it."""
