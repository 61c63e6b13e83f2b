"""`srbench plan` says, before anything runs, what would be computed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from left_behind import leave_result, leave_scores

from srbench.app.overview import jobs_to_measure, overview_lines, plan_overview
from srbench.host import Registry, discover
from srbench.records.layout import OutFolder
from srbench.run.exec.estimate import Estimate, estimate_jobs
from srbench.run.plan.planning import Plan, make_plan
from srbench.run.plan.targets import targets
from srbench.run.plan.tasks import TrainingTask
from srbench.run.work.stage_data import training_images
from srbench.settings import Suite, parse_suite


def plan(suite: Suite, registry: Registry | None = None) -> Plan:
    return make_plan(suite, registry or discover(), device="cpu")


def finish(made: Plan, out: OutFolder) -> None:
    """Pretend that everything of the plan was trained and scored."""
    for job in made.jobs:
        leave_result(out, job.key)
    for target in targets(made, out):
        for key in target.scores.values():
            leave_scores(out, key)


def to_do(made: Plan, out: OutFolder) -> tuple[set[tuple[str, str, int]], dict[str, int]]:
    document = plan_overview(made, out, parallel=1)
    jobs = {(j["kind"], j["label"], j["seed"]) for j in document["jobs"] if j["state"] == "run"}
    scores = {
        f"{s['dataset']} {s['metric']}": s["to_compute"]
        for s in document["scores"]["by_dataset_and_metric"]
        if s["to_compute"]
    }
    return jobs, scores


@pytest.fixture
def out(tmp_path: Path, suite: Suite) -> OutFolder:
    folder = OutFolder(tmp_path / "out")
    finish(plan(suite), folder)
    return folder


def test_a_finished_suite_has_nothing_to_do(suite: Suite, out: OutFolder) -> None:
    assert to_do(plan(suite), out) == (set(), {})


def test_a_fresh_folder_has_everything_to_do(suite: Suite, tmp_path: Path) -> None:
    jobs, scores = to_do(plan(suite), OutFolder(tmp_path / "fresh"))
    assert len(jobs) == 12
    assert scores == {"photos-test psnr": 11}  # bicubic, and five rows of two seeds


def test_an_added_loss_is_all_that_runs(suite_text: str, out: OutFolder) -> None:
    longer = parse_suite(suite_text + '\n[[loss]]\nlabel = "third"\nname = "l1"\n')
    # l1 is the reference row "pixel" already: the same work under another label.
    assert to_do(plan(longer), out) == (set(), {})
    longer = parse_suite(
        suite_text + '\n[[loss]]\nlabel = "third"\nname = "charbonnier"\n'
        "params = { epsilon = 0.01 }\n"
    )
    jobs, scores = to_do(plan(longer), out)
    assert jobs == {("adversarial", "third", 1), ("adversarial", "third", 2)}
    assert scores == {"photos-test psnr": 2}


def test_comments_order_and_limits_run_nothing(suite_text: str, out: OutFolder) -> None:
    head, first, second = suite_text.split("[[loss]]")
    turned = f"# other words\n{head}[[loss]]{second}\n[[loss]]{first}"
    turned += "\n[limits]\nretries = 3\n[checkpoint]\nevery_seconds = 7\n"
    assert to_do(plan(parse_suite(turned)), out) == (set(), {})


def test_a_raised_version_runs_only_its_losses(suite: Suite, out: OutFolder) -> None:
    registry = discover()
    loss = registry.loss("charbonnier")
    raised = replace(loss, spec=replace(loss.spec, version=loss.spec.version + 1))
    others = [other for name, other in registry.losses.items() if name != "charbonnier"]
    newer = Registry(
        registry.plugins, [*others, raised], registry.metrics.values(), registry.generators.values()
    )
    jobs, scores = to_do(plan(suite, newer), out)
    assert jobs == {("adversarial", "second", 1), ("adversarial", "second", 2)}
    assert scores == {"photos-test psnr": 2}


@pytest.mark.parametrize(
    ("setting", "scores"),
    [
        ('metrics=["psnr", "ssim"]', {"photos-test ssim": 11}),
        ('data.test=["photos-test", "photos"]', {"photos psnr": 11}),
    ],
)
def test_a_metric_or_a_test_set_trains_nothing(
    suite_text: str, out: OutFolder, setting: str, scores: dict[str, int]
) -> None:
    made = plan(parse_suite(suite_text, overrides=[setting]))
    assert to_do(made, out) == (set(), scores)


def test_early_stopping_is_part_of_what_adversarial_training_is(
    suite_text: str, out: OutFolder
) -> None:
    stopping = "[stopping]\npatience = 2\ndiscriminator_below = 0.001\n"
    jobs, _ = to_do(plan(parse_suite(suite_text + "\n" + stopping)), out)
    assert {kind for kind, _, _ in jobs} == {"adversarial"}


def test_the_totals_count_the_warm_start_once_or_per_loss(suite: Suite, tmp_path: Path) -> None:
    made = plan(suite)
    estimates: dict[str, Any] = {}
    for job in made.jobs:
        seconds = {"warm-start": 3600.0, "calibration": 36.0, "adversarial": 7200.0}[job.kind.name]
        estimates[job.key] = Estimate(
            flops=1e12, memory_bytes=2**30, seconds=seconds, seconds_per_iteration=1.0
        )
    document = plan_overview(made, OutFolder(tmp_path / "new"), parallel=2, estimates=estimates)
    total = document["total"]
    assert total["job_hours"] == pytest.approx(2 * (1 + 0.01 + 4 * 2))
    assert total["job_hours_without_shared_warm_start"] == pytest.approx(2 * (4 + 0.01 + 4 * 2))
    # Two seeds on two devices: each does its warm start, then its four losses.
    assert total["wall_hours"] == pytest.approx(1 + 0.01 + 4 * 2)
    assert total["wall_hours_at_least"] == pytest.approx(1 + 0.01 + 2)
    text = "\n".join(overview_lines(document))
    assert "without sharing the warm start: 24.0 h of jobs" in text
    assert "at least 3.0 h on any number of devices: the warm start, then the longest loss" in text
    assert "how: " in text
    for parallel, hours in ((1, 2 * (1 + 0.01 + 4 * 2)), (4, 1 + 0.01 + 2 * 2), (99, 3.01)):
        document = plan_overview(made, OutFolder(tmp_path), parallel=parallel, estimates=estimates)
        assert document["total"]["wall_hours"] == pytest.approx(hours)


def test_jobs_that_share_a_gpu_share_its_memory(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srbench.app.overview.visible_gpus", lambda _: ("", ["0", "1"]))
    made = make_plan(suite, discover(), device="cuda")
    one = Estimate(flops=1.0, memory_bytes=2**31, seconds=1.0, seconds_per_iteration=1.0)

    def said(parallel: int) -> str:
        estimates = {job.key: one for job in made.jobs}
        out = OutFolder(tmp_path)
        return "\n".join(
            overview_lines(plan_overview(made, out, parallel=parallel, estimates=estimates))
        )

    assert "share a GPU" not in said(2)
    assert "at most 2.00 GiB per job, 3 jobs share a GPU: 6.00 GiB" in said(5)


def test_the_size_of_the_store_is_said_before_it_is_made(
    suite: Suite, suite_text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "not there yet"))

    def said(made: Plan) -> tuple[Any, str]:
        document = plan_overview(made, OutFolder(tmp_path / "out"), parallel=1)
        return document["images"], next(
            line for line in overview_lines(document) if line.startswith("training images: ")
        )

    made = plan(suite)
    images, line = said(made)
    assert not images["ready"]
    assert f"to be decoded into {images['decoded_bytes'] / 1e9:.2f} GB in " in line
    task = made.jobs[0].task
    assert isinstance(task, TrainingTask)
    store = training_images(task)
    assert images["decoded_bytes"] == (store.folder / "pixels.u8").stat().st_size
    images, line = said(plan(suite))
    assert images["ready"]
    assert line.endswith(f"ready in {store.folder}")
    files = plan(parse_suite(suite_text, overrides=['data.store="files"']))
    assert "decoded as patches are cut" in said(files)[1]


@pytest.mark.slow
def test_figures_are_measured(suite: Suite, tmp_path: Path) -> None:
    """FLOPs against the closed form of the convolutions; times against the clock."""
    made = plan(suite)
    todo = jobs_to_measure(made, OutFolder(tmp_path / "new"))
    wanted = {("warm-start", 1), ("warm-start", 2), ("adversarial", 1)}
    some = [
        j for j in todo if (j.kind.name, j.seed) in wanted and j.label in ("warm-start", "first")
    ]
    found = estimate_jobs(some)
    warm, adversarial, again = (found[job.key] for job in some)
    assert warm == again  # another seed is not measured again
    assert not isinstance(warm, str), warm
    assert not isinstance(adversarial, str), adversarial
    assert warm.flops == 4 * _flops_of_a_step()
    assert adversarial.flops is not None
    assert adversarial.flops > 1.5 * warm.flops
    assert warm.memory_bytes is not None
    assert 2**27 < warm.memory_bytes < 2**32
    assert warm.seconds > 4 * (warm.seconds_per_iteration or 0)


@pytest.mark.slow
def test_every_row_can_be_measured(suite_text: str, tmp_path: Path) -> None:
    """A control without a content loss, too: it has no norm to be calibrated by."""
    made = plan(parse_suite(suite_text, overrides=["seeds=[1]", 'controls=["adversarial-only"]']))
    found = estimate_jobs(jobs_to_measure(made, OutFolder(tmp_path / "new")))
    labels = {job.label for job in made.jobs if job.key in found}
    assert {"first", "adversarial-only", "pixel", "vgg16-random"} <= labels
    assert [why for why in found.values() if isinstance(why, str)] == []


def _flops_of_a_step() -> int:
    """By torch's own counter, of the warm start's generator on a batch of the suite's size."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from srbench.models.plugin import builtin_generator

    generator = builtin_generator("msrresnet", {"blocks": 1, "channels": 8}, 4).build()
    with FlopCounterMode(display=False) as counter:
        generator(torch.rand(2, 3, 8, 8)).abs().mean().backward()
    return counter.get_total_flops()


def test_curves_are_scores_to_compute_and_train_nothing(suite: Suite, out: OutFolder) -> None:
    curved = suite.but(interpolation=(0.25, 0.5, 1.0))
    jobs, scores = to_do(plan(curved), out)
    assert jobs == set()
    # Four trained rows (two losses, pixel and random weights) of two seeds, two points each.
    assert scores == {"photos-test psnr": 16}
    finish(plan(curved), out)
    assert to_do(plan(curved), out) == (set(), {})
    fresh = plan_overview(plan(curved), OutFolder(out.root / "fresh"), parallel=1)["scores"]
    assert (fresh["total"], fresh["to_compute"]) == (11 + 16, 11 + 16)
