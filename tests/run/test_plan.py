import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srbench.errors import DataError, PluginError, SuiteError, UnknownName
from srbench.host import Registry, discover
from srbench.imaging import write_image
from srbench.run.plan.jobs import make_job
from srbench.run.plan.kinds import job_from_document
from srbench.run.plan.planning import Plan, check_ready, make_plan
from srbench.run.plan.tasks import AdversarialTask
from srbench.settings import Objective, Suite, parse_suite


def plan(suite: Suite, registry: Registry | None = None, **options: Any) -> Plan:
    return make_plan(suite, registry or discover(), device="cpu", **options)


def keys(made: Plan) -> dict[tuple[str, str, int], str]:
    return {(job.kind.name, job.label, job.seed): job.key for job in made.jobs}


def test_the_chain_of_one_row(suite: Suite) -> None:
    made = plan(suite)
    kinds = [(job.kind.name, job.label) for job in made.jobs if job.seed == 1]
    assert kinds == [
        ("warm-start", "warm-start"),
        ("calibration", "first"),
        ("adversarial", "pixel"),
        ("adversarial", "vgg16-random"),
        ("adversarial", "first"),
        ("adversarial", "second"),
    ]
    by_key = {job.key: job for job in made.jobs}
    last = made.jobs[-1]
    assert [by_key[need].kind.name for need in last.needs] == ["warm-start", "calibration"]
    assert all(by_key[need].seed == last.seed for need in last.needs)


def test_reference_rows_are_always_there(suite: Suite) -> None:
    labels = {cell.row.label for cell in plan(suite, only=["second"]).cells}
    assert labels == {"hr", "bicubic", "warm-start", "pixel", "vgg16-random", "second"}


def test_a_missing_reference_loss_says_why_it_is_needed(
    suite_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vgg = parse_suite(
        suite_text.replace('label = "first"\nname = "l2"', 'label = "first"\nname = "vgg16"')
    )
    monkeypatch.setenv("SRBENCH_PLUGINS", "no:srbench-classification")
    bare = discover()
    with pytest.raises(PluginError, match=r"Blocked .* srbench-classification") as info:
        plan(vgg, bare, only=["second"])
    assert "'small' calibrates all losses to its row 'first'" in info.value.what


def test_a_random_network_is_tapped_where_the_reference_is(suite_text: str) -> None:
    vgg = suite_text.replace(
        'label = "first"\nname = "l2"',
        'label = "first"\nname = "vgg16"\nparams = { tap = "conv3_2", distance = "l1" }',
    )
    made = plan(parse_suite(vgg), pull=False)
    random = next(cell.row for cell in made.cells if cell.row.label == "vgg16-random")
    params = random.terms[0].loss.canonical_params
    assert (params["tap"], params["distance"]) == ("conv3_2", "l1")


def test_order_and_comments_change_no_key(suite_text: str, suite: Suite) -> None:
    head, first, second = suite_text.split("[[loss]]")
    turned = f"# a comment\n{head}[[loss]]{second}\n[[loss]]{first}"
    assert keys(plan(parse_suite(turned))) == keys(plan(suite))


def test_an_added_loss_changes_no_other_key(suite_text: str, suite: Suite) -> None:
    third = '\n[[loss]]\nlabel = "third"\nname = "vgg16-random"\nparams = { tap = "conv1_1" }\n'
    longer = parse_suite(suite_text + third)
    before, after = keys(plan(suite)), keys(plan(longer))
    assert before.items() <= after.items()
    assert {label for _, label, _ in after.keys() - before.keys()} == {"third"}


def test_another_summary_or_test_set_or_metric_trains_nothing(suite: Suite) -> None:
    document = suite.model_dump(mode="json", by_alias=True)
    document["summary"] = "other words"
    document["metrics"] = ["psnr", "ssim"]
    document["data"]["test"] = ["photos-test", "photos"]
    changed = Suite.model_validate(document)
    assert keys(plan(changed)) == keys(plan(suite))


@pytest.mark.parametrize(
    ("setting", "changes"),
    [
        ("adversarial.iterations=5", {"adversarial"}),
        ("warm_start.iterations=5", {"warm-start", "calibration", "adversarial"}),
        ("discriminator.channels=5", {"adversarial"}),
        ("generator.channels=9", {"warm-start", "calibration", "adversarial"}),
        ("execution.threads=2", {"warm-start", "calibration", "adversarial"}),
        ("execution.precision=bf16", {"warm-start", "calibration", "adversarial"}),
        ("data.patch_size=48", {"warm-start", "calibration", "adversarial"}),
        ("data.val=3", {"warm-start", "calibration", "adversarial"}),
        ("calibration.batches=3", {"calibration", "adversarial"}),
    ],
)
def test_what_a_setting_changes(
    suite_text: str, suite: Suite, setting: str, changes: set[str]
) -> None:
    before = keys(plan(suite))
    after = keys(plan(parse_suite(suite_text, overrides=[setting])))
    assert {name[0] for name in before if before[name] != after[name]} == changes


def test_on_a_gpu_the_threads_are_no_part_of_a_key(suite_text: str) -> None:
    """A machine with other cores, or with fewer GPUs, continues the same work."""
    made = [
        make_plan(
            parse_suite(suite_text, overrides=[f"execution.threads={n}"]), discover(), device="cuda"
        )
        for n in (2, 8)
    ]
    assert keys(made[0]) == keys(made[1])
    assert [m.jobs[0].task.execution.threads for m in made] == [2, 8]


def test_a_raised_spec_version_changes_only_its_losses(suite: Suite) -> None:
    registry = discover()
    loss = registry.loss("charbonnier")
    raised = replace(loss, spec=replace(loss.spec, version=loss.spec.version + 1))
    others = [other for name, other in registry.losses.items() if name != "charbonnier"]
    newer = Registry(
        registry.plugins, [*others, raised], registry.metrics.values(), registry.generators.values()
    )
    before, after = keys(plan(suite)), keys(plan(suite, newer))
    assert {name[1] for name in before if before[name] != after[name]} == {"second"}


def test_equal_losses_under_two_labels_are_one_job_and_two_rows(suite_text: str) -> None:
    twin = '\n[[loss]]\nlabel = "twin"\nname = "charbonnier"\n'
    made = plan(parse_suite(suite_text + twin), seeds=[1])
    training = {cell.row.label: cell.training for cell in made.cells}
    assert training["twin"] == training["second"]
    assert len({job.key for job in made.jobs}) == len(made.jobs)


def test_content_scales_multiply_rows_but_share_the_warm_start(suite_text: str) -> None:
    made = plan(parse_suite(suite_text, overrides=["adversarial.content_scales=[0.5, 1.0]"]))
    scales = {c.content_scale for c in made.cells if c.row.label == "second"}
    assert scales == {0.5, 1.0}
    assert sum(job.kind.name == "warm-start" for job in made.jobs) == 2  # one per seed
    assert len({job.key for job in made.jobs}) == len(made.jobs)


def test_without_warm_start_there_is_no_such_row(suite_text: str) -> None:
    made = plan(parse_suite(suite_text, overrides=["warm_start.iterations=0"]))
    assert "warm-start" not in {cell.row.label for cell in made.cells}


def test_an_installed_loss_is_added_by_name(suite: Suite) -> None:
    cells = plan(suite, only=["first", "l1"]).cells
    assert {"first", "l1"} <= {cell.row.label for cell in cells}
    assert "second" not in {cell.row.label for cell in cells}


def test_an_unknown_label_suggests_labels_and_losses(suite: Suite) -> None:
    with pytest.raises(UnknownName, match="did you mean 'second'"):
        plan(suite, only=["secnd"])


def test_seeds_must_differ(suite: Suite) -> None:
    with pytest.raises(SuiteError, match="different seeds"):
        plan(suite, seeds=[3, 3])


def test_missing_data_are_told_before_anything_runs(
    suite_text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("SRBENCH_DATA", str(tmp_path))
    made = plan(parse_suite(suite_text, overrides=['data.test=["urban100"]']))
    with pytest.raises(DataError, match="urban100") as caught:
        check_ready(made)
    assert str(tmp_path) in str(caught.value)


def test_all_that_is_missing_is_told_at_once(
    suite_text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("SRBENCH_DATA", str(tmp_path))
    overrides = ['data.test=["urban100", "set5"]']
    made = plan(parse_suite(suite_text, overrides=overrides))
    with pytest.raises(DataError, match=r"(?i)also missing.*set5"):
        check_ready(made)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('data.train="folder:{folder}"', "at least 32 px"),
        ('data.test=["folder:{folder}"]', "broken.png"),
    ],
)
def test_bad_images_are_told_before_anything_runs(
    suite_text: str, tmp_path: Path, setting: str, said: str
) -> None:
    folder = tmp_path / "images"
    if "train" in setting:
        write_image(folder / "small.png", np.zeros((20, 200, 3), np.uint8))
    else:
        folder.mkdir()
        (folder / "broken.png").write_bytes(b"this is no image")
    overrides = [setting.format(folder=folder), "data.val=0"]
    made = plan(parse_suite(suite_text, overrides=overrides))
    with pytest.raises(DataError, match=said):
        check_ready(made)


class GrownObjective(Objective):
    mood: float = 0.5


class GrownTask(AdversarialTask):
    haste: int = 0


@pytest.mark.parametrize(
    ("mood", "haste", "same"), [(0.5, 0, True), (0.7, 0, False), (0.5, 1, False)]
)
def test_a_setting_that_is_added_with_a_default_changes_no_key(
    suite: Suite, mood: float, haste: int, same: bool
) -> None:
    job = next(job for job in plan(suite).jobs if isinstance(job.task, AdversarialTask))
    told = dict(job.task)
    told["adversarial"] = GrownObjective(**dict(told["adversarial"]), mood=mood)
    grown = make_job(job.kind, job.label, GrownTask(**told, haste=haste), job.needs)
    assert (grown.key == job.key) is same


def test_a_job_travels_to_its_worker_as_json(suite: Suite) -> None:
    for job in plan(suite).jobs:
        assert job_from_document(json.loads(json.dumps(job.document()))) == job
