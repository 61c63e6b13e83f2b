"""The published JSON Schema is the one that is enforced."""

from __future__ import annotations

import json

import jsonschema
import pytest
from synthetic import synthetic_records

from srbench.records import record_text
from srbench.records.published import SCHEMA_PATH, record_schema, write_record_schema


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(SCHEMA_PATH.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def document():
    records = synthetic_records(labels=["alexnet"], seeds=[1], images=3)
    return json.loads(record_text(next(r for r in records if r.loss.label == "alexnet")))


def test_the_published_file_is_in_step():
    assert json.loads(SCHEMA_PATH.read_text()) == record_schema(), (
        "the record schema changed: call srbench.records.published.write_record_schema(), and "
        "raise SCHEMA_VERSION with a migration if records written before no longer fit"
    )


def test_writing_it_gives_the_published_bytes(tmp_path):
    assert write_record_schema(tmp_path / "s.json").read_bytes() == SCHEMA_PATH.read_bytes()


def test_real_records_fit(validator):
    for record in synthetic_records(images=2):
        validator.validate(json.loads(record_text(record)))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(comment="mine"),
        lambda d: d.pop("protocol"),
        lambda d: d.update(status="perfect"),
        lambda d: d.update(key="mine"),
        lambda d: d["scores"]["set14"]["metrics"]["psnr"].update(mean="high"),
        lambda d: d["scores"]["set14"]["metrics"]["psnr"].update(per_image={}),
        lambda d: d.update({"schema": 3}),
    ],
)
def test_edited_records_do_not_fit(validator, document, change):
    validator.validate(document)
    change(document)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(document)
