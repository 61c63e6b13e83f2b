"""Stages inside this process: collapse, batches in parts, and what their results say."""

from pathlib import Path
from typing import Any

import pytest
from left_behind import leave_scores

from srbench.host import discover
from srbench.records import read_record
from srbench.records.layout import OutFolder
from srbench.run.exec.attempts import Fit
from srbench.run.exec.events import EventLog
from srbench.run.plan.jobs import load
from srbench.run.plan.planning import Plan, make_plan
from srbench.run.plan.targets import targets
from srbench.run.records import assemble_records
from srbench.run.work.stage import Stage
from srbench.run.writing import write_json
from srbench.settings import parse_suite

pytestmark = pytest.mark.slow

STOPPING = "\n[stopping]\npatience = 10\ndiscriminator_below = 1e6\n"


def train(plan: Plan, out: OutFolder, label: str, parts: int = 1) -> dict[str, Any]:
    """Run the chain of one row; the result of its last job."""
    by_key = {job.key: job for job in plan.jobs}
    (cell,) = [c for c in plan.cells if c.row.label == label]
    assert cell.training is not None
    last = by_key[cell.training]
    result = None
    for key in (*last.needs, last.key):
        events = EventLog(out.job(key) / "events.jsonl")
        job = by_key[key]
        result = load(job.kind.run)(
            Stage(
                job=job, task=job.task, out=out, events=events, should_stop=lambda: False,
                fit=Fit(micro_batches=parts, calibration_parts=parts),
            )
        )  # fmt: skip
        events.close()
        assert result is not None
        write_json(out.result(key), result)
    assert result is not None
    return result


def planned(text: str, *overrides: str) -> Plan:
    suite = parse_suite(text, overrides=("seeds=[1]", *overrides))
    return make_plan(suite, discover(), device="cpu")


def test_a_collapsed_run_stops_and_stays_in_the_table(suite_text: str, tmp_path: Path) -> None:
    out = OutFolder(tmp_path)
    plan = planned(suite_text + STOPPING, "adversarial.iterations=30")
    result = train(plan, out, "second")
    assert "stayed below 1e+06 from iteration 0 to 10" in result["collapsed"]
    assert result["log"][-1]["iteration"] == 10
    assert (
        assemble_records(plan, out, targets(plan, out)) == []
    )  # a collapsed row has scores like any other
    (cell,) = [c for c in plan.cells if c.row.label == "second"]
    for target in targets(plan, out):
        for key in target.scores.values():
            leave_scores(out, key)
    records = {
        r.loss.label: r for r in map(read_record, assemble_records(plan, out, targets(plan, out)))
    }
    record = records["second"]
    assert record.status == "collapsed"
    assert "stopped as collapsed" in record.notes[0]
    assert record.keys["training"] == cell.training
    assert out.generator(result["key"]).exists()


def test_without_a_stopping_section_nothing_stops_early(suite_text: str, tmp_path: Path) -> None:
    result = train(planned(suite_text, "adversarial.iterations=30"), OutFolder(tmp_path), "second")
    assert result["collapsed"] is None
    assert result["log"][-1]["iteration"] == 30


def test_batches_in_parts_are_noted(suite_text: str, tmp_path: Path) -> None:
    plan = planned(suite_text)
    whole = train(plan, OutFolder(tmp_path / "whole"), "second")
    parts = train(plan, OutFolder(tmp_path / "parts"), "second", parts=2)
    assert whole["notes"] == []
    (note,) = parts["notes"]
    assert "each batch of 2 was computed in 2 parts" in note
    assert "the effective batch is still 2" in note
    assert parts["calibration"]["constant"] == pytest.approx(
        whole["calibration"]["constant"], rel=1e-2
    )


def test_a_run_without_content_is_measured_and_recorded(suite_text: str, tmp_path: Path) -> None:
    out = OutFolder(tmp_path)
    plan = planned(suite_text, 'controls=["adversarial-only"]')
    both, alone = (train(plan, out, label) for label in ("first", "adversarial-only"))
    assert [point["iteration"] for point in both["game"]] == [2, 4]
    shared = {"discriminator", "adversarial_gradient"}
    shared |= {"accuracy_hr", "accuracy_sr", "accuracy_pairs"}
    content = {"content_gradient", "content_signal", "content_to_adversarial"}
    assert set(both["game"][-1]["scores"]) == shared | content
    assert set(alone["game"][-1]["scores"]) == shared
    assert "calibration" not in alone
    for key in (k for target in targets(plan, out) for k in target.scores.values()):
        leave_scores(out, key)
    records = {
        r.loss.label: r for r in map(read_record, assemble_records(plan, out, targets(plan, out)))
    }
    assert [p.model_dump() for p in records["first"].game] == both["game"]
    assert records["adversarial-only"].loss.terms == ()
    assert records["adversarial-only"].loss.reference
    assert records["adversarial-only"].calibration is None
    assert records["warm-start"].game == ()
