"""Samples, published folders, and `verification.json`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forging import DATASET, unzipped

from srbench.errors import SubmissionError, UserError
from srbench.records import read_record, record_sha256, write_record
from srbench.records.marks import parse_marks, read_marks
from srbench.verify import (
    Verification,
    merge_marks,
    read_reproduced,
    write_marks,
)
from srbench.verify.marks import MarksFile, verified_rows

Verify = Callable[..., Verification]


@pytest.fixture
def board(packed: Path, tmp_path: Path) -> Path:
    """A published folder: records, generators under plain names, pages beside them."""
    folder = tmp_path / "leaderboard"
    for name in ("records", "generators", "images"):
        (folder / name).mkdir(parents=True)
    for index, (name, data) in enumerate(sorted(unzipped(packed).items())):
        if name.startswith("records/"):
            (folder / name).write_bytes(data)
        elif name.startswith("generators/"):
            (folder / "generators" / f"row-{index}.safetensors").write_bytes(data)
    (folder / "index.html").write_text("<html>")
    (folder / "images" / "x.webp").write_bytes(b"RIFF")
    (folder / "records" / ".sources.json").write_text("{}")
    return folder


def marks(result: Verification) -> dict[str, str]:
    return {row.facts.label: row.mark for row in result.rows}


def test_a_published_folder_verifies(board: Path, verify: Verify) -> None:
    assert set(marks(verify(board)).values()) == {"scores-verified"}
    (board / "generators" / "model.pt").write_bytes(b"")
    with pytest.raises(SubmissionError, match="may be a pickle"):
        verify(board)


def test_a_sample_is_drawn_by_the_verifier(board: Path, verify: Verify) -> None:
    one = verify(board, sample=1)
    assert one.recomputed == 1
    assert one.verified
    assert marks(verify(board, sample=1, sample_seed=one.sample_seed)) == marks(one)
    assert one.document()["sample_seed"] == one.sample_seed
    assert verify(board, sample=1).sample_seed != one.sample_seed
    assert sorted(marks(verify(board, sample=3)).values()) == [
        "not-recomputed", "scores-verified", "scores-verified", "scores-verified",
    ]  # fmt: skip
    assert verify(board, sample=99).recomputed == 4
    with pytest.raises(UserError, match="1 or more rows"):
        verify(board, sample=0)


def test_no_note_in_a_record_changes_the_sample(board: Path, verify: Verify) -> None:
    """Ground until an inflated row is left out: the bytes of records do not matter."""
    chosen = set()
    for index in range(6):
        for path in (board / "records").glob("[!.]*.json"):
            record = read_record(path)
            write_record(record.model_copy(update={"notes": (str(index),)}), path.parent)
        found = verify(board, sample=1, sample_seed="0123")
        chosen |= {label for label, mark in marks(found).items() if mark == "scores-verified"}
    assert len(chosen) == 1


def test_rows_outside_the_sample_are_still_held_to_their_identity(
    board: Path, verify: Verify
) -> None:
    for path in (board / "records").glob("[!.]*.json"):
        record = read_record(path)
        write_record(record.model_copy(update={"protocol": "rgb4-v2"}), path.parent)
    result = verify(board, sample=1)
    assert set(marks(result).values()) == {"differs"}


def test_marks_are_kept_for_the_same_bytes_only(
    board: Path, verify: Verify, tmp_path: Path
) -> None:
    file = tmp_path / "verification.json"
    assert read_marks(file) == {}
    write_marks(file, merge_marks(verify(board), [], {}))
    first = file.read_bytes()
    write_marks(file, merge_marks(verify(board, sample=1), [], read_marks(file)))
    assert file.read_bytes() == first
    assert b"time" not in first
    assert b"20" + b"26-" not in first

    path = next(p for p in (board / "records").glob("[!.]*.json"))
    record = read_record(path)
    write_record(record.model_copy(update={"notes": ("edited",)}), path.parent)
    result = verify(board, sample=1)
    again = merge_marks(result, [], read_marks(file))
    (row,) = [r for r in result.rows if r.facts.key == record.key]
    assert again[record.key]["mark"] == row.mark
    assert again[record.key]["record_sha256"] != read_marks(file)[record.key].record_sha256


class Interrupted(Exception):
    """Ends a verification between two rows."""


def test_an_interrupted_verification_keeps_its_marks_and_goes_on(
    board: Path, verify: Verify, tmp_path: Path
) -> None:
    whole, file = tmp_path / "whole.json", tmp_path / "verification.json"
    write_marks(whole, merge_marks(verify(board), [], {}))
    seen: list[str] = []

    def two(done: int, total: int) -> None:
        if done == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        verify(board, listener=MarksFile(file, {}).add, progress=two)
    known = verified_rows(read_marks(file))
    assert len(known) == 2
    result = verify(board, known=known, listener=lambda row: seen.append(row.mark))
    assert (result.recomputed, result.known, result.verified) == (2, 2, True)
    assert sorted(seen) == ["not-recomputed"] * 2 + ["scores-verified"] * 2
    write_marks(file, merge_marks(result, [], read_marks(file)))
    assert file.read_bytes() == whole.read_bytes()

    nothing = verify(board, known=verified_rows(read_marks(file)))
    assert (nothing.recomputed, nothing.known, nothing.verified) == (0, 4, True)
    path = next(p for p in (board / "records").glob("[!.]*.json"))
    record = read_record(path)
    write_record(record.model_copy(update={"notes": ("edited",)}), path.parent)
    assert verify(board, known=verified_rows(read_marks(file))).recomputed == 1
    write_record(record.model_copy(update={"protocol": "rgb4-v2"}), path.parent)
    assert not verify(board, known={record.key: record_sha256(read_record(path))}).verified


def test_a_difference_replaces_an_earlier_mark(board: Path, verify: Verify) -> None:
    result = verify(board)
    before = merge_marks(result, [], {})
    (row,) = [r for r in result.rows if r.facts.label == "first"]
    record = read_record(board / "records" / f"{row.facts.key}.json")
    psnr = record.scores[DATASET].metrics["psnr"]
    better = {image: score + 1 for image, score in psnr.per_image.items()}
    metrics = {"psnr": psnr.model_copy(update={"per_image": better, "mean": psnr.mean + 1})}
    scores = record.scores[DATASET].model_copy(
        update={"metrics": {**record.scores[DATASET].metrics, **metrics}}
    )
    forged = record.model_copy(update={"scores": {DATASET: scores}})
    write_record(forged, board / "records")
    after = merge_marks(verify(board), [], parse_marks(before))
    assert before[forged.key]["mark"] == "scores-verified"
    assert after[forged.key]["mark"] == "differs"
    assert len(after[forged.key]["differences"]) == 2


def test_a_published_generator_that_no_record_names(board: Path, verify: Verify) -> None:
    generator = next((board / "generators").iterdir())
    generator.write_bytes(generator.read_bytes()[:-4])
    with pytest.raises(SubmissionError, match="belongs to none of the records"):
        verify(board)


def outcome(of: Any, path: Path, *, same: bool = True, **changes: Any) -> Path:
    document = {
        "record": of.key,
        "record_sha256": record_sha256(of),
        "differences": [],
        "comparison": {"same": same, "generator_same": same, "largest_difference": {}},
        **changes,
    }
    path.write_text(json.dumps(document))
    return path


def test_reproduced_is_a_second_mark(board: Path, verify: Verify, tmp_path: Path) -> None:
    result = verify(board)
    record = read_record(board / "records" / f"{result.rows[0].facts.key}.json")
    file = outcome(record, tmp_path / "outcome.json")
    entries = merge_marks(result, [read_reproduced(file)], {})
    assert [key for key, entry in entries.items() if entry["reproduced"]] == [record.key]
    kept = merge_marks(verify(board, sample=1), [], parse_marks(entries))
    assert kept[record.key]["reproduced"] is True
    failed = read_reproduced(outcome(record, file, same=False))
    known = parse_marks(entries)
    assert merge_marks(result, [failed], known)[record.key]["reproduced"] is False


def test_a_reproduction_of_something_else_is_refused(
    board: Path, verify: Verify, tmp_path: Path
) -> None:
    result = verify(board)
    record = read_record(board / "records" / f"{result.rows[0].facts.key}.json")
    file = tmp_path / "outcome.json"
    for changes in ({"record": "0" * 64}, {"record_sha256": "0" * 64}):
        found = read_reproduced(outcome(record, file, **changes))
        with pytest.raises(UserError, match="expected a reproduction of a record that is here"):
            merge_marks(result, [found], {})
    with pytest.raises(UserError, match="got a dry run"):
        read_reproduced(outcome(record, file, comparison=None))
    file.write_text("{}")
    with pytest.raises(UserError, match="expected the JSON outcome"):
        read_reproduced(file)


def test_nothing_recomputed_is_not_verified(board: Path, verify: Verify) -> None:
    shutil.rmtree(board / "generators")
    for path in (board / "records").glob("[!.]*.json"):
        if read_record(path).loss.label == "bicubic":
            path.unlink()
    result = verify(board)
    assert set(marks(result).values()) == {"not-recomputed"}
    assert not result.verified
