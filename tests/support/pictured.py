"""Out folders of synthetic records with small real photographs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from synthetic import synthetic_records

from srbench.imaging import pixels_sha256, read_image
from srbench.records import Record, record_text, write_record
from srbench.records.derived import Derived
from srbench.records.io import validate_record

LOSSES = {
    "vgg16-conv2_2": ("classification", "vgg16"),
    "vgg16-conv5_3": ("classification", "vgg16"),
    "hed-conv5_3": ("edges", "vgg16"),
    "craft-conv5_2": ("detection", "vgg16_bn"),
    "mobilenet-v2": ("classification", "mobilenet_v2"),
}


def dressed(record: Record, artifacts: dict[str, bytes]) -> Record:
    """A synthetic record with the fields of a real one: task, weights, calibration, generator."""
    document = json.loads(record_text(record))
    loss = document["loss"]
    label = loss["label"]
    if label in LOSSES:
        loss["task"], loss["backbone"] = LOSSES[label]
        loss["paper"] = "https://arxiv.org/abs/1409.1556"
        loss["license"] = "BSD-3-Clause; commercial use allowed; trained on ImageNet"
        loss["shares_network_with"] = ["lpips"] if label == "hed-conv5_3" else []
        loss["saw_test_images"] = ["bsd100"] if label == "hed-conv5_3" else []
        loss["weights"] = [
            {
                "id": f"{label}-weights",
                "tensors_sha256": hashlib.sha256(label.encode()).hexdigest(),
                "source": "pypi:carrier==1.0/weights.ckpt",
                "license": "BSD-3-Clause",
            }
        ]
    if loss["terms"]:
        document["calibration"] = {
            "mode": "calibrated",
            "constant": 1.25 * record.seed,
            "reference": "vgg16-conv5_3",
            "gradient_norm": 4.5,
            "reference_gradient_norm": 5.5,
            "batches": 16,
        }
        name = f"checkpoints/{record.key}/generator.safetensors"
        content = artifacts[name] = f"generator {label} {record.seed}".encode()
        document["artifacts"] = {
            "generator": {
                "path": name,
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
            }
        }
    return validate_record(document)


def photographs(size: tuple[int, int]) -> list[Image.Image]:
    """Real photographs, so that file sizes and looks are those of a real site."""
    from skimage import data

    names = ("astronaut", "coffee", "chelsea", "rocket")
    found = []
    for index in range(len(names)):
        image = Image.fromarray(getattr(data, names[index])())
        left, top = (image.width - size[0]) // 2, (image.height - size[1]) // 2
        found.append(image.crop((left, top, left + size[0], top + size[1])))
    return found


def write_images(out: Path, records: Sequence[Record], size: tuple[int, int] = (192, 144)) -> None:
    """An image per row and name as `srbench run` leaves them: HR, made worse differently."""
    pictures = photographs(size)
    first = min(record.seed for record in records)
    for record in records:
        if record.seed != first:
            continue
        for dataset, scores in record.scores.items():
            for index, name in enumerate(scores.images):
                hr = pictures[index % len(pictures)].rotate(90 * (index // len(pictures)))
                folder = out / "images" / dataset
                row = f"{record.loss.label}-s{record.seed}"
                save(degraded(hr, record.loss.label), folder / row / f"{name}.png")
                if record.loss.label == "hr":
                    save(hr, folder / "hr-images" / f"{name}.png")
            note_images(out / "images" / dataset / f"{record.loss.label}-s{record.seed}", record)
            if record.loss.label == "hr":
                note_images(out / "images" / dataset / "hr-images", record)


def note_images(folder: Path, record: Record) -> None:
    """What `srbench run` notes beside images: of what they are, and their pixels' hashes."""
    generator = record.artifacts.get("generator")
    source = {
        "identity": generator.sha256 if generator else record.loss.kind,
        "dataset": record.scores[folder.parent.name].manifest_sha256,
        "scale": 4,
    }
    pixels = {file.stem: pixels_sha256(read_image(file)) for file in folder.glob("*.png")}
    Derived(folder).note(source, pixels=pixels)


def degraded(hr: Image.Image, label: str) -> Image.Image:
    if label == "hr":
        return hr
    small = hr.resize((hr.width // 4, hr.height // 4), Image.Resampling.BICUBIC)
    back = small.resize(hr.size, Image.Resampling.BICUBIC)
    if label == "bicubic":
        return back
    strength = int(hashlib.sha256(label.encode()).hexdigest(), 16) % 90 + 30
    sharp = back.filter(ImageFilter.UnsharpMask(radius=3, percent=strength, threshold=0))
    noise = np.random.default_rng(strength).normal(0, strength / 40, (*sharp.size[::-1], 3))
    return Image.fromarray(np.clip(np.asarray(sharp) + noise, 0, 255).astype(np.uint8))


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, compress_level=1)


def make_out(out: Path, **options: object) -> Path:
    """An out folder of three seeds with images and generators."""
    settings: dict[str, object] = {
        "labels": tuple(LOSSES),
        "datasets": ("set14", "bsd100"),
        "images": 6,
        **options,
    }
    artifacts: dict[str, bytes] = {}
    records = [dressed(r, artifacts) for r in synthetic_records(**settings)]  # type: ignore[arg-type]
    for record in records:
        write_record(record, out / "records")
    for name, content in artifacts.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)
    write_images(out, records)
    return out
