"""Submitted images exchanged, missing, of HR, or none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forging import (
    DATASET,
    Files,
    drop_generators,
    edit_record,
    messages,
    others_verified,
    png,
    record_name,
    replace_image,
    row,
    sha256,
)
from small_run import SUITE

from srbench.errors import SubmissionError
from srbench.imaging import read_image
from srbench.records.identity import conditions_sha256
from srbench.settings import parse_suite
from srbench.verify import Verification

Tamper = Callable[..., Path]
Verify = Callable[..., Verification]


def other_image(test_images: Path, name: str) -> np.ndarray:
    return read_image(test_images / f"{name}.png")


def test_a_swapped_image(tamper: Tamper, verify: Verify, run: Path) -> None:
    data = (run / "images/bicubic/cat.png").read_bytes()
    result = verify(tamper(lambda files: replace_image(files, "first", "cat", data)))
    (difference,) = row(result, "first").differences
    assert (difference.what, difference.image) == ("image", "cat")
    assert "it is not what the generator makes" in difference.message
    assert others_verified(result, "first")


def test_hr_beside_a_generator(tamper: Tamper, verify: Verify, test_images: Path) -> None:
    data = png(other_image(test_images, "cat"))
    result = verify(tamper(lambda files: replace_image(files, "first", "cat", data)))
    assert "it is the HR image, not what the generator makes of LR" in messages(result, "first")


def test_one_grey_level_in_one_value(tamper: Tamper, verify: Verify, run: Path) -> None:
    pixels = read_image(run / "images/first/cat.png").copy()
    pixels[5, 5, 0] ^= 1
    path = tamper(lambda files: replace_image(files, "first", "cat", png(pixels)))
    assert "it is not what the generator makes: 0.0%" in messages(verify(path), "first")

    def alone(files: Files) -> None:
        replace_image(files, "first", "cat", png(pixels))
        drop_generators(files)

    found = messages(verify(tamper(alone), from_images=True), "first")
    assert "1 of 2 images of 'folder:tiny' are not those whose hashes the record states" in found


def test_hashes_of_other_images(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["scores"][DATASET]["pixels_sha256"]["cat"] = "0" * 64

    result = verify(tamper(lambda files: edit_record(files, "first", change)))
    (difference,) = row(result, "first").differences
    assert (difference.what, difference.image) == ("image", "cat")
    assert others_verified(result, "first")


def test_no_hashes_where_the_protocol_has_them(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["scores"][DATASET].pop("pixels_sha256")

    result = verify(tamper(lambda files: edit_record(files, "first", change)))
    assert "2 of 2 images" in messages(result, "first")


def test_rows_of_before_hashes_are_not_recomputed(tamper: Tamper, verify: Verify) -> None:
    """The suite as it was then, scored by a protocol whose images depended on the processor."""

    def edit(files: Files) -> None:
        suite = parse_suite(SUITE.replace("summary", 'protocol = "y4-v1"\nsummary', 1))
        document = suite.model_dump(mode="json", by_alias=True)

        def change(record: dict[str, Any]) -> None:
            record["protocol"] = "y4-v1"
            record["suite"].update(document=document, sha256=conditions_sha256(document))
            record["scores"][DATASET].pop("pixels_sha256")

        for label in ("bicubic", "warm-start", "first", "second"):
            edit_record(files, label, change)
        files["suite.json"] = json.dumps(document).encode()
        manifest = json.loads(files["manifest.json"])
        manifest["suite"]["sha256"] = conditions_sha256(document)
        files["manifest.json"] = json.dumps(manifest).encode()

    result = verify(tamper(edit))
    assert not result.verified
    assert {found.mark for found in result.rows} == {"not-recomputed"}
    assert all("no hashes of images" in str(found.reason) for found in result.rows)


def test_images_alone_are_scored_when_asked_for(tamper: Tamper, verify: Verify) -> None:
    path = tamper(drop_generators)
    result = verify(path, leave=["by-hash"])
    assert result.verified  # bicubic is recomputed in any case
    assert not verify(path).verified
    assert row(result, "first").mark == "not-recomputed"
    assert "--from-images" in row(result, "first").reason
    result = verify(path, from_images=True)
    assert result.verified
    assert (row(result, "first").mark, row(result, "first").evidence) == (
        "scores-verified",
        "images",
    )


def test_hr_passed_off_as_sr(tamper: Tamper, verify: Verify, test_images: Path) -> None:
    """Also with the scores that HR has, so that nothing but the image itself gives it away."""

    def edit_with(pixels: np.ndarray) -> Callable[[Files], None]:
        def edit(files: Files) -> None:
            drop_generators(files)
            replace_image(files, "first", "cat", png(pixels))

        return edit

    hr = other_image(test_images, "cat")
    result = verify(tamper(edit_with(hr)), from_images=True)
    assert "'cat' of 'folder:tiny' is the HR image, or nearer to it" in messages(result, "first")
    near = hr.copy()
    near[::9, ::9] ^= 1
    result = verify(tamper(edit_with(near)), from_images=True)
    assert "'cat' of 'folder:tiny' is the HR image, or nearer to it" in messages(result, "first")


def test_an_image_that_is_missing(tamper: Tamper, verify: Verify) -> None:
    def edit(files: Files) -> None:
        drop_generators(files)
        manifest = json.loads(files["manifest.json"])
        key = json.loads(files[record_name(files, "first")])["key"]
        (gone,) = [i for i in manifest["images"] if (i["record"], i["image"]) == (key, "cat")]
        manifest["images"].remove(gone)
        files.pop(f"images/{gone['sha256']}.png")
        files["manifest.json"] = json.dumps(manifest).encode()

    result = verify(tamper(edit), from_images=True)
    assert "the image 'cat' of 'folder:tiny' was not submitted" in messages(result, "first")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[:16] + (30000).to_bytes(4, "big") * 2 + data[24:], "30000 x 30000"),
        (lambda data: data[:-30], "damaged or no image"),
        (lambda data: data[:20], "no PNG: it is too short"),
        (lambda data: png(np.zeros((48, 64), np.uint8)), "colour type 0"),
        (lambda data: png(np.zeros((48, 64, 4), np.uint8)), "colour type 6"),
    ],
)
def test_an_image_file_that_is_not_what_it_must_be(
    tamper: Tamper, verify: Verify, run: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    data = change((run / "images/first/cat.png").read_bytes())
    path = tamper(lambda files: replace_image(files, "first", "cat", data))
    assert said in messages(verify(path), "first")


def test_images_that_the_manifest_and_the_folder_do_not_share(
    tamper: Tamper, verify: Verify
) -> None:
    def edit(files: Files) -> None:
        data = png(np.zeros((48, 64, 3), np.uint8))
        files[f"images/{sha256(data)}.png"] = data

    with pytest.raises(SubmissionError, match="do not agree about the image"):
        verify(tamper(edit))
