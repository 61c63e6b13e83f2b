"""`srbench calibrate` and `srbench.calibrate`: weights that have a closed form."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torch import nn

import srbench
from srbench.cli import cli
from srbench.errors import SrbenchError
from srbench.probe.strength import image_gradient_norm


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, ["calibrate", *map(str, args)])


def pair(low: int, high: int, folder: Path) -> tuple[Path, Path]:
    """SR and HR folders with one flat image of each value, 40 x 40 pixels."""
    for name, value in (("sr", low), ("hr", high)):
        (folder / name).mkdir()
        Image.fromarray(np.full((40, 40, 3), value, np.uint8)).save(folder / name / "a.png")
    return folder / "sr", folder / "hr"


def test_l2_against_l1_is_known_on_flat_images(tmp_path: Path) -> None:
    """|dL1/dx| = 1/n and |dL2/dx| = 2 d/n at each of n values: the weight is 1 / (2 d)."""
    sr, hr = pair(51, 102, tmp_path)  # d = 0.2
    done = run("l2", "--reference", "l1", "--sr", sr, "--hr", hr, "--size", 32, "--json")
    told = json.loads(done.stdout)
    assert told["weight"] == pytest.approx(1 / (2 * 0.2), rel=1e-5)
    assert told["reference_gradient_norm"] == pytest.approx(1 / math.sqrt(3 * 32 * 32), rel=1e-5)
    assert told["images"] == 1


def test_the_weight_is_proportional_to_the_references(tmp_path: Path) -> None:
    sr, hr = pair(51, 102, tmp_path)
    where = ("--sr", sr, "--hr", hr, "--size", 32, "--reference", "l1")
    assert run("l1", *where, "--weight", 3).stdout.strip() == "3"
    assert run("l2", *where, "--weight", 3).stdout.strip() == "7.5"


def test_what_it_prints_alone_on_stdout_is_the_weight() -> None:
    done = run("wavelet-l1,levels=1", "--reference", "l1", "--data", "photos", "--size", 64)
    assert done.exit_code == 0, done.output
    assert float(done.stdout) > 0
    assert "wavelet-l1,levels=1 that is as strong as 1 x l1" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("l1", "--reference", "l2", "--sr", "."), "--sr together with --hr"),
        (("charbonier",), "did you mean 'charbonnier'"),
        (("l1", "--reference", "vgg16,tap=conv9"), "tap"),
    ],
)
def test_mistakes_are_told(args: tuple[str, ...], said: str) -> None:
    done = run(*args)
    assert done.exit_code == 2
    assert said in done.output


def test_a_loss_without_gradient_has_no_strength() -> None:
    class Nothing(nn.Module):
        def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            return 0.0 * (sr - hr).mean()

    with pytest.raises(SrbenchError, match="norm of 0"):
        image_gradient_norm(Nothing(), [(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8))])


def test_at_the_parameters_of_ones_own_generator() -> None:
    """SR = w x LR: dL1/dw = mean LR, dL2/dw = 2 d mean LR where SR - HR is d everywhere."""

    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.tensor(1.0))

        def forward(self, lr: torch.Tensor) -> torch.Tensor:
            return self.w * lr

    lr = torch.full((2, 3, 8, 8), 0.5)
    weight = srbench.calibrate(
        srbench.load_loss("l2"), srbench.load_loss("l1"), generator=Scale(),
        batches=[(lr, lr - 0.25)],
    )  # fmt: skip
    assert weight == pytest.approx(1 / (2 * 0.25), rel=1e-5)


@pytest.mark.parametrize(
    ("hr", "looks"),
    [
        (255 * torch.rand(1, 3, 8, 8), "0 to 255"),
        (2 * torch.rand(1, 3, 8, 8) - 1, "[-1, 1]"),
    ],
)
def test_another_range_is_warned_of_once(hr: torch.Tensor, looks: str) -> None:
    loss = srbench.load_loss("l1")
    with pytest.warns(UserWarning, match="expects RGB in") as told:
        loss(hr, hr=hr)
    assert looks in str(told[0].message)
    loss(hr, hr)  # a second warning would be an error


def test_images_in_range_are_not_warned_of() -> None:
    loss = srbench.load_loss("l1")
    sr = torch.rand(1, 3, 8, 8)
    loss(sr - 0.5, sr)  # a generator may overshoot, and what it makes is not judged
    loss(sr, 300 * sr)  # only the first call is looked at
