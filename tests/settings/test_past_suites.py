"""Earlier versions of shipped suites: kept as long as their rows are published."""

from pathlib import Path

import pytest

from srbench.records.io import read_records
from srbench.settings import load_suite
from srbench.settings.load import installed_suite

ROOT = Path(__file__).parents[2]
PAST = sorted((ROOT / "benchmarks" / "past").glob("*.toml"))


@pytest.mark.parametrize("file", PAST, ids=lambda file: file.stem)
def test_a_past_suite_is_an_earlier_version_found_by_name_and_version(file: Path) -> None:
    past = load_suite(str(file))
    assert file.stem == f"{past.name}-{past.version}"
    assert installed_suite(past.name, past.version) == past
    present = installed_suite(past.name)
    assert present is not None
    assert present.version > past.version
    assert installed_suite(past.name, present.version) == present


def test_versions_and_names_that_are_not_kept_are_nobodys() -> None:
    assert installed_suite("pretext-cpu", 99) is None
    assert installed_suite("../pretext-cpu") is None
    assert installed_suite("pretext-cpu-2") is None


def test_published_rows_are_of_the_kept_suites() -> None:
    for record in read_records([ROOT / "leaderboard"]):
        suite = installed_suite(record.suite.name, record.suite.version)
        assert suite is not None
        assert suite.conditions == record.suite.conditions
