"""Synthetic records of realistic shape, for tests, benchmarks and trying the report out.

They are made of variance components, so that what the statistics ought to find is known. Nothing
here is a result.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from srbench.records import Record
from srbench.records.io import validate_record

LOWER_IS_BETTER = {"psnr": False, "ssim": False, "lpips": True, "dists": True, "niqe": True}
_LEVEL = {"psnr": 26.0, "ssim": 0.72, "lpips": 0.28, "dists": 0.18, "niqe": 5.0}
_UNIT = {"psnr": 0.3, "ssim": 0.01, "lpips": 0.01, "dists": 0.006, "niqe": 0.2}
"""One unit of spread per metric; the components below are multiples of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Standard deviations of the variance components, in units of the metric.

    Attributes:
        image: between images, shared by all networks.
        seed: between seeds, shared by all losses (the warm start).
        residual: loss x seed, what Tukey's test stands on.
        noise: of single images, within one network.
    """

    image: float = 10.0
    seed: float = 0.5
    residual: float = 0.3
    noise: float = 1.0


def synthetic_records(
    *,
    labels: Sequence[str] = ("vgg16-conv5_3", "vgg16-relu2_2", "alexnet", "mobilenet"),
    seeds: Sequence[int] = (1, 2, 3),
    scales: Sequence[float] = (1.0,),
    datasets: Sequence[str] = ("set14", "bsd100"),
    metrics: Sequence[str] = ("psnr", "ssim", "lpips", "niqe"),
    images: int = 14,
    suite: str = "synthetic",
    spread: Spread | None = None,
    random_state: int = 0,
) -> list[Record]:
    """Records of a whole suite: the labels, and all reference rows.

    The losses lie along a perception-distortion trade-off: what gains LPIPS loses PSNR.
    """
    generator = np.random.default_rng(random_state)
    spread = spread or Spread()
    document = _suite_document(
        suite, labels=labels, seeds=seeds, scales=scales, datasets=datasets, metrics=metrics
    )
    trained = ["pixel", "vgg16-random", *labels]
    runs: list[tuple[str, int, float]] = [("bicubic", seeds[0], 1.0), ("hr", seeds[0], 1.0)]
    runs += [("warm-start", seed, 1.0) for seed in seeds]
    runs += [(label, seed, scale) for label in trained for seed in seeds for scale in scales]
    base = {key: generator.standard_normal(images) for key in _pairs(datasets, metrics)}
    warm = {(seed, m): generator.standard_normal() for seed in seeds for m in metrics}
    records = []
    for label, seed, scale in runs:
        place = _place(label, trained, scale)
        scores = {
            dataset: {
                metric: _per_image(
                    generator,
                    metric,
                    place,
                    image=base[dataset, metric],
                    seed_effect=warm[seed, metric],
                    spread=spread,
                )
                for metric in metrics
                if label != "hr" or metric == "niqe"
            }
            for dataset in datasets
        }
        records.append(_record(document, label, seed=seed, scale=scale, scores=scores, place=place))
    return [validate_record(record) for record in records if record["scores"]]


def _pairs(datasets: Sequence[str], metrics: Sequence[str]) -> list[tuple[str, str]]:
    return [(d, m) for d in datasets for m in metrics]


def _place(label: str, trained: Sequence[str], scale: float) -> float:
    """Where a row lies on the trade-off: 0 is all distortion, 1 is all perception."""
    fixed = {"bicubic": -0.6, "warm-start": 0.0, "hr": 2.0, "pixel": 0.05, "vgg16-random": 0.15}
    if label in fixed:
        return fixed[label]
    return (0.3 + 0.6 * trained.index(label) / len(trained)) * (1.0 + 0.3 * math.log10(scale))


def _per_image(
    generator: np.random.Generator,
    metric: str,
    place: float,
    *,
    image: npt.NDArray[np.float64],
    seed_effect: float,
    spread: Spread,
) -> npt.NDArray[np.float64]:
    sign = {"lpips": -8.0, "dists": -7.0, "niqe": -8.0}.get(metric, -3.0)
    if place < 0:  # bicubic is worse at both
        sign = -abs(sign) if LOWER_IS_BETTER.get(metric, True) else 3.0
    effect = sign * place + spread.seed * seed_effect
    effect += spread.residual * generator.standard_normal()
    noise = spread.noise * generator.standard_normal(len(image))
    values = _LEVEL[metric] + _UNIT[metric] * (spread.image * image + effect + noise)
    return np.asarray(np.clip(values, 1e-4, 1.0 if metric in ("ssim", "lpips", "dists") else None))


def _record(
    document: dict[str, Any],
    label: str,
    *,
    seed: int,
    scale: float,
    scores: dict[str, dict[str, npt.NDArray[np.float64]]],
    place: float,
) -> dict[str, Any]:
    reference = label in ("bicubic", "warm-start", "pixel", "vgg16-random", "hr")
    terms = [] if label in ("bicubic", "warm-start", "hr") else [_term(label)]
    identity = f"{document['name']}/{label}/{seed}/{scale:g}"
    return {
        "schema": 1,
        "key": _sha(identity),
        "suite": {
            "name": document["name"],
            "version": document["version"],
            "sha256": _sha(document["name"]),
            "track": document["track"],
            "document": document,
        },
        "loss": _loss(label, reference, terms),
        "seed": seed,
        "content_scale": scale,
        "status": "finished",
        "protocol": document["protocol"],
        "scores": {d: _dataset(d, by_metric) for d, by_metric in scores.items() if by_metric},
        "validation": _validation(seed, place) if terms else [],
        "log": _log(label, seed) if terms else [],
        "cost": _cost(place) if terms else None,
        "environment": {
            "srbench": "0",
            "git_commit": None,
            "git_dirty": None,
            "python": "3.11",
            "platform": "Linux",
            "cpu": "cpu",
            "gpu": None,
            "threads": 2,
            "packages": {},
        },
    }


def _loss(label: str, reference: bool, terms: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "label": label,
        "reference": reference,
        "terms": terms,
        "summary": f"synthetic {label}",
        "task": "classification" if terms and not reference else "none",
        "backbone": label.split("-", maxsplit=1)[0] if terms else "none",
        "pretrained_on": "ImageNet-1k" if terms and not reference else "nothing",
        "license": "BSD-3-Clause (commercial use allowed)",
        "paper": "",
        "shares_network_with": ["lpips"] if label == "alexnet" else [],
    }


def _term(label: str) -> dict[str, Any]:
    return {
        "name": label.split("-", maxsplit=1)[0],
        "version": 1,
        "params": {"tap": label.partition("-")[2]} if "-" in label else {},
        "weight": 1.0,
        "distribution": "srbench-synthetic",
        "distribution_version": "0",
    }


def _dataset(name: str, scores: dict[str, npt.NDArray[np.float64]]) -> dict[str, Any]:
    count = len(next(iter(scores.values())))
    images = [f"{name}-{i:03d}" for i in range(count)]
    side = (321, 481) if name.startswith("bsd") else (256, 256)
    return {
        "images": images,
        "manifest_sha256": _sha(name),
        "sizes": dict.fromkeys(images, side),
        "metrics": {
            metric: {
                "version": 1,
                "lower_is_better": LOWER_IS_BETTER[metric],
                "mean": math.fsum(values) / count,
                "per_image": dict(zip(images, (float(v) for v in values), strict=True)),
            }
            for metric, values in scores.items()
        },
    }


def _validation(seed: int, place: float) -> list[dict[str, Any]]:
    generator = np.random.default_rng([seed, int(1000 * (place + 2))])
    points = []
    for step in range(0, 2001, 100):
        progress = 1.0 - math.exp(-step / 300)
        points.append(
            {
                "iteration": step,
                "scores": {
                    "lpips": 0.30 - 0.09 * place * progress + 0.002 * generator.standard_normal(),
                    "psnr": 27.0 - 1.2 * place * progress + 0.05 * generator.standard_normal(),
                },
            }
        )
    return points


def _log(label: str, seed: int) -> list[dict[str, Any]]:
    generator = np.random.default_rng([seed, len(label), ord(label[-1])])
    return [
        {
            "iteration": step,
            "scores": {
                "content": 0.6 + 0.4 * math.exp(-step / 500) + 0.02 * generator.standard_normal(),
                "adversarial": 0.9 + 0.2 * generator.standard_normal(),
                "discriminator": 0.7 + 0.1 * generator.standard_normal(),
            },
        }
        for step in range(0, 2001, 50)
    ]


def _cost(place: float) -> dict[str, Any]:
    return {
        "device": "Synthetic CPU",
        "seconds": 300.0 + 100.0 * place,
        "iterations_per_second": 8.0 - 2.0 * place,
        "peak_memory_bytes": 900 << 20,
        "loss_gflops_per_step": 20.0 * place,
        "loss_parameters": 14_714_688,
    }


def _suite_document(
    name: str,
    *,
    labels: Sequence[str],
    seeds: Sequence[int],
    scales: Sequence[float],
    datasets: Sequence[str],
    metrics: Sequence[str],
) -> dict[str, Any]:
    return {
        "schema": 1,
        "name": name,
        "version": 1,
        "summary": "Synthetic scores: nothing was trained.",
        "track": "calibrated",
        "protocol": "y4-v2",
        "seeds": list(seeds),
        "metrics": list(metrics),
        "data": {"train": "photos", "val": 2, "test": list(datasets)},
        "warm_start": {"iterations": 400},
        "adversarial": {"iterations": 2000, "content_scales": list(scales)},
        "calibration": {"reference": labels[0]},
        "loss": [{"label": label, "name": label.split("-")[0]} for label in labels],
    }


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def relabelled(records: Iterable[Record], label: str, text: str) -> list[Record]:
    """The records with ``text`` for a label, which no record that is read may have."""
    return [
        r.model_copy(update={"loss": r.loss.model_copy(update={"label": text})})
        if r.loss.label == label
        else r
        for r in records
    ]
