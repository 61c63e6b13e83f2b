"""What a regime may set: the crop at a random offset, the average of weights, the two rates."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from srbench.train import AdversarialSettings, CheckpointFolder, Hooks, RuntimeSettings
from srbench.train.adversarial import AdversarialStep, run_adversarial
from srbench.train.offset import corner_of, cut
from srbench.train.runtime import Placement

CPU = RuntimeSettings(device="cpu", threads=1, channels_last=False)
SETTINGS = AdversarialSettings(
    iterations=6, learning_rate=1e-3, pixel_weight=0.3, adversarial_weight=0.05
)


def test_offsets_are_uniform_below_the_limit_and_the_same_for_every_run() -> None:
    image = torch.arange(20.0 * 20).reshape(1, 1, 20, 20)
    corners = [cut(image, corner_of(iteration, 4), 4) for iteration in range(400)]
    assert {tuple(c.shape) for c in corners} == {(1, 1, 16, 16)}
    places = [divmod(int(c[0, 0, 0, 0]), 20) for c in corners]
    counts = torch.tensor([[places.count((y, x)) for x in range(4)] for y in range(4)])
    assert int(counts.sum()) == 400
    assert 8 < int(counts.min()) <= int(counts.max()) < 45  # 25 each, 4 standard deviations
    assert torch.equal(cut(image, corner_of(17, 4), 4), corners[17])
    assert cut(image, corner_of(17, 0), 0) is image
    numbers = [torch.tensor(number) for number in corner_of(17, 4)]
    assert torch.equal(cut(image, numbers, 4), corners[17])


class Recorder(nn.Module):
    """An L1 content loss that notes what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        self.seen.append((sr.detach().clone(), hr.clone()))
        return (sr - hr).abs().mean()


def test_all_networks_see_the_same_crop_of_sr_and_hr(make_networks: Any, make_sampler: Any) -> None:
    generator, discriminator = make_networks("msrresnet")
    seen: list[Tensor] = []
    discriminator.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0].detach()))
    content = Recorder()
    step = AdversarialStep(
        generator, discriminator, content, SETTINGS.but(random_offset=8),
        Placement(device=torch.device("cpu"), settings=CPU),
    )  # fmt: skip
    sampler = make_sampler(batch_size=2, patch_size=32)
    for iteration in range(3):
        lr, hr = sampler.next()
        sr = generator(lr).detach()
        step(lr, hr, iteration)
        sr_crop, hr_crop = (cut(image, corner_of(iteration, 8), 8) for image in (sr, hr))
        assert torch.equal(content.seen[-1][0], sr_crop)
        assert torch.equal(content.seen[-1][1], hr_crop)
        assert torch.equal(seen[-2], sr_crop)
        assert torch.equal(seen[-1], hr_crop)


def _train(
    tmp_path: Path, make_networks: Any, make_sampler: Any, make_content: Any, **changes: Any
) -> tuple[nn.Module, list[dict[str, Tensor]]]:
    """The generator that is kept, and the weights that validation saw at every iteration."""
    generator, discriminator = make_networks("msrresnet")
    seen: list[dict[str, Tensor]] = []

    def validate(network: nn.Module, iteration: int) -> None:
        seen.append({name: t.clone() for name, t in network.state_dict().items()})

    run_adversarial(
        generator, discriminator, make_content(), make_sampler(),
        SETTINGS.but(validate_every=1, **changes), CPU,
        seed=1, checkpoints=CheckpointFolder(tmp_path), hooks=Hooks(validate=validate),
    )  # fmt: skip
    return generator, seen


def test_the_average_is_what_is_validated_and_kept(
    tmp_path: Path, make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    plain, weights = _train(tmp_path / "a", make_networks, make_sampler, make_content)
    kept, averages = _train(
        tmp_path / "b", make_networks, make_sampler, make_content, average_decay=0.6
    )
    for name, last in plain.state_dict().items():
        expected = weights[0][name]  # the average starts at the first iteration's weights
        for state, average in zip(weights, averages, strict=True):
            expected = 0.6 * expected + 0.4 * state[name]
            torch.testing.assert_close(average[name], expected)
        torch.testing.assert_close(kept.state_dict()[name], expected)
        assert torch.equal(last, weights[-1][name])


def test_a_resumed_run_keeps_the_same_average(
    tmp_path: Path, make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    whole, _ = _train(tmp_path / "a", make_networks, make_sampler, make_content, average_decay=0.6)
    checkpoints = CheckpointFolder(tmp_path / "b")
    for stop_at in (3, None):
        generator, discriminator = make_networks("msrresnet")
        asked = itertools.count()
        result = run_adversarial(
            generator, discriminator, make_content(), make_sampler(),
            SETTINGS.but(average_decay=0.6), CPU, seed=1, checkpoints=checkpoints,
            hooks=Hooks(should_stop=lambda at=stop_at, asked=asked: next(asked) == at),
        )  # fmt: skip
    assert result.resumed_from == 3
    for name, tensor in whole.state_dict().items():
        assert torch.equal(generator.state_dict()[name], tensor), name


@pytest.mark.parametrize(("rate", "factor"), [(None, 1.0), (4e-3, 4.0)])
def test_the_discriminator_has_a_rate_of_its_own(
    rate: float | None, factor: float, make_networks: Any, make_sampler: Any
) -> None:
    generator, discriminator = make_networks("msrresnet")
    before = [p.detach().clone() for p in discriminator.parameters()]
    settings = SETTINGS.but(discriminator_learning_rate=rate)
    step = AdversarialStep(
        generator,
        discriminator,
        None,
        settings,
        Placement(device=torch.device("cpu"), settings=CPU),
    )
    step(*make_sampler().next(), 0)
    # Adam's first step moves every weight by the rate (where its gradient is far above epsilon).
    moved = [
        (p.detach() - q).abs().max().item()
        for p, q in zip(discriminator.parameters(), before, strict=True)
    ]
    assert max(moved) == pytest.approx(factor * 1e-3, rel=1e-3)


def test_the_game_is_measured_where_the_run_is_validated(
    tmp_path: Path, make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    held_out = make_sampler(seed=7).fixed_batches(2, 7)
    results = []
    for batches in (held_out, ()):
        generator, discriminator = make_networks("srresnet")
        folder = CheckpointFolder(tmp_path / str(len(batches)))
        logged: list[int] = []
        hooks = Hooks(held_out=batches, on_game=lambda i, v, seen=logged: seen.append(i))
        result = run_adversarial(
            generator, discriminator, make_content(noise=0.1), make_sampler(),
            SETTINGS.but(validate_every=3), CPU, seed=1, checkpoints=folder, hooks=hooks,
        )  # fmt: skip
        results.append((generator, result, logged))
    (measured, with_game, logged), (plain, without, silent) = results
    assert logged == [3, 6] == [iteration for iteration, _ in with_game.game]
    assert silent == [] == without.game
    assert set(with_game.game[-1][1]) == {
        "discriminator", "accuracy_hr", "accuracy_sr", "accuracy_pairs",
        "content_gradient", "content_signal", "adversarial_gradient", "content_to_adversarial",
    }  # fmt: skip
    for name, tensor in plain.state_dict().items():  # looking on changes nothing
        assert torch.equal(measured.state_dict()[name], tensor), name
