"""Rows that show one half of the objective, and the calibration's own batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from srbench.app.overview import plan_overview
from srbench.errors import SuiteError
from srbench.host import discover
from srbench.records.layout import OutFolder
from srbench.run.plan.planning import Plan, make_plan
from srbench.run.plan.targets import applicable_metrics
from srbench.run.plan.tasks import AdversarialTask, CalibrationTask
from srbench.settings import parse_suite

CONTROLS = ("seeds=[1]", 'controls=["adversarial-only"]')


def planned(text: str, *overrides: str) -> Plan:
    return make_plan(parse_suite(text, overrides=overrides), discover(), device="cpu", pull=False)


def tasks(plan: Plan) -> dict[str, AdversarialTask]:
    return {j.label: j.task for j in plan.jobs if isinstance(j.task, AdversarialTask)}


def test_controls_leave_the_other_rows_their_keys_and_conditions(suite_text: str) -> None:
    more = suite_text.replace('name = "l2"', 'name = "l2"\ncontent_only = true')
    plain, controlled = planned(suite_text, "seeds=[1]"), planned(more, *CONTROLS)
    assert {j.key for j in plain.jobs} < {j.key for j in controlled.jobs}
    assert plain.suite.conditions == controlled.suite.conditions
    labels = {j.label for j in controlled.jobs} - {j.label for j in plain.jobs}
    assert labels == {"adversarial-only", "first-content-only"}


def test_each_control_lacks_one_half(suite_text: str) -> None:
    found = tasks(planned(suite_text.replace('"l2"', '"l2"\ncontent_only = true'), *CONTROLS))
    suite, alone = found["first"].adversarial, found["adversarial-only"]
    assert alone.adversarial == suite.but(content_weight=0.0)
    assert alone.terms == ()
    assert alone.calibration is None
    assert found["first-content-only"].adversarial == suite.but(adversarial_weight=0.0)
    assert found["first-content-only"].terms == found["first"].terms


def test_without_a_content_loss_there_is_one_scale(suite_text: str) -> None:
    plan = planned(suite_text, *CONTROLS, "adversarial.content_scales=[0.3, 1.0]")
    assert [c.content_scale for c in plan.cells if c.row.label == "adversarial-only"] == [1.0]
    assert [c.content_scale for c in plan.cells if c.row.label == "first"] == [0.3, 1.0]


def test_the_calibration_has_a_batch_of_its_own(suite_text: str) -> None:
    def calibration(*overrides: str) -> CalibrationTask:
        plan = planned(suite_text, "seeds=[1]", *overrides)
        (task,) = (j.task for j in plan.jobs if isinstance(j.task, CalibrationTask))
        return task

    assert calibration().patches is None
    assert calibration("calibration.batch_size=16").patches == 16
    assert calibration("calibration.batch_size=16").identity() != calibration().identity()


def test_adversarial_training_has_a_batch_of_its_own(suite_text: str) -> None:
    few = planned(suite_text, "seeds=[1]", "adversarial.batch_size=1")
    assert {task.batch_size for task in tasks(few).values()} == {1}
    assert {j.task.batch_size for j in few.jobs if j.kind.name != "adversarial"} == {2}
    before = planned(suite_text, "seeds=[1]")
    same = [{j.key for j in p.jobs if j.kind.name != "adversarial"} for p in (few, before)]
    assert same[0] == same[1]  # warm starts and calibrations are shared


def test_strengths_are_chosen_on_curves_of_the_held_out_images(suite_text: str) -> None:
    def walks(*overrides: str) -> dict[float, str | None]:
        plan = planned(suite_text, "seeds=[1]", *overrides)
        return {c.content_scale: c.walk for c in plan.cells if c.row.label == "second"}

    several = "adversarial.content_scales=[0.3, 1.0]"
    curve = "interpolation=[0.5, 1.0]"
    assert walks(curve) == {1.0: None}  # nothing to choose
    assert walks(several) == {0.3: None, 1.0: None}
    assert walks(several, curve, "data.val=0") == {0.3: None, 1.0: None}
    found = walks(several, curve)
    assert len(set(found.values()) - {None}) == 2
    plan = planned(suite_text, "seeds=[1]", several, curve)
    (job,) = (j for j in plan.jobs if j.key == found[0.3])
    cell = next(c for c in plan.cells if c.walk == job.key)
    assert {cell.training, cell.warm} <= set(job.needs)
    assert job.task.coefficients == (0.5,)
    plain = planned(suite_text, "seeds=[1]", several)
    assert {j.key for j in plain.jobs} < {j.key for j in plan.jobs}


def test_a_row_may_have_weights_of_its_own(suite_text: str) -> None:
    own = 'name = "l2"\ncontent_weight = 3.0\nadversarial_weight = 0.2\ncontent_only = true'
    found = tasks(planned(suite_text.replace('name = "l2"', own)))
    suite = found["second"].adversarial
    assert found["first"].adversarial == suite.but(content_weight=3.0, adversarial_weight=0.2)
    assert found["first-content-only"].adversarial == suite.but(
        content_weight=3.0, adversarial_weight=0.0
    )


def test_points_between_may_be_scored_by_fewer_metrics(suite_text: str, tmp_path: Path) -> None:
    metrics = 'metrics=["psnr", "lpips"]'
    few = planned(suite_text, "seeds=[1]", metrics, "interpolation=[0.5]", 'curve_metrics=["psnr"]')
    cell = next(c for c in few.cells if c.row.label == "second")
    dataset = few.suite.data.test[0]
    names = [
        [m.spec.name for m in applicable_metrics(few, cell, dataset, point=p)]
        for p in (False, True)
    ]
    assert names == [["psnr", "lpips"], ["psnr"]]
    counted = plan_overview(few, OutFolder(tmp_path), parallel=1)["scores"]
    total = {d["metric"]: d["total"] for d in counted["by_dataset_and_metric"]}
    trained = sum(c.warm is not None for c in few.cells)
    assert total["psnr"] - total["lpips"] == trained > 1
    assert counted["to_compute"] == counted["total"]
    plain = planned(suite_text, "seeds=[1]", metrics, "interpolation=[0.5]")
    assert few.suite.conditions == plain.suite.conditions
    with pytest.raises(SuiteError, match="among metrics"):
        planned(suite_text, metrics, 'curve_metrics=["dists"]')
