"""Seeds that are no trainings of their own: one file, one network noised."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from forging import DATASET, messages
from small_run import GENERATOR, trained

from srbench.cli import cli
from srbench.imaging import lr_image, pixels_sha256, read_image
from srbench.metrics.pairs import ImagePair
from srbench.metrics.plugin import METRICS
from srbench.metrics.score import score_images
from srbench.models.files import save_generator
from srbench.models.images import published
from srbench.records import read_record, record_key, record_text
from srbench.records.io import validate_record, write_record
from srbench.verify import Verification

from .conftest import board_of

Tamper = Callable[..., Path]
Verify = Callable[..., Verification]


def add_seed(
    board: Path, label: str, seed: int, network: torch.nn.Module, test_images: Path
) -> None:
    """A row of another seed with this network: images, hashes and scores are its own."""
    path = next(p for p in (board / "records").glob("*.json") if read_record(p).loss.label == label)
    document = json.loads(path.read_text())
    if document["seed"] == seed:  # in its place
        old = document["artifacts"]["generator"]["sha256"]
        (board / "generators" / f"{old}.safetensors").unlink()
    file = board / "new.safetensors"
    digest = save_generator(network, GENERATOR, file)
    size = file.stat().st_size
    file.rename(board / "generators" / f"{digest}.safetensors")
    document.update(
        seed=seed,
        key=record_key(suite="tiny", version=1, label=label, seed=seed, content_scale=1.0),
    )
    document["artifacts"]["generator"].update(sha256=digest, bytes=size)
    upscale = published(trained(network))
    stated = document["scores"][DATASET]
    hr = {p.stem: read_image(p) for p in sorted(test_images.glob("*.png"))}
    sr = {name: upscale(lr_image(image, 4)) for name, image in hr.items()}
    stated["pixels_sha256"] = {name: pixels_sha256(image) for name, image in sr.items()}
    pairs = [ImagePair(name=name, sr=sr[name], hr=hr[name]) for name in hr]
    specs = [spec for spec in METRICS if spec.name in stated["metrics"]]
    found = score_images(pairs, specs, protocol="y4-v2", scale=4)
    for spec in specs:
        scores = found[spec.name]
        mean = math.fsum(scores.values()) / len(scores)
        stated["metrics"][spec.name].update(per_image=scores, mean=mean)
    write_record(validate_record(document), board / "records")


@pytest.fixture
def seeds(run: Path, tmp_path: Path, test_images: Path) -> Callable[..., Path]:
    """``seeds({(label, seed): network})``: a board of three seeds, with these rows added."""

    def make(rows: dict[tuple[str, int], torch.nn.Module]) -> Path:
        board = board_of(run, tmp_path / "board")
        for (label, seed), network in rows.items():
            add_seed(board, label, seed, network, test_images)
        for path in (board / "records").glob("*.json"):
            document = json.loads(path.read_text())
            document["suite"]["document"]["seeds"] = [1, 2, 3]
            path.write_text(record_text(validate_record(document)))
        return board

    return make


def noised(seed: int, amount: float) -> torch.nn.Module:
    """The network of a seed, all its weights moved a little."""
    network = GENERATOR.build(seed=seed)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(amount * torch.randn_like(parameter))
    return network


def test_seeds_that_were_trained_are_replicates(seeds: Callable[..., Path], verify: Verify) -> None:
    """Each row a step away from its own seed's warm start, as training leaves it."""
    board = seeds(
        {
            ("warm-start", 2): GENERATOR.build(seed=12),
            ("first", 1): noised(1, 0.002),
            ("first", 2): noised(12, 0.002),
            ("second", 1): noised(1, 0.003),
        }
    )
    result = verify(board)
    assert result.verified, messages(result, "first")
    row = next(r for r in result.rows if (r.facts.label, r.facts.seed) == ("first", 2))
    assert row.distances[2] < 0.1 < 0.9 < row.distances[1]
    assert set(row.document()["distances"]) == {"1", "2"}


def test_one_generator_under_two_seeds_is_no_replicate(
    seeds: Callable[..., Path], verify: Verify
) -> None:
    board = seeds({("first", 1): noised(1, 0.002), ("first", 2): noised(1, 0.002)})
    result = verify(board)
    assert "its generator is that of seed 2 too" in messages(result, "first")
    assert not result.verified


@pytest.mark.parametrize("starts", [True, False])
def test_a_noised_generator_is_no_replicate(
    seeds: Callable[..., Path], verify: Verify, starts: bool
) -> None:
    rows = {("first", 1): noised(1, 0.002), ("first", 2): noised(1, 0.00201)}
    if starts:
        rows["warm-start", 2] = GENERATOR.build(seed=12)
    result = verify(seeds(rows))
    found = messages(result, "first")
    assert ("nearer to the warm start of seed 1" if starts else "network is that of seed") in found
    assert not result.verified


def test_noised_warm_starts_are_found_too(seeds: Callable[..., Path], verify: Verify) -> None:
    rows = {("warm-start", 2): noised(1, 1e-5), ("first", 2): noised(1, 0.002)}
    assert "two seeds begin at other random weights" in messages(verify(seeds(rows)), "warm-start")


def test_a_noised_replicate_is_not_among_what_is_published(
    seeds: Callable[..., Path], test_images: Path, tmp_path: Path
) -> None:
    """Its scores are right: alone it would verify."""
    board = seeds({("first", 1): noised(1, 0.002), ("first", 2): noised(1, 0.00201)})
    out, data = tmp_path / "accepted", f"{DATASET}={test_images}"
    done = CliRunner().invoke(cli, ["verify", str(board), "--data", data, "--recomputed", str(out)])
    assert done.exit_code == 1
    records = map(read_record, (out / "records").glob("*.json"))
    assert {record.loss.label for record in records if record.seed == 1} >= {"bicubic", "second"}
    assert not [record for record in map(read_record, out.rglob("*.json")) if record.seed == 2]
