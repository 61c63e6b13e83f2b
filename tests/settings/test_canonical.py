"""Keys and conditions survive growth: a setting that is added with a default changes none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from pydantic import BaseModel, Field

from srbench.records import read_record
from srbench.records.identity import conditions_sha256, states_conditions
from srbench.settings import Adversarial, Suite, load_suite
from srbench.settings.canonical import OUTSIDE, canonical, content_key
from srbench.strict import Strict

HERE = Path(__file__).parent
LEADERBOARD = HERE.parents[1] / "leaderboard"


class Inner(Strict):
    size: int = 3


class Outer(Strict):
    name: str
    weight: float = 1.0
    inner: Inner = Field(default_factory=Inner)
    note: Annotated[str, OUTSIDE] = ""


def test_defaults_and_what_changes_no_result_are_left_out() -> None:
    assert canonical(Outer(name="a", note="words")) == {"name": "a"}
    assert canonical(Outer(name="a", inner=Inner(size=4))) == {"name": "a", "inner": {"size": 4}}


def test_one_number_has_one_form() -> None:
    assert json.dumps(canonical(Outer(name="a", weight=2))) == '{"name": "a", "weight": 2}'


def test_order_and_white_space_do_not_matter() -> None:
    assert content_key({"a": 1, "b": 2}) == content_key({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        content_key({"x": float("nan")})


class GrownAdversarial(Adversarial):
    mood: float = 0.5


class GrownSuite(Suite):
    adversarial: GrownAdversarial
    mood: str = "calm"


def grown(document: dict[str, Any], **changes: Any) -> GrownSuite:
    document = json.loads(json.dumps(document))
    document["adversarial"].update(changes)
    return GrownSuite.model_validate(document)


def test_an_added_setting_changes_no_condition_until_it_is_set() -> None:
    suite = load_suite("quick")
    document = suite.model_dump(mode="json", by_alias=True)
    assert grown(document).conditions == suite.conditions
    assert grown(document, mood=0.7).conditions != suite.conditions


def test_a_document_with_defaults_left_out_has_the_same_conditions() -> None:
    suite = load_suite("quick")
    short = {
        **canonical(suite),
        "summary": "",
        "seeds": [9],
        "loss": [entry.model_dump(mode="json") for entry in suite.loss],
    }
    assert Suite.model_validate(short).conditions == suite.conditions


@pytest.mark.parametrize("section", ["seeds", "summary", "loss", "metrics", "limits", "checkpoint"])
def test_what_rows_of_one_table_need_not_share(section: str) -> None:
    suite = load_suite("quick")
    other: dict[str, Any] = {
        "seeds": (5,), "summary": "other", "loss": suite.loss[:1], "metrics": ("psnr",),
        "limits": suite.limits.but(retries=3), "checkpoint": suite.checkpoint.but(every_seconds=1),
    }  # fmt: skip
    assert suite.but(**{section: other[section]}).conditions == suite.conditions


def test_published_records_are_of_a_table_each_version_and_state_the_hash_of_their_time() -> None:
    records = [read_record(path) for path in sorted((LEADERBOARD / "records").glob("*.json"))]
    tables = {(record.suite.version, record.suite.conditions) for record in records}
    assert sorted(version for version, _ in tables) == [1, 2, 3]
    for record in records:
        assert states_conditions(record.suite.sha256, record.suite.document)
        assert states_conditions(record.suite.conditions, record.suite.document)
        assert record.suite.conditions == conditions_sha256(record.suite.document)
        changed = {**record.suite.document, "protocol": "other"}
        assert not states_conditions(record.suite.sha256, changed)


def defaults(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if OUTSIDE in field.metadata:
            continue
        nested = [a for a in (field.annotation, *get_args(field.annotation)) if _is_model(a)]
        for inner in nested:
            yield from defaults(inner, f"{prefix}{name}.")
        if not field.is_required():
            value = field.get_default(call_default_factory=True)
            if not isinstance(value, BaseModel):
                yield f"{prefix}{name}", json.loads(json.dumps(value))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def test_no_default_changes_within_a_schema_version() -> None:
    """New settings are added to the table; an entry of it never changes nor goes.

    Keys and conditions are hashed from what differs from the defaults, so another default would
    silently give old keys to other work. Raise the schema version instead.
    """
    table = json.loads((HERE / "defaults.json").read_text())
    assert set(table) == {"1"}
    assert dict(defaults(Suite)) == table["1"]
