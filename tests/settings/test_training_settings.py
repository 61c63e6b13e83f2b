"""What training is told: the suite's own sections, refusing nonsense, without torch."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from srbench.train import AdversarialSettings, RuntimeSettings


@pytest.mark.parametrize(
    "values",
    [
        {"iterations": -1},
        {"iterations": 1.5},
        {"iterations": 1, "learning_rate": 0},
        {"iterations": 1, "learning_rate": float("nan")},
        {"iterations": 1, "milestones": (20, 10)},
        {"iterations": 1, "milestones": (0,)},
        {"iterations": 1, "betas": (0.9, 1.0)},
        {"iterations": 1, "log_every": 0},
        {"iterations": 1, "validate_every": -1},
        {"iterations": 1, "pixel_loss": "l3"},
        {"iterations": 1, "adversarial_loss": "hinges"},
        {"iterations": 1, "content_weight": -1},
        {"iterations": 1, "content_constant": 0},
        {"iterations": 1, "content_scale": float("inf")},
        {"iterations": 1, "content_scales": (1.0,)},
    ],
)
def test_nonsense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AdversarialSettings(**values)


@pytest.mark.parametrize("values", [{"precision": "fp16"}, {"threads": 0}])
def test_runtime_nonsense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RuntimeSettings(**values)


def test_content_factor() -> None:
    settings = AdversarialSettings(
        iterations=1, content_weight=2, content_scale=3, content_constant=0.5
    )
    assert settings.content_factor == 3


def test_a_copy_with_other_values_is_checked_too() -> None:
    settings = AdversarialSettings(iterations=1)
    assert settings.but(iterations=5).iterations == 5
    with pytest.raises(ValidationError):
        settings.but(iterations=-5)


def test_every_exported_name_exists() -> None:
    import srbench.train

    for name in srbench.train.__all__:
        assert getattr(srbench.train, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = srbench.train.nothing
