"""How costs grow: with batch, patch, losses, test images and records; measured and plotted.

For each the slope of seconds in a doubly logarithmic plot: 1 is linear. Below 1 a fixed cost is
shared by more work. The plot is ``runs/scaling.png``.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench_report import build_tables, write_suites
from figures import OUTPUT, Figure, measure_sides, run_benchmark

TARGET = 1.15
Measured = dict[int, float]


def benchmark(quick: bool) -> Iterator[Figure]:
    """All slopes; ``quick``: one round."""
    rounds = 1 if quick else 5
    found = {
        "training step, batch (patch 48)": against((2, 4, 8, 16), _batch, rounds),
        "training step, pixels of a patch (batch 4)": {
            patch**2: seconds
            for patch, seconds in against((32, 48, 64, 96), _patch, rounds).items()
        },
        "training step, losses in a sum": against((1, 2, 4, 8), _losses, rounds),
        "planning, losses in a suite": against((50, 100, 200, 400), _plan, rounds),
        "scoring, test images": against((4, 8, 16, 32), _images, rounds),
        "report, records": _records(rounds),
    }
    _plot(found, OUTPUT.with_name("scaling.png"))
    for name, measured in found.items():
        yield Figure(
            f"scaling/{name}",
            slope(measured),
            TARGET,
            detail=", ".join(f"{size}: {seconds:.3g} s" for size, seconds in measured.items()),
        )


def against(sizes: Sequence[int], prepare: Callable[[int], Callable], rounds: int) -> Measured:
    """The least seconds at each size, the sizes in turn: what other work on the machine spares."""
    seconds = measure_sides({str(size): prepare(size) for size in sizes}, rounds=rounds)
    return {int(size): min(times) for size, times in seconds.items()}


def slope(measured: Measured) -> float:
    """Of a straight line through the logarithms, least squares."""
    x = [math.log(size) for size in measured]
    y = [math.log(seconds) for seconds in measured.values()]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return above / sum((a - mean_x) ** 2 for a in x)


def _batch(size: int) -> Callable[[], None]:
    return _step(batch=size, patch=48, losses=1)


def _patch(size: int) -> Callable[[], None]:
    return _step(batch=4, patch=size, losses=1)


def _losses(size: int) -> Callable[[], None]:
    return _step(batch=2, patch=32, losses=size)


def _step(*, batch: int, patch: int, losses: int) -> Callable[[], None]:
    """Generator, discriminator and VGG16 features, forward and backward; no data, no optimiser."""
    import torch
    import torchvision

    from srbench.models.discriminator import build_discriminator
    from srbench.models.plugin import builtin_generator
    from srbench.run.work.content import WeightedSum

    class Features(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            with torch.random.fork_rng():
                network = torchvision.models.vgg16(weights=None).features[:23]
            self.network = network.eval().requires_grad_(False)

        def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                target = self.network(hr)
            return (self.network(sr) - target).abs().mean()

    generator = builtin_generator("msrresnet", {"blocks": 4, "channels": 32}, 4).build(seed=1)
    discriminator = build_discriminator(32, seed=1)
    content = WeightedSum([Features() for _ in range(losses)], [1.0] * losses)
    lr, hr = torch.rand(batch, 3, patch // 4, patch // 4), torch.rand(batch, 3, patch, patch)

    def step() -> None:
        sr = generator(lr)
        (content(sr, hr) + discriminator(sr).mean()).backward()

    return step


def _plan(rows: int) -> Callable[[], None]:
    from bench_runs import suite_text

    from srbench.host import discover
    from srbench.run.plan.planning import make_plan
    from srbench.settings import load_suite

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "many.toml"
        path.write_text(suite_text(rows, 1))
        suite = load_suite(str(path))
    registry = discover()
    return lambda: make_plan(suite, registry, device="cpu")


def _images(count: int) -> Callable[[], None]:
    import numpy as np

    from srbench.metrics.pairs import ImagePair
    from srbench.metrics.plugin import METRICS
    from srbench.metrics.score import Scorer

    specs = [spec for spec in METRICS if spec.name in ("psnr", "ssim")]
    scorer = Scorer(specs, protocol="y4-v2", scale=4)
    random = np.random.default_rng(1)
    hr = random.integers(0, 256, (320, 480, 3), dtype=np.uint8)
    sr = random.integers(0, 256, hr.shape, dtype=np.uint8)
    pairs = [ImagePair(name=str(index), sr=sr, hr=hr) for index in range(count)]
    return lambda: scorer.score(pairs)


def _records(rounds: int) -> Measured:
    with tempfile.TemporaryDirectory() as name:
        folders = write_suites(Path(name), 8)
        sides = {str(n): lambda n=n: build_tables(folders[:n]) for n in (1, 2, 4, 8)}
        seconds = measure_sides(sides, rounds=min(rounds, 3), warmup=0)
        counts = {n: build_tables(folders[: int(n)])[0] for n in sides}
    return {counts[n]: min(times) for n, times in seconds.items()}


def _plot(found: dict[str, Measured], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(12, 7), layout="constrained")
    for axis, (name, measured) in zip(axes.flat, found.items(), strict=True):
        sizes, seconds = list(measured), list(measured.values())
        axis.loglog(sizes, seconds, "o-", label=f"measured, slope {slope(measured):.2f}")
        linear = [seconds[-1] * size / sizes[-1] for size in sizes]
        axis.loglog(sizes, linear, "--", color="grey", label="linear")
        axis.set_title(name, fontsize=10)
        axis.set_ylabel("seconds")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        axis.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    run_benchmark(benchmark)
