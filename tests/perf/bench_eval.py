"""How much faster `srbench eval` is than pyiqa's metric objects in a plain loop.

    python tests/perf/bench_eval.py [--dataset Set14] [--rounds 3] [--workers 2]
                                    [--metric psnr --metric ssim --metric lpips --metric niqe]

Bicubic x4 of a test set is scored by both sides in turn, each in a process of its own. The plain
side reads two images, calls each of pyiqa's objects on them (torch's default number of threads),
and goes on. Two ratios are printed, medians over the rounds:

- commands: the whole of `srbench eval` against the whole of the plain program, imports included;
- scoring: evaluate_folders with the building of the metrics against the plain loop alone.

Exit status 1 where a ratio is above 0.65 or a score differs by more than 1e-5.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TARGET = 0.65
TOLERANCE = 1e-5
ROOT = Path(__file__).resolve().parents[2]
Scores = dict[str, dict[str, float]]


def main() -> None:
    arguments = _arguments()
    if arguments.child:
        print(json.dumps(_child(arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _make_images(arguments.dataset, root)
        ok = _compare(arguments, root)
    sys.exit(0 if ok else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", default="Set14")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--metric", action="append", dest="metrics")
    parser.add_argument("--child", choices=("plain", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.metrics = arguments.metrics or ["psnr", "ssim", "lpips", "niqe"]
    return arguments


def _make_images(dataset: str, root: Path) -> None:
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
    for file in list_images(source):
        hr = crop_to_multiple(read_image(file), 4)
        write_image(root / "hr" / f"{file.stem}.png", hr)
        sr = to_uint8(upscale(degrade(to_tensor(hr), 4), 4))
        write_image(root / "sr" / f"{file.stem}.png", sr)


def _compare(arguments: argparse.Namespace, root: Path) -> bool:
    times: dict[str, list[float]] = {"plain": [], "loop": [], "eval": [], "scoring": []}
    worst = 0.0
    for number in range(arguments.rounds):
        sides = [_run_plain, _run_eval, _run_ours]
        found: list[Scores] = []
        for side in sides if number % 2 == 0 else reversed(sides):
            found.append(side(arguments, root, times))
        worst = max(worst, *(_difference(found[0], other) for other in found[1:]))
        print(f"round {number + 1}: " + ", ".join(f"{k} {v[-1]:.2f} s" for k, v in times.items()))
    median = {name: statistics.median(values) for name, values in times.items()}
    commands, scoring = median["eval"] / median["plain"], median["scoring"] / median["loop"]
    print(f"metrics: {', '.join(arguments.metrics)}; {arguments.workers} workers")
    print(f"commands: {median['eval']:.2f} s / {median['plain']:.2f} s = {commands:.2f}")
    print(f"scoring:  {median['scoring']:.2f} s / {median['loop']:.2f} s = {scoring:.2f}")
    print(f"target {TARGET}; largest difference of a score {worst:.1e} (limit {TOLERANCE})")
    return max(commands, scoring) <= TARGET and worst <= TOLERANCE


def _run_plain(arguments: argparse.Namespace, root: Path, times: dict[str, list[float]]) -> Scores:
    seconds, document = _timed(_child_command(arguments, root, "plain"))
    times["plain"].append(seconds)
    times["loop"].append(document["seconds"])
    return document["scores"]


def _run_ours(arguments: argparse.Namespace, root: Path, times: dict[str, list[float]]) -> Scores:
    _, document = _timed(_child_command(arguments, root, "ours"))
    times["scoring"].append(document["seconds"])
    return document["scores"]


def _run_eval(arguments: argparse.Namespace, root: Path, times: dict[str, list[float]]) -> Scores:
    command = [sys.executable, "-c", "from srbench.cli import main; main()", "eval", "--json"]
    command += ["--sr", str(root / "sr"), "--hr", str(root / "hr")]
    command += ["--workers", str(arguments.workers)]
    for name in arguments.metrics:
        command += ["--metric", name]
    seconds, document = _timed(command)
    times["eval"].append(seconds)
    return {name: scores["per_image"] for name, scores in document["metrics"].items()}


def _child_command(arguments: argparse.Namespace, root: Path, side: str) -> list[str]:
    command = [sys.executable, __file__, "--child", side, "--folder", str(root)]
    command += ["--workers", str(arguments.workers)]
    for name in arguments.metrics:
        command += ["--metric", name]
    return command


def _timed(command: list[str]) -> tuple[float, dict]:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, json.loads(done.stdout)


def _difference(one: Scores, other: Scores) -> float:
    return max(abs(one[m][image] - other[m][image]) for m in one for image in one[m])


def _child(arguments: argparse.Namespace) -> dict:
    sr, hr = arguments.folder / "sr", arguments.folder / "hr"
    if arguments.child == "ours":
        from srbench.metrics import evaluate_folders
        from srbench.metrics.plugin import METRICS

        by_name = {spec.name: spec for spec in METRICS}
        specs = [by_name[name] for name in arguments.metrics]
        import torch  # noqa: F401  # not counted on the other side either

        start = time.perf_counter()
        result = evaluate_folders(sr, hr, specs, workers=arguments.workers)
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "scores": {name: dict(s.per_image) for name, s in result.metrics.items()},
        }
    return _plain_loop(sr, hr, arguments.metrics)


def _plain_loop(sr: Path, hr: Path, names: list[str]) -> dict:
    import torch

    from srbench.imaging import list_images, read_image, to_tensor

    objects = {name: _pyiqa_object(name) for name in names}
    scores: Scores = {name: {} for name in names}
    start = time.perf_counter()
    with torch.no_grad():
        for file in list_images(sr):
            x, y = to_tensor(read_image(file)), to_tensor(read_image(hr / file.name))
            for name, metric in objects.items():
                scores[name][file.name] = float(metric(x, y))
    return {"seconds": time.perf_counter() - start, "scores": scores}


def _pyiqa_object(name: str) -> Callable:
    """pyiqa's own module in the colour space of y4-v1, with the weights that srbench uses."""
    from pyiqa.archs import psnr_arch, ssim_arch

    from srbench.metrics import pyiqa_bridge
    from srbench.metrics.plugin import METRICS
    from srbench.weights import WeightStore

    state = WeightStore(file for spec in METRICS for file in spec.weights).state_dict
    options = {"test_y_channel": True, "color_space": "ycbcr", "crop_border": 4}
    if name == "psnr":
        return psnr_arch.PSNR(**options)
    if name == "ssim":
        return ssim_arch.SSIM(**options)
    if name == "niqe":
        model = state("niqe-pristine")
        mean, covariance = model["mu_pris_param"], model["cov_pris_param"]
        return lambda x, y: pyiqa_bridge.niqe_scores(x, mean, covariance)
    if name == "dists":
        return pyiqa_bridge.dists_network(state("vgg16-imagenet"), state("dists"))
    backbone, features = {"lpips": ("alex", "alexnet"), "lpips-vgg": ("vgg", "vgg16")}[name]
    return pyiqa_bridge.lpips_network(
        backbone, state(f"{features}-imagenet"), state(f"lpips-{backbone}")
    )


if __name__ == "__main__":
    main()
