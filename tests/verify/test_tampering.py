"""Scores, rows and suites changed by a forger, all hashes made to fit: each is found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forging import (
    DATASET,
    Files,
    edit_record,
    messages,
    others_verified,
    record_name,
    repair_manifest,
    replace_generator,
    row,
    set_score,
    unzipped,
    zipped,
)
from small_run import SUITE

from srbench.errors import SubmissionError
from srbench.records.identity import conditions_sha256
from srbench.settings import parse_suite
from srbench.verify import Verification, identity

Tamper = Callable[..., Path]
Verify = Callable[..., Verification]


def test_an_untouched_submission_verifies(packed: Path, verify: Verify) -> None:
    result = verify(packed)
    assert result.verified
    assert {r.facts.label: (r.mark, r.evidence) for r in result.rows} == {
        "bicubic": ("scores-verified", "bicubic"),
        "warm-start": ("scores-verified", "generator"),
        "first": ("scores-verified", "generator"),
        "second": ("scores-verified", "generator"),
    }
    assert [d for r in result.rows for d in r.differences] == []


@pytest.mark.parametrize(("metric", "change"), [("psnr", 0.0011), ("ssim", -1.1e-5)])
@pytest.mark.parametrize("label", ["first", "bicubic", "warm-start"])
def test_a_changed_score(
    tamper: Tamper, verify: Verify, metric: str, change: float, label: str
) -> None:
    def edit(files: Files) -> None:
        edit_record(files, label, lambda d: set_score(d, metric, "cat", change))

    result = verify(tamper(edit))
    (difference,) = row(result, label).differences
    assert (difference.what, difference.metric, difference.image) == ("score", metric, "cat")
    assert difference.stated - difference.recomputed == pytest.approx(change, rel=0.01)
    assert "the record states" in messages(result, label)
    assert others_verified(result, label)


@pytest.mark.parametrize(("metric", "change"), [("psnr", 0.0009), ("ssim", 0.9e-5)])
def test_the_last_bits_of_another_machine_are_no_difference(
    tamper: Tamper, verify: Verify, metric: str, change: float
) -> None:
    def edit(files: Files) -> None:
        edit_record(files, "first", lambda d: set_score(d, metric, "cat", change))

    assert verify(tamper(edit)).verified


def test_a_score_that_disagrees_with_its_mean(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["scores"][DATASET]["metrics"]["psnr"]["per_image"]["cat"] += 1

    with pytest.raises(SubmissionError, match="disagrees with the per-image scores"):
        verify(tamper(lambda files: edit_record(files, "first", change)))


def test_a_file_changed_after_packing(tamper: Tamper, verify: Verify) -> None:
    def edit(files: Files) -> None:
        name = record_name(files, "first")
        files[name] = files[name].replace(b'"seed": 1', b'"seed": 2')

    with pytest.raises(SubmissionError, match="changed after packing"):
        verify(tamper(edit, repair=False))


def test_another_suite_version(
    tamper: Tamper, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All records and files agree on version 1, and the verifier has version 2."""
    newer = parse_suite(SUITE.replace("version = 1\n", "version = 2\n"))
    monkeypatch.setattr(
        identity, "installed_suite", lambda name, version=2: newer if version == 2 else None
    )
    found = messages(verify(tamper(lambda files: None)), "first")
    assert "made with version 1 of the suite tiny; this srbench has version 2 and none of" in found


def test_a_record_of_another_suite_version_among_others(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["suite"]["version"] = document["suite"]["document"]["version"] = 2

    with pytest.raises(SubmissionError, match="is of suite 'tiny' version 2, the submission of"):
        verify(tamper(lambda files: edit_record(files, "first", change)))


def test_other_conditions_under_the_same_version(
    tamper: Tamper, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = parse_suite(SUITE.replace("batch_size = 2", "batch_size = 4"))
    monkeypatch.setattr(identity, "installed_suite", lambda name, version=None: ours)
    assert "under other conditions" in messages(verify(tamper(lambda files: None)), "first")


def test_a_suite_hash_that_is_not_the_suites(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["suite"]["document"]["adversarial"]["iterations"] = 1_000_000

    found = messages(verify(tamper(lambda files: edit_record(files, "first", change))), "first")
    assert "the record states the suite hash" in found
    assert "other conditions than suite.json" in found


def test_a_record_trained_longer_with_its_hash_made_to_fit(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["suite"]["document"]["adversarial"]["iterations"] = 1_000_000
        document["suite"]["sha256"] = conditions_sha256(document["suite"]["document"])

    found = messages(verify(tamper(lambda files: edit_record(files, "first", change))), "first")
    assert found == "the record's suite has other conditions than suite.json"


def set_in(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, leaf = path.split("/")
    for parent in parents:
        document = document[int(parent) if parent.isdigit() else parent]
    document[leaf] = value


PSNR = f"scores/{DATASET}/metrics/psnr"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("protocol", "rgb4-v2", "protocol 'rgb4-v2', the suite's is y4-v2"),
        (f"{PSNR}/version", 7, "psnr version 7, this srbench has 1"),
        (f"{PSNR}/lower_is_better", True, "psnr version 1, this srbench has 1"),
        ("loss/reference", True, "marked as reference"),
        ("loss/terms/0/name", "l1", "gives the label first to another loss"),
        ("suite/track", "calibrated", "track 'calibrated' stated, 'raw' in the suite itself"),
        (f"scores/{DATASET}/manifest_sha256", "0" * 64, "test images with the hash 000000000000"),
        ("data/0/sha256", "1" * 64, "test images with the hash 111111111111"),
        (f"scores/{DATASET}/sizes/cat", [640, 480], "another size"),
        ("content_scale", 3.0, "content scale 3"),
    ],
)
def test_a_record_that_says_something_else(
    tamper: Tamper, verify: Verify, path: str, value: Any, said: str
) -> None:
    def edit(files: Files) -> None:
        edit_record(files, "first", lambda document: set_in(document, path, value))

    result = verify(tamper(edit))
    assert said in messages(result, "first")
    assert others_verified(result, "first")


def test_a_record_under_a_key_that_is_not_its_rows(tamper: Tamper, verify: Verify) -> None:
    def edit(files: Files) -> None:
        name = record_name(files, "first")
        document = json.loads(files.pop(name))
        manifest = files["manifest.json"].replace(document["key"].encode(), b"5" * 64)
        files["manifest.json"] = manifest
        files[f"records/{'5' * 64}.json"] = json.dumps({**document, "key": "5" * 64}).encode()

    assert "its key is 555555555555" in messages(verify(tamper(edit)), "first")


def test_a_dropped_metric(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["scores"][DATASET]["metrics"].pop("ssim")

    found = messages(verify(tamper(lambda files: edit_record(files, "first", change))), "first")
    assert f"'ssim' on '{DATASET}': the suite asks for it, no score" in found


def test_a_metric_said_to_be_impossible(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["scores"][DATASET]["metrics"].pop("ssim")
        document["notes"] = [f"no ssim on {DATASET}: it was infinite"]

    found = messages(verify(tamper(lambda files: edit_record(files, "first", change))), "first")
    assert "can be computed; the record says it cannot" in found


def test_a_metric_of_a_plugin_is_not_taken_on_trust(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        metrics = document["scores"][DATASET]["metrics"]
        metrics["mine"] = metrics["psnr"]

    found = messages(verify(tamper(lambda files: edit_record(files, "first", change))), "first")
    assert "none of srbench's own metrics, not recomputed" in found


def test_a_dropped_test_set(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["scores"] = {"set5": document["scores"].pop(DATASET)}

    result = verify_known(tamper, verify, change)
    assert f"'{DATASET}': no scores on it" in result
    assert "'set5': not a test set of the suite" in result


def verify_known(tamper: Tamper, verify: Verify, change: Callable[[Any], None]) -> str:
    def edit(files: Files) -> None:
        edit_record(files, "first", change)
        manifest = json.loads(files["manifest.json"])
        manifest["images"] = []
        files["manifest.json"] = json.dumps(manifest).encode()
        for name in [name for name in files if name.startswith("images/")]:
            files.pop(name)

    return messages(verify(tamper(edit)), "first")


def test_a_seed_that_the_suite_does_not_list_differs(tamper: Tamper, verify: Verify) -> None:
    path = tamper(lambda f: edit_record(f, "first", lambda d: d.update(seed=99)))
    assert "seed 99; the suite's are [1]" in messages(verify(path), "first")


def test_a_score_that_no_image_has_differs_though_nobody_can_recompute_it(
    tamper: Tamper, verify: Verify
) -> None:
    def forge(files: dict[str, bytes]) -> None:
        edit_record(files, "first", lambda d: set_score(d, "ssim", "cat", 10))
        for name in [name for name in files if name.startswith("generators/")]:
            files.pop(name)

    result = verify(tamper(forge), leave=["by-hash"])
    assert "ssim of 'cat' in 'folder:tiny': 10" in messages(result, "first")
    assert not result.verified


def test_the_same_generator_under_two_labels_is_noted(
    packed: Path, tamper: Tamper, verify: Verify
) -> None:
    files = unzipped(packed)
    first = json.loads(files[record_name(files, "first")])["artifacts"]["generator"]["sha256"]
    data = files[f"generators/{first}.safetensors"]
    result = verify(tamper(lambda files: replace_generator(files, "second", data)))
    assert row(result, "first").notes == ("the same generator as 'second'",)
    assert "are not those whose hashes" in messages(result, "second")


def test_repairing_nothing_changes_nothing(packed: Path, verify: Verify, tmp_path: Path) -> None:
    """The forger's tools themselves: they must not be what is found."""
    files = unzipped(packed)
    edit_record(files, "first", lambda document: None)
    repair_manifest(files)

    (tmp_path / "same.zip").write_bytes(zipped(files))
    assert verify(tmp_path / "same.zip").verified
