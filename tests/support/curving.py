"""Synthetic records with curves of a closed form."""

from __future__ import annotations

import json
import math

from srbench.records.io import validate_record

GAIN = {"vgg16-conv5_3": 0.06, "vgg16-relu2_2": 0.05, "alexnet": 0.04, "mobilenet": 0.03}
DEPTH = {"vgg16-random": 0.3, "mobilenet": 2.0}
POINTS = (0.5, 0.75)
OUTSIDE = {"pixel"}
FIRST, SECOND = "vgg16-conv5_3", "vgg16-relu2_2"


def gain(label: str, seed: int) -> float:
    return GAIN.get(label, 0.02) + 0.0002 * math.sin(37 * seed + 11 * len(label))


def depth(label: str) -> float:
    return DEPTH.get(label, 1.5)


def scored(start: dict, coefficient: float, label: str, seed: int, depth=depth) -> dict:
    """A data set's scores at a coefficient: PSNR falls as its square, LPIPS as itself."""
    change = {
        "psnr": -depth(label) * coefficient**2,
        "lpips": -gain(label, seed) * coefficient,
    }
    metrics = {}
    for name, by in change.items():
        metric = start["metrics"][name]
        per_image = {image: value + by for image, value in metric["per_image"].items()}
        mean = math.fsum(per_image.values()) / len(per_image)
        metrics[name] = {**metric, "per_image": per_image, "mean": mean}
    return {**start, "metrics": metrics}


def with_curves(three_seeds, depth=depth):
    """The synthetic records with curves of known form, all seeds starting at their warm starts."""
    documents = [json.loads(r.model_dump_json(by_alias=True)) for r in three_seeds]
    starts = {d["seed"]: d for d in documents if d["loss"]["label"] == "warm-start"}
    artifact = {"path": "x", "sha256": "0" * 64, "bytes": 1}
    for d in documents:
        label, seed = d["loss"]["label"], d["seed"]
        if not d["loss"]["terms"]:
            continue
        start = starts[seed]["scores"]
        d["artifacts"] = {"generator": artifact, "warm-start": artifact}
        for dataset, there in d["scores"].items():
            new = scored(start[dataset], 1.0, label, seed, depth)["metrics"]
            there["metrics"] = {**there["metrics"], **new}
        d["curve"] = [
            {
                "coefficient": c,
                "scores": {n: scored(s, c, label, seed, depth) for n, s in start.items()},
            }
            for c in POINTS
        ]
    return [validate_record(d) for d in documents]
