"""A small run that nobody trained: networks of two layers, whose images and scores are true.

Scores come from `evaluate_folders` on PNG files.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from forging import DATASET

from srbench.data import Dataset, crop_to_multiple, find_dataset
from srbench.imaging import bicubic_image, lr_image, pixels_sha256, read_image, write_image
from srbench.metrics import evaluate_folders
from srbench.metrics.plugin import METRICS
from srbench.models.files import TrainedGenerator, save_generator
from srbench.models.images import published
from srbench.models.plugin import builtin_generator
from srbench.records import Record, record_key, write_record
from srbench.records.identity import conditions_sha256
from srbench.settings import parse_suite

SETTINGS = {"name": "msrresnet", "blocks": 1, "channels": 4}
GENERATOR = builtin_generator("msrresnet", {"blocks": 1, "channels": 4}, 4)
SUITE = f"""
schema = 1
name = "tiny"
version = 1
summary = "for tests"
track = "raw"
seeds = [1]
metrics = ["psnr", "ssim"]
[data]
train = "photos"
test = ["{DATASET}"]
patch_size = 32
batch_size = 2
[generator]
name = "msrresnet"
blocks = 1
channels = 4
[warm_start]
iterations = 1
[adversarial]
iterations = 1
[[loss]]
label = "first"
name = "l2"
[[loss]]
label = "second"
name = "charbonnier"
"""
GENERATOR_SEEDS = {"warm-start": 1, "first": 2, "second": 3}
LOSSES = {"first": "l2", "second": "charbonnier"}


def trained(network: torch.nn.Module) -> TrainedGenerator:
    return TrainedGenerator(network=network.eval(), generator=GENERATOR)


def write_run(
    out: Path,
    images: Path,
    labels: Iterable[str] = ("bicubic", *GENERATOR_SEEDS),
    *,
    name: str = DATASET,
    again: str = "",
    networks: Mapping[str, torch.nn.Module] | None = None,
) -> Path:
    """An out folder with records, generators and SR images, as a run leaves it.

    Args:
        out: made here.
        images: the HR images as PNG files.
        labels: the rows.
        name: under which the suite knows these images.
        again: a second name under which it knows them.
        networks: label -> its generator, where it is not that of ``GENERATOR_SEEDS``.
    """
    dataset = find_dataset(f"folder:{images}" if name.startswith("folder:") else name)
    for label in labels:
        network = None
        if label != "bicubic":
            network = (networks or {}).get(label) or GENERATOR.build(seed=GENERATOR_SEEDS[label])
        _write_row(out, images, dataset, (name, again) if again else (name,), label, network)
    return out


def _write_row(
    out: Path,
    images: Path,
    dataset: Dataset,
    names: Sequence[str],
    label: str,
    network: torch.nn.Module | None,
) -> None:
    folder = out / "images" / label
    artifacts = {}
    if network is not None:
        path = out / "checkpoints" / label / "generator.safetensors"
        digest = save_generator(network, GENERATOR, path)
        artifacts["generator"] = {
            "path": path.relative_to(out).as_posix(),
            "sha256": digest,
            "bytes": path.stat().st_size,
        }
    for file in sorted(images.glob("*.png")):
        lr = lr_image(read_image(file), 4)
        sr = bicubic_image(lr, 4) if network is None else published(trained(network))(lr)
        write_image(folder / file.name, sr)
    scores = _scores(images, folder, dataset)
    document = _document(label, names, scores, artifacts)
    write_record(Record.model_validate(document), out / "records")


def _scores(images: Path, folder: Path, dataset: Dataset) -> dict[str, Any]:
    specs = [spec for spec in METRICS if spec.name in ("psnr", "ssim")]
    found = evaluate_folders(folder, images, specs)
    return {
        "images": sorted(dataset.names),
        "manifest_sha256": dataset.manifest().sha256,
        "sizes": {
            name: crop_to_multiple(dataset.load(i), 4).shape[:2]
            for i, name in enumerate(dataset.names)
        },
        "pixels_sha256": {
            name: pixels_sha256(read_image(folder / f"{name}.png")) for name in dataset.names
        },
        "metrics": {
            spec.name: {
                "version": spec.version,
                "lower_is_better": spec.lower_is_better,
                "mean": found.mean(spec.name),
                "per_image": {
                    Path(image).stem: score
                    for image, score in found.metrics[spec.name].per_image.items()
                },
            }
            for spec in specs
        },
    }


def _document(
    label: str, names: Sequence[str], scores: dict[str, Any], artifacts: dict[str, Any]
) -> dict[str, Any]:
    text = SUITE.replace(f'"{DATASET}"', ", ".join(f'"{name}"' for name in names))
    suite = parse_suite(text).model_dump(mode="json", by_alias=True)
    term = {
        "name": LOSSES.get(label, ""), "version": 1, "params": {}, "weight": 1.0,
        "distribution": "srbench", "distribution_version": "0.1.0",
    }  # fmt: skip
    return {
        "key": record_key(suite="tiny", version=1, label=label, seed=1, content_scale=1.0),
        "suite": {
            "name": "tiny", "version": 1, "sha256": conditions_sha256(suite), "track": "raw",
            "document": suite,
        },
        "loss": {
            "label": label, "reference": label not in LOSSES, "summary": "", "task": "none",
            "terms": [term] if label in LOSSES else [], "backbone": "none", "pretrained_on": "",
            "license": "MIT", "paper": "",
        },
        "seed": 1, "content_scale": 1.0, "status": "finished", "protocol": "y4-v2",
        "scores": dict.fromkeys(names, scores),
        "environment": {
            "srbench": "0.1.0", "git_commit": None, "git_dirty": None, "python": "3.11",
            "platform": "x", "cpu": "x", "gpu": None, "threads": 1, "packages": {},
        },
        "data": [
            {"name": name, "role": "test", "count": len(scores["images"]),
             "sha256": scores["manifest_sha256"]}
            for name in names
        ],
        "artifacts": artifacts,
    }  # fmt: skip
