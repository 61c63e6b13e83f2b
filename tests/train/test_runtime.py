"""A stage's global settings take effect and are put back; devices are chosen CUDA first."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from srbench.errors import UserError
from srbench.train import RuntimeSettings
from srbench.train.rng import capture_rng, isolated_rng, restore_rng, seed_rng
from srbench.train.runtime import Placement, choose_device, peak_memory_bytes, session


def draws() -> tuple[float, float, float]:
    return torch.rand(1).item(), float(np.random.rand()), random.random()


def globals_() -> tuple[Any, ...]:
    return (
        torch.get_num_threads(),
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )


def test_cuda_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device(None).type == "cuda"
    assert choose_device("cpu").type == "cpu"
    assert choose_device("cuda:1").index == 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(None).type == "cpu"


def test_missing_gpu_is_an_error_not_a_slow_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="--device cpu"):
        choose_device("cuda")


def test_unknown_device() -> None:
    with pytest.raises(UserError, match="expected a device"):
        choose_device("gpu")


@pytest.mark.parametrize("failing", [False, True])
def test_session_sets_and_puts_back(failing: bool) -> None:
    before = globals_()
    state = torch.get_rng_state()
    settings = RuntimeSettings(device="cpu", threads=1, tf32=True)
    with pytest.raises(KeyError) if failing else isolated_rng(), session(settings, seed=3):
        assert torch.get_num_threads() == 1
        assert torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
        draws()
        if failing:
            raise KeyError
    assert globals_() == before
    assert torch.equal(torch.get_rng_state(), state)


def test_session_seeds_everything() -> None:
    seen = []
    for seed in (3, 3, 4):
        with session(RuntimeSettings(device="cpu"), seed=seed):
            seen.append(draws())
    assert seen[0] == seen[1]
    assert all(a != b for a, b in zip(seen[0], seen[2], strict=True))


def test_rng_state_round_trip_through_a_file(tmp_path: Any) -> None:
    with isolated_rng():
        seed_rng(-5)
        np.random.randn(1)  # leaves a cached second Gaussian
        random.gauss(0, 1)
        torch.save(capture_rng(), tmp_path / "rng.pt")
        first = (*draws(), float(np.random.randn()), random.gauss(0, 1))
        restore_rng(torch.load(tmp_path / "rng.pt", weights_only=True))
        assert (*draws(), float(np.random.randn()), random.gauss(0, 1)) == first


def test_isolated_rng_leaves_no_trace() -> None:
    with isolated_rng():
        seed_rng(1)
        expected = draws()
        seed_rng(1)
        with isolated_rng():
            draws()
        assert draws() == expected


def test_peak_memory_is_that_of_the_process() -> None:
    held = torch.ones(20_000_000)
    peak = peak_memory_bytes(torch.device("cpu"))
    assert held.numel() * 4 < peak < 2**40


def test_fused_adam_is_a_setting() -> None:
    module = torch.nn.Linear(2, 2)
    for fused in (True, False):
        where = Placement(device=torch.device("cpu"), settings=RuntimeSettings(fused_adam=fused))
        group = where.adam(module, 1e-3, (0.5, 0.9)).param_groups[0]
        assert (group["fused"], group["lr"], group["betas"]) == (fused, 1e-3, (0.5, 0.9))
