"""No record of a stranger moves another row of the table, nor its heading or its words."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic import synthetic_records

from srbench.records import Record, read_records, record_key
from srbench.records.io import validate_record
from srbench.report import build_leaderboard
from srbench.report.render.document import leaderboard_document

LEADERBOARD = Path(__file__).parents[2] / "leaderboard"
Change = Callable[[dict[str, Any]], None]


def plain(record: Record) -> dict[str, Any]:
    return record.model_dump(mode="json", by_alias=True)


def stranger(record: Record, label: str, *changes: Change) -> Record:
    """A copy of a record under another label, changed, with the key of what it says it is."""
    document = copy.deepcopy(plain(record))
    document["loss"].update(label=label, reference=False, row_kind=None)
    for change in changes:
        change(document)
    document["key"] = record_key(
        suite=document["suite"]["name"], version=document["suite"]["version"],
        label=document["loss"]["label"], seed=document["seed"],
        content_scale=document["content_scale"],
    )  # fmt: skip
    return validate_record(document)


def table(records: Iterable[Record]) -> dict[str, Any]:
    return leaderboard_document(build_leaderboard(list(records)))


def others(document: dict[str, Any], label: str) -> dict[str, Any]:
    """All that a reader sees of the table but for the row ``label``."""
    kept = {
        name: document[name]
        for name in ("suite", "protocol", "seeds", "declared_seeds", "datasets", "metrics", "rank",
                     "intervals", "agreement")
    }  # fmt: skip
    kept["rows"] = [row for row in document["rows"] if row["label"] != label]
    return kept


def of_seed(seed: int) -> Change:
    return lambda document: document.update(seed=seed)


def with_metric(document: dict[str, Any]) -> None:
    for scores in document["scores"].values():
        copied = copy.deepcopy(scores["metrics"]["psnr"])
        scores["metrics"]["dists"] = {**copied, "lower_is_better": True}


def retitled(document: dict[str, Any]) -> None:
    document["metrics"] = {
        "psnr": {"name": "psnr", "version": 1, "lower_is_better": False, "title": "MINE",
                 "digits": 9, "axis": None, "diagnostic": True}
    }  # fmt: skip


def other_words(document: dict[str, Any]) -> None:
    carried = document["suite"]["document"]
    carried.pop("curve_metrics", None)  # they must be among the metrics
    carried.update(
        summary="Mine is the best of all", seeds=[1, 99], metrics=["psnr", "grid"],
        report={"rank_metric": "psnr", "rank_datasets": carried["data"]["test"][:1]},
    )  # fmt: skip


def elsewhere(document: dict[str, Any]) -> None:
    if document["cost"]:
        document["cost"]["device"] = "a faster one"


ATTACKS: dict[str, Change] = {
    "a seed that the suite does not list": of_seed(99),
    "a seed of the suite that nobody else has": of_seed(3),
    "one metric more": with_metric,
    "another title for a metric": retitled,
    "another heading and rank metric": other_words,
    "another device": elsewhere,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_one_record_of_a_stranger_moves_no_other_row(
    attack: str, two_of_three: Sequence[Record]
) -> None:
    before = table(two_of_three)
    copied = next(r for r in two_of_three if r.loss.label == "alexnet" and r.seed == 1)
    for label in ("mine", "0-first"):  # after the others, and before them
        after = table([*two_of_three, stranger(copied, label, ATTACKS[attack])])
        assert others(after, label) == others(before, label)
        assert {row["label"]: row["rank"] for row in after["rows"]}.get(label) is None


def test_many_records_with_other_words_do_not_take_the_heading(
    two_of_three: Sequence[Record], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of a suite that is shipped, its own file has the word, however many records say otherwise."""
    from srbench.report import authority
    from srbench.settings.load import validate_suite

    shipped = validate_suite(two_of_three[0].suite.document)
    monkeypatch.setattr(authority, "installed_suite", lambda name, version: shipped)
    before = table(two_of_three)
    copied = next(r for r in two_of_three if r.loss.label == "alexnet" and r.seed == 1)
    many = [stranger(copied, f"mine-{i}", other_words) for i in range(60)]
    after = table([*two_of_three, *many])
    mine = {row["label"] for row in after["rows"] if row["label"].startswith("mine")}
    assert len(mine) == 60
    after["rows"] = [row for row in after["rows"] if row["label"] not in mine]
    assert others(after, "") == others(before, "")


def test_a_shipped_suite_is_the_first_table_whatever_is_larger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from srbench.report.render.site import sources
    from srbench.settings.load import validate_suite

    small = synthetic_records(labels=["alexnet"], seeds=[1], images=2, suite="small")
    large = synthetic_records(seeds=[1], images=2, suite="large")
    shipped = validate_suite(small[0].suite.document)
    monkeypatch.setattr(
        sources, "installed_suite", lambda name, version: shipped if name == "small" else None
    )
    found = [
        sources.Source(record=record, path=Path("x"), out=Path()) for record in (*large, *small)
    ]
    assert [key[0] for key, _ in sources.tables(found)] == ["small", "large"]


def test_what_is_left_out_is_said(two_of_three: Sequence[Record]) -> None:
    copied = next(r for r in two_of_three if r.loss.label == "alexnet" and r.seed == 1)
    added = [stranger(copied, "mine", of_seed(99)), stranger(copied, "more", with_metric)]
    board = build_leaderboard([*two_of_three, *added])
    assert "Left out, since the suite does not ask for it: dists." in board.notes
    assert any("records of seed 99, which this table does not count" in n for n in board.notes)
    assert [record.loss.label for record in board.beyond] == ["mine"]


@pytest.fixture(scope="module")
def two_of_three() -> list[Record]:
    """A table of which two of the suite's three seeds are there."""
    return [r for r in synthetic_records(images=3) if r.seed != 3]


def published() -> dict[tuple[Any, ...], list[Record]]:
    """The committed records by what shares a table."""
    tables: dict[tuple[Any, ...], list[Record]] = {}
    for record in read_records([LEADERBOARD]):
        tables.setdefault((record.suite.conditions, record.protocol), []).append(record)
    return tables


TABLES = list(published().values())
BEFORE = [table(records) for records in TABLES]
WORDS = st.text(max_size=40)
NUMBERS = st.floats(0, 100, allow_nan=False)


@st.composite
def claims(draw: st.DrawFn, names: Sequence[str]) -> Change:
    """Anything that a record may say and that its scores do not show."""
    seed, words = draw(st.integers(0, 100)), draw(st.lists(WORDS, min_size=4, max_size=4))
    factor = draw(st.floats(0.5, 1.5))
    flagged = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    extra, title, outside = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    status = draw(st.sampled_from(["finished", "collapsed"]))

    def change(document: dict[str, Any]) -> None:
        document.update(seed=seed, notes=[words[0]], status=status)
        document["loss"].update(
            summary=words[1], license=words[2], paper=words[3], trains_on_metrics=flagged
        )
        for scores in document["scores"].values():
            for metric in scores["metrics"].values():
                metric["per_image"] = {k: v * factor for k, v in metric["per_image"].items()}
                metric["mean"] *= factor
        if extra:
            with_metric(document)
        if title:
            retitled(document)
        if outside:
            other_words(document)
        if document["cost"]:
            document["cost"].update(device=words[0], seconds=factor)

    return change


@settings(
    max_examples=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(st.data())
def test_no_single_record_moves_the_published_leaderboard(data: st.DataObject) -> None:
    """Any record of a stranger, verified or not, merged alone into the committed ones.

    A row that is complete with this one record (of a table with one seed) takes its place among the
    others, whose scores, order, status and words stay: only then may places move, by one.
    """
    index = data.draw(st.integers(0, len(TABLES) - 1))
    records = TABLES[index]
    label = data.draw(st.sampled_from(["0-first", "mine", "zz-last"]))  # where it stands in order
    trained = [record for record in records if record.loss.terms]
    copied = data.draw(st.sampled_from(trained))
    names = sorted({m for r in records for s in r.scores.values() for m in s.metrics})
    added = stranger(copied, label, data.draw(claims(names)))
    document = table([*records, added])
    before, after = others(BEFORE[index], label), others(document, label)
    newcomer = next((row for row in document["rows"] if row["label"] == label), None)
    if newcomer is None or newcomer["rank"] is None:
        assert after == before
        return
    assert [row["label"] for row in after["rows"]] == [row["label"] for row in before["rows"]]
    for old, new in zip(before.pop("rows"), after.pop("rows"), strict=True):
        assert new["status"] == old["status"]
        assert means(new) == means(old)
        if old["rank"] is not None:
            assert new["rank"] - old["rank"] in (0, 1)
    assert after == before


@pytest.mark.parametrize("index", range(len(TABLES)))
def test_many_records_do_not_take_over_a_published_table(index: int) -> None:
    """More than all that are published: the suite that srbench ships has the word, not most."""
    copied = next(record for record in TABLES[index] if record.loss.terms)
    count = len(TABLES[index]) + 1
    many = [stranger(copied, f"mine-{number}", other_words) for number in range(count)]
    before, after = others(BEFORE[index], ""), others(table([*TABLES[index], *many]), "")
    rows = {row["label"]: row for row in after.pop("rows")}
    for old in before.pop("rows"):
        assert rows[old["label"]]["status"] == old["status"]
        assert means(rows[old["label"]]) == means(old)
    assert after == before


def means(row: dict[str, Any]) -> dict[str, Any]:
    return {
        dataset: {metric: {k: cell[k] for k in ("mean", "low", "high", "flags", "seeds")}
                  for metric, cell in scores.items()}
        for dataset, scores in row["scores"].items()
    }  # fmt: skip
