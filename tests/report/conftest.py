"""Shared helpers: synthetic records, and changing one of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from curving import with_curves
from synthetic import synthetic_records

from srbench.records import Record, record_text
from srbench.records.io import validate_record


@pytest.fixture(scope="session")
def three_seeds() -> list[Record]:
    return synthetic_records()


@pytest.fixture(scope="session")
def one_seed() -> list[Record]:
    return synthetic_records(seeds=[1], datasets=["photos-test"], images=6)


def _changed(record: Record, change: Callable[[dict[str, Any]], None]) -> Record:
    document = json.loads(record_text(record))
    change(document)
    return validate_record(document)


@pytest.fixture
def edited() -> Callable[..., list[Record]]:
    """``edited(records, change, where)``: ``change(document)`` applied to the matching ones."""

    def edit(
        records: Iterable[Record],
        change: Callable[[dict[str, Any]], None],
        where: Callable[[Record], bool] = lambda _: True,
    ) -> list[Record]:
        return [_changed(record, change) if where(record) else record for record in records]

    return edit


@pytest.fixture
def failing(edited) -> Callable[..., list[Record]]:
    """``failing(records, label, seed)``: that run failed."""

    def fail(records: Iterable[Record], label: str, seed: int | None = None) -> list[Record]:
        def change(document: dict[str, Any]) -> None:
            document.update(
                status="failed",
                scores={},
                validation=[],
                cost=None,
                error={"kind": "NonFiniteLoss", "message": "content was nan\nat iteration 7"},
            )

        return edited(records, change, lambda r: r.loss.label == label and seed in (None, r.seed))

    return fail


@pytest.fixture
def uneven(three_seeds, edited) -> list[Record]:
    """Three images of set14, fourteen of bsd100."""

    def three_of_set14(document: dict[str, Any]) -> None:
        scores = document["scores"]["set14"]
        scores["images"] = scores["images"][:3]
        for metric in scores["metrics"].values():
            metric["per_image"] = {n: metric["per_image"][n] for n in scores["images"]}
            metric["mean"] = math.fsum(metric["per_image"].values()) / 3
        scores["sizes"] = {n: s for n, s in scores["sizes"].items() if n in scores["images"]}

    return edited(three_seeds, three_of_set14)


@pytest.fixture(scope="session")
def curved(three_seeds):
    """Three seeds with curves of known form."""
    return with_curves(three_seeds)
