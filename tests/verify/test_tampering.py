"""Everything a forger may change, with all hashes made to fit: each is found and named."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from srbench.errors import SubmissionError
from srbench.imaging import read_image
from srbench.models.files import GENERATOR_FORMAT as FORMAT
from srbench.models.plugin import builtin_generator
from srbench.records.identity import conditions_sha256
from srbench.settings import parse_suite
from srbench.verify import Verification, identity

from .conftest import (
    DATASET,
    GENERATOR,
    SETTINGS,
    SUITE,
    Files,
    drop_generators,
    edit_record,
    png,
    record_name,
    repair_manifest,
    replace_generator,
    replace_image,
    set_score,
    sha256,
    unzipped,
)

Tamper = Callable[..., Path]
Verify = Callable[..., Verification]


def row(result: Verification, label: str) -> Any:
    return next(r for r in result.rows if r.facts.label == label)


def messages(result: Verification, label: str) -> str:
    found = row(result, label)
    assert found.mark == "differs"
    assert not result.verified
    return " | ".join(difference.message for difference in found.differences)


def others_verified(result: Verification, label: str) -> bool:
    return all(r.mark == "scores-verified" for r in result.rows if r.facts.label != label)


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


def test_generators_swapped_under_their_names(tamper: Tamper, verify: Verify) -> None:
    def edit(files: Files) -> None:
        one, two = sorted(name for name in files if name.startswith("generators/"))[:2]
        files[one], files[two] = files[two], files[one]

    with pytest.raises(SubmissionError, match="named by another sha256 than its own"):
        verify(tamper(edit))


def test_a_generator_that_no_record_names(tamper: Tamper, verify: Verify) -> None:
    other = generator_bytes(GENERATOR.build(seed=9).state_dict())

    def edit(files: Files) -> None:
        files.pop(next(name for name in sorted(files) if name.startswith("generators/")))
        files[f"generators/{sha256(other)}.safetensors"] = other

    with pytest.raises(SubmissionError, match="belongs to none of the records"):
        verify(tamper(edit))


def test_a_swapped_generator(tamper: Tamper, verify: Verify) -> None:
    other = generator_bytes(GENERATOR.build(seed=9).state_dict())
    result = verify(tamper(lambda files: replace_generator(files, "first", other)))
    found = messages(result, "first")
    assert "2 of 2 images of 'folder:tiny' are not those whose hashes the record states" in found
    assert "it is not what the generator makes" in found
    assert others_verified(result, "first")


def generator_bytes(state: dict[str, torch.Tensor], **settings: Any) -> bytes:
    said = json.dumps({**SETTINGS, "scale": 4, **settings}, sort_keys=True)
    return save({name: t.contiguous() for name, t in state.items()}, {FORMAT: said})


def with_extra(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes({**state, "hr_images": torch.zeros(3, 64, 72)})


def with_missing(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes({k: v for k, v in state.items() if k != "conv_last.bias"})


def with_wider(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes({**state, "conv_first.weight": torch.zeros(64, 3, 9, 9)})


def with_doubles(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes({**state, "conv_last.bias": state["conv_last.bias"].double()})


def with_nan(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes({**state, "conv_last.bias": torch.tensor([0.0, float("nan"), 0.0])})


def with_another_network(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes(
        builtin_generator("srresnet", {"blocks": 1, "channels": 4}, 4).build().state_dict()
    )


def saying_another_network(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes(state, channels=512)


def edited_header(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def claiming_ten_gigabytes(state: dict[str, torch.Tensor]) -> bytes:
    def change(header: dict[str, Any]) -> None:
        header["conv_last.bias"]["shape"] = [2_500_000_000]

    return edited_header(generator_bytes(state), change)


def with_a_header_of_ten_gigabytes(state: dict[str, torch.Tensor]) -> bytes:
    data = generator_bytes(state)
    return (10_000_000_000).to_bytes(8, "little") + data[8:]


def with_overlap(state: dict[str, torch.Tensor]) -> bytes:
    def change(header: dict[str, Any]) -> None:
        first, second = sorted(
            (name for name in header if name != "__metadata__"),
            key=lambda name: header[name]["data_offsets"],
        )[:2]
        width = header[second]["data_offsets"][1] - header[second]["data_offsets"][0]
        begin = header[first]["data_offsets"][0]
        header[second]["data_offsets"] = [begin, begin + width]

    return edited_header(generator_bytes(state), change)


def with_a_tail(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes(state) + bytes(64)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (with_extra, "1 tensors that this generator does not have: 'hr_images'"),
        (with_missing, "1 tensors are missing: 'conv_last.bias'"),
        (with_wider, r"expected conv_first.weight as F32 \[4, 3, 3, 3\]"),
        (with_doubles, "expected conv_last.bias as F32"),
        (with_nan, "conv_last.bias holds values that are not finite"),
        (with_another_network, "tensors that this generator does not have"),
        (saying_another_network, "the file says .*512"),
        (claiming_ten_gigabytes, "Error while deserializing"),
        (with_a_header_of_ten_gigabytes, "header too large"),
        (with_overlap, "invalid offset"),
        (with_a_tail, "not fully covered"),
    ],
)
def test_a_generator_that_is_not_the_suites(
    tamper: Tamper, verify: Verify, make: Callable[[Any], bytes], said: str
) -> None:
    data = make(GENERATOR.build(seed=2).state_dict())
    result = verify(tamper(lambda files: replace_generator(files, "first", data)))
    (difference,) = row(result, "first").differences
    assert difference.what == "generator"
    assert re.search(said, difference.message), difference.message
    assert others_verified(result, "first")


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


def other_image(test_images: Path, name: str) -> np.ndarray:
    return read_image(test_images / f"{name}.png")


def test_a_swapped_image(tamper: Tamper, verify: Verify, run: Path) -> None:
    data = (run / "images/bicubic/cat.png").read_bytes()
    result = verify(tamper(lambda files: replace_image(files, "first", "cat", data)))
    (difference,) = row(result, "first").differences
    assert (difference.what, difference.image) == ("image", "cat")
    assert "it is not what the generator makes" in difference.message
    assert others_verified(result, "first")


def test_hr_beside_a_generator(tamper: Tamper, verify: Verify, test_images: Path) -> None:
    data = png(other_image(test_images, "cat"))
    result = verify(tamper(lambda files: replace_image(files, "first", "cat", data)))
    assert "it is the HR image, not what the generator makes of LR" in messages(result, "first")


def test_one_grey_level_in_one_value(tamper: Tamper, verify: Verify, run: Path) -> None:
    pixels = read_image(run / "images/first/cat.png").copy()
    pixels[5, 5, 0] ^= 1
    path = tamper(lambda files: replace_image(files, "first", "cat", png(pixels)))
    assert "it is not what the generator makes: 0.0%" in messages(verify(path), "first")

    def alone(files: Files) -> None:
        replace_image(files, "first", "cat", png(pixels))
        drop_generators(files)

    found = messages(verify(tamper(alone), from_images=True), "first")
    assert "1 of 2 images of 'folder:tiny' are not those whose hashes the record states" in found


def test_hashes_of_other_images(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["scores"][DATASET]["pixels_sha256"]["cat"] = "0" * 64

    result = verify(tamper(lambda files: edit_record(files, "first", change)))
    (difference,) = row(result, "first").differences
    assert (difference.what, difference.image) == ("image", "cat")
    assert others_verified(result, "first")


def test_no_hashes_where_the_protocol_has_them(tamper: Tamper, verify: Verify) -> None:
    def change(document: dict[str, Any]) -> None:
        document["scores"][DATASET].pop("pixels_sha256")

    result = verify(tamper(lambda files: edit_record(files, "first", change)))
    assert "2 of 2 images" in messages(result, "first")


def test_rows_of_before_hashes_are_not_recomputed(tamper: Tamper, verify: Verify) -> None:
    """The suite as it was then, scored by a protocol whose images depended on the processor."""

    def edit(files: Files) -> None:
        suite = parse_suite(SUITE.replace("summary", 'protocol = "y4-v1"\nsummary', 1))
        document = suite.model_dump(mode="json", by_alias=True)

        def change(record: dict[str, Any]) -> None:
            record["protocol"] = "y4-v1"
            record["suite"].update(document=document, sha256=conditions_sha256(document))
            record["scores"][DATASET].pop("pixels_sha256")

        for label in ("bicubic", "warm-start", "first", "second"):
            edit_record(files, label, change)
        files["suite.json"] = json.dumps(document).encode()
        manifest = json.loads(files["manifest.json"])
        manifest["suite"]["sha256"] = conditions_sha256(document)
        files["manifest.json"] = json.dumps(manifest).encode()

    result = verify(tamper(edit))
    assert not result.verified
    assert {found.mark for found in result.rows} == {"not-recomputed"}
    assert all("no hashes of images" in str(found.reason) for found in result.rows)


def test_images_alone_are_scored_when_asked_for(tamper: Tamper, verify: Verify) -> None:
    path = tamper(drop_generators)
    result = verify(path, leave=["by-hash"])
    assert result.verified  # bicubic is recomputed in any case
    assert not verify(path).verified
    assert row(result, "first").mark == "not-recomputed"
    assert "--from-images" in row(result, "first").reason
    result = verify(path, from_images=True)
    assert result.verified
    assert (row(result, "first").mark, row(result, "first").evidence) == (
        "scores-verified",
        "images",
    )


def test_hr_passed_off_as_sr(tamper: Tamper, verify: Verify, test_images: Path) -> None:
    """Also with the scores that HR has, so that nothing but the image itself gives it away."""

    def edit_with(pixels: np.ndarray) -> Callable[[Files], None]:
        def edit(files: Files) -> None:
            drop_generators(files)
            replace_image(files, "first", "cat", png(pixels))

        return edit

    hr = other_image(test_images, "cat")
    result = verify(tamper(edit_with(hr)), from_images=True)
    assert "'cat' of 'folder:tiny' is the HR image, or nearer to it" in messages(result, "first")
    near = hr.copy()
    near[::9, ::9] ^= 1
    result = verify(tamper(edit_with(near)), from_images=True)
    assert "'cat' of 'folder:tiny' is the HR image, or nearer to it" in messages(result, "first")


def test_an_image_that_is_missing(tamper: Tamper, verify: Verify) -> None:
    def edit(files: Files) -> None:
        drop_generators(files)
        manifest = json.loads(files["manifest.json"])
        key = json.loads(files[record_name(files, "first")])["key"]
        (gone,) = [i for i in manifest["images"] if (i["record"], i["image"]) == (key, "cat")]
        manifest["images"].remove(gone)
        files.pop(f"images/{gone['sha256']}.png")
        files["manifest.json"] = json.dumps(manifest).encode()

    result = verify(tamper(edit), from_images=True)
    assert "the image 'cat' of 'folder:tiny' was not submitted" in messages(result, "first")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[:16] + (30000).to_bytes(4, "big") * 2 + data[24:], "30000 x 30000"),
        (lambda data: data[:-30], "damaged or no image"),
        (lambda data: data[:20], "no PNG: it is too short"),
        (lambda data: png(np.zeros((48, 64), np.uint8)), "colour type 0"),
        (lambda data: png(np.zeros((48, 64, 4), np.uint8)), "colour type 6"),
    ],
)
def test_an_image_file_that_is_not_what_it_must_be(
    tamper: Tamper, verify: Verify, run: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    data = change((run / "images/first/cat.png").read_bytes())
    path = tamper(lambda files: replace_image(files, "first", "cat", data))
    assert said in messages(verify(path), "first")


def test_images_that_the_manifest_and_the_folder_do_not_share(
    tamper: Tamper, verify: Verify
) -> None:
    def edit(files: Files) -> None:
        data = png(np.zeros((48, 64, 3), np.uint8))
        files[f"images/{sha256(data)}.png"] = data

    with pytest.raises(SubmissionError, match="do not agree about the image"):
        verify(tamper(edit))


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
    from .conftest import zipped

    (tmp_path / "same.zip").write_bytes(zipped(files))
    assert verify(tmp_path / "same.zip").verified
