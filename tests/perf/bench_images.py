"""What images of known bytes cost: float64 against float32, on one thread and on two.

Sizes: the studies' generator (MSRResNet, 8x32) and the paper's (SRResNet, 16x64); an SR image of
480 x 320, that of BSD100, and one of 2,040 x 1,404, that of DIV2K (not with ``--quick``). Against
``published``: the same network in float32 (``upscale``'s way) and, for the smaller image, float64
by PyTorch's own convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from figures import Figure, measure_sides, ratio_of, run_benchmark

from srbench.imaging import Image, to_tensor, to_uint8
from srbench.models.files import TrainedGenerator
from srbench.models.images import published, upscale_image
from srbench.models.plugin import builtin_spec
from srbench.models.resolve import resolve_generator

GENERATORS = {
    "study": ("msrresnet", {"blocks": 8, "channels": 32}),
    "paper": ("srresnet", {"blocks": 16, "channels": 64}),
}
SIZES = {"480x320": (80, 120), "2040x1404": (351, 510)}
"""Of SR as width x height, and of LR as (height, width)."""


def benchmark(quick: bool) -> Iterator[Figure]:
    """Seconds an image, and the ratios; ``quick``: the smaller image, fewer rounds."""
    for size in ["480x320"] if quick else SIZES:
        for name in GENERATORS:
            for threads in (1, 2):
                torch.set_num_threads(threads)
                yield from _compare(name, size, threads, rounds=2 if quick else 3)


def _compare(name: str, size: str, threads: int, *, rounds: int) -> Iterator[Figure]:
    lr = np.random.default_rng(0).integers(0, 256, (*SIZES[size], 3), dtype=np.uint8)
    single, double = _trained(name), _trained(name)
    sides: dict[str, Callable[[], object]] = {
        "float32": lambda: upscale_image(single, lr),
        "published": _call(published(double), lr),
    }
    if size == "480x320":
        sides["torch float64"] = lambda: _plain(double, lr)
    seconds = measure_sides(sides, rounds=rounds)
    label = f"images/{name} {size}, {threads} thread{'s' if threads > 1 else ''}"
    cost = ratio_of(seconds["published"], seconds["float32"])
    yield Figure(label, cost.a_seconds, unit="s")
    yield cost.figure(f"{label}: by float32")
    if "torch float64" in seconds:
        plain = ratio_of(seconds["published"], seconds["torch float64"])
        yield plain.figure(f"{label}: by torch's float64", 1.0)


def _trained(name: str) -> TrainedGenerator:
    torch.manual_seed(0)
    architecture, params = GENERATORS[name]
    resolved = resolve_generator(builtin_spec(architecture), params, 4)
    return TrainedGenerator(network=resolved.build().eval(), generator=resolved)


def _call(make: Callable[[Image], Image], lr: Image) -> Callable[[], object]:
    return lambda: make(lr)


@torch.inference_mode()
def _plain(trained: TrainedGenerator, lr: Image) -> Image:
    return to_uint8(trained.network(to_tensor(lr, torch.float64))[0])


if __name__ == "__main__":
    run_benchmark(benchmark)
