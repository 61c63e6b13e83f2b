"""From an out folder to a study folder: which images, which crops, at which place of a curve."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from synthetic import synthetic_records

from srbench.cli import cli
from srbench.errors import UserError
from srbench.files import file_sha256
from srbench.imaging import bicubic_image, lr_image, pixels_sha256, read_image, write_image
from srbench.models.files import TrainedGenerator, save_generator
from srbench.models.images import published
from srbench.models.plugin import builtin_spec
from srbench.models.resolve import resolve_generator
from srbench.records import Record, record_text, write_record
from srbench.records.io import validate_record
from srbench.records.opinions import BICUBIC, HR, REFERENCE
from srbench.report.budget import Curves, coefficient_at
from srbench.study.create import Settings, create_study
from srbench.study.crops import detail_boxes, evenly
from srbench.study.document import StudyFolder
from srbench.study.sources import read_rows


def test_every_crop_is_a_piece_of_the_image_that_was_scored(
    make_study: Callable[..., StudyFolder], study_out: Path
) -> None:
    folder = make_study(crops=2)
    study = folder.study
    rows = {HR: "hr-images", REFERENCE: "hr-images", BICUBIC: "bicubic-s1"}
    assert len(study.contents) == 8
    for name, crop in study.media.items():
        place = study.contents[crop.content]
        row = rows.get(crop.role, f"{crop.role}-s1")
        whole = read_image(study_out / "images" / "set14" / row / f"{place.image}.png")
        piece = whole[place.top : place.top + 64, place.left : place.left + 64]
        shown = read_image(folder.root / "media" / f"{name}.png")
        assert np.array_equal(shown, piece)
        if crop.role != REFERENCE:
            assert place.pixels[crop.role] == pixels_sha256(whole)
    files = {path.name for path in (folder.root / "media").iterdir()}
    assert files == {f"{name}.png" for name in study.media}


def test_boxes_lie_where_most_is_to_be_restored() -> None:
    hr = np.zeros((100, 200, 3), dtype=np.uint8)
    bicubic = hr.copy()
    hr[20:60, 120:160] = 90
    hr[70:90, 10:30] = 40
    first, second = detail_boxes(hr, bicubic, 40, 2)
    assert abs(first[0] - 20) <= 10
    assert abs(first[1] - 120) <= 10
    assert second[0] + 40 > 70
    assert second[1] < 30
    assert max(abs(first[0] - second[0]), abs(first[1] - second[1])) >= 40
    with pytest.raises(UserError, match="--crop"):
        detail_boxes(hr, bicubic, 128, 1)


def test_images_are_spread_over_the_set() -> None:
    assert evenly("abcdefghij", 3) == ["b", "f", "i"]
    assert evenly("abc", 5) == ["a", "b", "c"]


def test_what_cannot_be_made_is_said(
    study_out: Path, tmp_path: Path, make_study: Callable[..., StudyFolder]
) -> None:
    with pytest.raises(UserError, match="vgg16-conv5_3"):
        read_rows([study_out], ["vgg16-conv5"])
    with pytest.raises(UserError, match="two or more"):
        read_rows([study_out], ["pixel"])
    with pytest.raises(UserError, match="data set"):
        read_rows([study_out], ["pixel", "hr"], dataset="set5")
    with pytest.raises(UserError, match="place for each"):
        make_study(design="acr", images=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(UserError, match="new folder"):
        make_study("full")


def test_the_commands_make_and_plan_a_study(study_out: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    made = run(
        cli,
        ["study", "create", str(study_out), "--to", str(tmp_path / "s"), "--crop", "64",
         "--loss", "pixel", "--loss", "hed-conv5_3", "--trials", "4", "--images", "3"],
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "pixel, seed 1, as trained" in made.output
    planned = run(cli, ["study", "plan", str(tmp_path / "s"), "--difference", "0.9", "--json"])
    assert json.loads(planned.stdout)["raters"] >= 2
    for wrong in (["--difference", "0.4"], ["--power", "1.5"]):
        assert run(cli, ["study", "plan", str(tmp_path / "s"), *wrong]).exit_code == 2
    serve = run(cli, ["study", "serve", str(tmp_path / "s"), "--host", "0.0.0.0"])
    assert serve.exit_code == 2
    assert "--open-to-network" in serve.output
    more = ["--host", "0.0.0.0", "--open-to-network"]
    assert "--name" in run(cli, ["study", "serve", str(tmp_path / "s"), *more]).output
    empty = run(cli, ["study", "analyse", str(tmp_path / "s")])
    assert empty.exit_code == 2
    assert "found none" in empty.output


GENERATOR = resolve_generator(
    builtin_spec("msrresnet"), {"blocks": 1, "channels": 4, "upsampling": "nearest"}, 4
)
COEFFICIENTS = (0.25, 0.5, 0.75)


def network(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    made: torch.nn.Module = GENERATOR.build()
    return made.eval()


def curved(record: Record, out: Path, depth: float) -> Record:
    """The record with a curve of PSNR that falls ``depth`` dB, and the files at its two ends."""
    document = json.loads(record_text(record))
    for name, seed in (("warm-start", 1), ("generator", len(record.loss.label))):
        path = out / f"{record.loss.label}-{name}.safetensors"
        sha256 = save_generator(network(seed), GENERATOR, path)
        size = path.stat().st_size
        document["artifacts"][name] = {"path": path.name, "sha256": sha256, "bytes": size}
    scores = document["scores"]

    def moved(share: float) -> dict:
        found = json.loads(json.dumps(scores))
        for by_metric in found.values():
            per_image = by_metric["metrics"]["psnr"]["per_image"]
            by_metric["metrics"]["psnr"]["per_image"] = dict.fromkeys(per_image, 26 - depth * share)
            by_metric["metrics"]["psnr"]["mean"] = 26 - depth * share
        return found

    document["scores"] = moved(1.0)
    document["curve"] = [{"coefficient": c, "scores": moved(c)} for c in COEFFICIENTS]
    return validate_record(document)


def out_with_curves(out: Path, depths: dict[str, float]) -> Path:
    records = synthetic_records(
        labels=tuple(depths), seeds=(1,), datasets=("set14",), images=3,
        metrics=("psnr", "lpips", "niqe"),
    )  # fmt: skip
    out.mkdir()
    draw = np.random.default_rng(0)
    names = records[0].scores["set14"].images
    for name in names:
        hr = draw.integers(0, 256, (96, 96, 3)).astype(np.uint8)
        write_image(out / "images/set14/hr-images" / f"{name}.png", hr)
        write_image(
            out / "images/set14/bicubic-s1" / f"{name}.png", bicubic_image(lr_image(hr, 4), 4)
        )
    for record in records:
        label = record.loss.label
        kept = label in depths or label == "warm-start"
        made = curved(record, out, depths.get(label, 0.0)) if kept else record
        if label not in depths:
            made = made.model_copy(update={"curve": ()})
        write_record(made, out / "records")
    return out


def test_rows_are_compared_at_the_headline_s_budget(tmp_path: Path) -> None:
    """The images are those of the network at which the curve's PSNR is 0.5 dB down."""
    out = out_with_curves(tmp_path / "out", {"one": 1.0, "three": 2.0})
    folder = create_study(
        read_rows([out], ["one", "three"], budget=-0.5), tmp_path / "study",
        Settings(crop=32, trials=2, checks=5),
    )  # fmt: skip
    found = {row.label: row for row in folder.study.rows}
    for label, depth in (("one", 1.0), ("three", 2.0)):
        places = np.array([0.0, *COEFFICIENTS, 1.0])
        psnr = 26 - depth * places
        expected = coefficient_at(Curves(coefficients=places, psnr=psnr, quality=psnr), -0.5)
        assert expected == pytest.approx(0.5 / depth)
        row = found[label]
        assert row.budget == -0.5
        assert row.coefficient == pytest.approx(0.5 / depth)
        assert row.warm_start == file_sha256(out / f"{label}-warm-start.safetensors")
        start, end = network(1).state_dict(), network(len(label)).state_dict()
        share = row.coefficient
        between = {
            name: ((1 - share) * start[name].double() + share * end[name].double()).float()
            for name in end
        }
        middle = network(0)
        middle.load_state_dict(between)
        upscale = published(TrainedGenerator(network=middle, generator=GENERATOR))
        for place in folder.study.contents:
            hr = read_image(out / "images/set14/hr-images" / f"{place.image}.png")
            assert place.pixels[label] == pixels_sha256(upscale(lr_image(hr, 4)))


def test_a_curve_that_ends_before_the_budget_is_named(tmp_path: Path) -> None:
    out = out_with_curves(tmp_path / "out", {"one": 1.0, "three": 0.2})
    with pytest.raises(UserError, match=r"'three' ends 0\.20 dB below"):
        read_rows([out], ["one", "three"], budget=-0.5)


def test_the_sheet_shows_the_same_crops_of_every_row_that_reaches(tmp_path: Path) -> None:
    out = out_with_curves(tmp_path / "out", {"one": 1.0, "three": 0.2, "seventh": 2.0})
    path = tmp_path / "sheet.webp"
    told = ["study", "sheet", str(out), "--to", str(path), "--images", "2", "--crop", "32"]
    made = CliRunner().invoke(cli, told)
    assert made.exit_code == 0, made.output
    left_out = made.output.partition("no curve reaches -0.5 dB: ")[2]
    assert set(left_out.strip().split(", ")) == {"three", "vgg16-random", "pixel"}
    shown = read_image(path)
    side, label, gap = 64, 150, 4
    assert shown.shape == (4 * (side + gap) - gap, label + 2 * (side + gap), 3)
    rows = read_rows([out], budget=-0.5)
    first = evenly(rows.names, 2)[0]
    hr, bicubic = rows.hr(first), rows.bicubic(first)
    top, left = detail_boxes(hr, bicubic, 32, 1)[0]
    lines = [hr, *(image(first) for _, image in rows.rows), bicubic]
    for line, image in enumerate(lines):
        y = line * (side + gap)
        crop = shown[y : y + side : 2, label : label + side : 2]
        assert np.array_equal(crop, image[top : top + 32, left : left + 32])
    deep = CliRunner().invoke(cli, [*told, "--budget", "-3"])
    assert deep.exit_code == 2
    assert "got 0; no curve reaches -3 dB: " in deep.output
    wrong = CliRunner().invoke(cli, [*told[:4], str(tmp_path / "sheet.jpg")])
    assert wrong.exit_code == 2
    assert ".webp" in wrong.output


def test_a_swapped_generator_is_noticed(tmp_path: Path) -> None:
    out = out_with_curves(tmp_path / "out", {"one": 1.0, "three": 2.0})
    save_generator(network(99), GENERATOR, out / "one-generator.safetensors")
    with pytest.raises(UserError, match="hash"):
        read_rows([out], ["one", "three"], budget=-0.5)
