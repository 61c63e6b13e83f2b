"""What a check can end in, and how a report of checks reads. No torch here."""

from __future__ import annotations

import unittest
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["passed", "failed", "xfailed", "skipped"]
"""``xfailed``: failed as ``LossSpec.known_failures`` says it does."""


class CheckFailed(AssertionError):
    """The loss does not do what the contract asks for; the message says what came instead."""


class CheckSkipped(unittest.SkipTest):
    """The check has no meaning for this loss, or cannot be run; pytest shows it as skipped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """What became of one check.

    Attributes:
        name: of the check.
        outcome: see :data:`Outcome`.
        detail: why; empty where the check passed.
    """

    name: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossReport:
    """The checks of one loss.

    Attributes:
        loss: its name.
        distribution: that provides it.
        weights: ``none``, ``pretrained``, or ``seeded`` for random values in the real layout.
        checks: in the order in which they ran.
    """

    loss: str
    distribution: str
    weights: str
    checks: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed; expected failures and skipped checks are no failures."""
        return all(check.outcome != "failed" for check in self.checks)

    def as_document(self) -> dict[str, Any]:
        """The JSON of ``srbench check --json``."""
        return {
            "loss": self.loss,
            "distribution": self.distribution,
            "weights": self.weights,
            "passed": self.passed,
            "checks": [
                {"name": c.name, "outcome": c.outcome, "detail": c.detail} for c in self.checks
            ],
        }


def judge(name: str, known: str | None, failure: str | None) -> CheckResult:
    """The result of a check that ran, under a strict expected failure.

    Args:
        name: of the check.
        known: the reason in ``known_failures``, or ``None``.
        failure: what failed, or ``None`` where the check held.
    """
    if failure is None and known is None:
        return CheckResult(name=name, outcome="passed")
    if failure is None:
        return CheckResult(
            name=name,
            outcome="failed",
            detail=f"expected to fail ({known}), but it passed: remove it from known_failures",
        )
    if known is None:
        return CheckResult(name=name, outcome="failed", detail=failure)
    return CheckResult(name=name, outcome="xfailed", detail=f"{known} [{failure}]")


def some(items: Sequence[str], count: int = 3) -> str:
    """The first few of ``items`` for a message."""
    shown = ", ".join(items[:count])
    return shown if len(items) <= count else f"{shown} and {len(items) - count} more"
