"""``srbench agree`` on a folder of real images whose order is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from srbench.data.opinions import read_opinions
from srbench.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """Two photographs, each with noise of three strengths, and people who see it."""
    rng = np.random.default_rng(0)
    import skimage.data

    (tmp_path / "reference").mkdir()
    (tmp_path / "distorted" / "noise").mkdir(parents=True)
    lines = ["reference,distorted,score"]
    for name in ("astronaut", "coffee"):
        image = getattr(skimage.data, name)()[100:196, 100:196]
        Image.fromarray(image).save(tmp_path / "reference" / f"{name}.png")
        for strength, score in ((4, 4.5), (12, 3.0), (40, 1.5)):
            noisy = np.clip(image + rng.normal(0, strength, image.shape), 0, 255).astype(np.uint8)
            path = f"noise/{name}-{strength}.png"
            Image.fromarray(noisy).save(tmp_path / "distorted" / path)
            lines.append(f"{name}.png,{path},{score}")
    (tmp_path / "mos.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_psnr_agrees_with_people_who_see_noise(cli, folder):
    arguments = ("agree", str(folder), "--mos", str(folder / "mos.csv"), "--metric", "psnr")
    done = cli(*arguments, "--gap", "10", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["kind"] == "scores"
    assert document["images"] == 6
    psnr = document["metrics"]["psnr"]
    assert psnr["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0, "count": 6}
    assert psnr["srcc"]["value"] == psnr["krcc"]["value"] == 1.0
    assert psnr["references"] == 2
    assert psnr["at_gap"][0]["accuracy"]["count"] > 0
    turned = json.loads(cli(*arguments, "--lower-is-better", "--json").stdout)
    assert turned["metrics"]["psnr"]["accuracy"]["value"] == 0.0
    table = cli(*arguments)
    assert table.returncode == 0
    assert "1.000 [1.000, 1.000]" in table.stdout


def test_choices_are_read(folder):
    file = folder / "choices.csv"
    file.write_text(
        "reference,first,second,preferred_first\n"
        "coffee.png,noise/coffee-4.png,noise/coffee-40.png,0.95\n"
    )
    opinions = read_opinions(folder, file)
    assert opinions.choices == (("noise/coffee-4.png", "noise/coffee-40.png", 0.95),)
    assert opinions.scores == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("image,score\n", "with the first line 'image,score'"),
        ("", "with the first line ''"),
        ("reference,distorted,score\n", "no opinion"),
        ("reference,distorted,score\ncoffee.png,noise/none.png,3\n", "noise/none.png, which"),
        ("reference,distorted,score\nnone.png,noise/coffee-4.png,3\n", "no image .*none.png"),
        ("reference,distorted,score\ncoffee.png,noise/coffee-4.png,good\n", "'good' in place"),
        ("reference,distorted,score\ncoffee.png,noise/coffee-4.png\n", "2 fields .*line 2"),
        (
            "reference,distorted,score\ncoffee.png,noise/coffee-4.png,3\n"
            "coffee.png,noise/coffee-4.png,2\n",
            "second opinion",
        ),
        (
            "reference,distorted,score\ncoffee.png,noise/coffee-4.png,3\n"
            "astronaut.png,noise/coffee-4.png,2\n",
            "second reference",
        ),
        (
            "reference,first,second,preferred_first\n"
            "coffee.png,noise/coffee-4.png,noise/coffee-12.png,7\n",
            "a share of 7",
        ),
    ],
)
def test_another_layout_is_one_error_that_says_what_was_expected(text, found, folder):
    file = folder / "broken.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=found) as error:
        read_opinions(folder, file)
    assert "FOLDER/reference/... and FOLDER/distorted/..." in str(error.value)


def test_a_folder_without_references_is_that_error_on_the_command_line(cli, folder):
    (folder / "reference").rename(folder / "originals")
    done = cli("agree", str(folder), "--mos", str(folder / "mos.csv"))
    assert done.returncode == 2
    assert "found no folder" in done.stderr
    assert "Traceback" not in done.stderr
