"""The images of a job: found where the plan says, without a look at the training files."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srbench.data import find_dataset
from srbench.errors import DataError
from srbench.host import discover
from srbench.imaging import write_image
from srbench.run.plan.kinds import job_from_document
from srbench.run.plan.planning import Plan, make_plan
from srbench.run.work.stage_data import (
    fixed_batches,
    held_out_batches,
    training_images,
    validator_of,
)
from srbench.settings import parse_suite


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for name in "abcde":
        write_image(tmp_path / f"tree/{name}.png", random.integers(0, 256, (40, 48, 3), np.uint8))
    return tmp_path / "tree"


def planned(text: str, folder: Path, *settings: str) -> Plan:
    suite = parse_suite(text, overrides=[f'data.train="folder:{folder}"', *settings])
    return make_plan(suite, discover(), device="cpu", pull=False)


def task_of(plan: Plan) -> Any:
    """That of an adversarial job, as a worker reads it."""
    job = next(job for job in plan.jobs if job.kind.name == "adversarial")
    return job_from_document(job.document()).task


def first_patches(task: Any) -> list[Any]:
    return [*fixed_batches(task, 2), *held_out_batches(task)]


@pytest.mark.parametrize("keeping", ["pixels", "files"])
def test_a_worker_looks_no_training_file_up_once_they_are_ready(
    suite_text: str, folder: Path, monkeypatch: pytest.MonkeyPatch, keeping: str
) -> None:
    task = task_of(planned(suite_text, folder, f'data.store="{keeping}"'))
    expected = first_patches(task)
    monkeypatch.setattr("srbench.run.work.stage_data.find_dataset", None)
    if keeping == "pixels":
        shutil.rmtree(folder)
    assert all(
        np.array_equal(a, b)
        for one, two in zip(expected, first_patches(task), strict=True)
        for a, b in zip(one, two, strict=True)
    )
    assert validator_of(task) is not None


def test_how_images_are_kept_is_part_of_no_key(suite_text: str, folder: Path) -> None:
    pixels, files = (
        planned(suite_text, folder, f'data.store="{keeping}"') for keeping in ("pixels", "files")
    )
    assert [job.key for job in pixels.jobs] == [job.key for job in files.jobs]
    assert pixels.suite.conditions == files.suite.conditions
    assert task_of(pixels).train_place != task_of(files).train_place


def test_a_worker_without_the_store_makes_it_from_the_same_images_alone(
    suite_text: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_of(planned(suite_text, folder))
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "another machine"))
    training_images(task)
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "a third one"))
    write_image(folder / "f.png", np.zeros((40, 48, 3), np.uint8))
    with pytest.raises(DataError, match="that this run was planned with, got others"):
        training_images(task)


def test_planning_walks_the_training_folder_once(
    suite_text: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def counted(name: str, **options: Any) -> Any:
        looked.append(name)
        return find_dataset(name, **options)

    monkeypatch.setattr("srbench.data.catalog.find_dataset", counted)
    planned(suite_text, folder)
    assert sorted(looked) == [f"folder:{folder}", "photos-test"]
