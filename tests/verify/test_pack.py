"""What `srbench submit` packs, and that the same run gives the same bytes."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from forging import sha256, unzipped

from srbench.errors import RecordError, SubmissionError, UnknownName, UserError
from srbench.records import read_records, write_record
from srbench.verify import Verification, pack_submission

from .conftest import locate

Verify = Callable[..., Verification]


def test_the_same_run_gives_the_same_bytes(run: Path, packed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    for index, path in enumerate(sorted(copy.rglob("*"), reverse=True)):
        os.utime(path, (index, index))
    pack_submission(copy, tmp_path / "again.zip", locate=locate(copy))
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_the_archive_holds_what_the_manifest_says(run: Path, packed: Path) -> None:
    files = unzipped(packed)
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["format"] == "srbench-submission"
    assert {f["path"]: (f["bytes"], f["sha256"]) for f in manifest["files"]} == {
        name: (len(data), sha256(data)) for name, data in files.items()
    }
    for path in (run / "records").glob("*.json"):
        assert files[f"records/{path.name}"] == path.read_bytes()
    assert sum(name.startswith("generators/") for name in files) == 3
    assert len(manifest["images"]) == 4 * 2
    with zipfile.ZipFile(packed) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_rows_can_be_chosen(run: Path, tmp_path: Path, verify: Verify) -> None:
    """One trained row, with what nobody trained; the same bytes as of a run that has no other."""
    packed = pack_submission(run, tmp_path / "one.zip", only=["second"])
    assert (packed.records, packed.generators) == (3, 2)
    result = verify(packed.path)
    assert {r.facts.label for r in result.rows} == {"bicubic", "warm-start", "second"}
    assert result.verified
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (first,) = [r for r in read_records([run]) if r.loss.label == "first"]
    (copy / "records" / f"{first.key}.json").unlink()
    pack_submission(copy, tmp_path / "two.zip")
    assert (tmp_path / "two.zip").read_bytes() == packed.path.read_bytes()
    for label in ("thrid", "bicubic"):
        with pytest.raises(UnknownName, match=f"expected the name of a row, got '{label}'"):
            pack_submission(run, tmp_path / "none.zip", only=[label])


def test_a_generator_that_is_gone_goes_by_its_hash(
    run: Path, tmp_path: Path, verify: Verify
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "checkpoints/second/generator.safetensors").unlink()
    packed = pack_submission(copy, tmp_path / "s.zip")
    assert (packed.by_hash, packed.generators) == (("second seed 1",), 2)
    result = verify(packed.path)
    (row,) = [r for r in result.rows if r.facts.label == "second"]
    assert (row.mark, row.reason) == ("not-recomputed", "its generator is known by hash only")
    assert not result.verified
    assert verify(packed.path, leave=["by-hash"]).verified


def test_a_generator_that_changed_is_not_packed(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "checkpoints/second/generator.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="its bytes are others"):
        pack_submission(copy, tmp_path / "s.zip")
    assert not (tmp_path / "s.zip").exists()


def test_records_of_two_suites_are_not_packed(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    record = next(iter(read_records([copy])))
    suite = record.suite.model_copy(update={"name": "other"})
    write_record(record.model_copy(update={"suite": suite, "key": "9" * 64}), copy / "records")
    with pytest.raises(UserError, match="expected records of one suite"):
        pack_submission(copy, tmp_path / "s.zip")


def test_a_missing_image_or_no_run_at_all(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected the SR image"):
        pack_submission(run, tmp_path / "s.zip", locate=lambda r, d, i: tmp_path / "none.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match="found none"):
        pack_submission(tmp_path / "empty", tmp_path / "s.zip")


def test_an_out_folder_is_no_submission(run: Path, verify: Verify) -> None:
    with pytest.raises(SubmissionError, match="the out folder of a run"):
        verify(run)
