"""A batch in parts gives the gradients, and the terms, of the whole batch."""

from __future__ import annotations

import pytest
import torch

from srbench.models.plugin import builtin_generator
from srbench.train import RuntimeSettings, WarmStartSettings, gradient_norm
from srbench.train.adversarial import AdversarialStep
from srbench.train.micro_batch import combined, micro_batches
from srbench.train.runtime import session
from srbench.train.settings import AdversarialSettings
from srbench.train.warm_start import WarmStartStep

BATCH = 6


def images() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return (
        torch.rand((BATCH, 3, 8, 8), generator=generator),
        torch.rand((BATCH, 3, 32, 32), generator=generator),
    )


class Plain(torch.nn.Module):
    """A discriminator without BatchNorm, for which parts must equal the whole."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, 2), torch.nn.LeakyReLU(0.2), torch.nn.Conv2d(4, 1, 3, 2)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(image).mean(dim=(1, 2, 3))


def gradients(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


@pytest.mark.parametrize("parts", [2, 3, 4, 6])
def test_an_adversarial_step_in_parts(parts: int) -> None:
    found = []
    for count in (1, parts):
        settings = AdversarialSettings(
            iterations=1, pixel_weight=0.3, adversarial_weight=0.5, micro_batches=count
        )
        generator = builtin_generator("msrresnet", {"blocks": 1, "channels": 8}, 4).build(seed=1)
        discriminator = Plain()
        with session(RuntimeSettings(device="cpu", threads=1), seed=1) as placement:
            step = AdversarialStep(
                generator, discriminator, torch.nn.MSELoss(), settings, placement
            )
            values = step(*images(), 0)
        found.append((values, gradients(generator), gradients(discriminator)))
    (whole, g, d), (split, g_split, d_split) = found
    torch.testing.assert_close(g_split, g, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(d_split, d, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(split, whole, rtol=1e-4, atol=1e-6)


def test_a_warm_start_step_in_parts() -> None:
    found = []
    for count in (1, 3):
        generator = builtin_generator("msrresnet", {"blocks": 1, "channels": 8}, 4).build(seed=1)
        settings = WarmStartSettings(iterations=1, micro_batches=count)
        with session(RuntimeSettings(device="cpu", threads=1), seed=1) as placement:
            values = WarmStartStep(generator, settings, placement)(*images(), 0)
        found.append((values, gradients(generator)))
    torch.testing.assert_close(found[1][0], found[0][0])
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-4, atol=1e-7)


def test_the_gradient_norm_of_calibration_in_parts() -> None:
    runtime = RuntimeSettings(device="cpu", threads=1)
    generator = builtin_generator("srresnet", {"blocks": 1, "channels": 8}, 4).build(seed=1)
    norms = [
        gradient_norm(generator, torch.nn.MSELoss(), [images()], runtime, parts=parts)
        for parts in (1, 2, 6)
    ]
    assert norms[1:] == pytest.approx([norms[0]] * 2, rel=1e-5)


def test_one_part_is_the_batch_itself() -> None:
    lr, hr = images()
    (part,) = micro_batches(lr, hr, 1)
    assert part.lr is lr
    value = torch.rand(())
    assert part.scaled(value) is value
    assert combined([value], [True]) is value


def test_more_parts_than_images_are_one_image_each() -> None:
    lr, hr = images()
    shares = [part.share for part in micro_batches(lr, hr, 50)]
    assert shares == [1 / BATCH] * BATCH
