"""Conformance checks: does a loss keep the contract?

In a plugin's own tests::

    from srbench.checks import parametrize_checks

    @parametrize_checks("my-loss")
    def test_contract(check):
        check()

and on the command line ``srbench check my-loss``. Names are loaded on first use, so that the
command's own process needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.lazy import lazy_names

if TYPE_CHECKING:
    from srbench.checks.catalog import CHECKS, Check, check_names, loss_checks
    from srbench.checks.outcome import CheckFailed, CheckResult, CheckSkipped, LossReport
    from srbench.checks.pytest_support import parametrize_checks
    from srbench.checks.runner import run_checks
    from srbench.checks.seeded import SeededWeights
    from srbench.checks.subject import Subject

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailed",
    "CheckResult",
    "CheckSkipped",
    "LossReport",
    "SeededWeights",
    "Subject",
    "check_names",
    "loss_checks",
    "parametrize_checks",
    "run_checks",
]

__getattr__ = lazy_names(
    __name__,
    {
        ".catalog": ("CHECKS", "Check", "check_names", "loss_checks"),
        ".outcome": ("CheckFailed", "CheckResult", "CheckSkipped", "LossReport"),
        ".pytest_support": ("parametrize_checks",),
        ".runner": ("run_checks",),
        ".seeded": ("SeededWeights",),
        ".subject": ("Subject",),
    },
)
