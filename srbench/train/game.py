"""The health of the adversarial game, measured on fixed patches without changing anything.

Two questions. Does the discriminator still err? Its loss and its accuracy say so. And what moves
the generator? The norms of the content and of the adversarial gradient, both with respect to the
generator's parameters (at SR, networks differ by large factors that the generator cancels), and
the share of the content gradient that is signal: what several batches agree on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor]
"""``lr (N, 3, h, w)`` and ``hr (N, 3, scale*h, scale*w)``."""

Term = Callable[[Tensor, Tensor], Tensor]
"""A weighted term of the objective as a function of ``sr`` and ``hr``; returns a scalar."""


def discriminator_health(
    generator: nn.Module,
    discriminator: nn.Module,
    batches: Sequence[Batch],
    loss: Callable[[Tensor, Tensor], Tensor],
) -> dict[str, float]:
    """The discriminator's ``loss`` of ``(hr_logits, sr_logits)`` and its accuracies, 0 to 1.

    ``accuracy_pairs`` is the share of all pairs of an HR and an SR patch in which HR has the higher
    logit: what the discriminator knows, whatever its bias is at the moment.

    BatchNorm normalises HR and SR batches apart, as it does in training: that is the
    discriminator which the generator plays against. An answer is right where the logit of HR is
    above 0, that of SR not.
    """
    with torch.no_grad(), untouched(generator), untouched(discriminator):
        generator.eval()
        discriminator.train()
        logits = [(discriminator(hr).float(), discriminator(generator(lr)).float())
                  for lr, hr in batches]  # fmt: skip
    hr, sr = (torch.cat(part) for part in zip(*logits, strict=True))
    return {
        "discriminator": float(torch.stack([loss(*pair) for pair in logits]).mean()),
        "accuracy_hr": float((hr > 0).float().mean()),
        "accuracy_sr": float((sr <= 0).float().mean()),
        "accuracy_pairs": float((hr[:, None] > sr[None, :]).float().mean()),
    }


def gradient_health(
    generator: nn.Module,
    discriminator: nn.Module,
    batches: Sequence[Batch],
    *,
    content: Term | None,
    adversarial: Term | None,
) -> dict[str, float]:
    """Norms of both gradients with respect to the generator's parameters, and what they say.

    ``content_gradient`` and ``adversarial_gradient`` are the root mean squares over ``batches`` of
    the Euclidean norms, ``content_to_adversarial`` their ratio. ``content_signal`` is the share of
    the content gradient's mean square that is the mean gradient's own, an unbiased estimate: 1 is
    no noise at all, and around 0 it may be negative.
    """
    values: dict[str, float] = {}
    with untouched(generator), untouched(discriminator):
        generator.eval()
        for name, term in (("content", content), ("adversarial", adversarial)):
            if term is None:
                continue
            norm, share = _norm_and_signal(generator, term, batches)
            values[f"{name}_gradient"] = norm
            if name == "content" and share is not None:
                values["content_signal"] = share
    if content is not None and values.get("adversarial_gradient", 0.0) > 0:
        ratio = values["content_gradient"] / values["adversarial_gradient"]
        values["content_to_adversarial"] = ratio
    return values


def _norm_and_signal(
    generator: nn.Module, term: Term, batches: Sequence[Batch]
) -> tuple[float, float | None]:
    parameters = [p for p in generator.parameters() if p.requires_grad]
    total, squares = torch.zeros(()), 0.0
    for lr, hr in batches:
        found = torch.autograd.grad(term(generator(lr).float(), hr), parameters, allow_unused=True)
        # On the CPU: not every device has float64.
        flat = torch.cat([g.cpu().double().flatten() for g in found if g is not None])
        squares += float(flat.square().sum())
        total = total + flat
    count = len(batches)
    mean_square = squares / count
    if count < 2 or mean_square == 0:
        return math.sqrt(mean_square), None
    square_of_mean = float((total / count).square().sum())
    signal = (count * square_of_mean - mean_square) / (count - 1)
    return math.sqrt(mean_square), signal / mean_square


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Modes, BatchNorm statistics and gradients are afterwards what they were before."""
    modes = {module: module.training for module in network.modules()}
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                buffer.copy_(buffers[name])
