"""Stopped or killed at any moment and run again, a stage ends in the same bits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from stepping import assert_same

from srbench.train import (
    AdversarialSettings,
    CheckpointError,
    CheckpointFolder,
    Hooks,
    RuntimeSettings,
    StageResult,
    WarmStartSettings,
    run_adversarial,
    run_warm_start,
)

TOTAL = 8


class Stages:
    """Both stages as ``run(folder, stop_after) -> (result, states)``, each from fresh objects."""

    def __init__(
        self, networks: Any, sampler: Any, content: Any, runtime: RuntimeSettings, name: str
    ) -> None:
        self.networks, self.sampler, self.content = networks, sampler, content
        self.runtime, self.name = runtime, name

    def run(self, folder: Path, stop_after: int | None) -> tuple[StageResult, dict[str, Any]]:
        g, d = self.networks(self.name)
        done = 0

        def count(iteration: int, total: int) -> None:
            nonlocal done
            done = iteration

        def validate(generator: Any, iteration: int) -> dict[str, float]:
            return {"mean": generator(torch.full((1, 3, 4, 4), 0.5)).mean().item()}

        hooks = Hooks(
            on_progress=count, validate=validate, should_stop=lambda: done == (stop_after or -1)
        )
        options: dict[str, Any] = {
            "seed": 3,
            "checkpoints": CheckpointFolder(folder),
            "hooks": hooks,
        }
        common: dict[str, Any] = {
            "iterations": TOTAL,
            "learning_rate": 1e-3,
            "milestones": (5,),
            "log_every": 3,
            "validate_every": 2,
        }
        if self.content is None:
            settings = WarmStartSettings(**common)
            result = run_warm_start(g, self.sampler(), settings, self.runtime, **options)
        else:
            result = run_adversarial(
                g,
                d,
                self.content(noise=0.1),
                self.sampler(),
                AdversarialSettings(**common, pixel_weight=0.1),
                self.runtime,
                **options,
            )
        checkpoint, _ = CheckpointFolder(folder).load()
        assert checkpoint is not None
        return result, checkpoint.state


@pytest.mark.parametrize("stage", ["warm-start", "adversarial"])
@pytest.mark.parametrize("precision", ["float32", "bf16", "float16"])
@pytest.mark.parametrize("stop", [1, 4, 5, 7])
def test_stopped_and_resumed_is_bit_identical(
    stage: str,
    precision: Any,
    stop: int,
    make_networks: Any,
    make_sampler: Any,
    make_content: Any,
    tmp_path: Path,
) -> None:
    """Weights, BatchNorm statistics, optimisers, random states, data order, logs and curves."""
    runtime = RuntimeSettings(device="cpu", threads=1, precision=precision)
    content = make_content if stage == "adversarial" else None
    stages = Stages(make_networks, make_sampler, content, runtime, "srresnet")
    whole, expected = stages.run(tmp_path / "whole", None)
    first, _ = stages.run(tmp_path / "parts", stop)
    assert (first.iterations, first.stopped) == (stop, True)
    second, state = stages.run(tmp_path / "parts", None)
    assert (second.iterations, second.stopped, second.resumed_from) == (TOTAL, False, stop)
    assert_same(state, expected)
    assert_same(second.log, whole.log)
    assert second.validation == whole.validation


def test_a_finished_stage_is_not_run_again(
    make_networks: Any, make_sampler: Any, make_content: Any, cpu: RuntimeSettings, tmp_path: Path
) -> None:
    stages = Stages(make_networks, make_sampler, make_content, cpu, "srresnet")
    first, expected = stages.run(tmp_path, None)
    stages.sampler = lambda: None  # nothing may be drawn

    class NoData:
        wait_fraction = 0.0

        def load_state_dict(self, state: Any) -> None: ...

    stages.sampler = NoData
    again, state = stages.run(tmp_path, None)
    assert again.resumed_from == TOTAL
    assert_same(state, expected)
    assert (again.log, again.validation, again.seconds >= first.seconds) == (
        first.log,
        first.validation,
        True,
    )


def test_damaged_newest_repeats_the_lost_part_and_says_so(
    make_networks: Any, make_sampler: Any, make_content: Any, cpu: RuntimeSettings, tmp_path: Path
) -> None:
    stages = Stages(make_networks, make_sampler, make_content, cpu, "srresnet")
    _, expected = stages.run(tmp_path / "whole", None)
    stages.run(tmp_path / "parts", 3)
    stages.run(tmp_path / "parts", 6)
    newest = tmp_path / "parts" / "checkpoint-000000006.pt"
    newest.write_bytes(newest.read_bytes()[:-1000])
    result, state = stages.run(tmp_path / "parts", None)
    assert result.resumed_from == 3
    assert "checkpoint-000000006.pt is damaged" in result.notes[0]
    assert_same(state, expected)


def test_a_stage_refuses_the_other_stages_checkpoint(
    make_networks: Any, make_sampler: Any, make_content: Any, cpu: RuntimeSettings, tmp_path: Path
) -> None:
    Stages(make_networks, make_sampler, None, cpu, "srresnet").run(tmp_path, 3)
    with pytest.raises(CheckpointError, match="expected a checkpoint of stage adversarial"):
        Stages(make_networks, make_sampler, make_content, cpu, "srresnet").run(tmp_path, None)


@pytest.mark.slow
def test_sigkill_at_random_moments(tmp_path: Path) -> None:
    """A checkpoint every iteration, so that many of the kills fall inside a write."""
    script = Path(__file__).with_name("victim.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    outcome = json.loads(done.stdout)
    assert outcome["killed"] == outcome["final"]
    assert outcome["kills"] == 20
    assert outcome["inside_a_write"] >= 1
    assert len(set(outcome["resumed_from"])) > 5  # the kills hit work that had moved on
