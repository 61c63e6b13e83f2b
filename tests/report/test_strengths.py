"""One loss at three strengths, trained for real: strength moves along the curve, not off it.

A strength is how far a row goes *and* another mix of terms (docs/regime.md). Here the pixel term
keeps the mix nearly as it is, the warm start has converged, and the game is on: what is left of a
strength is how far. The generator is small, and only a budget is read that so short a run reaches.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from srbench import load_loss
from srbench.data import PatchSampler, find_dataset, prepare_store
from srbench.host import discover
from srbench.imaging import degrade, to_tensor, to_uint8
from srbench.metrics.pairs import ImagePair
from srbench.metrics.score import Scorer
from srbench.models.discriminator import build_discriminator
from srbench.models.interpolate import interpolate
from srbench.models.msrresnet import MSRResNet
from srbench.report.budget import Curves
from srbench.report.headline import Strength, headline_family
from srbench.train import (
    AdversarialSettings,
    CheckpointFolder,
    RuntimeSettings,
    WarmStartSettings,
    run_adversarial,
    run_warm_start,
)

pytestmark = pytest.mark.slow

SCALES, SEEDS, POINTS = (0.3, 1.0, 3.0), (1, 2), (0.25, 0.5, 0.75, 1.0)
BUDGET = -0.05
"""dB below the warm start, which every strength has to reach."""
CPU = RuntimeSettings(device="cpu", threads=1)
WARM = WarmStartSettings(iterations=1500, learning_rate=2e-3, milestones=(900, 1275), gamma=0.2)
ADVERSARIAL = AdversarialSettings(
    iterations=150, learning_rate=1e-3, milestones=(90, 127), gamma=0.2,
    pixel_weight=30.0, adversarial_weight=0.1, average_decay=0.95,
)  # fmt: skip


class Judge:
    """Mean PSNR and LPIPS of a generator on the middle of each test photograph."""

    def __init__(self) -> None:
        photos, registry = find_dataset("photos-test"), discover()
        self._crops = [_middle(photos.load(i)) for i in range(len(photos))]
        specs = [registry.metric(name).spec for name in ("psnr", "lpips")]
        self._scorer = Scorer(specs, protocol="y4-v2", scale=4)

    @torch.no_grad()
    def __call__(self, network: torch.nn.Module) -> list[float]:
        network.eval()
        pairs = [
            ImagePair(name=str(i), sr=to_uint8(network(degrade(to_tensor(hr), 4))), hr=hr)
            for i, hr in enumerate(self._crops)
        ]
        scores = self._scorer.score(pairs)
        return [float(np.mean(list(scores[name].values()))) for name in ("psnr", "lpips")]


def _middle(image: np.ndarray) -> np.ndarray:
    top, left = image.shape[0] // 2 - 80, image.shape[1] // 2 - 80
    return np.ascontiguousarray(image[top : top + 160, left : left + 160])


def _state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Curves]:
    """Strength -> curves of all seeds."""
    folder, judge = tmp_path_factory.mktemp("strengths"), Judge()
    loss = load_loss("vgg16", tap="relu2_2", distance="l1")
    photos = prepare_store(find_dataset("photos"))

    def sampler(seed: int) -> PatchSampler:
        return PatchSampler(photos, patch_size=32, batch_size=4, scale=4, seed=seed, device="cpu")

    found: dict[str, list[list[list[float]]]] = {f"{scale:g}": [] for scale in SCALES}
    for seed in SEEDS:
        torch.manual_seed(seed)
        network = MSRResNet(blocks=2, channels=16, upsampling="nearest")
        checkpoints = CheckpointFolder(folder / f"warm-{seed}")
        run_warm_start(network, sampler(1000 * seed), WARM, CPU, seed=seed, checkpoints=checkpoints)
        warm, first = _state(network), judge(network)
        for scale in SCALES:
            network.load_state_dict(warm)
            run_adversarial(
                network, build_discriminator(8, seed=seed), loss, sampler(1000 * seed + 1),
                ADVERSARIAL.but(content_scale=scale), CPU, seed=seed,
                checkpoints=CheckpointFolder(folder / f"{scale:g}-{seed}"),
            )  # fmt: skip
            end, points = _state(network), [first]
            for coefficient in POINTS:
                network.load_state_dict(interpolate(warm, end, coefficient))
                points.append(judge(network))
            found[f"{scale:g}"].append(points)
    return {
        label: Curves(
            coefficients=np.array([0.0, *POINTS]),
            psnr=np.array(runs)[..., 0],
            quality=np.array(runs)[..., 1],
        )
        for label, runs in found.items()
    }


def _spread(values: dict[str, np.ndarray]) -> float:
    """Largest difference between the strengths' means over the seeds."""
    return float(np.ptp([seeds.mean() for seeds in values.values()]))


def test_equal_distortion_takes_strength_out(curves: dict[str, Curves]) -> None:
    family = headline_family(
        {label: (Strength(value=1.0, test=curve),) for label, curve in curves.items()},
        BUDGET,
        lower_is_better=True,
    )
    assert set(family.compared) == set(curves)  # all of them reached the budget
    at_one_strength = {label: curve.quality[:, -1] for label, curve in curves.items()}
    at_budget = {label: family.readings[label].values for label in curves}
    assert _spread(at_budget) <= 0.5 * _spread(at_one_strength), (at_budget, at_one_strength)
    assert len(set(family.groups.values())) == 1, family.groups  # not told apart
