"""A small run whose scores come from `evaluate_folders` on PNG files, packed once per session."""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from srbench.data import find_dataset
from srbench.imaging import bicubic_image, lr_image, pixels_sha256, read_image, write_image
from srbench.metrics import evaluate_folders
from srbench.metrics.plugin import METRICS
from srbench.models.files import TrainedGenerator, save_generator
from srbench.models.images import published
from srbench.models.plugin import builtin_generator
from srbench.records import Record, record_key, record_text
from srbench.records.identity import conditions_sha256
from srbench.settings import parse_suite
from srbench.verify import Verification, pack_submission, verify_submission

DATASET = "folder:tiny"
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

Files = dict[str, bytes]
Edit = Callable[[Files], None]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Hashes of the test images go here and not to the user's folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRBENCH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def test_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pieces of the photographs that ship with scikit-image."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    photos = find_dataset("photos-test")
    for name, (index, top, left, height, width) in {
        "face": (0, 60, 180, 64, 72),
        "cat": (1, 100, 150, 48, 64),
    }.items():
        write_image(
            folder / f"{name}.png", photos.load(index)[top : top + height, left : left + width]
        )
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, test_images: Path) -> Path:
    """An out folder with records, generators and images, as a run leaves it."""
    out = tmp_path_factory.mktemp("runs") / "tiny"
    for label in ("bicubic", "warm-start", "first", "second"):
        _write_row(out, test_images, label)
    return out


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory, run: Path) -> Path:
    """Its submission, with images."""
    path = tmp_path_factory.mktemp("submissions") / "tiny.zip"
    pack_submission(run, path, locate=locate(run))
    return path


@pytest.fixture
def tamper(packed: Path, tmp_path: Path) -> Callable[..., Path]:
    """``tamper(edit)``: the submission after ``edit(files)``, its manifest made to fit again."""

    def make(edit: Edit, *, repair: bool = True) -> Path:
        files = unzipped(packed)
        edit(files)
        if repair:
            repair_manifest(files)
        path = tmp_path / "tampered.zip"
        path.write_bytes(zipped(files))
        return path

    return make


@pytest.fixture
def verify(test_images: Path) -> Callable[..., Verification]:
    """``verify_submission`` with the verifier's copy of the test images."""

    def call(path: Path, **options: Any) -> Verification:
        return verify_submission(path, data={DATASET: test_images}, **options)

    return call


def locate(out: Path) -> Callable[[Record, str, str], Path]:
    return lambda record, dataset, image: out / "images" / record.loss.label / f"{image}.png"


def unzipped(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files, method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def repair_manifest(files: Files) -> None:
    """What a careful forger does: the manifest fits whatever the files are now."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = [
        {"path": name, "bytes": len(data), "sha256": sha256(data)}
        for name, data in sorted(files.items())
        if name != "manifest.json"
    ]
    files["manifest.json"] = json.dumps(manifest).encode()


def record_name(files: Files, label: str) -> str:
    return next(
        name
        for name, data in files.items()
        if name.startswith("records/") and json.loads(data)["loss"]["label"] == label
    )


def edit_record(files: Files, label: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a record, then give it the key of what it says it is, as a forger would."""
    name = record_name(files, label)
    document = json.loads(files.pop(name))
    before = document["key"]
    change(document)
    suite = document["suite"]
    document["key"] = record_key(
        suite=suite["name"], version=suite["version"], label=document["loss"]["label"],
        seed=document["seed"], content_scale=document["content_scale"],
    )  # fmt: skip
    files[f"records/{document['key']}.json"] = json.dumps(document).encode()
    manifest = files["manifest.json"].replace(before.encode(), document["key"].encode())
    files["manifest.json"] = manifest


def replace_generator(files: Files, label: str, data: bytes) -> None:
    """Another generator under the record's name, with every hash made to fit."""

    def change(document: dict[str, Any]) -> None:
        artifact = document["artifacts"]["generator"]
        files.pop(f"generators/{artifact['sha256']}.safetensors", None)
        artifact.update(sha256=sha256(data), bytes=len(data))
        files[f"generators/{sha256(data)}.safetensors"] = data

    edit_record(files, label, change)


def replace_image(files: Files, label: str, image: str, data: bytes) -> None:
    """Another image in place of a submitted one, with every hash made to fit."""
    manifest = json.loads(files["manifest.json"])
    key = json.loads(files[record_name(files, label)])["key"]
    (item,) = [i for i in manifest["images"] if (i["record"], i["image"]) == (key, image)]
    old, item["sha256"] = item["sha256"], sha256(data)
    if all(i["sha256"] != old for i in manifest["images"]):
        files.pop(f"images/{old}.png")
    files[f"images/{sha256(data)}.png"] = data
    files["manifest.json"] = json.dumps(manifest).encode()


def drop_generators(files: Files) -> None:
    for name in [name for name in files if name.startswith("generators/")]:
        files.pop(name)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def set_score(document: dict[str, Any], metric: str, image: str, change: float) -> None:
    """Move one score, and the mean with it, as a forger who knows the schema would."""
    scores = document["scores"][DATASET]["metrics"][metric]
    scores["per_image"][image] += change
    scores["mean"] = math.fsum(scores["per_image"].values()) / len(scores["per_image"])


def trained(network: torch.nn.Module) -> TrainedGenerator:
    return TrainedGenerator(network=network.eval(), generator=GENERATOR)


def _write_row(out: Path, test_images: Path, label: str) -> None:
    folder = out / "images" / label
    generator, artifacts = None, {}
    if label != "bicubic":
        generator = GENERATOR.build(seed=GENERATOR_SEEDS[label])
        path = out / "checkpoints" / label / "generator.safetensors"
        digest = save_generator(generator, GENERATOR, path)
        artifacts["generator"] = {
            "path": path.relative_to(out).as_posix(),
            "sha256": digest,
            "bytes": path.stat().st_size,
        }
    for file in sorted(test_images.glob("*.png")):
        lr = lr_image(read_image(file), 4)
        sr = bicubic_image(lr, 4) if generator is None else published(trained(generator))(lr)
        write_image(folder / file.name, sr)
    document = _document(test_images, folder, label, artifacts)
    record = Record.model_validate(document)
    target = out / "records" / f"{record.key}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(record_text(record))


def _document(
    test_images: Path, folder: Path, label: str, artifacts: dict[str, Any]
) -> dict[str, Any]:
    suite = parse_suite(SUITE).model_dump(mode="json", by_alias=True)
    specs = [spec for spec in METRICS if spec.name in ("psnr", "ssim")]
    found = evaluate_folders(folder, test_images, specs)
    dataset = find_dataset(f"folder:{test_images}")
    metrics = {
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
    }
    names = {"first": "l2", "second": "charbonnier"}
    term = {
        "name": names.get(label, ""), "version": 1, "params": {}, "weight": 1.0,
        "distribution": "srbench", "distribution_version": "0.1.0",
    }  # fmt: skip
    return {
        "key": record_key(suite="tiny", version=1, label=label, seed=1, content_scale=1.0),
        "suite": {
            "name": "tiny", "version": 1, "sha256": conditions_sha256(suite), "track": "raw",
            "document": suite,
        },
        "loss": {
            "label": label, "reference": label not in names, "summary": "", "task": "none",
            "terms": [term] if label in names else [], "backbone": "none", "pretrained_on": "",
            "license": "MIT", "paper": "",
        },
        "seed": 1, "content_scale": 1.0, "status": "finished", "protocol": "y4-v2",
        "scores": {
            DATASET: {
                "images": sorted(dataset.names),
                "manifest_sha256": dataset.manifest().sha256,
                "sizes": {
                    name: dataset.load(i).shape[:2] for i, name in enumerate(dataset.names)
                },
                "pixels_sha256": {
                    name: pixels_sha256(read_image(folder / f"{name}.png"))
                    for name in dataset.names
                },
                "metrics": metrics,
            }
        },
        "environment": {
            "srbench": "0.1.0", "git_commit": None, "git_dirty": None, "python": "3.11",
            "platform": "x", "cpu": "x", "gpu": None, "threads": 1, "packages": {},
        },
        "data": [
            {
                "name": DATASET, "role": "test", "count": 2,
                "sha256": dataset.manifest().sha256,
            }
        ],
        "artifacts": artifacts,
    }  # fmt: skip
