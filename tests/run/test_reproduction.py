from pathlib import Path
from typing import Any

import pytest
import torch

from srbench.app.lock import lock_file
from srbench.app.reproduction import Reproduction, compare
from srbench.host import discover
from srbench.records import Record, write_record
from srbench.run.plan.environment import describe_environment, device_here, device_name
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


@pytest.mark.parametrize(
    ("repeatable", "factor", "as_expected", "last"),
    [
        (True, 1.001, False, "not reproduced: the scores differ"),
        (False, 1.001, True, "as expected: other bits, all means within 2% of the record's"),
        (False, 1.05, False, "not reproduced: the scores differ"),
        (False, 1.0, True, "reproduced"),
    ],
)
def test_where_no_two_runs_agree_the_means_are_compared(
    record: Record, repeatable: bool, factor: float, as_expected: bool, last: str
) -> None:
    scores = record.model_dump()["scores"]
    metric = scores["photos-test"]["metrics"]["psnr"]
    metric["per_image"] = {"a": 20.0 * factor, "b": 30.0 * factor}
    metric["mean"] = 25.0 * factor
    comparison = compare(record, changed(record, scores=scores), repeatable=repeatable)
    assert comparison.as_expected is as_expected
    assert comparison.same is (factor == 1.0)  # alone gives the mark ``reproduced``
    assert list(comparison.lines())[-1] == last


@pytest.mark.parametrize(
    ("device", "deterministic", "repeatable"),
    [("cpu", False, True), ("cuda", False, False), ("cuda", True, True), ("mps", True, False)],
)
def test_what_may_be_expected_is_said_for_the_device(
    record: Record, device: str, deterministic: bool, repeatable: bool
) -> None:
    suite = record.suite.model_dump()
    if deterministic:
        suite["document"]["execution"]["deterministic"] = True
    work = Reproduction(changed(record, suite=suite), discover(), device=device, pull=False)
    assert work.repeatable is repeatable
    assert work.expectation().startswith("the same bits" if repeatable else "other bits")


@pytest.mark.parametrize("device", ["cuda", "mps", "xpu"])
def test_a_record_says_which_kind_of_device_made_it(
    record: Record, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name of its GPU; it is planned for that kind again, and differs from another."""
    for module in (torch.cuda, torch.xpu):
        monkeypatch.setattr(module, "get_device_name", lambda _: "Model 7")
    name = device_name(device)
    assert (name == "Model 7") is (device == "cuda")  # records of before say no more
    made = changed(record, environment={**record.environment.model_dump(), "gpu": name})
    work = Reproduction(made, discover(), device=None, pull=False)
    assert {job.task.device for job in work.plan.jobs} == {work.device} == {device}
    assert device_here("xpu:9") is None  # not on this machine
    elsewhere = Reproduction(made, discover(), device="cpu", pull=False).differences()
    assert f"gpu: record {name}, here None" in elsewhere


def no_hashes(package: str, version: str) -> list[str]:
    return []


def test_the_lock_file_names_the_versions_of_known_packages(record: Record) -> None:
    lock = lock_file(record, no_hashes)
    assert f"torch=={record.environment.packages['torch']}\n" in lock.text
    assert "not installed" not in lock.text
    assert "srbench" not in lock.text  # on no index: it is for a reader
    assert any(f"srbench-core {record.environment.srbench}" in other for other in lock.others)


EVIL = "1.0\n--index-url https://evil.example\nevil @ file:///tmp/evil"


def test_a_record_cannot_make_pip_run_anything(record: Record) -> None:
    """Every string of the environment is hostile: what pip reads are known names and versions."""
    packages = {
        "numpy": "2.0.1", "torch": EVIL, "pillow": "1.0 --hash=sha256:0", "evil": "1.0",
        "scipy\nevil": "1.0", "timm": "1.0;python_version>'2'", "pandas": "2.2.1.post1",
    }  # fmt: skip
    hostile = changed(
        record,
        environment={
            **record.environment.model_dump(), "packages": packages, "python": EVIL,
            "platform": EVIL, "srbench": EVIL, "git_commit": EVIL,
        },
        loss={
            **record.loss.model_dump(),
            "terms": [
                {**term.model_dump(), "distribution": EVIL, "distribution_version": EVIL}
                for term in record.loss.terms
            ],
        },
    )  # fmt: skip
    lock = lock_file(hostile, no_hashes)
    lines = [line for line in lock.text.splitlines() if not line.startswith("#")]
    assert lines == ["--only-binary :all:", "numpy==2.0.1", "pandas==2.2.1.post1"]
    assert "evil" in " ".join(lock.others)
    with_hashes = lock_file(hostile, lambda name, version: ["b" * 64, "a" * 64])
    assert f"numpy==2.0.1 --hash=sha256:{'a' * 64} --hash=sha256:{'b' * 64}\n" in with_hashes.text
    some = lock_file(hostile, lambda name, version: ["a" * 64] if name == "numpy" else [])
    assert not some.hashed
    assert "--hash" not in some.text


def test_the_commands_lock_is_written_and_the_rest_is_shown(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from srbench.cli import cli

    monkeypatch.setenv("SRBENCH_OFFLINE", "1")
    environment = {**record.environment.model_dump(), "platform": "x\x1b[2Jy\nz"}
    path = write_record(changed(record, environment=environment), tmp_path)
    words = ["reproduce", str(path), "--lock", str(tmp_path / "lock.txt"), "--dry-run"]
    done = CliRunner().invoke(cli, words)
    assert "wrote" in done.stderr
    assert "\x1b" not in done.stderr
    assert (tmp_path / "lock.txt").read_text().startswith(f"# the packages of record {record.key}")
