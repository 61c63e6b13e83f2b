"""The stages on the real patch sampler and real photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from srbench.data import ImageStore, PatchSampler, find_dataset, prepare_store
from srbench.models.discriminator import build_discriminator
from srbench.models.plugin import builtin_generator
from srbench.train import (
    AdversarialSettings,
    CheckpointFolder,
    Hooks,
    RuntimeSettings,
    WarmStartSettings,
    gradient_norm,
    run_adversarial,
    run_warm_start,
)

CPU = RuntimeSettings(device="cpu", threads=1)


def sampler(store: ImageStore) -> PatchSampler:
    return PatchSampler(store, patch_size=32, batch_size=2, scale=4, seed=5)


def test_both_stages_resume_bit_identically(make_content: Any, tmp_path: Path) -> None:
    store = prepare_store(find_dataset("photos", count=3), cache=tmp_path / "cache")
    states = []
    for stops in ((), (3,)):
        root = tmp_path / f"run{len(stops)}"
        for stop in (*stops, None):
            states_now = run(store, make_content(), root, stop)
        states.append(states_now)
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


def run(
    store: ImageStore, content: torch.nn.Module, root: Path, stop: int | None
) -> dict[str, torch.Tensor]:
    generator = builtin_generator("srresnet", {"blocks": 1, "channels": 4}, 4).build(seed=1)
    discriminator = build_discriminator(4, seed=1)
    warm = WarmStartSettings(iterations=4, learning_rate=1e-3)
    with sampler(store) as patches:
        run_warm_start(
            generator, patches, warm, CPU, seed=1, checkpoints=CheckpointFolder(root / "warm")
        )
    with sampler(store) as patches:
        assert gradient_norm(generator, content, patches.fixed_batches(2, seed=9), CPU) > 0
        done = 0

        def count(iteration: int, total: int) -> None:
            nonlocal done
            done = iteration

        result = run_adversarial(
            generator,
            discriminator,
            content,
            patches,
            AdversarialSettings(iterations=6),
            CPU,
            seed=1,
            checkpoints=CheckpointFolder(root / "adversarial"),
            hooks=Hooks(on_progress=count, should_stop=lambda: done == stop),
        )
    assert result.stopped == (stop is not None)
    assert 0 <= result.data_wait_fraction <= 1
    return {**generator.state_dict()}
