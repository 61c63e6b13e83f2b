"""A record edited by hand is noticed on reading."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import synthetic_records

from srbench.errors import RecordError
from srbench.records import Record, read_record, read_records, record_text, write_record
from srbench.records.io import MAX_BYTES, validate_record


@pytest.fixture(scope="module")
def record() -> Record:
    records = synthetic_records(labels=["alexnet"], seeds=[1], datasets=["set14"], images=5)
    return next(r for r in records if r.loss.label == "alexnet")


@pytest.fixture
def document(record):
    return json.loads(record_text(record))


def _scores(document, metric="psnr"):
    return document["scores"]["set14"]["metrics"][metric]


def _without_image(document):
    _scores(document)["per_image"].pop("set14-003")


def _without_image_and_mean(document):
    _without_image(document)
    scores = _scores(document)
    scores["mean"] = math.fsum(scores["per_image"].values()) / len(scores["per_image"])


def _without_image_everywhere(document):
    dataset = document["scores"]["set14"]
    dataset["images"].remove("set14-003")
    dataset["sizes"].pop("set14-003")
    for scores in dataset["metrics"].values():
        scores["per_image"].pop("set14-003")


def _better_score(document):
    _scores(document)["per_image"]["set14-003"] += 0.5


def _better_mean(document):
    _scores(document)["mean"] += 1e-6


def _extra_image(document):
    _scores(document)["per_image"]["set14-999"] = 25.0


def _image_twice(document):
    document["scores"]["set14"]["images"].append("set14-003")


def _size_of_a_stranger(document):
    document["scores"]["set14"]["sizes"]["set14-999"] = [10, 10]


EDITS = {
    "a removed image": (_without_image, "disagrees"),
    "a removed image and its mean": (_without_image_and_mean, "must cover exactly"),
    "an image removed everywhere": (_without_image_everywhere, "disagrees"),
    "an image added": (_extra_image, "disagrees|must cover"),
    "an image named twice": (_image_twice, "twice"),
    "a better score": (_better_score, "disagrees"),
    "a better mean": (_better_mean, "disagrees"),
    "a size of no image": (_size_of_a_stranger, "sizes"),
    "an unknown field": (lambda d: d.update(comment="mine"), "comment"),
    "an unknown nested field": (lambda d: _scores(d).update(median=1.0), "median"),
    "a removed field": (lambda d: d.pop("protocol"), "protocol"),
    "a text for a number": (lambda d: _scores(d).update(mean="high"), "mean"),
    "a failure without its reason": (lambda d: d.update(status="failed"), "error"),
    "no scores": (lambda d: d.update(scores={}), "scores"),
    "no images": (lambda d: _scores(d).update(per_image={}), "per_image"),
    "a key that is no hash": (lambda d: d.update(key="mine"), "key"),
    "an unknown track": (lambda d: d["suite"].update(track="fast"), "track"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_noticed(document, name, tmp_path):
    change, named = EDITS[name]
    change(document)
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(document))
    with pytest.raises(RecordError, match=named) as caught:
        read_record(path)
    assert str(path) in str(caught.value)
    assert caught.value.fix
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ['"mean": ', '"content_scale": ', '"set14-002": '])
def test_numbers_that_are_none_are_noticed(record, tmp_path, value, field):
    text = record_text(record)
    start = text.index(field) + len(field)
    end = min(i for i in (text.find(",", start), text.find("\n", start)) if i > 0)
    path = tmp_path / "nan.json"
    path.write_text(text[:start] + value + text[end:])
    with pytest.raises(RecordError):
        read_record(path)


def test_a_nan_never_reaches_a_mean_through_python_either(record):
    scores = record.scores["set14"].metrics["psnr"]
    with pytest.raises(ValueError, match="finite"):
        type(scores)(
            version=1,
            lower_is_better=False,
            mean=math.nan,
            per_image=dict.fromkeys(scores.per_image, math.nan),
        )


@pytest.mark.parametrize(
    "text", ["", "not json", "[]", "3", "null", '{"schema": 1', "[" * 100_000, "\ud800"]
)
def test_what_is_no_record_is_refused(text, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(RecordError):
        read_record(path)


def test_a_missing_file_and_a_huge_one_are_refused(tmp_path):
    with pytest.raises(RecordError):
        read_record(tmp_path / "none.json")
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(RecordError, match="at most"):
        read_record(path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_any_other_document_is_refused_with_a_record_error(document):
    with pytest.raises(RecordError):
        validate_record(document)


def test_round_trip_is_exact(record, tmp_path):
    path = write_record(record, tmp_path / "records")
    assert path.name == f"{record.key}.json"
    again = read_record(path)
    assert again == record
    assert record_text(again) == path.read_text()


def test_text_does_not_depend_on_the_order_of_fields(document, record):
    shuffled = dict(reversed(document.items()))
    assert record_text(validate_record(shuffled)) == record_text(record)


def test_folders_are_read_in_a_stable_order(tmp_path):
    records = synthetic_records(labels=["alexnet"], seeds=[1, 2], images=2)
    for item in records:
        write_record(item, tmp_path / "out" / "records")
    (tmp_path / "out" / "records" / ".tmp-abc.json").write_text("half written")
    found = list(read_records([tmp_path / "out"]))
    assert [r.key for r in found] == sorted(r.key for r in records)
    # The folder of the records itself is accepted too.
    assert list(read_records([tmp_path / "out" / "records"])) == found
