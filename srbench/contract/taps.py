"""Names of taps, as data: torch-free, so that a suite's taps are checked before anything is built.

A tap is named by its torchvision module path (``layer4.2.conv3``) or, in a VGG, by the exact name
that says which side of the activation it is on. In block ``b``, for its ``i``-th convolution:

==============  ==========================================================================
``conv{b}_{i}``  output of the convolution itself, before any normalisation and activation
``bn{b}_{i}``    output of the batch normalisation, before the activation (``_bn`` networks)
``relu{b}_{i}``  after the activation
``pool{b}``      after the block's max-pooling
==============  ==========================================================================

In the literature's "VGG54" neither the side of the activation nor the depth of the network is
said; there is no such name here.

A module that runs several times per forward pass, as the one ReLU of a ResNet block does, is
counted: ``layer4.2.relu`` is its first call, ``layer4.2.relu_1`` the second, ``layer4.2.relu_2``
the third, as in ``torchvision.models.feature_extraction``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal

from srbench.errors import UnknownName, UserError, unknown_name

LayerKind = Literal["conv", "bn", "relu", "pool"]

_CALL = re.compile(r"(?P<path>.+)_(?P<call>[1-9][0-9]*)")


def vgg_tap_paths(kinds: Iterable[LayerKind], prefix: str = "features.") -> dict[str, str]:
    """The exact VGG names of a chain of layers, each with its module path.

    >>> vgg_tap_paths(["conv", "relu", "conv", "relu", "pool", "conv"])["relu1_2"]
    'features.3'
    """
    paths: dict[str, str] = {}
    block, conv = 1, 0
    for index, kind in enumerate(kinds):
        if kind == "pool":
            name = f"pool{block}"
            block, conv = block + 1, 0
        else:
            conv += kind == "conv"
            name = f"{kind}{block}_{conv}"
        paths[name] = f"{prefix}{index}"
    return paths


def vgg_taps(
    convs_per_block: Iterable[int], *, batch_norm: bool = False, layers: int | None = None
) -> dict[str, str]:
    """Everything that a tap of a VGG's ``features`` may be called, with its module path.

    Args:
        convs_per_block: see :func:`vgg_layer_kinds`.
        batch_norm: likewise.
        layers: of ``features`` that are there, from the first; ``None``: all.
    """
    kinds = vgg_layer_kinds(convs_per_block, batch_norm=batch_norm)[:layers]
    names = vgg_tap_paths(kinds)
    return {**names, **{path: path for path in names.values()}, "features": "features"}


def vgg_layer_kinds(
    convs_per_block: Iterable[int], *, batch_norm: bool = False
) -> tuple[LayerKind, ...]:
    """The layers of a VGG's ``features`` in order; VGG16 is ``(2, 2, 3, 3, 3)``."""
    step: tuple[LayerKind, ...] = ("conv", "bn", "relu") if batch_norm else ("conv", "relu")
    return tuple(kind for count in convs_per_block for kind in (*step * count, "pool"))


VGG16_CONVS: Final = (2, 2, 3, 3, 3)
"""Convolutions in each of VGG16's blocks."""

VGG19_CONVS: Final = (2, 2, 4, 4, 4)
"""Convolutions in each of VGG19's blocks."""


def split_call(tap: str, paths: Collection[str]) -> tuple[str, int] | None:
    """``(module path, call)`` of a tap, the call counted from 0; ``None`` if no module fits.

    >>> split_call("layer1.0.relu_2", {"layer1.0.relu"})
    ('layer1.0.relu', 2)
    """
    if tap in paths:
        return tap, 0
    match = _CALL.fullmatch(tap)
    if match and match["path"] in paths:
        return match["path"], int(match["call"])
    return None


def tap_paths(taps: Iterable[str], names: Mapping[str, str], modules: Collection[str]) -> set[str]:
    """Module paths of ``taps``, whichever call is meant; those that do not exist are left out.

    >>> tap_paths(["relu1_1", "bn1_1"], {"relu1_1": "features.2"}, {"features.2"})
    {'features.2'}
    """
    places = (split_call(names.get(tap, tap), modules) for tap in taps)
    return {place[0] for place in places if place}


def unknown_tap(network: str, tap: str, known: Iterable[str]) -> UnknownName:
    """The error for a ``tap`` that ``network`` does not have; it names the nearest ones."""
    return unknown_name(
        f"tap of {network}",
        tap,
        known,
        "conv5_3 is before the activation, relu5_3 after it; other layers go by their torchvision "
        "module path",
    )


def check_tap_weights(taps: Mapping[str, float]) -> None:
    """Raise unless there is at least one tap and every weight is a positive finite number.

    Raises:
        UserError: with the tap that is wrong.
    """
    if not taps:
        raise UserError("expected at least one tap, got none", 'for example {"relu5_3": 1.0}')
    for name, weight in taps.items():
        if not 0 < weight < float("inf"):
            raise UserError(
                f"expected a positive finite weight for tap {name!r}, got {weight!r}",
                "leave out a tap that should not count",
            )
