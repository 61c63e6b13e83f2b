"""Points between a warm start and a generator: their keys, their images and their records."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from srbench.data import find_dataset
from srbench.errors import SuiteError
from srbench.host import discover
from srbench.imaging import lr_image, pixels_sha256, read_image, to_tensor, to_uint8
from srbench.metrics.pairs import ImagePair
from srbench.metrics.score import score_images
from srbench.models.files import load_generator, save_generator
from srbench.models.plugin import builtin_generator
from srbench.records import read_record
from srbench.records.layout import OutFolder
from srbench.run.exec.attempts import Fit
from srbench.run.exec.events import EventLog
from srbench.run.plan.environment import describe_environment
from srbench.run.plan.planning import Plan, make_plan
from srbench.run.plan.targets import scoring_job, targets
from srbench.run.records import assemble_records
from srbench.run.work import scoring
from srbench.run.work.scoring import run_scoring
from srbench.run.work.stage import Stage
from srbench.run.work.stage_data import validator_of
from srbench.run.work.validation_curve import validation_curve
from srbench.run.writing import write_json
from srbench.settings import Suite, parse_suite

GENERATOR = builtin_generator("msrresnet", {"blocks": 1, "channels": 8}, 4)


def planned(suite: Suite, **settings: object) -> Plan:
    settings = {"seeds": (1,), "interpolation": (0.25, 0.5, 1.0), **settings}
    return make_plan(suite.but(**settings), discover(), device="cpu")


def trained(plan: Plan, out: OutFolder) -> None:
    """A generator for every job that makes one, its weights drawn and not trained."""
    environment = describe_environment(threads=1, gpu=None).model_dump(mode="json")
    for number, job in enumerate(plan.jobs):
        if job.kind.makes_generator:
            path = out.generator(job.key)
            sha256 = save_generator(GENERATOR.build(seed=number), GENERATOR, path)
            generator = {"sha256": sha256, "bytes": path.stat().st_size}
            write_json(
                out.result(job.key),
                {"key": job.key, "generator": generator, "environment": environment},
            )


def retrained(out: OutFolder, key: str, number: int) -> None:
    """Another generator of a job, its weights drawn."""
    sha256 = save_generator(GENERATOR.build(seed=number), GENERATOR, out.generator(key))
    generator = {"sha256": sha256, "bytes": out.generator(key).stat().st_size}
    write_json(out.result(key), {"key": key, "generator": generator})


def score(plan: Plan, out: OutFolder, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Score what is not scored yet, until stopped; how many targets that were."""
    wanted = [t for t in targets(plan, out) if t.missing(out) or not t.images_ready(out)]
    job = scoring_job(plan, out, wanted, 2)
    events = EventLog(out.job(job.key) / "events.jsonl")
    stage = Stage(job=job, task=job.task, out=out, events=events, should_stop=should_stop)
    assert (run_scoring(stage) is None) == should_stop()
    events.close()
    return len(wanted)


@pytest.mark.parametrize("bad", ["[0.0, 1.0]", "[0.5, 1.5]", "[0.5, 0.25]", "[0.5, 0.5]"])
def test_coefficients_rise_from_above_0_to_1(suite_text: str, bad: str) -> None:
    with pytest.raises(SuiteError, match="interpolation"):
        parse_suite(suite_text, overrides=(f"interpolation={bad}",))


def test_there_is_no_curve_without_a_warm_start(suite_text: str) -> None:
    overrides = ("interpolation=[0.5]", "warm_start.iterations=0")
    with pytest.raises(SuiteError, match="needs a warm start"):
        parse_suite(suite_text, overrides=overrides)


def test_curves_change_no_condition_and_no_training(suite: Suite) -> None:
    assert suite.but(interpolation=(0.5,)).conditions == suite.conditions
    with_curves, without = planned(suite), planned(suite, interpolation=())
    assert [job.key for job in with_curves.jobs] == [job.key for job in without.jobs]


def test_a_cell_knows_the_warm_start_it_was_trained_from(suite: Suite) -> None:
    plan = planned(suite, seeds=(1, 2))
    kinds = {job.key: (job.kind.name, job.seed) for job in plan.jobs}
    for cell in plan.cells:
        if cell.row.terms:
            assert cell.warm is not None
            assert kinds[cell.warm] == ("warm-start", cell.seed)
        else:
            assert cell.warm is None


def test_keys_hang_on_both_generators_and_the_coefficient(suite: Suite, tmp_path: Path) -> None:
    plan, out = planned(suite), OutFolder(tmp_path)

    def keys() -> dict[tuple[str, float], str]:
        return {
            (t.cell.row.label, t.generator.coefficient): t.scores["psnr"]
            for t in targets(plan, out)
            if t.scores  # of HR nothing is scored by PSNR
        }

    trained(plan, out)
    before = keys()
    assert len(set(before.values())) == len(before)
    assert {c for label, c in before if label == "first"} == {0.25, 0.5, 1.0}
    (cell,) = [c for c in plan.cells if c.row.label == "first"]
    assert cell.training is not None
    assert cell.warm is not None
    retrained(out, cell.warm, 100)
    after = keys()
    changed = {where for where in before if before[where] != after[where]}
    points = {where for where in before if where[1] < 1.0}
    assert changed == points | {("warm-start", 1.0)}
    retrained(out, cell.training, 101)
    again = keys()
    assert {w for w in after if after[w] != again[w]} == {("first", c) for c in (0.25, 0.5, 1.0)}


def test_a_stop_costs_no_row_that_was_scored(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "ROWS_AT_ONCE", 2)
    plan = planned(suite, interpolation=(), metrics=("psnr",))
    out = OutFolder(tmp_path)
    trained(plan, out)

    def scores() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in out.root.glob("scores/*.json")}

    score(plan, out, should_stop=lambda: bool(scores()))
    before = scores()
    assert len(before) == 2
    score(plan, out)
    after = scores()
    assert len(after) == 6  # bicubic, warm start, pixel, random and two losses
    assert {name: after[name] for name in before} == before


@pytest.mark.slow
def test_points_are_scored_recorded_and_kept(suite: Suite, tmp_path: Path) -> None:
    plan, out = planned(suite, interpolation=(0.5, 1.0)), OutFolder(tmp_path)
    trained(plan, out)
    assert score(plan, out) == 7 + 4  # rows, and the points of four of them
    paths = assemble_records(plan, out, targets(plan, out))
    records = {r.loss.label: r for r in map(read_record, paths)}
    assert {label for label, record in records.items() if record.curve} == {
        "first", "second", "pixel", "vgg16-random",
    }  # fmt: skip
    assert not list(out.root.glob("images/*/*0.5*"))  # no pictures of points are kept

    # By hand: the mean of the two networks' weights, an image in one pass, in float64.
    (point,) = records["first"].curve
    (cell,) = [c for c in plan.cells if c.row.label == "first"]
    assert cell.training is not None
    assert cell.warm is not None
    start = load_generator(out.generator(cell.warm)).network.state_dict()
    network = load_generator(out.generator(cell.training)).network
    network.load_state_dict(
        {n: ((start[n].double() + t.double()) / 2).float() for n, t in network.state_dict().items()}
    )
    name = "chelsea"
    dataset = find_dataset("photos-test")
    hr = read_image(out.images("photos-test", "hr-images") / f"{name}.png")
    with torch.inference_mode():
        sr = to_uint8(network.double()(to_tensor(lr_image(hr, 4), torch.float64))[0])
    (spec,) = [m.spec for m in plan.metrics]
    scores = score_images(
        [ImagePair(name=name, sr=np.asarray(sr), hr=hr)], [spec], protocol="y4-v2", scale=4
    )
    stated = point.scores["photos-test"]
    assert set(stated.images) == set(dataset.names)
    assert stated.metrics["psnr"].per_image[name] == pytest.approx(scores["psnr"][name], abs=1e-6)
    assert stated.pixels_sha256[name] == pixels_sha256(np.asarray(sr))
    assert records["first"].artifacts["warm-start"] == records["warm-start"].artifacts["generator"]

    assert score(plan, out) == 0  # all is there
    more = planned(suite, interpolation=(0.5, 0.75, 1.0))
    assert score(more, out) == 4  # the new points alone
    none = planned(suite, interpolation=())
    paths = assemble_records(none, out, targets(none, out))
    assert all(not read_record(path).curve for path in paths)


def test_a_curve_on_the_held_out_images_walks_from_warm_start_to_generator(
    suite: Suite, tmp_path: Path
) -> None:
    several = suite.adversarial.but(content_scales=(0.3, 1.0))
    plan, out = planned(suite, interpolation=(0.5, 1.0), adversarial=several), OutFolder(tmp_path)
    trained(plan, out)
    cell = next(c for c in plan.cells if c.row.label == "first" and c.content_scale == 0.3)
    (job,) = (j for j in plan.jobs if j.key == cell.walk)
    events = EventLog(out.job(job.key) / "events.jsonl")
    stage = Stage(job=job, task=job.task, out=out, events=events, should_stop=lambda: False)
    result = validation_curve(stage)
    events.close()
    assert result is not None
    assert result["key"] == job.key
    validate = validator_of(job.task, Fit())
    assert validate is not None
    assert cell.warm is not None
    assert cell.training is not None
    ends = [load_generator(out.generator(key)).network for key in (cell.warm, cell.training)]
    middle = load_generator(out.generator(cell.warm)).network
    states = [network.state_dict() for network in ends]
    middle.load_state_dict({k: (states[0][k] + states[1][k]) / 2 for k in states[0]})
    expected = [validate(network) for network in (ends[0], middle, ends[1])]
    assert [point["coefficient"] for point in result["points"]] == [0.0, 0.5, 1.0]
    for point, scores in zip(result["points"], expected, strict=True):
        assert point["scores"] == pytest.approx(scores, rel=1e-5)
