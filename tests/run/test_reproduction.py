from typing import Any

import pytest

from srbench.app.reproduction import Reproduction, compare, lock_file
from srbench.host import discover
from srbench.records import Record
from srbench.run.plan.environment import describe_environment
from srbench.run.plan.planning import make_plan
from srbench.run.plan.rows import loss_info
from srbench.settings import Suite


@pytest.fixture
def record(suite: Suite) -> Record:
    """A record of row ``second``, as this machine would write it."""
    plan = make_plan(suite, discover(), device="cpu")
    (cell,) = [c for c in plan.cells if (c.row.label, c.seed) == ("second", 2)]
    images = {"a": 20.0, "b": 30.0}
    scores = {
        "images": tuple(images), "manifest_sha256": "0" * 64,
        "metrics": {"psnr": {"version": 1, "lower_is_better": False, "mean": 25.0,
                             "per_image": images}},
    }  # fmt: skip
    assert cell.training is not None
    return Record.model_validate(
        {
            "key": "1" * 64,
            "suite": {
                "name": suite.name, "version": 1, "sha256": suite.conditions,
                "track": suite.track,
                "document": suite.model_dump(mode="json", by_alias=True),
            },
            "loss": loss_info(cell.row).model_dump(),
            "seed": 2, "content_scale": 1.0, "status": "finished", "protocol": "y4-v2",
            "scores": {"photos-test": scores},
            "environment": {
                **describe_environment(threads=1, gpu=None).model_dump(), "git_dirty": False,
            },
            "keys": {"training": cell.training},
            "artifacts": {"generator": {"path": "g", "sha256": "2" * 64, "bytes": 1}},
        }
    )  # fmt: skip


def changed(record: Record, **parts: Any) -> Record:
    return Record.model_validate({**record.model_dump(by_alias=True), **parts})


def test_only_the_row_and_what_it_needs_is_planned(record: Record) -> None:
    work = Reproduction(record, discover(), device=None, pull=False)
    assert [(job.kind.name, job.seed) for job in work.plan.jobs] == [
        ("warm-start", 2),
        ("calibration", 2),
        ("adversarial", 2),
    ]
    assert [cell.row.label for cell in work.plan.cells] == ["second"]
    assert work.differences() == []


def test_what_differs_is_named(record: Record) -> None:
    environment = {**record.environment.model_dump(), "cpu": "an abacus"}
    environment["packages"] = {**environment["packages"], "torch": "1.0.0"}
    loss = record.loss.model_dump()
    loss["terms"] = [{**loss["terms"][0], "version": 99}]
    train = {"name": "photos", "role": "train", "count": 1, "sha256": "3" * 64}
    old = changed(
        record, environment=environment, loss=loss, data=[train], keys={"training": "4" * 64}
    )
    lines = Reproduction(old, discover(), device=None, pull=False).differences()
    assert any(line.startswith("cpu: record an abacus") for line in lines)
    assert any(line.startswith("package torch: record 1.0.0") for line in lines)
    assert any("record version 99" in line for line in lines)
    assert any(line.startswith("train images photos") for line in lines)
    assert any("key of the training" in line for line in lines)


def test_threads_come_from_the_record(record: Record, suite: Suite) -> None:
    document = record.suite.model_dump()
    document["document"]["execution"]["threads"] = None
    environment = {**record.environment.model_dump(), "threads": 3}
    old = changed(record, suite=document, environment=environment)
    work = Reproduction(old, discover(), device=None, pull=False)
    assert {job.task.execution.threads for job in work.plan.jobs} == {3}


def test_equal_records_agree(record: Record) -> None:
    comparison = compare(record, record)
    assert comparison.same
    assert comparison.generator_same
    assert list(comparison.lines())[-1] == "reproduced"


def test_another_score_or_a_missing_one_is_no_reproduction(record: Record) -> None:
    scores = record.model_dump()["scores"]
    metric = scores["photos-test"]["metrics"]["psnr"]
    metric["per_image"] = {"a": 20.5, "b": 30.0}
    metric["mean"] = 25.25
    other = changed(record, scores=scores)
    comparison = compare(record, other)
    assert not comparison.same
    assert comparison.largest["photos-test"]["psnr"] == pytest.approx(0.5)
    scores["photos-test"]["metrics"] = {"ssim": metric}
    assert compare(record, changed(record, scores=scores)).missing == (
        "photos-test psnr",
        "photos-test ssim",
    )


def test_the_lock_file_names_all_versions(record: Record) -> None:
    text = lock_file(record)
    assert f"torch=={record.environment.packages['torch']}\n" in text
    assert f"\nsrbench-core=={record.environment.srbench}\n" in text
    assert "not installed" not in text
