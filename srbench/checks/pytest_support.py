"""The checks as pytest tests of a plugin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from srbench.checks.catalog import Check, loss_checks
from srbench.checks.outcome import CheckFailed
from srbench.checks.subject import TIME_LIMIT
from srbench.contract import LossSpec, WeightResolver

if TYPE_CHECKING:
    import pytest


def parametrize_checks(
    losses: str | LossSpec | Iterable[str | LossSpec],
    *,
    params: Mapping[str, Any] | None = None,
    weights: WeightResolver | Literal["seeded"] | None = None,
    time_limit: float = TIME_LIMIT,
) -> pytest.MarkDecorator:
    """A decorator that gives a test one argument, ``check``: every check of every loss.

    Known failures are strict expected failures: one that passes fails the test.

    Args:
        losses: names of installed losses, or specs.
        params: as for :func:`loss_checks`; for every loss.
        weights: likewise.
        time_limit: likewise.

    Raises:
        UnknownName: no such loss is installed; while the tests are collected.

    Example::

        from srbench.checks import parametrize_checks

        @parametrize_checks("my-loss")
        def test_contract(check):
            check()
    """
    import pytest

    several = [losses] if isinstance(losses, str | LossSpec) else losses
    checks = [
        check
        for loss in several
        for check in loss_checks(loss, params=params, weights=weights, time_limit=time_limit)
    ]
    return pytest.mark.parametrize("check", [_as_parameter(check) for check in checks])


def _as_parameter(check: Check) -> Any:
    import pytest

    reason = check.known_failure
    marks = (
        [pytest.mark.xfail(reason=reason, raises=CheckFailed, strict=True)]
        if reason is not None
        else []
    )
    return pytest.param(check, id=f"{check.subject.spec.name}:{check.name}", marks=marks)
