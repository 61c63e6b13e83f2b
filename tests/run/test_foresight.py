"""What a dry run accepts trains and scores; what cannot is said before training."""

from __future__ import annotations

import os
import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from in_process import SUITE, in_process, workplace  # noqa: F401

from srbench.app.execute import execute
from srbench.app.prepare import Prepared, prepare
from srbench.errors import UserError, WeightsError
from srbench.host import discover
from srbench.settings.load import validate_suite

SUITES = 300
RUNS = int(os.environ.get("SRBENCH_TEST_RUNS", "6"))
"""How many of the accepted suites are run; by hand all of them."""

NUMBERS = (-1, 0, 1, 2, 3, 7, 15, 16, 17, 24, 31, 32, 33, 40, 2**31, 2**40)
WEIGHTS = (0.0, 0.0, 1e-3, 1.0, 12.0, -0.5)
CHOICES: dict[str, tuple[Any, ...]] = {
    "track": ("raw", "calibrated", "other"),
    "protocol": ("y4-v1", "y4-v2", "rgb-v2", "y5"),
    "scale": (2, 3, 4, 4, 4, 8),
    "seeds": ([1], [1, 2], [0], [-1], [2**32], [2**63], [1, 1], []),
    "metrics": (["psnr"], ["ssim"], ["psnr", "niqe"], ["niqe"], ["psnr", "psnr"], [], ["psn"],
                ["grid", "psnr"], ["srbench-core:psnr", "psnr"]),
    "interpolation": ([0.5], [0.5, 1.0], [1.5], []),
    "data.train": ("folder:TRAIN", "folder:TRAIN", "folder:SMALL", "folder:NONE", "folder:"),
    "data.test": (["folder:TEST"], ["folder:SMALL"], ["folder:TEST", "folder:SMALL"],
                  ["folder:TINY"], ["folder:TRAIN"], ["folder:TEST", "folder:TEST"], []),
    "data.val": NUMBERS,
    "data.train_count": NUMBERS,
    "data.patch_size": NUMBERS,
    "data.batch_size": (-1, 0, 1, 2, 3),
    "generator.name": ("msrresnet", "srresnet", "span", "rrdb", "nothing"),
    "generator.blocks": (-1, 0, 1, 2),
    "generator.channels": (0, 1, 2, 4, 5),
    "discriminator.channels": (0, 4, 5, 2**20),
    "warm_start.iterations": (-1, 0, 1, 2),
    "warm_start.loss": ("l1", "l2", "l3"),
    "warm_start.learning_rate": (0.0, 1e-4, 0.01, -1.0, 5.0, "fast"),
    "warm_start.milestones": ([], [1], [5], [0], [2, 1]),
    "adversarial.iterations": (0, 1, 2),
    "adversarial.learning_rate": (0.0, 1e-4, 0.01, -1.0, 5.0),
    "adversarial.milestones": ([], [1], [5], [0], [2, 1]),
    "adversarial.gamma": (0.0, 0.5, 1.0, 2.0),
    "adversarial.content_weight": WEIGHTS,
    "adversarial.pixel_weight": WEIGHTS,
    "adversarial.adversarial_weight": WEIGHTS,
    "adversarial.adversarial_loss": ("hinge", "least-squares", "relativistic-average", "wgan"),
    "adversarial.content_scales": ([1.0], [0.5, 1.0], [1.0, 1.0], [1.0, 1.00000001], [0.0], []),
    "adversarial.random_offset": (0, 1, 8, 16, 17, 32, 100),
    "adversarial.average_decay": (0.0, 0.5, 1.0),
    "adversarial.batch_size": (0, 1, 3),
    "validation.every": (-1, 0, 1),
    "validation.metrics": (["psnr"], ["niqe"], ["ssim"], [], ["psnr", "psnr"], ["nothing"]),
    "calibration": ({"reference": "l1", "batches": 1}, {"reference": "l7"}, {"batches": 0}),
    "execution.precision": ("float32", "bf16", "float8"),
    "stopping": ({"patience": 1}, {"patience": 1, "discriminator_below": 0.1},
                 {"patience": 1, "psnr_below_bicubic": 1.0}),
    "controls": (["adversarial-only"], ["something"]),
    "loss": (
        [{"name": "l2"}], [{"name": "l1"}, {"name": "l1"}], [{"name": "nothing"}],
        [{"name": "l1", "content_only": True}], [{"name": "charbonnier", "label": "pixel"}],
        [{"name": "l1", "grid": {"x": [1]}}], [{"label": "a-x0.5", "name": "l1"},
                                               {"label": "a", "name": "l2"}],
        [{"label": "both", "sum": [{"name": "l1"}, {"name": "l2", "weight": 2.0}]}],
        [{"name": "ms-ssim"}], [{"name": "ssim"}], [{"name": "gram-random"}], [],
    ),
    "report": ({"rank_metric": "psnr"}, {"rank_datasets": ["nowhere"]}),
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    workplace(tmp_path)
    for name, side in (("SMALL", 20), ("TINY", 3)):
        (tmp_path / name).mkdir()
        pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / name / "only.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def mutated(rng: random.Random) -> dict[str, Any]:
    """The tiny suite with one to four settings exchanged; the first half of them with one alone."""
    document: dict[str, Any] = tomllib.loads(SUITE)
    for key in rng.sample(sorted(CHOICES), rng.choice((1, 1, 2, 3, 4))):
        *sections, name = key.split(".")
        place = document
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = rng.choice(CHOICES[key])
    return document


def accepted(document: dict[str, Any], out: Path) -> Prepared | None:
    """What a dry run says, as data: ``None`` where it refuses."""
    try:
        prepared = prepare(validate_suite(document), out=out, pull=False, registry=REGISTRY)
    except UserError:
        return None
    missing = [p for p in prepared.plan.inputs.problems if not isinstance(p, WeightsError)]
    return None if missing else prepared


REGISTRY = discover()


def test_what_a_dry_run_accepts_trains_and_scores(
    place: Path,
    in_process: Callable[..., Any],  # noqa: F811
) -> None:
    import rich.console

    rng = random.Random(17)
    plans = [accepted(mutated(rng), place / f"out{number}") for number in range(SUITES)]
    good = [plan for plan in plans if plan is not None]
    assert SUITES / 5 < len(good) < SUITES * 4 / 5  # else nothing is tried on one of the sides
    with (place / "log").open("w") as log:
        console = rich.console.Console(file=log)
        # What would be downloaded is not here to be run.
        good = [plan for plan in good if not plan.plan.inputs.problems]
        for prepared in rng.sample(good, min(RUNS, len(good))):
            result = execute(prepared, console)
            assert not result.failed, (prepared.plan.suite, result.failed)
            unscored = [line for r in result.records for line in r.notes if line.startswith("no ")]
            assert not unscored, (prepared.plan.suite, unscored)
            assert {r.seed for r in result.records} >= set(prepared.plan.suite.seeds)
