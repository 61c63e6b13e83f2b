"""What is removed is exactly what nothing needs; a dry run removes nothing."""

from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from left_behind import leave_result, leave_scores

from srbench.errors import RecordError, UserError
from srbench.host import discover
from srbench.records import read_records
from srbench.records.layout import OutFolder, row_folder
from srbench.run.exec.locks import job_lock
from srbench.run.housekeeping import (
    collect_garbage,
    describe_jobs,
    find_runs,
    garbage,
    open_run,
    summarise_run,
)
from srbench.run.plan.environment import describe_environment
from srbench.run.plan.planning import Plan, make_plan
from srbench.run.plan.targets import targets
from srbench.run.records import assemble_records
from srbench.run.writing import write_json
from srbench.settings import Suite


def finish(plan: Plan, out: OutFolder) -> None:
    """Every job finished and scored, with a checkpoint each; sizes are told by their contents."""
    write_json(out.root / "suite.json", plan.suite.model_dump(mode="json", by_alias=True))
    environment = describe_environment(threads=1, gpu=None).model_dump(mode="json")
    cost = {"device": "a", "seconds": 1800.0, "iterations_per_second": 1.0}
    for job in plan.jobs:
        write_json(out.job(job.key) / "job.json", job.document())
        trained: dict[str, Any] = {"cost": cost, "environment": environment}
        leave_result(out, job.key, **(trained if job.kind.name != "calibration" else {}))
        (out.checkpoint(job.key) / "checkpoint-000000004.pt").write_bytes(b"x" * 1000)
    out.images("photos-test", "hr-images").mkdir(parents=True)
    (out.root / "images/photos-test/.hr-images.lock").touch()
    for target in targets(plan, out):
        for key in target.scores.values():
            leave_scores(out, key)
        out.images(target.dataset, target.row).mkdir(parents=True, exist_ok=True)
    assemble_records(plan, out, targets(plan, out))


@pytest.fixture
def plan(suite: Suite) -> Plan:
    return make_plan(suite, discover(), device="cpu")


@pytest.fixture
def out(tmp_path: Path, plan: Plan) -> OutFolder:
    folder = OutFolder(tmp_path / "runs" / "small")
    finish(plan, folder)
    return folder


def test_a_run_in_numbers(out: OutFolder, tmp_path: Path) -> None:
    (found,) = find_runs(tmp_path / "runs")
    summary = summarise_run(found)
    assert (summary["suite"], summary["finished"], summary["failed"]) == ("small", 11, 0)
    assert summary["hours"] == pytest.approx(0.5 * 10)  # five trained rows of two seeds
    assert summary["bytes"] > 12 * 1000


def test_checkpoints_of_finished_jobs_and_nothing_else(out: OutFolder, plan: Plan) -> None:
    found = garbage(out)
    assert {item.path.name for item in found} == {"checkpoint-000000004.pt"}
    assert len(found) == len(plan.jobs)
    assert all(item.path.exists() for item in found)  # looking removes nothing
    collect_garbage(found)
    assert garbage(out) == []
    assert all(out.generator(job.key).exists() for job in plan.jobs)
    assert len(list(read_records([out.root]))) == 11


def test_what_no_record_names(out: OutFolder, plan: Plan) -> None:
    gone = next(job for job in plan.jobs if job.label == "second" and job.seed == 1)
    for path in out.records.glob("*.json"):
        if gone.key in path.read_text():
            path.unlink()
    found = [item for item in garbage(out) if item.path.suffix != ".pt"]
    assert {item.path for item in found} == {
        out.checkpoint(gone.key),
        out.job(gone.key),
        out.images("photos-test", "second-s1"),
    }


def test_what_the_latest_run_has_not_recorded_yet_is_kept(out: OutFolder, plan: Plan) -> None:
    """Trained, interrupted before scoring: weeks of work that are in no record."""
    for path in out.records.glob("*.json"):
        path.unlink()
    assert out.checkpoint(plan.jobs[0].key) in {item.path for item in garbage(out)}
    with job_lock(out.checkpoint(plan.jobs[-1].key)):  # a run is at work
        assert {item.path.suffix for item in garbage(out)} <= {".pt"}
    rows = [row_folder(c.row.label, c.seed, c.content_scale) for c in plan.cells]
    write_json(out.plan, {"jobs": [job.key for job in plan.jobs], "rows": rows})
    assert {item.path.suffix for item in garbage(out)} == {".pt"}


def test_unfinished_work_is_kept_unless_asked(out: OutFolder) -> None:
    key = "f" * 64
    checkpoint = out.checkpoint(key) / "checkpoint-000000001.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"x")
    assert checkpoint.parent not in {item.path for item in garbage(out)}
    assert checkpoint.parent in {item.path for item in garbage(out, unfinished=True)}


def test_a_running_job_is_not_touched(out: OutFolder, plan: Plan) -> None:
    job = plan.jobs[0]
    with FileLock(out.checkpoint(job.key) / ".lock"):
        removed = collect_garbage(garbage(out))
    assert job.key not in {item.job for item in removed}
    assert (out.checkpoint(job.key) / "checkpoint-000000004.pt").exists()


def test_a_foreign_record_is_left_alone(out: OutFolder) -> None:
    (out.records / "mine.json").write_text("{}")
    collect_garbage(garbage(out))
    assert (out.records / "mine.json").read_text() == "{}"


def test_a_record_that_cannot_be_read_keeps_all(out: OutFolder) -> None:
    """Of a newer srbench, or damaged: what it names would be taken for garbage."""
    record = next(out.records.glob("*.json"))
    record.write_text("{}")
    with pytest.raises(RecordError, match=record.name):
        garbage(out)


def test_jobs_and_their_ends(out: OutFolder, plan: Plan) -> None:
    failed = plan.jobs[-1].key
    out.result(failed).unlink()
    write_json(out.job(failed) / "failure.json", {"kind": "hang", "message": "no sign of life"})
    described = {job["key"]: job for job in describe_jobs(out)}
    assert (described[failed]["state"], described[failed]["reason"]) == (
        "failed",
        "no sign of life",
    )
    assert {job["state"] for key, job in described.items() if key != failed} == {"finished"}


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no suite\.json"):
        open_run(tmp_path)


def test_unchanged_records_are_not_written_again(out: OutFolder, plan: Plan) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.records.glob("*.json")}
    again = assemble_records(plan, out, targets(plan, out))
    assert {path: path.stat().st_mtime_ns for path in again} == before
    victim = again[0]
    victim.write_text("{}")  # edited: made anew from its sources
    assemble_records(plan, out, targets(plan, out))
    assert len(list(read_records([out.root]))) == 11
    job = next(job for job in plan.jobs if job.kind.name == "adversarial")
    result = out.result(job.key)
    result.write_text(result.read_text().replace("1800.0", "3600.0"))
    assemble_records(plan, out, targets(plan, out))
    changed = {p for p, t in before.items() if p.stat().st_mtime_ns != t} - {victim}
    assert len(changed) == 1


def test_nothing_is_removed_through_a_link(plan: Plan, tmp_path: Path) -> None:
    """`images` on another disk, or a row's folder that leads elsewhere: what is there stays."""
    out, elsewhere = OutFolder(tmp_path / "out"), tmp_path / "elsewhere"
    finish(plan, out)
    (elsewhere / "photos-test" / "somebody-s1").mkdir(parents=True)
    (elsewhere / "photos-test" / "somebody-s1" / "a.png").write_text("theirs")
    (out.root / "images").rename(out.root / "moved")
    (out.root / "images").symlink_to(elsewhere)
    (out.root / "tensorboard").mkdir()
    (out.root / "tensorboard" / "other-s1").symlink_to(elsewhere)
    found = garbage(out)
    removed = collect_garbage(found)
    assert (elsewhere / "photos-test" / "somebody-s1" / "a.png").read_text() == "theirs"
    assert {item.path.parts[-3] for item in removed} <= {"checkpoints", "out"}
    assert (out.root / "tensorboard" / "other-s1").is_symlink()
