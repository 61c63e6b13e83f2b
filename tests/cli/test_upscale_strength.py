"""``srbench upscale RUN --row LABEL --strength S``: the point that network interpolation gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from synthetic import synthetic_records

from srbench.cli import cli
from srbench.files import sha256_hex
from srbench.imaging import read_image, to_tensor, to_uint8, write_image
from srbench.models.files import load_generator, save_generator
from srbench.models.plugin import builtin_generator
from srbench.records import read_records, write_record
from srbench.records.io import validate_record

LABEL = "vgg16-conv5_3"
SETTINGS = {"blocks": 1, "channels": 4}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An out folder of two seeds, each with a warm start and a row."""
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, first_seed=0)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    write_image(folder / "photo.png", pixels)
    return folder


def write_run(folder: Path, first_seed: int, suite: str = "synthetic", version: int = 1) -> None:
    generator = builtin_generator("msrresnet", SETTINGS, 4)
    for record in synthetic_records(
        labels=[LABEL], seeds=[1, 2], datasets=["set14"], images=2, suite=suite
    ):
        document = json.loads(record.model_dump_json(by_alias=True))
        document["suite"]["version"] = document["suite"]["document"]["version"] = version
        # Other conditions, as other suites and versions have them.
        document["suite"]["document"]["data"]["batch_size"] = version + len(suite)
        document["key"] = sha256_hex(f"{suite} {version} {record.loss.label} {record.seed}")
        if record.loss.label in (LABEL, "warm-start"):
            seed = first_seed + record.seed + 10 * len(record.loss.label)
            name = f"{record.loss.label}-{first_seed + record.seed}.safetensors"
            network = generator.build(seed=seed)
            folder.mkdir(exist_ok=True)
            sha256 = save_generator(network, generator, folder / name)
            size = (folder / name).stat().st_size
            document["artifacts"] = {"generator": {"path": name, "sha256": sha256, "bytes": size}}
        write_record(validate_record(document), folder / "records")


def upscaled(run: Path, *options: str) -> np.ndarray:
    done = CliRunner().invoke(
        cli,
        ["upscale", str(run), str(run / "photo.png"), "--row", LABEL, "--device", "cpu",
         "--out", str(run / "out"), *options],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return read_image(run / "out" / "photo_x4.png")


def test_exactly_the_same_bytes_come_from_a_device_without_float64(run, monkeypatch):
    """Its work in float64 is left to the CPU."""
    expected = upscaled(run, "--exact")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert np.array_equal(upscaled(run, "--exact", "--device", "mps"), expected)
    monkeypatch.undo()
    done = CliRunner().invoke(
        cli, ["upscale", str(run), str(run / "photo.png"), "--row", LABEL, "--device", "mps"]
    )
    assert done.exit_code == 2
    assert "can use, got none" in done.output


@pytest.mark.parametrize(("strength", "seed"), [(0.5, 1), (0.25, 2), (1.0, 1)])
def test_a_strength_is_that_share_of_the_way_in_parameter_space(run, strength, seed):
    start, end = (load_file(run / f"{name}-{seed}.safetensors") for name in ("warm-start", LABEL))
    expected = load_generator(run / f"{LABEL}-{seed}.safetensors").network
    expected.load_state_dict(
        {n: ((1 - strength) * start[n].double() + strength * end[n].double()).float() for n in end}
    )
    with torch.no_grad():
        image = to_uint8(expected(to_tensor(read_image(run / "photo.png"))))
    found = upscaled(run, "--strength", str(strength), "--seed", str(seed))
    assert np.abs(found.astype(int) - image.astype(int)).max() <= 1


def test_without_more_it_is_the_trained_generator_of_the_first_seed(run):
    assert np.array_equal(upscaled(run), upscaled(run, "--strength", "1", "--seed", "1"))


def test_rows_of_several_suites_are_never_mixed(run, tmp_path):
    """Of versions of one suite the newest counts; of suites the user chooses."""
    shutil.copytree(run / "records", tmp_path / "records")
    for file in run.glob("*.safetensors"):
        shutil.copy(file, tmp_path)
    write_image(tmp_path / "photo.png", read_image(run / "photo.png"))
    write_run(tmp_path, first_seed=200, version=2)
    newer = upscaled(tmp_path, "--strength", "0.5")
    only = tmp_path / "only"
    write_run(only, first_seed=200, version=2)
    write_image(only / "photo.png", read_image(run / "photo.png"))
    assert np.array_equal(newer, upscaled(only, "--strength", "0.5"))
    assert not np.array_equal(newer, upscaled(run, "--strength", "0.5"))

    write_run(tmp_path, first_seed=300, suite="another")
    arguments = ["upscale", str(tmp_path), str(run / "photo.png"), "--row", LABEL]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 2
    assert "suites another, synthetic" in done.output
    assert "choose one with --suite" in done.output
    assert np.array_equal(newer, upscaled(tmp_path, "--strength", "0.5", "--suite", "synthetic"))
    (old,) = {r.suite.conditions for r in read_records([run])}
    by_hash = upscaled(tmp_path, "--strength", "0.5", "--suite", old[:12])
    assert np.array_equal(by_hash, upscaled(run, "--strength", "0.5"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--row", "vgg16-conv5_4"], "did you mean 'vgg16-conv5_3'"),
        (["--row", LABEL, "--seed", "7"], "it has 1, 2"),
        (["--strength", "0.5"], "expected --row with an out folder"),
        (["--row", LABEL, "--strength", "0"], "not in the range"),
    ],
)
def test_mistakes_are_named(run, options, told):
    done = CliRunner().invoke(cli, ["upscale", str(run), str(run / "photo.png"), *options])
    assert done.exit_code == 2
    assert told in done.output
