"""The probe's figures against closed forms and known networks."""

from __future__ import annotations

import json
import math

import pytest
import torch
import torchvision
from click.testing import CliRunner
from torch import nn
from torch.nn import functional as F

from srbench.cli import cli
from srbench.contract.features import FeatureLoss
from srbench.errors import SrbenchError
from srbench.imaging import image_size
from srbench.probe import cost, draw, images, probe_loss, spectrum
from srbench.probe.measure import NOISE_LEVELS, noise_that_costs


class Pixel(nn.Module):
    def __init__(self, power=2.0, weight=1.0):
        super().__init__()
        self.power, self.weight = power, weight

    def forward(self, sr, hr):
        return self.weight * (sr - hr).abs().pow(self.power).mean()


class Filtered(nn.Module):
    """L2 after one convolution, of stride ``stride``."""

    def __init__(self, kernel, stride=1):
        super().__init__()
        self.register_buffer("kernel", kernel)
        self.stride = stride

    def forward(self, sr, hr):
        return F.conv2d(sr - hr.detach(), self.kernel, stride=self.stride).square().mean()


def box(size):
    return torch.ones(1, 3, size, size) / size**2


@pytest.fixture(scope="module")
def l2():
    return probe_loss(Pixel(), "l2", size=64)


def test_l2_is_the_unit_of_sensitivity(l2):
    assert l2.sensitivity == pytest.approx(dict.fromkeys(l2.sensitivity, 1.0), rel=1e-4)
    assert set(l2.sensitivity) == {"shift", "blur", "jpeg", "texture"}


def test_the_unit_does_not_depend_on_power_or_weight(l2):
    scaled = probe_loss(Pixel(2.0, 1000.0), "l2", size=64)
    assert scaled.sensitivity == pytest.approx(l2.sensitivity, rel=1e-4)
    assert scaled.bands == pytest.approx(l2.bands)
    assert scaled.gradient_norm == pytest.approx(1000 * l2.gradient_norm, rel=1e-4)


def test_the_gradient_of_l2_is_the_error_itself(l2):
    hr = images.photographs(64)
    error = images.bicubic(hr) - hr
    expected = (2 * error / error[0].numel()).flatten(1).norm(dim=1).mean()
    assert l2.gradient_norm == pytest.approx(float(expected), rel=1e-5)
    assert (l2.reach, l2.reach_is_cut, l2.reach_95) == (1, False, 1)


def test_the_reach_of_a_filter_is_twice_its_size_less_one():
    found = probe_loss(Filtered(box(7)), "box", size=64)
    assert (found.reach, found.reach_is_cut) == (13, False)
    assert found.reach_95 < 13
    assert probe_loss(Filtered(box(129)), "wide", size=132).reach_is_cut


def test_a_smoothing_loss_forgives_noise_and_so_minds_everything_else(l2):
    found = probe_loss(Filtered(box(5)), "smooth", size=64)
    assert all(value > 1.5 for value in found.sensitivity.values())
    assert found.bands[-1] < 0.1 * l2.bands[-1]


def test_a_strided_filter_favours_places_of_the_grid(l2):
    strided = probe_loss(Filtered(torch.ones(1, 3, 1, 1), stride=4), "strided", size=64)
    assert strided.grid_unevenness == pytest.approx(math.sqrt(15))
    assert l2.grid_unevenness < 0.3
    assert 0.3 < l2.checkerboard_excess < 3


def test_bands_hold_the_energy_of_their_waves():
    x = torch.arange(64)
    for cycles, band in ((1 / 64, 0), (3 / 64, 1), (6 / 64, 2), (12 / 64, 3), (24 / 64, 4)):
        wave = torch.cos(2 * math.pi * cycles * x).expand(1, 3, 64, 64)
        shares = spectrum.band_shares(spectrum.power(wave))
        assert shares[band] == pytest.approx(1)
        assert sum(shares) == pytest.approx(1)


def test_checkerboards_of_period_two_and_four_are_seen_and_noise_is_not():
    x = torch.arange(64)
    two = ((-1.0) ** (x[:, None] + x[None, :])).expand(1, 3, 64, 64)
    four = torch.cos(math.pi / 2 * x).expand(1, 3, 64, 64)
    noise = torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for pattern in (two, four):
        energy = spectrum.power(pattern)
        assert spectrum.checkerboard_share(energy) == pytest.approx(1)
        assert spectrum.checkerboard_excess(spectrum.power(noise + pattern)) > 50
    assert spectrum.checkerboard_share(spectrum.power(noise)) == pytest.approx(15 / 4096, rel=0.3)
    assert spectrum.checkerboard_excess(spectrum.power(noise)) == pytest.approx(1, abs=0.3)
    with pytest.raises(ValueError, match="multiples of 4"):
        spectrum.checkerboard_share(spectrum.power(torch.rand(1, 3, 30, 30)))


def test_interpolating_the_noise_curve():
    squared = [level**2 for level in NOISE_LEVELS]
    for level in (0.001, 0.005, 0.03, 0.32, 1.0):
        assert noise_that_costs(level**2, squared) == pytest.approx(level)
    assert noise_that_costs(0.0, squared) == 0
    assert math.isnan(noise_that_costs(1.0, [1.0, 2.0, 2.0, 3.0]))


def test_cost_is_counted():
    layer = nn.Conv2d(3, 8, 3, padding=1, bias=False).requires_grad_(False)

    class OneLayer(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, sr, hr):
            with torch.no_grad():
                target = self.layer(hr)
            return F.mse_loss(self.layer(sr), target)

    images_ = torch.rand(1, 3, 32, 32)
    one_pass = 2 * 32 * 32 * 8 * 3 * 9
    assert cost.gflops(OneLayer(), images_, images_) == pytest.approx(3 * one_pass / 1e9)
    assert cost.weights_megabytes(OneLayer()) == pytest.approx(8 * 27 * 4 / 2**20)
    kept = 2 * 8 * 32 * 32 * 4 / 2**20  # the two feature maps that the distance is made of
    assert cost.activations_megabytes(OneLayer(), images_, images_) == pytest.approx(kept)


def test_a_loss_without_gradient_is_refused():
    class Constant(nn.Module):
        def forward(self, sr, hr):
            return (sr * 0).sum()

    with pytest.raises(SrbenchError, match="expected flat to have a finite gradient"):
        probe_loss(Constant(), "flat", size=64)


def test_the_reach_of_vgg_layers_is_their_receptive_field():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.vgg16(weights=None).features[:10]
    # conv1_2 sees 5 px; relu2_2 sees 14 px on a grid of 2.
    shallow = probe_loss(FeatureLoss(network, "conv1_2", normalize=None), "a", size=64)
    assert shallow.reach == 2 * 5 - 1
    deeper = probe_loss(FeatureLoss(network, "relu2_2", normalize=None), "b", size=64)
    assert deeper.reach in (2 * 14 - 2, 2 * 14 - 1)


def test_the_photographs_do_not_overlap_and_are_fixed():
    one, other = images.textures(120)
    assert one.shape == other.shape == (3, 3, 120, 120)
    assert not torch.equal(one, other)
    grain = images.noise(images.photographs(64))
    assert float(grain.square().mean()) == pytest.approx(1, rel=1e-5)
    assert torch.equal(grain, images.noise(images.photographs(64)))


def test_the_picture_has_a_row_per_loss(tmp_path, l2):
    draw([l2], tmp_path / "one.png")
    draw([l2, l2, l2], tmp_path / "three.png")
    one, three = (image_size(tmp_path / name) for name in ("one.png", "three.png"))
    assert one[1] == three[1]
    assert three[0] > 2 * one[0]


def test_the_command(tmp_path):
    picture = tmp_path / "probe.png"
    arguments = ["probe", "l2", "charbonnier,epsilon=0.01", "--size", "64", "--json"]
    result = CliRunner().invoke(cli, [*arguments, "--out", str(picture)])
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)
    assert (first["loss"], second["loss"]) == ("l2", "charbonnier,epsilon=0.01")
    assert first["sensitivity"]["blur"] == pytest.approx(1, rel=1e-3)
    assert picture.stat().st_size > 5000
    table = CliRunner().invoke(cli, ["probe", "l2", "--size", "64"])
    assert "measured at 64 px" in table.stdout
    for word, arguments in (
        ("did you mean", ["probe", "l22"]),
        ("multiple of 4", ["probe", "l2", "--size", "66"]),
        ("NAME,KEY=VALUE", ["probe", "l2,tap"]),
    ):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 2
        assert word in result.stderr
        assert result.stdout == ""


@pytest.mark.slow
def test_random_and_trained_vgg16_are_told_apart():
    """ImageNet weights and random ones, at conv5_3; skipped where the weights cannot be had."""
    from srbench.api import load_loss
    from srbench.errors import WeightsError

    pytest.importorskip("srbench_classification")
    try:
        trained = probe_loss(load_loss("vgg16", tap="conv5_3"), "trained", size=96)
    except WeightsError as error:
        pytest.skip(f"no ImageNet weights here: {error.what}")
    random = probe_loss(load_loss("vgg16-random", tap="conv5_3"), "random", size=96)
    # In the literature's terms: a trained network tolerates small shifts, a random one does not.
    assert trained.sensitivity["shift"] < 0.8 * random.sensitivity["shift"]
    assert trained.sensitivity["jpeg"] > 1.3 * random.sensitivity["jpeg"]
    assert trained.bands[-1] < 0.7 * random.bands[-1]
    assert trained.gradient_norm > 100 * random.gradient_norm
    assert trained.gflops == random.gflops
