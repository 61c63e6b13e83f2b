"""Records beyond the bounds of the schema: refused before any of it is used."""

import functools
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from forging import (
    DATASET,
    edit_record,
    unzipped,
)

from srbench.cli import cli
from srbench.errors import RecordError, SubmissionError
from srbench.records import record_key
from srbench.records.io import validate_record
from srbench.verify import Verification, verify_submission
from srbench.verify.limits import Limits

from .conftest import board_of

Tamper = Callable[..., Path]
Verify = Callable[..., Verification]


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


Attack = Callable[[dict[str, Any]], object]


def every_score(value: float) -> Attack:
    def change(document: dict[str, Any]) -> None:
        scores = document["scores"][DATASET]["metrics"]["psnr"]
        scores.update(per_image=dict.fromkeys(scores["per_image"], value), mean=value)

    return change


def cost(**values: float) -> Attack:
    whole = {"device": "x", "seconds": 1.0, "iterations_per_second": 1.0, **values}
    return lambda document: document.update(cost=whole)


BEYOND: dict[str, Attack] = {
    "a seed of 2^63": lambda d: d.update(seed=2**63),
    "a negative seed": lambda d: d.update(seed=-1),
    "scores near the largest float": every_score(1.7e308),
    "a cost of 1e308 seconds": cost(seconds=1e308),
    "parameters of 10^400": cost(loss_parameters=10**400),
    "iterations of 10^4000": lambda d: d.update(log=[{"iteration": 10**4000, "scores": {}}]),
    "a version of 2^70": lambda d: d["loss"]["terms"][0].update(version=2**70),
    "a weight of 1e300": lambda d: d["loss"]["terms"][0].update(weight=1e300),
    "a content scale of 1e300": lambda d: d.update(content_scale=1e300),
    "an image of 2^40 pixels a side": lambda d: d["scores"][DATASET].update(
        sizes={"cat": [2**40, 2**40]}
    ),
    "a note of 300 kB": lambda d: d.update(notes=["x" * 300_000]),
    "half of a surrogate pair": lambda d: d["loss"].update(summary="\ud800"),
    "half of one in the parameters": lambda d: d["loss"]["terms"][0].update(params={"\ud800": 1}),
    "parameters that nest": lambda d: d["loss"]["terms"][0].update(
        params=functools.reduce(lambda inner, _: {"x": inner}, range(100), {})
    ),
    "a suite of 250,000 values": lambda d: d["suite"]["document"].update(x=[0] * 250_000),
}  # fmt: skip


@pytest.mark.parametrize("attack", BEYOND)
def test_a_record_beyond_the_bounds_is_refused_by_every_reader(
    tamper: Tamper, verify: Verify, tmp_path: Path, attack: str
) -> None:
    """`report` and `publish` read records as `verify` does, which says it first."""

    def change(document: dict[str, Any]) -> None:
        BEYOND[attack](document)

    path = tamper(lambda files: edit_record(files, "first", change))
    with pytest.raises(SubmissionError) as refused:
        verify(path)
    assert len(str(refused.value)) < 2000
    for data in (d for name, d in unzipped(path).items() if name.startswith("records/")):
        (tmp_path / "records").mkdir(exist_ok=True)
        (tmp_path / "records" / f"{json.loads(data)['key']}.json").write_bytes(data)
    for words in (["report", tmp_path], ["publish", tmp_path, "--to", tmp_path / "site"]):
        done = CliRunner().invoke(cli, [str(word) for word in words])
        assert done.exit_code == 2, done.output
        assert "Traceback" not in done.output


def test_records_are_read_one_at_a_time(run: Path, tmp_path: Path, test_images: Path) -> None:
    """100 records of 250 kB: all of them at once would take 25 MB."""

    board = board_of(run, tmp_path / "board")
    verify_submission(board, data={DATASET: test_images})  # imports what it needs
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
    tracemalloc.start()
    try:
        result = verify_submission(board, data={DATASET: test_images})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(result.rows) == 104
    assert peak < 12 << 20


def test_too_many_bytes_of_records_are_refused(run: Path, tmp_path: Path) -> None:

    with pytest.raises(SubmissionError, match="of which 1,000 are records"):
        verify_submission(board_of(run, tmp_path / "b"), limits=Limits(record_bytes=1000))
