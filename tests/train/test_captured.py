"""The step as a CUDA graph, on a machine without one: graphs are emulated by noting operations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from recording import Graph, emulated
from stepping import assert_same
from torch import Tensor, nn

from srbench.devices import is_out_of_memory
from srbench.errors import ContractError
from srbench.train import (
    AdversarialSettings,
    CheckpointFolder,
    Hooks,
    RuntimeSettings,
    WarmStartSettings,
    adversarial,
    run_adversarial,
)
from srbench.train.adversarial import AdversarialStep
from srbench.train.captured import WARM_UP, Captured
from srbench.train.offset import cut
from srbench.train.runtime import Placement, session
from srbench.train.warm_start import WarmStartStep

CPU = torch.device("cpu")
STEPS = WARM_UP + 4
RATE = 2.0**-10
"""And its half are float32 numbers: a learning rate as a tensor is the same rate."""


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Graph]]:
    with emulated(monkeypatch) as made:
        yield made


def placement(captured: bool, **settings: Any) -> Placement:
    chosen = RuntimeSettings(cuda_graph=captured, channels_last=False, **settings)
    return Placement(device=CPU, settings=chosen)


def both(make_step: Any, make_sampler: Any) -> list[tuple[Tensor, dict[str, Any]]]:
    """Values of all steps and the last state: plain, then captured."""
    found = []
    for captured in (False, True):
        step, sampler = make_step(captured), make_sampler(patch_size=24)
        values = torch.stack([step(*sampler.next(), i) for i in range(STEPS)])
        found.append((values, step.state_dict()))
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"micro_batches": 2, "average_decay": 0.9},
        {"adversarial_loss": "relativistic-average", "random_offset": 8},
    ],
    ids=str,
)
def test_an_adversarial_step_is_the_plain_one(
    changes: Any, graphs: list[Graph], monkeypatch: pytest.MonkeyPatch, make_networks: Any,
    make_sampler: Any, make_content: Any,
) -> None:  # fmt: skip
    """Weights, statistics of BatchNorm, averages and values; the rate falls in a replayed step."""
    settings = AdversarialSettings(
        iterations=STEPS,
        learning_rate=RATE,
        milestones=(WARM_UP + 2,),
        gamma=0.5,
        pixel_weight=0.3,
        **changes,
    )

    def make(captured: bool) -> AdversarialStep:
        networks = make_networks("srresnet")
        return AdversarialStep(*networks, make_content(), settings, placement(captured))

    # What is cut by numbers is a view, whose sums may be added in another order than a copy's.
    monkeypatch.setattr(adversarial, "cut", lambda *args: cut(*args).contiguous())
    plain, captured = both(make, make_sampler)
    assert [graph.replays for graph in graphs] == [STEPS - WARM_UP]
    assert len({round(float(value), 6) for value in plain[0][:, 0]}) == STEPS
    assert torch.equal(captured[0], plain[0])
    for state in (plain[1], captured[1]):
        for name in ("generator_optimiser", "discriminator_optimiser"):
            (group,) = state[name]["param_groups"]
            assert float(group.pop("lr")) == RATE / 2
            del group["capturable"]
    assert_same(captured[1], plain[1])


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_step_of_the_warm_start_is_the_plain_one(
    precision: Any, graphs: list[Graph], make_networks: Any, make_sampler: Any
) -> None:
    """In float16 the scale falls in the first steps, and its fall is captured."""
    settings = WarmStartSettings(iterations=STEPS, learning_rate=RATE)

    def make(captured: bool) -> WarmStartStep:
        where = placement(captured, precision=precision)
        return WarmStartStep(make_networks()[0], settings, where)

    plain, captured = both(make, make_sampler)
    assert [graph.replays for graph in graphs] == [STEPS - WARM_UP]
    assert torch.equal(captured[0], plain[0])
    assert_same(captured[1]["generator"], plain[1]["generator"])
    assert captured[1]["scaling"] == plain[1]["scaling"]


def test_what_python_decides_is_decided_once(graphs: list[Graph]) -> None:
    """The emulation would show a step that is not fit for a graph."""
    count = itertools.count(1)
    call = Captured(lambda x: x * next(count), (), CPU)
    found = [float(call(torch.tensor(float(i)))) for i in range(1, WARM_UP + 4)]
    assert found == [1.0, 4.0, 9.0, 16.0, 20.0, 24.0]


def test_resumed_is_as_if_never_stopped(
    graphs: list[Graph], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_networks: Any,
    make_sampler: Any, make_content: Any,
) -> None:  # fmt: skip
    """Through a checkpoint, with validation between replays; captured anew afterwards."""
    monkeypatch.setattr("srbench.train.runtime.check_graph", lambda device: None)
    settings = AdversarialSettings(
        iterations=12, learning_rate=RATE, log_every=1, validate_every=2, random_offset=8
    )
    runtime = RuntimeSettings(device="cpu", threads=1, cuda_graph=True)

    def run(folder: Path, stop: int) -> Any:
        done = 0

        def count(iteration: int, total: int) -> None:
            nonlocal done
            done = iteration

        hooks = Hooks(
            on_progress=count,
            validate=lambda g, _: {"mean": float(g(torch.full((1, 3, 4, 4), 0.5)).mean())},
            should_stop=lambda: done == stop,
            held_out=[make_sampler(patch_size=24).batch(0)],
        )
        run_adversarial(
            *make_networks(), make_content(), make_sampler(patch_size=24), settings, runtime,
            seed=3, checkpoints=CheckpointFolder(folder), hooks=hooks,
        )  # fmt: skip
        checkpoint, _ = CheckpointFolder(folder).load()
        assert checkpoint is not None
        return checkpoint.state

    whole = run(tmp_path / "whole", -1)
    run(tmp_path / "parts", 5)
    assert_same(run(tmp_path / "parts", -1), whole)
    assert [graph.replays for graph in graphs] == [9, 2, 4]


class Failing(Graph):
    """Capturing ends in an error of CUDA; so does ending it."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(self.why)

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture")


def failing(monkeypatch: pytest.MonkeyPatch, why: str) -> Exception:
    @contextmanager
    def graph(captured: Graph, **options: Any) -> Iterator[None]:
        with captured:
            yield

    with emulated(monkeypatch):
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: Failing(why))
        monkeypatch.setattr(torch.cuda, "graph", graph)
        call = Captured(lambda x: x + 1, (), CPU)
        for _ in range(WARM_UP):
            call(torch.zeros(()))
        with pytest.raises(Exception, match=r".") as caught:
            call(torch.zeros(()))
    return caught.value


def test_a_step_that_cannot_be_captured_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    error = failing(monkeypatch, "CUDA error: operation not permitted when stream is capturing")
    assert isinstance(error, ContractError)
    assert "not permitted when stream is capturing" in error.what
    assert "execution.cuda_graph = false" in (error.fix or "")


def test_a_device_that_is_full_while_capturing_is_known_as_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that the job is tried again with smaller batches."""
    assert is_out_of_memory(failing(monkeypatch, "CUDA out of memory. Tried to allocate 2.00 GiB"))


def test_random_numbers_of_the_cpu_are_not_repeated_in_silence(
    graphs: list[Graph], make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    settings = AdversarialSettings(iterations=STEPS)
    step = AdversarialStep(
        *make_networks(), make_content(noise=0.1), settings, placement(captured=True)
    )
    sampler = make_sampler()
    for iteration in range(WARM_UP):
        step(*sampler.next(), iteration)
    with pytest.raises(ContractError, match="draws random numbers on the CPU"):
        step(*sampler.next(), WARM_UP)


def test_other_devices_than_cuda_have_no_graphs() -> None:
    with (
        pytest.raises(ContractError, match="cuda_graph, got cpu"),
        session(RuntimeSettings(device="cpu", cuda_graph=True), seed=0),
    ):
        pass
    assert not isinstance(placement(False).update(nn.Identity()), Captured)
