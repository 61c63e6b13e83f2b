"""How much faster `srbench eval` is than pyiqa's metric objects in a plain loop.

Bicubic x4 of BSD100 (its first 8 images with ``--quick``) is scored by both sides in turn, each in
a process of its own, by four metrics. The plain side reads two images, calls each of pyiqa's
objects on them (torch's default number of threads), and goes on. Two ratios:

- commands: the whole of `srbench eval` against the whole of the plain program, imports included;
- scoring: evaluate_folders with the building of the metrics against the plain loop alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from figures import ROOT, Figure, measure_sides, ratio_of, run_benchmark

TARGET = 0.6
TOLERANCE = 1e-5
DATASET, IMAGES, METRICS, WORKERS = "BSD100", 100, ("psnr", "ssim", "lpips", "niqe"), 2
Scores = dict[str, dict[str, float]]


def benchmark(quick: bool) -> Iterator[Figure]:
    """Both ratios and the largest difference of a score."""
    count, rounds = (8, 2) if quick else (IMAGES, 5)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _make_images(DATASET, root, count)
        runs = _Runs(root)
        sides = {"plain": runs.plain, "eval": runs.eval, "ours": runs.ours}
        whole = measure_sides(sides, rounds=rounds, warmup=1)
    # The loops time themselves; the first entry of each is the warm-up.
    scoring = ratio_of(runs.seconds["ours"][1:], runs.seconds["plain"][1:])
    commands = ratio_of(whole["eval"], whole["plain"])
    what = f"{count} images of {DATASET}, {', '.join(METRICS)}, {WORKERS} workers"
    yield Figure("eval/command_vs_pyiqa_loop", commands.ratio, TARGET, detail=f"{commands}; {what}")
    yield Figure("eval/scoring_vs_pyiqa_loop", scoring.ratio, TARGET, detail=str(scoring))
    yield Figure("eval/largest_score_difference", runs.difference(), TOLERANCE)


def _make_images(dataset: str, root: Path, count: int) -> None:
    from srbench.imaging import (
        crop_to_multiple,
        degrade,
        list_images,
        read_image,
        to_tensor,
        to_uint8,
        upscale,
        write_image,
    )

    roots = [Path(p) for p in os.environ.get("SRBENCH_DATA", "").split(os.pathsep) if p]
    roots.append(ROOT.parent / "shared" / "data")
    source = next((r / dataset for r in roots if (r / dataset).is_dir()), None)
    if source is None:
        sys.exit(f"{dataset} is neither in SRBENCH_DATA nor in ../shared/data")
    for file in list_images(source)[:count]:
        hr = crop_to_multiple(read_image(file), 4)
        write_image(root / "hr" / f"{file.stem}.png", hr)
        sr = to_uint8(upscale(degrade(to_tensor(hr), 4), 4))
        write_image(root / "sr" / f"{file.stem}.png", sr)


class _Runs:
    """One call of each side, with what it scored."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.scores: dict[str, Scores] = {}
        self.seconds: dict[str, list[float]] = {"plain": [], "ours": []}

    def plain(self) -> None:
        self._child("plain")

    def ours(self) -> None:
        self._child("ours")

    def eval(self) -> None:
        command = ["-c", "from srbench.cli import main; main()", "eval", "--json"]
        command += ["--sr", str(self.root / "sr"), "--hr", str(self.root / "hr")]
        command += ["--workers", str(WORKERS)]
        for name in METRICS:
            command += ["--metric", name]
        metrics = _run(command)["metrics"]
        self.scores["eval"] = {name: scores["per_image"] for name, scores in metrics.items()}

    def difference(self) -> float:
        """The largest of all differences from the plain side."""
        plain = self.scores["plain"]
        return max(
            abs(plain[metric][image] - other[metric][image])
            for other in self.scores.values()
            for metric in plain
            for image in plain[metric]
        )

    def _child(self, side: str) -> None:
        document = _run([__file__, "--child", side, str(self.root)])
        self.scores[side] = document["scores"]
        self.seconds[side].append(document["seconds"])


def _run(command: list[str]) -> dict:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _child(side: str, folder: Path) -> dict:
    sr, hr = folder / "sr", folder / "hr"
    if side == "ours":
        from srbench.metrics import evaluate_folders
        from srbench.metrics.plugin import METRICS as BUILT_IN

        by_name = {spec.name: spec for spec in BUILT_IN}
        specs = [by_name[name] for name in METRICS]
        import torch  # noqa: F401  # not counted on the other side either

        start = time.perf_counter()
        result = evaluate_folders(sr, hr, specs, workers=WORKERS)
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "scores": {name: dict(s.per_image) for name, s in result.metrics.items()},
        }
    return _plain_loop(sr, hr)


def _plain_loop(sr: Path, hr: Path) -> dict:
    import torch

    from srbench.imaging import list_images, read_image, to_tensor

    objects = {name: _pyiqa_object(name) for name in METRICS}
    scores: Scores = {name: {} for name in METRICS}
    start = time.perf_counter()
    with torch.no_grad():
        for file in list_images(sr):
            x, y = to_tensor(read_image(file)), to_tensor(read_image(hr / file.name))
            for name, metric in objects.items():
                scores[name][file.name] = float(metric(x, y))
    return {"seconds": time.perf_counter() - start, "scores": scores}


def _pyiqa_object(name: str) -> Callable:
    """pyiqa's own module in the colour space of y4-v2, with the weights that srbench uses."""
    from pyiqa.archs import niqe_arch, psnr_arch, ssim_arch

    from srbench.metrics import pyiqa_bridge
    from srbench.metrics.plugin import METRICS as BUILT_IN
    from srbench.weights import WeightStore

    state = WeightStore(file for spec in BUILT_IN for file in spec.weights).state_dict
    options = {"test_y_channel": True, "color_space": "ycbcr", "crop_border": 4}
    if name == "psnr":
        return psnr_arch.PSNR(**options)
    if name == "ssim":
        return ssim_arch.SSIM(**options)
    if name == "niqe":
        model = state("niqe-pristine")
        mean, covariance = model["mu_pris_param"].reshape(-1), model["cov_pris_param"]
        return lambda x, y: niqe_arch.calculate_niqe(
            x, color_space="ycbcr", mu_pris_param=mean, cov_pris_param=covariance
        )
    if name == "dists":
        return pyiqa_bridge.dists_network(state("vgg16-imagenet"), state("dists"))
    backbone, features = {"lpips": ("alex", "alexnet"), "lpips-vgg": ("vgg", "vgg16")}[name]
    return pyiqa_bridge.lpips_network(
        backbone, state(f"{features}-imagenet"), state(f"lpips-{backbone}")
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(_child(sys.argv[2], Path(sys.argv[3]))))
    else:
        run_benchmark(benchmark)
