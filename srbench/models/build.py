"""Models by name, with seeded initial weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from srbench.errors import UserError, unknown_name
from srbench.models.discriminator import Discriminator
from srbench.models.msrresnet import MSRResNet
from srbench.models.srresnet import SRResNet

_GENERATORS: dict[str, Callable[..., nn.Module]] = {"msrresnet": MSRResNet, "srresnet": SRResNet}


def generator_names() -> tuple[str, ...]:
    """Names that :func:`build_generator` knows."""
    return tuple(sorted(_GENERATORS))


def build_generator(
    name: str, *, blocks: int, channels: int, scale: int = 4, seed: int | None = None
) -> nn.Module:
    """A generator on the CPU, float32; ``forward(lr (N, 3, h, w)) -> sr (N, 3, scale*h, scale*w)``.

    Args:
        name: ``srresnet`` or ``msrresnet``.
        blocks: number of residual blocks.
        channels: width.
        scale: 2, 4 or 8.
        seed: draws the initial weights from a stream of its own and leaves torch's global random
            state untouched; ``None`` uses the global state.

    Raises:
        UserError: unknown name, scale or size.
    """
    if name not in _GENERATORS:
        raise unknown_name("generator", name, _GENERATORS)
    _at_least_one("blocks", blocks)
    _at_least_one("channels", channels)
    with _initialised(seed, "generator"):
        return _GENERATORS[name](blocks=blocks, channels=channels, scale=scale)


def build_discriminator(channels: int = 64, *, seed: int | None = None) -> Discriminator:
    """The discriminator on the CPU; ``seed`` as for :func:`build_generator`."""
    _at_least_one("channels", channels)
    with _initialised(seed, "discriminator"):
        return Discriminator(channels)


def _at_least_one(what: str, value: int) -> None:
    if value < 1:
        raise UserError(f"expected {what} of 1 or more, got {value}")


@contextmanager
def _initialised(seed: int | None, stream: str) -> Iterator[None]:
    if seed is None:
        yield
        return
    # One stream per network: the generator's weights must not depend on the discriminator's.
    digest = hashlib.sha256(f"srbench:{stream}:{seed}".encode()).digest()
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would reseed CUDA too, outside of what fork_rng restores here.
        torch.default_generator.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        yield
