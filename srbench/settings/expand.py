"""From the ``[[loss]]`` entries of a suite to its rows, each with a unique label."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from srbench.errors import SuiteError
from srbench.settings.suite import LossEntry, LossTerm, Suite

RESERVED_LABELS = ("bicubic", "warm-start", "pixel", "vgg16-random", "hr", "adversarial-only")
"""Reference rows; all but the last are present in every suite."""

MOST_ROWS = 1000
"""Rows of one suite, the points of its grids among them."""

CONTENT_ONLY = "-content-only"
"""What the label of a loss's control without the adversarial term ends in."""


def is_reserved(label: str) -> bool:
    """Whether a label is that of a reference row, or differs from it in case alone."""
    return label.casefold() in RESERVED_LABELS


@dataclass(frozen=True, kw_only=True, slots=True)
class LossRow:
    """One row to train: a label and the weighted losses behind it.

    Attributes:
        reference: a reference row of DESIGN section 6, not an entry of the suite.
        objective: settings of ``[adversarial]`` that this row has otherwise than the suite.
    """

    label: str
    terms: tuple[LossTerm, ...]
    reference: bool = False
    objective: Mapping[str, float] = field(default_factory=dict)


def expand_losses(suite: Suite) -> tuple[LossRow, ...]:
    """Every ``[[loss]]`` as rows, grids expanded, labels unique.

    Raises:
        SuiteError: two rows have one label, a label is reserved for a reference row, or there are
            more than ``MOST_ROWS``.
    """
    points = sum(math.prod(len(values) for values in entry.grid.values()) for entry in suite.loss)
    if points > MOST_ROWS:
        raise SuiteError(
            f"expected a suite of at most {MOST_ROWS} rows, its grids and losses make more",
            "give a grid fewer values, or make several suites of it",
        )
    rows = [row for entry in suite.loss for row in _with_controls(entry)]
    seen: set[str] = set()
    for row in rows:
        if is_reserved(row.label):
            raise SuiteError(
                f"expected a label of your own, got {row.label!r}, which names a reference row",
                f"reserved: {', '.join(RESERVED_LABELS)}; choose another label",
            )
        if row.label.casefold() in seen:
            raise SuiteError(
                f"expected unique labels, got {row.label!r} twice, if not in the same case",
                "give each [[loss]] a label",
            )
        seen.add(row.label.casefold())
    labels = {row.label for row in rows}
    if suite.calibration is not None and suite.calibration.reference not in labels:
        raise SuiteError(
            f"expected calibration.reference to be a label of this suite, "
            f"got {suite.calibration.reference!r}",
            f"labels: {', '.join(sorted(labels))}",
        )
    return tuple(rows)


def _with_controls(entry: LossEntry) -> list[LossRow]:
    rows = _rows(entry)
    if not entry.content_only:
        return rows
    alone = {"adversarial_weight": 0.0}
    controls = [
        LossRow(label=f"{row.label}{CONTENT_ONLY}", terms=row.terms, objective=alone)
        for row in rows
    ]
    return [*rows, *controls]


def _rows(entry: LossEntry) -> list[LossRow]:
    if entry.sum:
        assert entry.label is not None
        return [LossRow(label=entry.label, terms=entry.sum)]
    assert entry.name is not None
    if not entry.grid:
        label = entry.label or derived_label(entry.name, entry.params)
        return [LossRow(label=label, terms=(LossTerm(name=entry.name, params=entry.params),))]
    rows = []
    for values in itertools.product(*entry.grid.values()):
        point = dict(zip(entry.grid, values, strict=True))
        params = {**entry.params, **point}
        label = (
            derived_label(entry.label, point) if entry.label else derived_label(entry.name, params)
        )
        rows.append(LossRow(label=label, terms=(LossTerm(name=entry.name, params=params),)))
    return rows


def derived_label(name: str, params: Mapping[str, Any]) -> str:
    """``name`` with the parameter values appended: ``vgg16-conv5_3-l1``."""
    parts = [name, *(_slug(value) for value in params.values())]
    return "-".join(part for part in parts if part)[:80]


def _slug(value: Any) -> str:
    if isinstance(value, Mapping):
        value = "+".join(f"{k}={v}" for k, v in value.items())
    elif isinstance(value, (list, tuple)):
        value = "+".join(str(v) for v in value)
    return re.sub(r"[^A-Za-z0-9._+=-]+", "-", str(value)).strip("-")
