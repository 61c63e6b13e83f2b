"""How large a site gets: 20 losses, three data sets, generators of the first seed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pictured import degraded, dressed, note_images, photographs, save
from synthetic import synthetic_records

from srbench.records import read_records, write_record
from srbench.records.io import validate_record
from srbench.report.render.site import BUDGET, IMAGES, publish

SIZES = {"set5": (256, 256), "set14": (512, 384), "bsd100": (480, 320)}
COUNTS = {"set5": 5, "set14": 14, "bsd100": 100}
FIRST_VIEW = 400_000
GENERATOR = 935_492
"""Bytes of the small suites' generator."""


def write_large_out(out: Path) -> None:
    labels = [f"loss-{i:02d}" for i in range(20)]
    artifacts: dict[str, bytes] = {}
    seeds = (1, 2, 3)
    merged = {}
    for dataset, count in COUNTS.items():
        for record in synthetic_records(
            labels=labels, seeds=seeds, datasets=[dataset], images=count,
            metrics=("psnr", "ssim", "lpips", "dists", "niqe"),
        ):  # fmt: skip
            document = json.loads(dressed(record, artifacts).model_dump_json(by_alias=True))
            document["suite"]["document"]["data"]["test"] = list(COUNTS)
            kept = merged.setdefault(record.key, document)
            kept["scores"].update(document["scores"])
    rng = np.random.default_rng(0)
    for document in merged.values():
        record = validate_record(document)
        write_record(record, out / "records")
    for name in artifacts:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(rng.bytes(GENERATOR))


def write_shown_images(out: Path, names: dict[str, list[str]], rows: list[str]) -> None:
    """Only the images that are going to be shown: a site reads no others."""
    for dataset, chosen in names.items():
        pictures = photographs(SIZES[dataset])
        for index, name in enumerate(chosen):
            hr = pictures[index % len(pictures)].rotate(180 * (index // len(pictures)))
            save(hr, out / f"images/{dataset}/hr-images/{name}.png")
            for row in rows:
                save(degraded(hr, row), out / f"images/{dataset}/{row}-s1/{name}.png")
    for record in read_records([out]):
        for folder in (out / "images").glob(f"*/{record.loss.label}-s{record.seed}"):
            note_images(folder, record)
            if record.loss.label == "hr":
                note_images(folder.parent / "hr-images", record)


@pytest.mark.slow
def test_twenty_losses_on_three_data_sets_stay_small(tmp_path: Path) -> None:
    out, to = tmp_path / "out", tmp_path / "to"
    write_large_out(out)
    empty = publish([out], to)
    shown = {
        dataset: [
            re.search(r"<h1>(.*)</h1>", page.read_text())[1]
            for page in sorted((to / "synthetic/images" / dataset).iterdir())
        ]
        for dataset in COUNTS
    }
    assert {d: len(found) for d, found in shown.items()} == {"set5": 5, "set14": 8, "bsd100": 8}
    assert IMAGES == 8
    rows = [p.stem for p in (to / "synthetic/losses").iterdir() if p.stem != "hr"]
    assert len(rows) == 24
    write_shown_images(out, shown, rows)
    done = publish([out], to)
    media = done.bytes - empty.bytes
    generators = 22 * GENERATOR  # these have no hash to match: what they would add
    first_view = sum(done.sizes[n] for n in ("index.html", "assets/site.css", "assets/site.js"))
    visible = re.findall(
        r'<img src="(media/[^"]+)"[^>]*loading="lazy"', (to / "index.html").read_text()
    )
    assert len(visible) == 21
    first_view += sum(done.sizes[name] for name in set(visible))
    print(
        f"\n{done.bytes / 1e6:.1f} MB, media {media / 1e6:.1f} MB, with generators "
        f"{(done.bytes + generators) / 1e6:.1f} MB; first view {first_view / 1e3:.0f} kB"
    )
    assert media > 2_000_000  # the pictures are there
    assert done.bytes + generators < BUDGET
    assert first_view < FIRST_VIEW
