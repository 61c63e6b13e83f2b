"""Checks of what a loss computes: value, minimum, gradient, direction, batch."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from srbench.checks.cases import DEGRADATIONS, PHOTOGRAPHS, photograph
from srbench.checks.outcome import CheckSkipped, some
from srbench.checks.subject import Subject, expect, value_and_gradient

BLENDS = (0.0, 1 / 3, 2 / 3, 1.0)
"""Share of the truth in the blended images of ``falls-towards-truth``."""

MONOTONE_SHARE = 0.95
"""Share of the real-image cases in which the loss has to fall all the way."""

BATCH_TOLERANCE = 1e-4
"""Relative difference allowed between a batch of two and the mean of its images."""


def check_finite_scalar(subject: Subject) -> None:
    """``forward`` gives one finite float32 number, also for black against white images."""
    sr, hr = subject.pairs()
    black, white = torch.zeros_like(hr), torch.ones_like(hr)
    for name, images in (
        ("photographs", (sr, hr)),
        ("equal images", (hr, hr.clone())),
        ("black against white", (black, white)),
        ("black against black", (black, black.clone())),
        ("values a generator overshoots to", (sr * 1.4 - 0.2, hr)),
    ):
        with torch.no_grad():
            value = subject.module(*images)
        expect(
            isinstance(value, Tensor) and value.shape == () and value.dtype == torch.float32,
            f"expected a float32 tensor of shape (), got {_describe(value)} for {name}",
        )
        expect(
            bool(torch.isfinite(value)), f"expected a finite value, got {float(value)} for {name}"
        )


def check_identity_is_minimum(subject: Subject) -> None:
    """Equal images give 0, or at least less than any spoilt image does."""
    hr = photograph(0, subject.size)
    with torch.no_grad():
        lowest = float(subject.module(hr, hr))
        for spoil in DEGRADATIONS:
            value = float(subject.module(spoil(hr), hr))
            expect(
                lowest < value,
                f"expected the smallest value for equal images, got {lowest:.6g} for them and "
                f"{value:.6g} after {spoil.__name__}",
            )


def check_gradient_reaches_sr(subject: Subject) -> None:
    """The gradient at ``sr`` is finite and not 0 for different images, finite for equal ones."""
    sr, hr = subject.pairs()
    _, gradient = value_and_gradient(subject.module, sr, hr)
    expect(bool(torch.isfinite(gradient).all()), "expected a finite gradient at sr, got NaN or inf")
    for index, part in enumerate(gradient):
        expect(bool(part.any()), f"expected a gradient at image {index} of the batch, got 0 only")
    _, at_minimum = value_and_gradient(subject.module, hr, hr)
    expect(
        bool(torch.isfinite(at_minimum).all()),
        "expected a finite gradient for equal images, got NaN or inf: add a small number under "
        "square roots",
    )


def check_flat_images(subject: Subject) -> None:
    """Value and gradient are finite for black, grey and white images, alone and with photographs.

    A root or a quotient of a flat image's features is where NaN comes from; a generator gives one
    in its first iterations, and black borders are common.
    """
    photo = photograph(0, subject.size)
    for level in (0.0, 0.5, 1.0):
        flat = torch.full_like(photo, level)
        for sr, hr, case in (
            (flat, flat, "against itself"),
            (flat, photo, "against a photograph"),
            (photo, flat, "as the truth of a photograph"),
        ):
            value, gradient = value_and_gradient(subject.module, sr, hr)
            expect(
                bool(torch.isfinite(value) and torch.isfinite(gradient).all()),
                f"expected a finite value and gradient for a flat image of {level} {case}, got "
                "NaN or inf: add a small number under square roots and to divisors",
            )


def check_gradient_spares_hr(subject: Subject) -> None:
    """No gradient reaches ``hr``, also if it asks for one."""
    sr, hr = subject.pair()
    sr.requires_grad_()
    hr.requires_grad_()
    subject.module(sr, hr).backward()
    expect(
        hr.grad is None or not bool(hr.grad.any()),
        "expected no gradient at hr, got one: compute its features under torch.no_grad()",
    )


def check_inputs_unmodified(subject: Subject) -> None:
    """Neither forward nor backward writes into the images."""
    sr, hr = subject.pair()
    before = sr.clone(), hr.clone()
    with torch.no_grad():
        subject.module(sr, hr)
    sr.requires_grad_()
    subject.module(sr, hr).backward()
    for name, now, then in (("sr", sr, before[0]), ("hr", hr, before[1])):
        expect(torch.equal(now, then), f"expected {name} to stay as it was, got other values")


def check_falls_towards_truth(subject: Subject) -> None:
    """The loss falls at every step as a spoilt photograph is blended to the truth (95 %)."""
    if subject.kind_of_weights == "seeded":
        raise CheckSkipped("it is about what a network has learnt, and these weights are random")
    broken = []
    for index, (file, *_) in enumerate(PHOTOGRAPHS):
        hr = photograph(index, subject.size)
        for spoil in DEGRADATIONS:
            values = _blended(subject.module, spoil(hr), hr)
            if not all(later < earlier for earlier, later in pairwise(values)):
                steps = " ".join(f"{value:.4g}" for value in values)
                broken.append(f"{file} after {spoil.__name__} ({steps})")
    count = len(PHOTOGRAPHS) * len(DEGRADATIONS)
    expect(
        len(broken) <= (1 - MONOTONE_SHARE) * count + 1e-9,
        f"expected the loss to fall towards the truth in at least {MONOTONE_SHARE:.0%} of {count} "
        f"cases, got {count - len(broken)}; not in {some(broken)}",
    )


def _blended(module: nn.Module, spoilt: Tensor, hr: Tensor) -> list[float]:
    with torch.no_grad():
        return [float(module(torch.lerp(spoilt, hr, share), hr)) for share in BLENDS]


def check_batch_mean(subject: Subject) -> None:
    """A batch of two gives the mean of what its images give alone."""
    sr, hr = subject.pairs()
    with torch.no_grad():
        both = float(subject.module(sr, hr))
        alone = [float(subject.module(sr[i : i + 1], hr[i : i + 1])) for i in range(2)]
    mean = sum(alone) / 2
    expect(
        abs(both - mean) <= BATCH_TOLERANCE * max(abs(mean), abs(both)),
        f"expected the batch mean {mean:.6g} of {alone[0]:.6g} and {alone[1]:.6g}, got {both:.6g}",
    )


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
