"""Rows with curves: recomputed in all their points, or not verified."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from forging import (
    DATASET,
    Files,
    edit_record,
    record_name,
    repair_manifest,
    sha256,
    unzipped,
    zipped,
)
from small_run import GENERATOR, trained

from srbench.imaging import lr_image, pixels_sha256, read_image
from srbench.metrics.pairs import ImagePair
from srbench.metrics.plugin import METRICS
from srbench.metrics.score import score_images
from srbench.models.files import load_generator, save_generator
from srbench.models.images import published
from srbench.records import record_text
from srbench.records.io import validate_record
from srbench.verify import Verification, pack_submission

from .conftest import locate

Verify = Callable[..., Verification]
Edit = Callable[[dict[str, Any]], None]
COEFFICIENT = 0.5


@pytest.fixture(scope="module")
def curved(tmp_path_factory: pytest.TempPathFactory, run: Path, test_images: Path) -> Path:
    """The small run's submission with a curve of one point in each trained row."""
    out = tmp_path_factory.mktemp("curved")
    (out / "records").mkdir()
    (out / "checkpoints").symlink_to(run / "checkpoints")
    for path in (run / "records").glob("*.json"):
        document = json.loads(path.read_text())
        document["suite"]["document"]["interpolation"] = [COEFFICIENT, 1.0]
        if document["loss"]["label"] in ("first", "second"):
            _add_curve(document, run, test_images)
        (out / "records" / path.name).write_text(record_text(validate_record(document)))
    path = out / "curved.zip"
    packed = pack_submission(out, path, locate=locate(run))
    assert packed.generators == 3
    return path


def _add_curve(document: dict[str, Any], run: Path, test_images: Path) -> None:
    """Scores of the network in the middle, worked out here."""
    label = document["loss"]["label"]
    start, end = (
        load_generator(run / f"checkpoints/{name}/generator.safetensors").network.state_dict()
        for name in ("warm-start", label)
    )
    network = GENERATOR.build(seed=0)
    network.load_state_dict(
        {n: torch.lerp(start[n].double(), t.double(), 0.5).float() for n, t in end.items()}
    )
    upscale = published(trained(network))
    hr = {file.stem: read_image(file) for file in sorted(test_images.glob("*.png"))}
    sr = {name: upscale(lr_image(image, 4)) for name, image in hr.items()}
    end_scores = document["scores"][DATASET]
    specs = [spec for spec in METRICS if spec.name in end_scores["metrics"]]
    pairs = [ImagePair(name=name, sr=sr[name], hr=hr[name]) for name in hr]
    found = score_images(pairs, specs, protocol="y4-v2", scale=4)
    metrics = {
        name: {
            **end_scores["metrics"][name],
            "per_image": scores,
            "mean": float(np.mean(list(scores.values()))),
        }
        for name, scores in found.items()
    }
    pixels = {name: pixels_sha256(image) for name, image in sr.items()}
    scores = {**end_scores, "sizes": {}, "metrics": metrics, "pixels_sha256": pixels}
    document["curve"] = [{"coefficient": COEFFICIENT, "scores": {DATASET: scores}}]
    path = run / "checkpoints/warm-start/generator.safetensors"
    document["artifacts"]["warm-start"] = {
        "path": "checkpoints/warm-start/generator.safetensors",
        "sha256": sha256(path.read_bytes()),
        "bytes": path.stat().st_size,
    }


@pytest.fixture
def forge(curved: Path, tmp_path: Path) -> Callable[[Callable[[Files], None]], Path]:
    def make(edit: Callable[[Files], None]) -> Path:
        files = unzipped(curved)
        edit(files)
        repair_manifest(files)
        path = tmp_path / "forged.zip"
        path.write_bytes(zipped(files))
        return path

    return make


def found(result: Verification, label: str) -> Any:
    return next(row for row in result.rows if row.facts.label == label)


def test_an_honest_curve_is_verified(curved: Path, verify: Verify) -> None:
    result = verify(curved)
    assert {row.facts.label: row.mark for row in result.rows} == dict.fromkeys(
        ("bicubic", "warm-start", "first", "second"), "scores-verified"
    )


def raised_score(document: dict[str, Any]) -> None:
    metric = document["curve"][0]["scores"][DATASET]["metrics"]["psnr"]
    metric["per_image"]["cat"] += 0.5
    metric["mean"] += 0.25


def other_image(document: dict[str, Any]) -> None:
    document["curve"][0]["scores"][DATASET]["pixels_sha256"]["cat"] = "0" * 64


def other_coefficient(document: dict[str, Any]) -> None:
    document["curve"][0]["coefficient"] = 0.25


def no_curve(document: dict[str, Any]) -> None:
    del document["curve"]


def no_ssim(document: dict[str, Any]) -> None:
    del document["curve"][0]["scores"][DATASET]["metrics"]["ssim"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (raised_score, "psnr of 'cat' in 'folder:tiny at 0.5'"),
        (other_image, "not those whose hashes the record states"),
        (other_coefficient, "points at 0.25, the suite's are 0.5"),
        (no_curve, "points at none, the suite's are 0.5"),
        (no_ssim, "the row has it, its curve has not"),
    ],
)
def test_what_a_forger_changes_is_found(
    forge: Callable[..., Path], verify: Verify, edit: Edit, message: str
) -> None:
    result = verify(forge(lambda files: edit_record(files, "first", edit)))
    row = found(result, "first")
    assert row.mark == "differs"
    assert message in "\n".join(difference.message for difference in row.differences)
    assert found(result, "second").mark == "scores-verified"


def no_psnr(document: dict[str, Any]) -> None:
    del document["curve"][0]["scores"][DATASET]["metrics"]["psnr"]


@pytest.mark.parametrize(("edit", "mark"), [(no_ssim, "scores-verified"), (no_psnr, "differs")])
def test_a_point_needs_the_metrics_that_the_suite_asks_for(
    forge: Callable[..., Path], verify: Verify, edit: Edit, mark: str
) -> None:
    def by_psnr_alone(document: dict[str, Any]) -> None:
        document["suite"]["document"]["curve_metrics"] = ["psnr"]

    def changed(files: Files) -> None:
        for label in ("bicubic", "warm-start", "first", "second"):
            edit_record(files, label, by_psnr_alone)
        edit_record(files, "first", edit)

    assert found(verify(forge(changed)), "first").mark == mark


def test_another_start_than_the_seeds_warm_start_is_found(
    forge: Callable[..., Path], verify: Verify, tmp_path: Path
) -> None:
    path = tmp_path / "other.safetensors"
    digest = save_generator(GENERATOR.build(seed=9), GENERATOR, path)

    def edit(files: Files) -> None:
        def change(document: dict[str, Any]) -> None:
            artifact = document["artifacts"]["warm-start"]
            artifact.update(sha256=digest, bytes=path.stat().st_size)

        edit_record(files, "first", change)
        files[f"generators/{digest}.safetensors"] = path.read_bytes()

    row = found(verify(forge(edit)), "first")
    assert row.mark == "differs"
    assert "begins at another generator" in "\n".join(d.message for d in row.differences)


def test_a_curve_that_cannot_be_recomputed_is_not_verified(
    forge: Callable[..., Path], verify: Verify
) -> None:
    def without_file(files: Files) -> None:
        document = json.loads(files[record_name(files, "warm-start")])
        del files[f"generators/{document['artifacts']['generator']['sha256']}.safetensors"]

    for from_images in (False, True):
        row = found(verify(forge(without_file), from_images=from_images), "first")
        assert (row.mark, row.evidence, row.left) == ("not-recomputed", None, "curve")

    def without_row(files: Files) -> None:
        name = record_name(files, "warm-start")
        key = json.loads(files.pop(name))["key"]
        manifest = json.loads(files["manifest.json"])
        gone = {i["sha256"] for i in manifest["images"] if i["record"] == key}
        manifest["images"] = [i for i in manifest["images"] if i["record"] != key]
        for digest in gone - {i["sha256"] for i in manifest["images"]}:
            del files[f"images/{digest}.png"]
        files["manifest.json"] = json.dumps(manifest).encode()

    row = found(verify(forge(without_row)), "first")
    assert (row.mark, row.left) == ("not-recomputed", "curve")
