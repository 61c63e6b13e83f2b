"""The published JSON Schema of suites is the one that is enforced."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from srbench.errors import SuiteError
from srbench.settings.load import suite_folders, validate_suite
from srbench.settings.published import SCHEMA_PATH, suite_schema, write_suite_schema

MINIMAL = {
    "schema": 1,
    "name": "tiny",
    "version": 1,
    "summary": "smallest suite",
    "track": "calibrated",
    "seeds": [1],
    "data": {"train": "photos", "test": ["photos-test"]},
    "warm_start": {"iterations": 10},
    "adversarial": {"iterations": 10},
    "calibration": {"reference": "a"},
    "loss": [{"label": "a", "name": "l1"}],
}


def _shipped() -> list[Path]:
    files = {p.name: p for folder in suite_folders() for p in sorted(folder.glob("*.toml"))}
    return list(files.values())


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(SCHEMA_PATH.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_published_file_is_in_step():
    assert json.loads(SCHEMA_PATH.read_text()) == suite_schema(), (
        "the suite schema changed: call srbench.settings.published.write_suite_schema()"
    )


def test_writing_it_gives_the_published_bytes(tmp_path):
    assert write_suite_schema(tmp_path / "s.json").read_bytes() == SCHEMA_PATH.read_bytes()


@pytest.mark.parametrize("path", _shipped(), ids=lambda p: p.stem)
def test_shipped_suites_fit(validator, path):
    validator.validate(tomllib.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "change",
    [
        {"comment": "mine"},
        {"track": "fast"},
        {"seeds": []},
        {"seeds": [1.5]},
        {"loss": []},
        {"data": {"train": "photos", "test": ["photos-test"], "patchsize": 64}},
        {"warm_start": {"iterations": -1}},
        {"adversarial": {"iterations": 10, "learning_rate": 0}},
        {"loss": [{"label": "no spaces", "name": "l1"}]},
    ],
)
def test_schema_and_reader_refuse_alike(validator, change):
    validator.validate(MINIMAL)
    validate_suite(MINIMAL)
    document = {**MINIMAL, **change}
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(document)
    with pytest.raises(SuiteError):
        validate_suite(document)
