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


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_gpu_is_repeatable_where_the_suite_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, deterministic: bool
) -> None:
    """Without a GPU: torch is told that there is one, and nothing is computed."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    before = globals_()
    settings = RuntimeSettings(device="cuda", threads=1, deterministic=deterministic)
    with session(settings, seed=1):
        assert torch.backends.cudnn.benchmark is not deterministic  # kernels chosen by timing
        assert torch.backends.cudnn.deterministic is deterministic
        assert torch.are_deterministic_algorithms_enabled() is deterministic
        # An operation without a deterministic form is an error, not a warning in a log.
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert globals_() == before


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


@pytest.mark.parametrize(("saved", "here"), [(2, 1), (1, 2), (2, 2), (2, 0)])
def test_a_checkpoint_of_a_machine_with_other_gpus_is_restored(
    monkeypatch: pytest.MonkeyPatch, saved: int, here: int
) -> None:
    """Those that are here get their states; torch raises at the first that is not."""
    put: dict[int, torch.Tensor] = {}

    def set_all(states: list[torch.Tensor]) -> None:
        for index, state in enumerate(states):
            if index >= here:
                raise RuntimeError("CUDA error: invalid device ordinal")
            put[index] = state

    monkeypatch.setattr(torch.cuda, "is_available", lambda: here > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: here)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", set_all)
    states = [torch.full((4,), index) for index in range(saved)]
    with isolated_rng():
        restore_rng({**capture_rng(), "cuda": states})
    assert [int(state[0]) for state in put.values()] == list(range(min(saved, here)))


def test_states_of_other_accelerators_are_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[tuple[str, list[int]]] = []
    state = torch.full((4,), 7)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: state)
    monkeypatch.setattr(torch.mps, "set_rng_state", lambda s: put.append(("mps", s.tolist())))
    monkeypatch.setattr(torch.xpu, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: True)
    monkeypatch.setattr(torch.xpu, "device_count", lambda: 1)
    monkeypatch.setattr(torch.xpu, "get_rng_state_all", lambda: [state + 1, state + 2])
    monkeypatch.setattr(
        torch.xpu, "set_rng_state_all", lambda s: put.extend(("xpu", x.tolist()) for x in s)
    )
    captured = capture_rng()
    restore_rng(captured)
    assert put == [("xpu", [8] * 4), ("mps", [7] * 4)]
    put.clear()
    restore_rng({name: captured[name] for name in ("torch", "cuda", "numpy", "python")})
    assert not put  # a checkpoint of before


@pytest.mark.parametrize(("device", "read"), [("xpu", "max_memory_reserved"),
                                              ("mps", "driver_allocated_memory")])  # fmt: skip
def test_another_accelerator_is_waited_for_and_its_memory_read(
    monkeypatch: pytest.MonkeyPatch, device: str, read: str
) -> None:
    waited: list[str] = []
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr("srbench.train.runtime.check_device", lambda name: None)
    monkeypatch.setattr(torch.xpu, "init", lambda: None)
    monkeypatch.setattr(torch.get_device_module(device), read, lambda *_: 11)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda d: waited.append(d.type))
    with session(RuntimeSettings(device=device, threads=1), seed=1) as where:
        where.synchronize()
        assert peak_memory_bytes(where.device) == 11
    assert waited == [device]


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


def test_peak_memory_of_a_gpu_is_all_that_was_taken_of_it_by_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Workspaces and free blocks count, and no stage forgets what one before it needed."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 5)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 7)
    monkeypatch.setattr(
        torch.cuda, "reset_peak_memory_stats", lambda device: pytest.fail("it was forgotten")
    )
    with session(RuntimeSettings(device="cuda", threads=1), seed=1) as placement:
        assert peak_memory_bytes(placement.device) == 7


def test_fused_adam_is_a_setting() -> None:
    module = torch.nn.Linear(2, 2)
    for fused in (True, False):
        where = Placement(device=torch.device("cpu"), settings=RuntimeSettings(fused_adam=fused))
        group = where.adam(module, 1e-3, (0.5, 0.9)).param_groups[0]
        assert (group["fused"], group["lr"], group["betas"]) == (fused, 1e-3, (0.5, 0.9))
