"""A submitter's row on the published warm start and calibration, from the run to the verdict."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from in_process import SUITE, Done, call, in_process, own_workers, workplace  # noqa: F401

from srbench.records import Record, read_record, write_record
from srbench.records.layout import OutFolder
from srbench.records.starts import KEY, STARTS
from srbench.report.render.site import publish
from srbench.verify import pack_submission, verify_submission
from srbench.verify.against import PublishedRows
from srbench.verify.identity import identity_differences

Cli = Callable[..., Done]
CALIBRATED = (
    SUITE.replace('track = "raw"', 'track = "calibrated"').partition("[[loss]]")[0]
    + '[calibration]\nreference = "first"\nbatches = 1\n[[loss]]\nlabel = "first"\nname = "l1"\n'
)


def rows(out: Path) -> dict[str, Record]:
    found = (read_record(path) for path in OutFolder(out).records.glob("*.json"))
    return {record.loss.label: record for record in found}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a leaderboard of one run is published, and somebody made two rows on its starts."""
    place = workplace(tmp_path_factory.mktemp("starts"), CALIBRATED)
    with pytest.MonkeyPatch.context() as patch:
        own_workers(patch.setattr)
        patch.chdir(place)
        patch.setenv("SRBENCH_CACHE", str(place / "cache"))
        patch.delenv("SRBENCH_WEIGHTS", raising=False)
        done = call("run", "tiny.toml", "--out", "theirs", "--loss", "first")
        assert done.returncode == 0, done.said
        publish([place / "theirs"], place / "board")
        told = ("--loss", "charbonnier", "--loss", "first", "--starts", "board")
        done = call("run", "tiny.toml", "--out", "mine", *told)
        assert done.returncode == 0, done.said
    return place


@pytest.fixture
def board(work: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(work)
    monkeypatch.setenv("SRBENCH_CACHE", str(work / "cache"))
    return work / "board"


def test_a_row_on_published_starts_is_comparable_and_verifies(board: Path) -> None:
    place, theirs = board.parent, rows(board.parent / "theirs")
    start = theirs["warm-start"].artifacts["generator"]
    (table,) = STARTS.validate_json((board / "starts.json").read_bytes())
    assert table.seeds[1].warm_start == start.sha256
    assert (board / "generators" / f"{start.sha256}.safetensors").is_file()

    mine = rows(place / "mine")
    row = mine["charbonnier"]
    assert set(mine) == {"bicubic", "warm-start", "charbonnier", "first"}
    assert mine["warm-start"].artifacts["generator"].sha256 == start.sha256
    assert row.artifacts["warm-start"].sha256 == row.keys[KEY] == start.sha256
    assert row.suite.conditions == theirs["first"].suite.conditions
    known = theirs["first"].calibration
    assert row.calibration is not None
    assert known is not None
    assert row.calibration.reference_gradient_norm == known.gradient_norm
    # The row that they have too is as if its warm start had been trained, under a key of its own.
    again, first = mine["first"], theirs["first"]
    assert again.artifacts["generator"].sha256 == first.artifacts["generator"].sha256
    assert KEY not in first.keys
    assert again.keys["training"] != first.keys["training"]


def test_the_row_verifies_beside_the_published_ones(board: Path) -> None:
    place = board.parent
    archive = pack_submission(place / "mine", place / "mine.zip").path
    result = verify_submission(
        archive, data={"folder:TEST": place / "TEST"}, also=PublishedRows(board).differences
    )
    marks = {r.facts.label: r.mark for r in result.rows}
    assert marks.pop("first") == "differs"  # it is published already, in another record
    assert marks == dict.fromkeys(("bicubic", "warm-start", "charbonnier"), "scores-verified")


def test_the_verified_row_is_reported_and_published_beside_them(board: Path) -> None:
    """Another machine scored the rows that both have: their scores differ in the last digits."""
    place = board.parent
    for path in OutFolder(place / "mine").records.glob("*.json"):
        document = read_record(path).model_dump(mode="json", by_alias=True)
        if document["loss"]["label"] != "first":  # published before: it does not verify
            for metric in document["scores"]["folder:TEST"]["metrics"].values():
                moved = {name: value + 1e-9 for name, value in metric["per_image"].items()}
                metric.update(per_image=moved, mean=sum(moved.values()) / len(moved))
            write_record(Record.model_validate(document), place / "scored" / "records")
    shutil.copytree(place / "mine/checkpoints", place / "scored/checkpoints")
    shown = call("report", "board", "scored", "--to", "together")
    assert shown.returncode == 0, shown.said
    assert "charbonnier" in shown.stdout
    publish([board, place / "scored"], place / "next")
    published, before = rows(place / "next"), rows(board)
    assert set(published) == {*before, "charbonnier"}
    assert {label: published[label] for label in before} == before
    assert (place / "next/starts.json").read_bytes() == (board / "starts.json").read_bytes()


def test_what_is_not_the_published_start_is_refused(board: Path) -> None:
    row = rows(board.parent / "mine")["charbonnier"]
    published = PublishedRows(board)
    assert list(published.differences(row)) == []
    other = row.but(keys={**row.keys, KEY: "a" * 64})
    (said,) = identity_differences(other, None)
    assert "named is the published aaaaaaaaaaaa" in said.message
    (said,) = published.differences(other)
    assert "not the published warm start" in said.message
    assert row.calibration is not None
    weaker = row.calibration.but(reference_gradient_norm=0.5)
    (said,) = published.differences(row.but(calibration=weaker))
    assert "it is calibrated to 0.5, the published gradient norm" in said.message


def test_starts_of_other_conditions_or_seeds_are_refused_before_any_training(
    board: Path,
    in_process: Cli,  # noqa: F811
) -> None:
    for more, said in (
        (("--set", "warm_start.iterations=2"), "found none for seed 1 under the conditions"),
        (("--seed", "2"), "found none for seed 2"),
    ):
        done = in_process("run", "tiny.toml", "--starts", "board", "--out", "other", *more)
        assert done.returncode == 2
        assert said in done.stderr
    done = in_process("run", "tiny.toml", "--starts", "nowhere", "--out", "other")
    assert done.returncode == 2
    assert "expected the file nowhere/starts.json" in done.stderr
    assert not (board.parent / "other").exists()


def test_starts_come_from_an_address_too(
    board: Path,
    in_process: Cli,  # noqa: F811
) -> None:
    shutil.rmtree(board.parent / "cache" / "generators", ignore_errors=True)
    handler = functools.partial(QuietHandler, directory=str(board))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        told = ("--starts", f"http://127.0.0.1:{server.server_port}/", "--out", "far")
        done = in_process("run", "tiny.toml", "--loss", "charbonnier", *told)
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.said
    assert KEY in rows(board.parent / "far")["charbonnier"].keys


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
