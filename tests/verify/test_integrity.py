"""Rows that claim more than they are: copies, noised replicates, impossible scores, flags."""

import json
import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from srbench.app.declared import declared_differences
from srbench.cli import cli
from srbench.errors import RecordError, SubmissionError
from srbench.host import discover
from srbench.imaging import lr_image, pixels_sha256, read_image
from srbench.metrics.pairs import ImagePair
from srbench.metrics.plugin import METRICS
from srbench.metrics.score import score_images
from srbench.models.files import save_generator
from srbench.models.images import published
from srbench.records import Record, read_record, record_key, record_text
from srbench.records.io import validate_record, write_record
from srbench.verify import Verification, verify_submission
from srbench.verify.against import PublishedRows

from .conftest import (
    DATASET,
    GENERATOR,
    edit_record,
    record_name,
    set_score,
    trained,
    unzipped,
)

Verify = Callable[..., Verification]
Tamper = Callable[..., Path]


def said(result: Verification, label: str) -> str:
    rows = [row for row in result.rows if row.facts.label == label]
    return " | ".join(d.message for row in rows for d in row.differences)


def board_of(run: Path, folder: Path) -> Path:
    """The run's records and generators as a published folder."""
    (folder / "generators").mkdir(parents=True)
    for path in (run / "records").glob("*.json"):
        record = read_record(path)
        write_record(record, folder / "records")
        for artifact in record.generators:
            target = folder / "generators" / f"{artifact.sha256}.safetensors"
            target.write_bytes((run / artifact.path).read_bytes())
    return folder


def add_seed(
    board: Path, label: str, seed: int, network: torch.nn.Module, test_images: Path
) -> None:
    """A row of another seed with this network: images, hashes and scores are its own."""
    path = next(p for p in (board / "records").glob("*.json") if read_record(p).loss.label == label)
    document = json.loads(path.read_text())
    if document["seed"] == seed:  # in its place
        old = document["artifacts"]["generator"]["sha256"]
        (board / "generators" / f"{old}.safetensors").unlink()
    file = board / "new.safetensors"
    digest = save_generator(network, GENERATOR, file)
    size = file.stat().st_size
    file.rename(board / "generators" / f"{digest}.safetensors")
    document.update(
        seed=seed,
        key=record_key(suite="tiny", version=1, label=label, seed=seed, content_scale=1.0),
    )
    document["artifacts"]["generator"].update(sha256=digest, bytes=size)
    upscale = published(trained(network))
    stated = document["scores"][DATASET]
    hr = {p.stem: read_image(p) for p in sorted(test_images.glob("*.png"))}
    sr = {name: upscale(lr_image(image, 4)) for name, image in hr.items()}
    stated["pixels_sha256"] = {name: pixels_sha256(image) for name, image in sr.items()}
    pairs = [ImagePair(name=name, sr=sr[name], hr=hr[name]) for name in hr]
    specs = [spec for spec in METRICS if spec.name in stated["metrics"]]
    found = score_images(pairs, specs, protocol="y4-v2", scale=4)
    for spec in specs:
        scores = found[spec.name]
        mean = math.fsum(scores.values()) / len(scores)
        stated["metrics"][spec.name].update(per_image=scores, mean=mean)
    write_record(validate_record(document), board / "records")


@pytest.fixture
def seeds(run: Path, tmp_path: Path, test_images: Path) -> Callable[..., Path]:
    """``seeds({(label, seed): network})``: a board of three seeds, with these rows added."""

    def make(rows: dict[tuple[str, int], torch.nn.Module]) -> Path:
        board = board_of(run, tmp_path / "board")
        for (label, seed), network in rows.items():
            add_seed(board, label, seed, network, test_images)
        for path in (board / "records").glob("*.json"):
            document = json.loads(path.read_text())
            document["suite"]["document"]["seeds"] = [1, 2, 3]
            path.write_text(record_text(validate_record(document)))
        return board

    return make


def noised(seed: int, amount: float) -> torch.nn.Module:
    """The network of a seed, all its weights moved a little."""
    network = GENERATOR.build(seed=seed)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(amount * torch.randn_like(parameter))
    return network


def test_seeds_that_were_trained_are_replicates(seeds: Callable[..., Path], verify: Verify) -> None:
    """Each row a step away from its own seed's warm start, as training leaves it."""
    board = seeds(
        {
            ("warm-start", 2): GENERATOR.build(seed=12),
            ("first", 1): noised(1, 0.002),
            ("first", 2): noised(12, 0.002),
            ("second", 1): noised(1, 0.003),
        }
    )
    result = verify(board)
    assert result.verified, said(result, "first")
    row = next(r for r in result.rows if (r.facts.label, r.facts.seed) == ("first", 2))
    assert row.distances[2] < 0.1 < 0.9 < row.distances[1]
    assert set(row.document()["distances"]) == {"1", "2"}


def test_one_generator_under_two_seeds_is_no_replicate(
    seeds: Callable[..., Path], verify: Verify
) -> None:
    board = seeds({("first", 1): noised(1, 0.002), ("first", 2): noised(1, 0.002)})
    result = verify(board)
    assert "its generator is that of seed 2 too" in said(result, "first")
    assert not result.verified


@pytest.mark.parametrize("starts", [True, False])
def test_a_noised_generator_is_no_replicate(
    seeds: Callable[..., Path], verify: Verify, starts: bool
) -> None:
    rows = {("first", 1): noised(1, 0.002), ("first", 2): noised(1, 0.00201)}
    if starts:
        rows["warm-start", 2] = GENERATOR.build(seed=12)
    result = verify(seeds(rows))
    found = said(result, "first")
    assert ("nearer to the warm start of seed 1" if starts else "network is that of seed") in found
    assert not result.verified


def test_noised_warm_starts_are_found_too(seeds: Callable[..., Path], verify: Verify) -> None:
    rows = {("warm-start", 2): noised(1, 1e-5), ("first", 2): noised(1, 0.002)}
    assert "two seeds begin at other random weights" in said(verify(seeds(rows)), "warm-start")


def test_a_seed_that_the_suite_does_not_list_differs(tamper: Tamper, verify: Verify) -> None:
    path = tamper(lambda f: edit_record(f, "first", lambda d: d.update(seed=99)))
    assert "seed 99; the suite's are [1]" in said(verify(path), "first")


def test_a_score_that_no_image_has_differs_though_nobody_can_recompute_it(
    tamper: Tamper, verify: Verify
) -> None:
    def forge(files: dict[str, bytes]) -> None:
        edit_record(files, "first", lambda d: set_score(d, "ssim", "cat", 10))
        for name in [name for name in files if name.startswith("generators/")]:
            files.pop(name)

    result = verify(tamper(forge), leave=["by-hash"])
    assert "ssim of 'cat' in 'folder:tiny': 10" in said(result, "first")
    assert not result.verified


@pytest.mark.parametrize("leave", [(), ("by-hash",)])
def test_the_status_is_green_only_for_what_was_recomputed(
    tamper: Tamper, test_images: Path, leave: tuple[str, ...]
) -> None:
    def drop(files: dict[str, bytes]) -> None:
        name = record_name(files, "second")
        digest = json.loads(files[name])["artifacts"]["generator"]["sha256"]
        files.pop(f"generators/{digest}.safetensors")

    words = ["verify", str(tamper(drop)), "--data", f"{DATASET}={test_images}"]
    done = CliRunner().invoke(cli, [*words, *(w for reason in leave for w in ("--leave", reason))])
    assert done.exit_code == (0 if leave else 1), done.output
    assert ("1 rows were not recomputed (by-hash)" in done.output) is not bool(leave)


def test_what_is_published_are_the_scores_found_here(
    tamper: Tamper, verify: Verify, tmp_path: Path, test_images: Path
) -> None:
    """Inflated by less than the tolerance, a copy would stand above its original."""
    path = tamper(lambda f: edit_record(f, "first", lambda d: set_score(d, "psnr", "cat", 9e-4)))
    out = tmp_path / "accepted"
    words = ["verify", str(path), "--data", f"{DATASET}={test_images}", "--recomputed", str(out)]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    records = {r.loss.label: r for r in map(read_record, (out / "records").glob("*.json"))}
    untouched = {name: data for name, data in unzipped(path).items() if name.startswith("records")}
    stated = {r.loss.label: r for r in (validate_record(json.loads(d)) for d in untouched.values())}
    assert set(records) == set(stated)

    def psnr(record: Record) -> float:
        return record.scores[DATASET].metrics["psnr"].per_image["cat"]

    assert psnr(stated["first"]) - psnr(records["first"]) == pytest.approx(9e-4, abs=1e-6)
    assert psnr(stated["second"]) == pytest.approx(psnr(records["second"]), abs=1e-9)
    assert verify(out).verified


def test_a_published_generator_under_another_label_is_found(
    run: Path, tmp_path: Path, verify: Verify, tamper: Tamper
) -> None:
    board = PublishedRows(board_of(run, tmp_path / "board"))

    def copy(files: dict[str, bytes]) -> None:
        edit_record(files, "first", lambda d: d["loss"].update(label="mine"))

    result = verify(tamper(copy), also=board.differences)
    assert "its generator is that of tiny first seed 1" in said(result, "mine")
    untouched = verify(tamper(lambda files: None), also=board.differences)
    assert untouched.verified  # the same records again


CLAIMS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a label for another loss": (
        lambda d: d["loss"]["terms"][0].update(name="charbonnier"), "stands for another loss"),
    "a flag left out": (
        lambda d: d["loss"].update(trains_on_metrics=["psnr"]), "trains_on_metrics"),
    "another task": (lambda d: d["loss"].update(task="segmentation"), "task"),
    "a label in other case": (lambda d: d["loss"].update(label="First"), "in case alone"),
    "another record of the row": (lambda d: d.update(notes=["x"]), "another record of tiny first"),
}  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_contradicts_the_published_rows(
    run: Path, tmp_path: Path, tamper: Tamper, claim: str
) -> None:
    change, message = CLAIMS[claim]
    board = PublishedRows(board_of(run, tmp_path / "board"))
    files = unzipped(tamper(lambda f: edit_record(f, "first", change)))
    label = "First" if claim == "a label in other case" else "first"
    record = validate_record(json.loads(files[record_name(files, label)]))
    found = " | ".join(d.message for d in board.differences(record))
    assert message in found


def test_what_contradicts_the_installed_losses(run: Path) -> None:
    registry = discover()
    records = {r.loss.label: r for r in map(read_record, (run / "records").glob("*.json"))}
    honest = records["first"].model_dump(mode="json", by_alias=True)

    def found(change: Callable[[dict[str, Any]], None]) -> str:
        document = json.loads(json.dumps(honest))
        change(document)
        record = validate_record(document)
        return " | ".join(d.message for d in declared_differences(record, registry))

    def as_installed(document: dict[str, Any]) -> None:
        spec = registry.loss("l2").spec
        document["loss"].update(
            task=spec.task, backbone=spec.backbone, pretrained_on=spec.pretrained_on,
            license=spec.license, paper=spec.paper,
            trains_on_metrics=list(spec.trains_on_metrics),
            shares_network_with=list(spec.shares_network_with),
            saw_test_images=list(spec.saw_test_images),
        )  # fmt: skip
        document["loss"]["terms"][0]["version"] = spec.version

    def flagless(document: dict[str, Any]) -> None:
        as_installed(document)
        document["loss"].update(task="classification")

    assert found(as_installed) == ""
    assert "it says task = 'classification'" in found(flagless)

    def pixel(document: dict[str, Any]) -> None:
        document["loss"].update(label="pixel", reference=True)

    assert "the reference row pixel is of ['l1'], not of ['l2']" in found(pixel)


LABELS = {
    "empty": "", "zero width": "fi\u200brst", "look-alike": "p\u0456xel", "capitals": "HR",
    "a NUL": "fi\0rst", "long": "f" * 251, "10 MB": "f" * 300_000, "a link": "https://x.y",
    "a person": "@user", "markup": "<b>x</b>",
}  # fmt: skip


@pytest.mark.parametrize("label", LABELS)
def test_a_label_that_misleads_is_refused_in_records(run: Path, label: str) -> None:
    document = json.loads(next((run / "records").glob("*.json")).read_text())
    document["loss"].update(label=LABELS[label], reference=False)
    with pytest.raises(RecordError, match=r"label|longer|pattern"):
        validate_record(document)


def with_entry(**fields: Any) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        for name, value in fields.items():
            setattr(info, name, value)

    return change


ZIP64 = struct.pack("<HHQ", 1, 8, 2**63 + 5)
UNUSUAL = {
    "an extra field": with_entry(extra=struct.pack("<HH", 0x9999, 4) + b"code"),
    "an offset beyond 2^63": with_entry(extra=ZIP64),
    "a comment": with_entry(comment=b"code"),
    "an executable": with_entry(external_attr=0o100755 << 16),
}


@pytest.mark.parametrize("unusual", UNUSUAL)
def test_an_archive_holds_nothing_that_nobody_reads(
    packed: Path, tmp_path: Path, verify: Verify, unusual: str
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index, (name, data) in enumerate(unzipped(packed).items()):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            if index == 3:
                UNUSUAL[unusual](info)
            archive.writestr(info, data)
    with pytest.raises(SubmissionError, match=r"extra field|program|damaged"):
        verify(path)


@pytest.mark.parametrize("where", ["between two files", "before the directory"])
def test_an_archive_has_no_gaps(packed: Path, tmp_path: Path, verify: Verify, where: str) -> None:
    files = unzipped(packed)
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index, (name, data) in enumerate(files.items()):
            archive.writestr(name, data)
            last = index == len(files) - 1
            if (where == "between two files" and index == 2) or (
                where != "between two files" and last
            ):
                archive.fp.write(b"#!/bin/sh\n")  # type: ignore[union-attr]
                archive.start_dir = archive.fp.tell()  # type: ignore[union-attr]
    with pytest.raises(SubmissionError, match="damaged"):
        verify(path)


def test_a_lone_surrogate_in_a_generators_metadata_is_refused(
    tamper: Tamper, verify: Verify
) -> None:
    from .conftest import replace_generator

    def swap(files: dict[str, bytes]) -> None:
        document = json.loads(files[record_name(files, "first")])
        data = files[f"generators/{document['artifacts']['generator']['sha256']}.safetensors"]
        length = int.from_bytes(data[:8], "little")
        header = data[8 : 8 + length].replace(b"msrresnet", b"msr\\ud800")
        replace_generator(
            files, "first", len(header).to_bytes(8, "little") + header + data[8 + length :]
        )

    path = tamper(swap)
    result = verify(path)
    assert "the generator's file is refused" in said(result, "first")


def test_scores_near_the_largest_float_are_refused(tamper: Tamper, verify: Verify) -> None:
    def huge(document: dict[str, Any]) -> None:
        scores = document["scores"][DATASET]["metrics"]["psnr"]
        scores.update(per_image=dict.fromkeys(scores["per_image"], 1.7e308), mean=1.7e308)

    with pytest.raises(SubmissionError, match="less than or equal"):
        verify(tamper(lambda f: edit_record(f, "first", huge)))


def test_records_are_read_one_at_a_time(run: Path, tmp_path: Path, test_images: Path) -> None:
    """100 records of 250 kB: all of them at once would take 25 MB."""
    import tracemalloc

    board = board_of(run, tmp_path / "board")
    path = next(p for p in (board / "records").glob("*.json") if "bicubic" in p.read_text())
    document = json.loads(path.read_text())
    document["notes"] = ["x" * 50_000 for _ in range(5)]
    document["status"], document["scores"] = "failed", {}
    document["error"] = {"kind": "x", "message": "y"}
    document["loss"].update(reference=False, terms=[
        {"name": "l2", "version": 1, "params": {}, "weight": 1.0, "distribution": "srbench",
         "distribution_version": "1"}])  # fmt: skip
    for index in range(100):
        document["loss"]["label"] = label = f"label-{index}"
        document["key"] = key = record_key(
            suite="tiny", version=1, label=label, seed=1, content_scale=1.0
        )
        (board / "records" / f"{key}.json").write_text(json.dumps(document))
    verify_submission(board, data={DATASET: test_images})  # imports what it needs
    tracemalloc.start()
    try:
        result = verify_submission(board, data={DATASET: test_images})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(result.rows) == 104
    assert peak < 12 << 20


def test_too_many_bytes_of_records_are_refused(run: Path, tmp_path: Path) -> None:
    from srbench.verify.limits import Limits

    with pytest.raises(SubmissionError, match="of which 1,000 are records"):
        verify_submission(board_of(run, tmp_path / "b"), limits=Limits(record_bytes=1000))
