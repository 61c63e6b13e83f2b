"""Older records are brought up one version at a time; newer ones are refused."""

from __future__ import annotations

import pytest

from srbench.errors import RecordError
from srbench.records import SCHEMA_VERSION
from srbench.records.migrate import STEPS, migrate

FAKE = {
    1: lambda d: {**d, "colour": d["color"]},
    2: lambda d: {k: v for k, v in d.items() if k != "color"},
}


def test_steps_are_applied_in_order():
    document = {"schema": 1, "color": "y"}
    assert migrate(document, steps=FAKE, target=3) == {"schema": 3, "colour": "y"}
    assert document == {"schema": 1, "color": "y"}


def test_the_present_version_is_left_alone():
    document = {"schema": 3}
    assert migrate(document, steps=FAKE, target=3) is document


@pytest.mark.parametrize("version", [0, -1, 4, "1", None, True, 1.0])
def test_other_versions_are_refused(version):
    with pytest.raises(RecordError, match="schema 1 to 3"):
        migrate({"schema": version}, steps=FAKE, target=3)


def test_a_gap_is_an_error_not_a_guess():
    with pytest.raises(RecordError, match="migration from record schema 1"):
        migrate({"schema": 1}, steps={2: FAKE[2]}, target=3)


def test_every_version_before_the_present_has_its_step():
    assert set(STEPS) == set(range(1, SCHEMA_VERSION))
