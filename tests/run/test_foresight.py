"""What a dry run accepts trains and scores; what cannot is said before training."""

from __future__ import annotations

import json
import os
import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import rich.console
from in_process import SUITE, Done, in_process, workplace  # noqa: F401

from srbench.app.execute import execute_plan, watched
from srbench.app.prepare import Prepared, prepare
from srbench.errors import UserError, WeightsError
from srbench.host import discover
from srbench.records import Record, read_records
from srbench.report import build_leaderboard
from srbench.run.exec.local import LocalBackend
from srbench.run.plan.planning import make_plan
from srbench.settings import parse_suite
from srbench.settings.load import validate_suite

SUITES = 300
FROM, EVERY = (int(n) for n in os.environ.get("SRBENCH_TEST_SUITES", "0:15").split(":"))
"""From which on, and every how many of the accepted suites (some ninety) are run; all: 0:1."""

Cli = Callable[..., Done]

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


def test_what_a_dry_run_accepts_trains_and_scores(place: Path, in_process: Cli) -> None:  # noqa: F811
    rng = random.Random(17)
    plans = [accepted(mutated(rng), place / f"out{number}") for number in range(SUITES)]
    good = [plan for plan in plans if plan is not None]
    assert SUITES / 5 < len(good) < SUITES * 4 / 5  # else nothing is tried on one of the sides
    with (place / "log").open("w") as log:
        console = rich.console.Console(file=log)
        # What would be downloaded is not here to be run.
        good = [plan for plan in good if not plan.plan.inputs.problems]
        for prepared in good[FROM::EVERY]:
            trains_and_scores(prepared, console)


def trains_and_scores(prepared: Prepared, console: rich.console.Console) -> None:
    """All of a run but its plots, pictures and pages, which tell nothing of the suite."""
    plan, out = prepared.plan, prepared.out
    with watched(plan, out, console) as observer:
        done = execute_plan(plan, out, observer, LocalBackend(out=out))
    assert not done.failed, (plan.suite, done.failed)
    unscored = [line for r in done.records for line in r.notes if line.startswith("no ")]
    assert not unscored, (plan.suite, unscored)
    board = build_leaderboard(done.records)
    assert {record.seed for record in board.records} >= set(plan.suite.seeds)
    # The images themselves have no scores by full-reference metrics, and no row then.
    assert {row.label for row in board.rows} >= {cell.row.label for cell in plan.cells} - {"hr"}


def flags(place: Path, dataset: str, metric: str) -> dict[str, set[str]]:
    """Row -> flags beside its score, as the table shows them."""
    rows = json.loads((place / "run" / "leaderboard.json").read_text())["rows"]
    return {row["label"]: set(row["scores"][dataset][metric]["flags"]) for row in rows}


def test_test_images_that_are_trained_on_are_said_and_flagged(
    place: Path,
    in_process: Cli,  # noqa: F811
) -> None:
    tests = '["folder:TRAIN", "folder:TEST"]'
    done = in_process("run", "tiny.toml", "--out", "run", "--set", f"data.test={tests}")
    assert done.returncode == 0, done.said
    said = "warning: 4 of the 4 images of the test set 'folder:TRAIN' are also trained on (overlap)"
    assert 0 <= done.stderr.index(said) < done.stderr.index("started")
    assert "test set 'folder:TEST'" not in done.stderr
    for metric in ("psnr", "ssim"):
        trained = {r for r, f in flags(place, "folder:TRAIN", metric).items()
                   if "trained-on-test" in f}  # fmt: skip
        assert trained == {"warm-start", "pixel", "vgg16-random", "l1"}
        assert not any("trained-on-test" in f for f in flags(place, "folder:TEST", metric).values())
    assert "trained-on-test: the row was trained on images" in (
        (place / "run" / "leaderboard.md").read_text()
    )
    names = tuple(f"train{i}" for i in range(4))
    for record in read_records([place / "run"]):
        generated = record.loss.kind.generated
        assert record.scores["folder:TRAIN"].trained_on == (names if generated else ())
        assert record.scores["folder:TEST"].trained_on == ()


def test_a_shipped_suite_refuses_them_unless_it_allows_them_by_name(place: Path) -> None:
    def problems(allowed: str) -> list[str]:
        data = f"data.allow_overlap={allowed}"
        suite = parse_suite(SUITE, overrides=['data.test=["folder:TRAIN"]', data])
        made = make_plan(suite, REGISTRY, device="cpu", strict=True)
        return [problem.what for problem in made.inputs.problems]

    (refused,) = problems("[]")
    assert "'folder:TRAIN' are also trained on" in refused
    assert problems('["folder:TRAIN"]') == []


def test_images_too_small_for_a_metric_are_said_first_and_cost_that_metric_alone(
    place: Path,
    in_process: Cli,  # noqa: F811
) -> None:
    """NIQE needs 96 px; its weights are not fetched, and PSNR is what it is without NIQE."""
    scores: dict[str, dict[str, Any]] = {}
    for out, metrics in (("run", '["psnr", "niqe"]'), ("alone", '["psnr"]')):
        done = in_process("run", "tiny.toml", "--out", out, "--set", f"metrics={metrics}")
        assert done.returncode == 0, done.said
        records: list[Record] = list(read_records([place / out]))
        scores[out] = {r.loss.label: dict(r.scores["folder:TEST"].metrics) for r in records}
        if out == "run":
            said = "warning: niqe cannot score folder:TEST: it needs 96 px a side, and im0 has 40"
            assert 0 <= done.stderr.index(said) < done.stderr.index("started")
            assert "niqe cannot score folder:TEST" in done.stdout
            reasons = {r.scores["folder:TEST"].unscorable["niqe"] for r in records}
            assert reasons == {"it needs 96 px a side, and im0 has 40"}
    assert scores["run"] == scores["alone"]
    assert {name for found in scores["run"].values() for name in found} == {"psnr"}
    assert not (place / "cache" / "weights").exists()
