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

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srbench.checks.catalog import CHECKS, Check, check_names, loss_checks
    from srbench.checks.outcome import CheckFailed, CheckResult, CheckSkipped, LossReport
    from srbench.checks.pytest_support import parametrize_checks
    from srbench.checks.runner import run_checks
    from srbench.checks.seeded import SeededWeights
    from srbench.checks.subject import Subject

_HOME = {
    "catalog": ("CHECKS", "Check", "check_names", "loss_checks"),
    "outcome": ("CheckFailed", "CheckResult", "CheckSkipped", "LossReport"),
    "pytest_support": ("parametrize_checks",),
    "runner": ("run_checks",),
    "seeded": ("SeededWeights",),
    "subject": ("Subject",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

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


def __getattr__(name: str) -> object:
    """Load the module that holds ``name`` when it is first asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
