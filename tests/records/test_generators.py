"""`srbench upscale RUN --row LABEL`: which generator that is."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from srbench.cli import cli

LEADERBOARD = Path(__file__).parents[2] / "leaderboard"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def upscale(*args: object) -> Result:
    return CliRunner().invoke(cli, ["upscale", *map(str, args)])


def test_a_row_of_a_run_enlarges_a_photograph(photo: Path, tmp_path: Path) -> None:
    done = upscale(LEADERBOARD, "--row", "vgg16-conv5_3", photo, "--out", tmp_path / "big")
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "big" / "photo_x4.png") as image:
        assert image.size == (64, 48)


def test_another_row_is_another_generator(photo: Path, tmp_path: Path) -> None:
    images = []
    for row in ("vgg16-conv5_3", "warm-start"):
        upscale(LEADERBOARD, "--row", row, photo, "--out", tmp_path / row)
        images.append((tmp_path / row / "photo_x4.png").read_bytes())
    assert images[0] != images[1]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "its rows with a generator: "),
        (("--row", "vgg16-conv5"), "did you mean 'vgg16-conv5_3'"),
        (("--row", "bicubic"), "expected the name of a row with a generator"),
        (("--row", "warm-start", "--seed", "9"), "expected a seed of row 'warm-start', got 9"),
    ],
)
def test_what_is_not_there_is_told(photo: Path, args: tuple[str, ...], said: str) -> None:
    done = upscale(LEADERBOARD, photo, *args)
    assert done.exit_code == 2
    assert said in done.output
