"""Changing a submission as a forger does who knows the schema: all hashes fit again."""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from srbench.contract import LossSpec
from srbench.records import record_key
from srbench.verify import Verification

DATASET = "folder:tiny"

Files = dict[str, bytes]
Edit = Callable[[Files], None]
Change = Callable[[dict[str, Any]], None]


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


def edit_record(files: Files, label: str, change: Change) -> None:
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


def row(result: Verification, label: str) -> Any:
    return next(r for r in result.rows if r.facts.label == label)


def messages(result: Verification, label: str) -> str:
    """All differences of the rows with this label; that there are any makes it not verified."""
    rows = [row for row in result.rows if row.facts.label == label]
    found = " | ".join(d.message for row in rows for d in row.differences)
    assert bool(found) == any(row.mark == "differs" for row in rows)
    assert not (found and result.verified)
    return found


def others_verified(result: Verification, label: str) -> bool:
    return all(r.mark == "scores-verified" for r in result.rows if r.facts.label != label)


def as_installed(document: dict[str, Any], spec: LossSpec) -> None:
    """A record of one loss says of it what the loss says of itself."""
    document["loss"].update(
        task=spec.task, backbone=spec.backbone, pretrained_on=spec.pretrained_on,
        license=spec.license, paper=spec.paper, trains_on_metrics=list(spec.trains_on_metrics),
        shares_network_with=list(spec.shares_network_with),
        saw_test_images=list(spec.saw_test_images),
    )  # fmt: skip
    document["loss"]["terms"][0]["version"] = spec.version
