"""The parameters that every feature loss has, as a suite writes them; torch-free.

Import it from here and not from :mod:`srbench.contract`, which stays free of pydantic.
"""

from __future__ import annotations

import copyreg
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator, model_validator

from srbench.contract.taps import check_tap_weights, unknown_tap


class FeatureParams(BaseModel):
    """Base of the parameters of a loss built on ``FeatureLoss``.

    A subclass gives ``tap`` its default; :func:`feature_params` makes it where there is no more to
    say. Either ``tap`` or ``taps`` is set, never both.

    Raises:
        pydantic.ValidationError: an unknown key, an unknown tap (with the nearest names), a value
            out of its range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: ClassVar[str] = "the network"
    """What the loss network is called in messages."""

    tap: str | None = Field(None, description="the layer whose features are compared")
    taps: dict[str, float] | None = Field(
        None, description="several layers with the weight of each, instead of tap"
    )
    distance: Literal["l1", "l2"] = Field(
        "l2", description="mean absolute (l1) or mean squared (l2) difference of the features"
    )
    before_activation: bool = Field(
        False, description="the taps name activation modules, whose input is compared"
    )
    feature_scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1.0, description="multiplies the features; the SRGAN paper has 1/12.75"
    )

    @classmethod
    def known_taps(cls) -> Collection[str] | None:
        """Everything that a tap may be called; ``None``: only the built network knows."""
        return None

    @model_validator(mode="before")
    @classmethod
    def _what_is_given_replaces_the_default(cls, data: Any) -> Any:
        for given, other in (("taps", "tap"), ("tap", "taps")):
            if isinstance(data, Mapping) and data.get(given) is not None and other not in data:
                return {**data, other: None}
        return data

    @field_validator("tap")
    @classmethod
    def _check_tap(cls, tap: str | None) -> str | None:
        if tap is not None:
            cls._check_names([tap])
        return tap

    @field_validator("taps")
    @classmethod
    def _check_taps(cls, taps: dict[str, float] | None) -> dict[str, float] | None:
        if taps is not None:
            check_tap_weights(taps)
            cls._check_names(taps)
        return taps

    @model_validator(mode="after")
    def _one_of_tap_and_taps(self) -> Self:
        if (self.tap is None) == (self.taps is None):
            raise ValueError("expected either tap or taps")
        return self

    @classmethod
    def _check_names(cls, taps: Iterable[str]) -> None:
        known = cls.known_taps()
        for tap in taps:
            if known is not None and tap not in known:
                # pydantic puts the message into a line of its own; the hint would break it.
                raise ValueError(unknown_tap(cls.network, tap, known).what)

    @property
    def tap_weights(self) -> dict[str, float]:
        """Each tap with its weight; the one ``tap`` has weight 1."""
        if self.taps is not None:
            return dict(self.taps)
        return {} if self.tap is None else {self.tap: 1.0}


def feature_params(
    network: str,
    *,
    tap: str | Mapping[str, float],
    known: Collection[str] | None = None,
    weights: Iterable[str] = (),
    distance: Literal["l1", "l2"] = "l2",
) -> type[FeatureParams]:
    """The parameters of a loss that has no others than every feature loss.

    Equal arguments give the same class. It pickles by them, so that it needs no name in a module.

    Args:
        network: what the loss network is called in messages.
        tap: the default; several with the weight of each are the default of ``taps``.
        known: everything that a tap may be called; ``None``: only the built network knows.
        weights: names of several sets of weights, the default first; adds the field ``weights``.
        distance: the default.

    Example:
        >>> Params = feature_params("vgg16", tap="pool5", known={"conv5_3", "pool5"})
        >>> Params(distance="l1").tap_weights
        {'pool5': 1.0}
    """
    taps = tap if isinstance(tap, str) else tuple(tap.items())
    names = None if known is None else frozenset(known)
    return _made(network, taps, names, tuple(weights), distance)


class _Made(type(BaseModel)):  # type: ignore[misc]  # the metaclass of pydantic has no stable name
    """Type of the classes that :func:`feature_params` makes."""


@cache
def _made(
    network: str,
    tap: str | tuple[tuple[str, float], ...],
    known: frozenset[str] | None,
    weights: tuple[str, ...],
    distance: str,
) -> type[FeatureParams]:
    class Base(FeatureParams, metaclass=_Made):
        recipe: ClassVar[tuple[object, ...]] = (network, tap, known, weights, distance)

        @classmethod
        def known_taps(cls) -> Collection[str] | None:
            """Everything that a tap may be called."""
            return known

    Base.network = network
    one, several = (tap, None) if isinstance(tap, str) else (None, dict(tap))
    defaults = {"tap": one, "taps": several, "distance": distance}
    fields: dict[str, Any] = {
        name: (inherited.annotation, Field(default, description=inherited.description))
        for name, default in defaults.items()
        for inherited in (FeatureParams.model_fields[name],)
    }
    if weights:
        about = "which of the network's published weights"
        fields["weights"] = (Literal[weights], Field(weights[0], description=about))
    return create_model(f"FeatureParams of {network}", __base__=Base, **fields)


def _reduced(made: Any) -> Any:
    return _made, made.recipe


copyreg.pickle(_Made, _reduced)
