"""Values of the objective, gathered on the device and read only where they are logged.

Reading a value makes the host wait for the device. So sums, and where a term first went
non-finite, are kept as tensors there; :meth:`Monitor.check` and :meth:`Monitor.means` fetch them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from srbench.errors import NonFiniteLoss

_NEVER = -1


class Monitor:
    """Window means and the first non-finite iteration of each term.

    Args:
        terms: names, in the order in which one step computes them: of several that went bad in
            one iteration the first is the cause.
        device: where the steps' values are.
    """

    def __init__(self, terms: tuple[str, ...], device: torch.device) -> None:
        self.terms = terms
        self._count = 0
        self._sum = torch.zeros(len(terms), device=device)
        self._first = torch.full((len(terms),), _NEVER, dtype=torch.int64, device=device)
        self._value = torch.zeros(len(terms), device=device)

    def add(self, iteration: int, values: Tensor) -> None:
        """Take in the values ``(T,)`` of one iteration without waiting for them."""
        newly_bad = ~torch.isfinite(values) & (self._first == _NEVER)
        # Not torch.where with a number: that copies the number to the device and waits for it.
        self._first = self._first.masked_fill(newly_bad, iteration)
        self._value = torch.where(newly_bad, values, self._value)
        self._sum = self._sum + values
        self._count += 1

    def check(self) -> None:
        """Raise if any term was ever non-finite.

        Raises:
            NonFiniteLoss: with the term that went bad first, its iteration and its value.
        """
        bad = [(at, index) for index, at in enumerate(self._first.tolist()) if at != _NEVER]
        if bad:
            iteration, index = min(bad)
            raise NonFiniteLoss(self.terms[index], iteration, float(self._value[index]))

    def means(self) -> dict[str, float]:
        """Mean of each term since the last call, which starts a new window."""
        means = (self._sum / max(self._count, 1)).tolist()
        self._sum = torch.zeros_like(self._sum)
        self._count = 0
        return dict(zip(self.terms, means, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """The open window."""
        return {"count": self._count, "sum": self._sum.cpu()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue the window of a checkpoint."""
        self._count = state["count"]
        self._sum = state["sum"].to(self._sum)
