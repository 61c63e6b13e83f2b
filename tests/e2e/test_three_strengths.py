"""One loss at three strengths, trained for real: strength moves along the curve, not off it.

Small: the published warm start, VGG16's relu2_2, two seeds of 60 iterations on the embedded
photographs. Only budgets that so short a run reaches are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srbench import load_loss
from srbench.data import PatchSampler, find_dataset, prepare_store
from srbench.host import discover
from srbench.imaging import degrade, to_tensor, to_uint8
from srbench.metrics.score import ImagePair, Scorer
from srbench.models.discriminator import build_discriminator
from srbench.models.files import load_generator
from srbench.models.interpolate import interpolate
from srbench.records import RowKind, read_records
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

LEADERBOARD = Path(__file__).resolve().parents[2] / "leaderboard"
SCALES, SEEDS, POINTS = (0.3, 1.0, 3.0), (1, 2), (0.25, 0.5, 0.75, 1.0)
CPU = RuntimeSettings(device="cpu", threads=1)
WARM = WarmStartSettings(iterations=120, learning_rate=3e-4, milestones=(84,), gamma=0.3)
ADVERSARIAL = AdversarialSettings(
    iterations=60, learning_rate=3e-4, milestones=(36,), gamma=0.3, pixel_weight=5.0,
    adversarial_weight=0.1, average_decay=0.9,
)  # fmt: skip

State = dict[str, torch.Tensor]


class Judge:
    """Mean PSNR and LPIPS of a generator on a crop of each test photograph."""

    def __init__(self) -> None:
        photos, registry = find_dataset("photos-test"), discover()
        self._crops = [_middle(photos.load(i)) for i in range(len(photos))]
        specs = [registry.metric(name).spec for name in ("psnr", "lpips")]
        self._scorer = Scorer(specs, protocol="y4-v2", scale=4)

    @torch.no_grad()
    def __call__(self, network: torch.nn.Module) -> list[float]:
        network.eval()
        pairs = [
            ImagePair(name=str(i), sr=to_uint8(network(degrade(to_tensor(hr), 4)).float()), hr=hr)
            for i, hr in enumerate(self._crops)
        ]
        scores = self._scorer.score(pairs)
        return [float(np.mean(list(scores[name].values()))) for name in ("psnr", "lpips")]


def _middle(image: np.ndarray) -> np.ndarray:
    top, left = image.shape[0] // 2 - 80, image.shape[1] // 2 - 160
    return np.ascontiguousarray(image[top : top + 160, left : left + 160])


def _state(network: torch.nn.Module) -> State:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Curves]:
    """Label -> ``(S,)`` curves."""
    folder, judge = tmp_path_factory.mktemp("three"), Judge()
    loss = load_loss("vgg16", tap="relu2_2", distance="l1")
    (start,) = [
        r for r in read_records([LEADERBOARD])
        if r.loss.kind is RowKind.WARM_START and r.seed == 1 and r.suite.version == 1
    ]  # fmt: skip
    file = LEADERBOARD / "generators" / f"{start.artifacts['generator'].sha256}.safetensors"
    photos = prepare_store(find_dataset("photos"))

    def sampler(seed: int) -> PatchSampler:
        return PatchSampler(photos, patch_size=48, batch_size=2, scale=4, seed=seed, device="cpu")

    found: dict[str, list[Any]] = {f"{scale:g}": [] for scale in SCALES}
    for seed in SEEDS:
        network = load_generator(file).network.requires_grad_(True)
        run_warm_start(
            network, sampler(1000 * seed), WARM, CPU, seed=seed,
            checkpoints=CheckpointFolder(folder / f"warm-{seed}"),
        )  # fmt: skip
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
    places = np.array([0.0, *POINTS])
    return {
        label: Curves(
            coefficients=places,
            psnr=np.array(runs)[..., 0],
            quality=np.array(runs)[..., 1],
        )
        for label, runs in found.items()
    }


def spread(values: dict[str, np.ndarray]) -> float:
    """Largest difference between the labels' means over the seeds."""
    return float(np.ptp([seeds.mean() for seeds in values.values()]))


def test_equal_distortion_takes_strength_out(curves: dict[str, Curves]) -> None:
    family = headline_family(
        {label: (Strength(value=1.0, test=c),) for label, c in curves.items()},
        -0.1,
        lower_is_better=True,
    )
    assert set(family.compared) == set(curves)  # nothing that was not reached is compared
    at_end = {label: c.quality[:, -1] for label, c in curves.items()}
    at_budget = {label: family.readings[label].values for label in family.compared}
    assert spread(at_budget) <= 0.5 * spread(at_end), (at_budget, at_end)
    assert len({*family.groups.values()}) == 1  # the family does not tell the strengths apart
