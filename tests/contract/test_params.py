"""The shared parameters of feature losses, as suites write them."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import Field, ValidationError

from srbench.contract.params import FeatureParams


class Params(FeatureParams):
    network: ClassVar[str] = "toy"
    tap: str | None = Field("relu5_3")

    @classmethod
    def known_taps(cls):
        return {"conv5_3", "relu5_3", "relu2_2"}


def test_the_default_is_one_tap():
    assert Params().tap_weights == {"relu5_3": 1.0}


def test_taps_replace_the_default():
    params = Params(taps={"relu2_2": 0.5, "conv5_3": 1})
    assert params.tap is None
    assert params.tap_weights == {"relu2_2": 0.5, "conv5_3": 1.0}


@pytest.mark.parametrize("given", [{}, {"tap": "relu2_2"}, {"taps": {"relu2_2": 2.0}}])
def test_a_dump_reads_back_as_itself(given):
    params = Params.model_validate(given)
    assert Params.model_validate(params.model_dump(mode="json")) == params


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tap": "relu5_4"}, r"tap of toy, got 'relu5_4'; did you mean 'relu5_3'"),
        ({"taps": {"relu5_4": 1.0}}, "did you mean"),
        ({"tap": "relu2_2", "taps": {"conv5_3": 1.0}}, "either tap or taps"),
        ({"tap": None}, "either tap or taps"),
        ({"taps": {}}, "at least one tap"),
        ({"taps": {"relu2_2": 0.0}}, "positive finite weight"),
        ({"taps": {"relu2_2": float("inf")}}, "positive finite weight"),
        ({"distance": "cosine"}, "'l1' or 'l2'"),
        ({"feature_scale": -1}, "greater than 0"),
        ({"feature_scale": float("inf")}, "finite"),
        ({"layer": "relu5_3"}, "Extra inputs"),
    ],
)
def test_mistakes_are_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Params.model_validate(given)


def test_without_a_list_of_taps_any_name_passes():
    assert FeatureParams(tap="anything").tap_weights == {"anything": 1.0}
