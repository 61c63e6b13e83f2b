"""A submission beside what is published and installed, and what is published of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from forging import (
    DATASET,
    Files,
    as_installed,
    edit_record,
    messages,
    record_name,
    replace_generator,
    set_score,
    unzipped,
)

from srbench.app.declared import declared_differences
from srbench.cli import cli
from srbench.host import discover
from srbench.imaging import pixels_sha256, read_image
from srbench.records import Record, read_record
from srbench.records.io import validate_record
from srbench.records.layout import OutFolder, row_folder
from srbench.verify import Verification
from srbench.verify.against import PublishedRows

from .conftest import board_of

Tamper = Callable[..., Path]
Verify = Callable[..., Verification]


def test_what_is_published_are_the_scores_found_here(
    tamper: Tamper, verify: Verify, tmp_path: Path, test_images: Path
) -> None:
    """Inflated by less than the tolerance, a copy would stand above its original."""
    path = tamper(lambda f: edit_record(f, "first", lambda d: set_score(d, "psnr", "cat", 9e-4)))
    out = tmp_path / "accepted"
    words = ["verify", str(path), "--data", f"{DATASET}={test_images}", "--recomputed", str(out)]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    records = {r.loss.label: r for r in map(read_record, (out / "records").glob("*.json"))}
    untouched = {name: data for name, data in unzipped(path).items() if name.startswith("records")}
    stated = {r.loss.label: r for r in (validate_record(json.loads(d)) for d in untouched.values())}
    assert set(records) == set(stated)

    def psnr(record: Record) -> float:
        return record.scores[DATASET].metrics["psnr"].per_image["cat"]

    assert psnr(stated["first"]) - psnr(records["first"]) == pytest.approx(9e-4, abs=1e-6)
    assert psnr(stated["second"]) == pytest.approx(psnr(records["second"]), abs=1e-9)
    assert verify(out).verified
    # And their images, so that the pages have pictures of the row.
    for record in records.values():
        folder = OutFolder(out).images(DATASET, row_folder(record.loss.label, 1, 1.0))
        made = {path.stem: pixels_sha256(read_image(path)) for path in folder.glob("*.png")}
        assert made == record.scores[DATASET].pixels_sha256


def test_a_published_generator_under_another_label_is_found(
    run: Path, tmp_path: Path, verify: Verify, tamper: Tamper
) -> None:
    board = PublishedRows(board_of(run, tmp_path / "board"))

    def copy(files: dict[str, bytes]) -> None:
        edit_record(files, "first", lambda d: d["loss"].update(label="mine"))

    result = verify(tamper(copy), also=board.differences)
    assert "its generator is that of tiny first seed 1" in messages(result, "mine")
    untouched = verify(tamper(lambda files: None), also=board.differences)
    assert untouched.verified  # the same records again


def test_a_published_generator_in_a_file_of_other_bytes_is_found(
    run: Path, tmp_path: Path, verify: Verify, tamper: Tamper
) -> None:
    """A space in what the file says of itself gives it another hash; its images stay."""
    board = PublishedRows(board_of(run, tmp_path / "board"))

    def copy(files: Files) -> None:
        digest = json.loads(files[record_name(files, "first")])["artifacts"]["generator"]["sha256"]
        data = files[f"generators/{digest}.safetensors"]
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        header["__metadata__"] = {name: f" {text}" for name, text in header["__metadata__"].items()}
        text = json.dumps(header).encode()
        written = len(text).to_bytes(8, "little") + text + data[8 + length :]
        replace_generator(files, "first", written)
        edit_record(files, "first", lambda d: d["loss"].update(label="mine"))

    result = verify(tamper(copy), also=board.differences)
    assert "its generator is that of tiny first seed 1" in messages(result, "mine")


CLAIMS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a label for another loss": (
        lambda d: d["loss"]["terms"][0].update(name="charbonnier"), "stands for another loss"),
    "a flag left out": (
        lambda d: d["loss"].update(trains_on_metrics=["psnr"]), "trains_on_metrics"),
    "another task": (lambda d: d["loss"].update(task="segmentation"), "task"),
    "a label in other case": (lambda d: d["loss"].update(label="First"), "in case alone"),
    "another record of the row": (lambda d: d.update(notes=["x"]), "another record of tiny first"),
}  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_contradicts_the_published_rows(
    run: Path, tmp_path: Path, tamper: Tamper, claim: str
) -> None:
    change, message = CLAIMS[claim]
    board = PublishedRows(board_of(run, tmp_path / "board"))
    files = unzipped(tamper(lambda f: edit_record(f, "first", change)))
    label = "First" if claim == "a label in other case" else "first"
    record = validate_record(json.loads(files[record_name(files, label)]))
    found = " | ".join(d.message for d in board.differences(record))
    assert message in found


def test_what_contradicts_the_installed_losses(run: Path) -> None:
    registry = discover()
    records = {r.loss.label: r for r in map(read_record, (run / "records").glob("*.json"))}
    honest = records["first"].model_dump(mode="json", by_alias=True)

    def found(change: Callable[[dict[str, Any]], None]) -> str:
        document = json.loads(json.dumps(honest))
        change(document)
        record = validate_record(document)
        return " | ".join(d.message for d in declared_differences(record, registry))

    def installed(document: dict[str, Any]) -> None:
        as_installed(document, registry.loss("l2").spec)

    def flagless(document: dict[str, Any]) -> None:
        installed(document)
        document["loss"].update(task="classification")

    assert found(installed) == ""
    assert "it says task = 'classification'" in found(flagless)

    def pixel(document: dict[str, Any]) -> None:
        document["loss"].update(label="pixel", reference=True)

    assert "the reference row pixel is of ['l1'], not of ['l2']" in found(pixel)
