"""``srbench tune``: candidates differ in what is tried alone, and are judged on held-out images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from srbench.app.prepare import prepare
from srbench.cli import cli
from srbench.records.layout import OutFolder
from srbench.settings import load_suite

TRIED = "adversarial.adversarial_weight=0.005,0.1,0.3"
WON, LIVES = (1.0, 1.0, 1.0), (0.7, 0.8, 0.9)
ENDS = {
    0.005: ({"psnr": 27.9, "lpips": 0.20}, WON),  # best, and no game
    0.1: ({"psnr": 27.5, "lpips": 0.25}, LIVES),
    0.3: ({"psnr": 26.0, "lpips": 0.22}, LIVES),  # better, at two dB
}


@pytest.fixture
def suite(suite_text: str, tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(suite_text)
    return path


@pytest.fixture
def finished(suite: Path, tmp_path: Path) -> OutFolder:
    """An out folder in which every candidate's training has ended as ``ENDS`` says."""
    out = OutFolder(tmp_path / "tuning")
    metrics = 'validation.metrics=["psnr", "lpips", "grid", "niqe"]'
    for weight, (scores, accuracies) in ENDS.items():
        overrides = [
            f"adversarial.adversarial_weight={weight}", "adversarial.iterations=3", metrics,
        ]  # fmt: skip
        ready = prepare(
            load_suite(str(suite), overrides), out=out.root, losses=["second"], seeds=[1],
            device="cpu",
        )  # fmt: skip
        cell = next(c for c in ready.plan.cells if c.row.label == "second")
        health = dict(
            zip(("accuracy_hr", "accuracy_sr", "accuracy_pairs"), accuracies, strict=True)
        )
        point = {"iteration": 3, "scores": scores}
        results = {job.key: {"gradient_norm": 1.0} for job in ready.plan.jobs}
        results[cell.warm] = {"validation": [{"iteration": 4, "scores": {"psnr": 28.0}}]}
        results[cell.training] = {
            "validation": [point], "game": [{"iteration": 3, "scores": health}]
        }  # fmt: skip
        for key, result in results.items():
            out.result(key).parent.mkdir(parents=True, exist_ok=True)
            out.result(key).write_text(json.dumps({"key": key, **result}) + "\n")
    return out


def tuned(suite: Path, out: OutFolder, *options: str):
    return CliRunner().invoke(
        cli,
        ["tune", str(suite), "--try", TRIED, "--loss", "second", "--iterations", "3",
         "--device", "cpu", "--out", str(out.root), *options],
    )  # fmt: skip


def test_the_best_whose_game_lives_within_the_budget_is_chosen(suite, finished):
    done = tuned(suite, finished)
    assert done.exit_code == 0, done.output
    document = json.loads((finished.root / "trials.json").read_text())
    trials = {float(*trial["settings"].values()): trial for trial in document["trials"]}
    assert [weight for weight, trial in trials.items() if trial["chosen"]] == [0.1]
    assert {weight: trial["game"] for weight, trial in trials.items()} == {
        0.005: "discriminator-won", 0.1: "lives", 0.3: "lives",
    }  # fmt: skip
    assert {trial["iterations"] for trial in trials.values()} == {3}
    assert document["label"] == "second"
    assert document["seed"] == 1
    assert "discriminator-won" in done.stdout


def test_a_wider_budget_admits_more(suite, finished):
    assert tuned(suite, finished, "--budget", "2.5").exit_code == 0
    document = json.loads((finished.root / "trials.json").read_text())
    assert [t["settings"] for t in document["trials"] if t["chosen"]] == [
        {"adversarial.adversarial_weight": "0.3"}
    ]


def test_mistakes_are_named(suite, finished):
    done = CliRunner().invoke(cli, ["tune", str(suite), "--try", "adversarial.learning_rate"])
    assert done.exit_code == 2
    assert "expected --try KEY=VALUE,VALUE..." in done.output
    done = CliRunner().invoke(cli, ["tune", str(suite), "--try", "adversarial.rate=1"])
    assert done.exit_code == 2
    assert "rate" in done.output
