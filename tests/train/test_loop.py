"""What a stage reports, when, and that looking on changes nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from srbench.train import (
    AdversarialSettings,
    CheckpointFolder,
    Hooks,
    RuntimeSettings,
    StageResult,
    WarmStartSettings,
    run_adversarial,
    run_warm_start,
)
from srbench.train.stage import Point

CPU = RuntimeSettings(device="cpu", threads=1)


def warm(
    generator: nn.Module, sampler: Any, folder: Any, hooks: Hooks | None = None, **changes: Any
) -> StageResult:
    settings = WarmStartSettings(**{"iterations": 10, "log_every": 4, **changes})
    checkpoints = CheckpointFolder(folder)
    return run_warm_start(
        generator, sampler, settings, CPU, seed=0, checkpoints=checkpoints, hooks=hooks
    )


def test_warm_start_learns(make_networks: Any, make_sampler: Any, tmp_path: Any) -> None:
    sampler = make_sampler()
    batch = sampler.batch
    sampler.batch = lambda index: (batch(index)[0], 1 - batch(index)[1])  # far from bilinear
    result = warm(
        make_networks("msrresnet")[0],
        sampler,
        tmp_path,
        iterations=150,
        log_every=50,
        learning_rate=1e-2,
    )
    losses = [values["pixel"] for _, values in result.log]
    assert losses[-1] < 0.85 * losses[0]


def test_warm_start_equals_a_plain_loop(
    make_networks: Any, make_sampler: Any, tmp_path: Any
) -> None:
    mine, plain = make_networks()[0], make_networks()[0]
    warm(
        mine, make_sampler(), tmp_path, learning_rate=1e-2, milestones=(3, 7), gamma=0.5, loss="l2"
    )
    plain.to(memory_format=torch.channels_last)  # the default layout, for the same bits
    optimiser = torch.optim.Adam(plain.parameters(), lr=1e-2, fused=True)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [3, 7], 0.5)
    sampler = make_sampler()
    with_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(10):
        lr, hr = (x.to(memory_format=torch.channels_last) for x in sampler.next())
        optimiser.zero_grad()
        nn.functional.mse_loss(plain(lr), hr).backward()
        optimiser.step()
        schedule.step()
    torch.set_num_threads(with_threads)
    for key, value in plain.state_dict().items():
        assert torch.equal(value, mine.state_dict()[key]), key


def test_reports(make_networks: Any, make_sampler: Any, tmp_path: Any) -> None:
    progress: list[tuple[int, int]] = []
    logged: list[Point] = []
    validated: list[int] = []

    def validate(generator: nn.Module, iteration: int) -> dict[str, float]:
        assert not generator.training
        assert not torch.is_grad_enabled()
        validated.append(iteration)
        return {"psnr": 20.0 + iteration}

    generator = make_networks()[0]
    result = warm(
        generator,
        make_sampler(wait_fraction=0.25),
        tmp_path,
        validate_every=5,
        milestones=(8,),
        hooks=Hooks(
            on_progress=lambda *at: progress.append(at),
            on_log=lambda *at: logged.append(at),
            validate=validate,
        ),
    )
    assert progress == [(i, 10) for i in range(1, 11)]
    assert [i for i, _ in logged] == [4, 8, 10]
    assert logged == result.log
    assert set(logged[0][1]) == {
        "pixel",
        "learning_rate",
        "iterations_per_second",
        "data_wait_fraction",
    }
    # A point tells the rate that its last update used; the milestone takes effect at update 8.
    assert [v["learning_rate"] for _, v in logged] == pytest.approx([1e-4, 1e-4, 1e-5])
    assert validated == [5, 10]
    assert result.validation == [(5, {"psnr": 25.0}), (10, {"psnr": 30.0})]
    assert (result.iterations, result.stopped, result.resumed_from) == (10, False, None)
    assert result.data_wait_fraction == 0.25
    assert result.iterations_per_second == pytest.approx(10 / result.seconds)
    assert result.peak_memory_bytes > 10_000_000
    assert not generator.training


def test_adversarial_log_has_what_the_design_asks_for(
    make_networks: Any, make_sampler: Any, make_content: Any, tmp_path: Any
) -> None:
    settings = AdversarialSettings(iterations=4, log_every=2, pixel_weight=0.1)
    g, d = make_networks()
    result = run_adversarial(
        g,
        d,
        make_content(),
        make_sampler(),
        settings,
        CPU,
        seed=0,
        checkpoints=CheckpointFolder(tmp_path),
    )
    assert [i for i, _ in result.log] == [2, 4]
    for _, values in result.log:
        assert set(values) == {
            "content",
            "content_gradient",
            "pixel",
            "pixel_gradient",
            "adversarial",
            "adversarial_gradient",
            "discriminator",
            "objective",
            "content_to_adversarial",
            "learning_rate",
            "iterations_per_second",
            "data_wait_fraction",
        }
        assert all(math.isfinite(v) for v in values.values())
        assert all(type(v) is float for v in values.values())


def test_looking_changes_nothing(
    make_networks: Any, make_sampler: Any, make_content: Any, tmp_path: Any
) -> None:
    """Logging, validation that draws numbers, and checkpoints leave the same generator."""

    def noisy(generator: nn.Module, iteration: int) -> dict[str, float]:
        generator(torch.rand(1, 3, 4, 4) + float(np.random.rand()))
        return {"x": 1.0}

    states = []
    for often in (False, True):
        g, d = make_networks()
        settings = AdversarialSettings(
            iterations=6, log_every=1 if often else 100, validate_every=2 if often else 0
        )
        run_adversarial(
            g,
            d,
            make_content(noise=0.1),
            make_sampler(),
            settings,
            CPU,
            seed=0,
            checkpoints=CheckpointFolder(tmp_path / str(often), every_iterations=1 + 99 * often),
            hooks=Hooks(validate=noisy) if often else None,
        )
        states.append(g.state_dict())
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


def test_the_seed_reaches_losses_that_draw(
    make_networks: Any, make_sampler: Any, make_content: Any, tmp_path: Any
) -> None:
    weights = []
    for number, seed in enumerate((0, 0, 1)):
        g, d = make_networks()
        settings = AdversarialSettings(iterations=2, learning_rate=1e-2)
        run_adversarial(
            g,
            d,
            make_content(noise=0.5),
            make_sampler(),
            settings,
            CPU,
            seed=seed,
            checkpoints=CheckpointFolder(tmp_path / str(number)),
        )
        weights.append(torch.cat([p.detach().flatten() for p in g.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_zero_iterations_leave_the_generator(
    make_networks: Any, make_sampler: Any, tmp_path: Any
) -> None:
    generator = make_networks()[0]
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    result = warm(generator, make_sampler(), tmp_path, iterations=0)
    assert (result.iterations, result.iterations_per_second, result.log) == (0, 0.0, [])
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())
    assert list(tmp_path.iterdir()) == []


def test_an_exception_in_a_hook_is_not_swallowed(
    make_networks: Any, make_sampler: Any, tmp_path: Any
) -> None:
    def broken(iteration: int, values: dict[str, float]) -> None:
        raise OSError("no room for the log")

    with pytest.raises(OSError, match="no room"):
        warm(make_networks()[0], make_sampler(), tmp_path, hooks=Hooks(on_log=broken))


def test_values_are_read_only_where_they_are_logged(
    make_networks: Any,
    make_sampler: Any,
    make_content: Any,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop as it runs off the CPU: two reads at a logging point, none between."""
    from srbench.train.loop import Loop

    original = Loop.__init__

    def as_on_a_gpu(self: Loop, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self._check_always = False

    monkeypatch.setattr(Loop, "__init__", as_on_a_gpu)
    reads: list[str] = []
    for name in ("tolist", "item", "__bool__", "__float__"):
        plain = getattr(torch.Tensor, name)

        def counted(self: Any, *args: Any, _plain: Any = plain, _name: str = name) -> Any:
            reads.append(_name)
            return _plain(self, *args)

        monkeypatch.setattr(torch.Tensor, name, counted)
    at: list[int] = []
    g, d = make_networks()
    run_adversarial(
        g,
        d,
        make_content(),
        make_sampler(),
        AdversarialSettings(iterations=10, log_every=5),
        CPU,
        seed=0,
        checkpoints=CheckpointFolder(tmp_path),
        hooks=Hooks(on_progress=lambda *_: at.append(len(reads))),
    )
    assert at[:4] == [0, 0, 0, 0]
    assert at[4] > 0
    assert at[5:9] == [at[4]] * 4


def test_late_checks_still_name_the_iteration(
    make_networks: Any, make_sampler: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off the CPU a bad value is found at the next point, also where that is a checkpoint."""
    from srbench.errors import NonFiniteLoss
    from srbench.train.loop import Loop

    class Breaks(nn.Module):
        calls = 0

        def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            value = (sr - hr).abs().mean()
            return value * math.nan if self.calls == 6 else value

    original = Loop.__init__

    def as_on_a_gpu(self: Loop, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self._check_always = False

    monkeypatch.setattr(Loop, "__init__", as_on_a_gpu)
    done: list[int] = []
    folder = CheckpointFolder(tmp_path, every_iterations=4)
    g, d = make_networks()
    with pytest.raises(NonFiniteLoss) as caught:
        run_adversarial(
            g,
            d,
            Breaks(),
            make_sampler(),
            AdversarialSettings(iterations=90),
            CPU,
            seed=0,
            checkpoints=folder,
            hooks=Hooks(on_progress=lambda i, _: done.append(i)),
        )
    assert (caught.value.term, caught.value.iteration) == ("content", 5)
    assert done[-1] == 7  # found when the checkpoint at 8 was due; none was written then
    checkpoint, _ = folder.load()
    assert checkpoint is not None
    assert checkpoint.iteration == 4
