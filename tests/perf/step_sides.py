"""The sides of bench_step.py: one process each, which takes a training step when told to.

    python tests/perf/step_sides.py SIDE SIZE [--device cpu]

Reads a line, takes one step with its data, answers its seconds; a line that says ``faults`` is
answered by the page faults so far. ``plain`` is the step as the field writes it (BasicSR's
SRGANModel, release 1.4.2): contiguous float32, the discriminator run on the fake batch twice and on
the real one once, the loss network's weights frozen and HR's features taken apart under no_grad,
Adam in its default form, patches cut and LR made per image in DataLoader workers. The others are
srbench's own step.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

import srbench
from srbench.data import PatchSampler, find_dataset, prepare_store
from srbench.imaging.bicubic import degrade
from srbench.models.discriminator import build_discriminator
from srbench.models.plugin import builtin_generator
from srbench.train import AdversarialSettings, RuntimeSettings
from srbench.train.adversarial import AdversarialStep
from srbench.train.runtime import Placement, session

SETTINGS = AdversarialSettings(iterations=1000, pixel_weight=0.01, adversarial_weight=0.005)
SEED = 1
Step = Callable[[Tensor, Tensor, int], Any]


@dataclass(frozen=True)
class Size:
    """A training step's size."""

    generator: str
    blocks: int
    channels: int
    batch: int
    patch: int
    tap: str


SIZES = {
    "paper": Size("srresnet", 16, 64, batch=16, patch=96, tap="relu5_3"),
    "study": Size("msrresnet", 8, 32, batch=4, patch=64, tap="conv5_3"),
    "tiny": Size("msrresnet", 2, 8, batch=2, patch=32, tap="relu2_2"),
}

RUNTIMES: dict[str, dict[str, Any]] = {
    "float32": {"channels_last": False},
    "channels-last": {},
    "bf16": {"precision": "bf16"},
    "all-bf16": {"precision": "bf16", "loss_precision": "bf16"},
    "compiled": {"compile": True},
    "captured": {"cuda_graph": True},
    "float16": {"precision": "float16"},
}
"""srbench's sides, as settings of ``[execution]``."""


class Patches(TorchDataset[tuple[Tensor, Tensor]]):
    """One random patch and its LR per item, as a DataLoader worker prepares them."""

    def __init__(self, patch: int, length: int) -> None:
        self._images = find_dataset("photos")
        self._patch, self._length = patch, length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        draw = torch.Generator().manual_seed(index)
        image = self._images.load(index % len(self._images))
        rows, columns = (side - self._patch for side in image.shape[:2])
        top = int(torch.randint(rows + 1, (), generator=draw))
        left = int(torch.randint(columns + 1, (), generator=draw))
        crop = image[top : top + self._patch, left : left + self._patch]
        hr = torch.from_numpy(crop.copy()).permute(2, 0, 1).float() / 255
        if index % 2:
            hr = hr.flip(-1)
        return degrade(hr[None], 4)[0], hr


class PlainStep:
    """BasicSR's ``optimize_parameters`` of SRGAN: three discriminator forwards."""

    def __init__(self, g: nn.Module, d: nn.Module, loss: nn.Module) -> None:
        self.g, self.d, self.loss = g.train(), d.train(), loss
        self.g_optimiser = torch.optim.Adam(g.parameters(), lr=1e-4)
        self.d_optimiser = torch.optim.Adam(d.parameters(), lr=1e-4)

    def __call__(self, lr: Tensor, hr: Tensor, iteration: int) -> None:
        self.d.requires_grad_(False)
        self.g_optimiser.zero_grad()
        sr = self.g(lr)
        total = SETTINGS.content_factor * self.loss(sr, hr)
        total = total + SETTINGS.pixel_weight * F.l1_loss(sr, hr)
        total = total + SETTINGS.adversarial_weight * F.softplus(-self.d(sr)).mean()
        total.backward()
        self.g_optimiser.step()
        self.d.requires_grad_(True)
        self.d_optimiser.zero_grad()
        F.softplus(-self.d(hr)).mean().backward()
        F.softplus(self.d(sr.detach())).mean().backward()
        self.d_optimiser.step()


def networks(size: Size) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Generator, discriminator and loss, the same for every side."""
    return (
        builtin_generator(
            size.generator, {"blocks": size.blocks, "channels": size.channels}, 4
        ).build(seed=SEED),
        build_discriminator(max(size.channels, 8), seed=SEED),
        srbench.load_loss("vgg16", tap=size.tap, distance="l1"),
    )


def plain_side(size: Size, device: str) -> tuple[Step, Iterator[tuple[Tensor, Tensor]]]:
    """The plain step and its DataLoader, with as many workers as there are cores."""
    g, d, loss = (network.to(device) for network in networks(size))
    loader = DataLoader(
        Patches(size.patch, length=100_000),
        batch_size=size.batch,
        num_workers=2,
        pin_memory=device == "cuda",
        persistent_workers=True,
    )

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for lr, hr in loader:
            yield lr.to(device, non_blocking=True), hr.to(device, non_blocking=True)

    return PlainStep(g, d, loss), batches()


def our_side(size: Size, placement: Placement) -> tuple[Step, Iterator[tuple[Tensor, Tensor]]]:
    """srbench's step and sampler under settings of ``[execution]``."""
    step = AdversarialStep(*networks(size), SETTINGS, placement)
    sampler = PatchSampler(
        prepare_store(find_dataset("photos")),
        patch_size=size.patch,
        batch_size=size.batch,
        scale=4,
        seed=SEED,
        device=placement.device,
    )

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            lr, hr = sampler.next()
            yield placement.images(lr), placement.images(hr)

    return step, batches()


def page_faults() -> int:
    """Minor page faults of this process so far; 0 where the system does not count them."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("side", choices=["plain", *RUNTIMES])
    parser.add_argument("size", choices=list(SIZES))
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    size, device = SIZES[arguments.size], arguments.device
    if arguments.side == "plain":
        serve(*plain_side(size, device), device)
        return
    settings = RuntimeSettings(device=device, **RUNTIMES[arguments.side])
    with session(settings, seed=SEED) as placement:
        serve(*our_side(size, placement), device)


def serve(step: Step, batches: Iterator[tuple[Tensor, Tensor]], device: str) -> None:
    """A step for every line of standard input, its seconds on standard output."""
    print("ready", flush=True)
    for iteration, line in enumerate(sys.stdin):
        if line.strip() == "faults":
            print(page_faults(), flush=True)
            continue
        start = time.perf_counter()
        lr, hr = next(batches)
        step(lr, hr, iteration)
        if device == "cuda":
            torch.cuda.synchronize()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
