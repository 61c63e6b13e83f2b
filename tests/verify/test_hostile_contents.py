"""Files in a submission made to do harm, manifests that do not fit, folders with links."""

import io
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from forging import (
    Files,
    unzipped,
)

from srbench.errors import DataError, SubmissionError
from srbench.verify import Verification, verify_submission

KEY = "a" * 64
pytestmark = pytest.mark.usefixtures("sentinel")
Tamper = Callable[..., Path]
Verify = Callable[..., Verification]


class Bomb:
    """Leaves a trace where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("touch evil-was-run",)


def torch_pickle() -> bytes:

    stream = io.BytesIO()
    torch.save({"a": torch.zeros(1)}, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pickle.dumps(Bomb()), "a pickle, which runs code when it is loaded"),
        (torch_pickle(), "a PyTorch pickle"),
        (b"\x1f\x8b\x08" + bytes(50), "a gzip archive"),
        (bytes(257) + b"ustar" + bytes(50), "a tar archive"),
        (b"", "an empty file"),
        (b"<svg onload=alert(1)>", "other content"),
    ],
)
@pytest.mark.parametrize("kind", ["generators", "records", "images"])
def test_a_pickle_or_archive_under_a_good_name(
    tamper: Callable[..., Path], verify: Verify, data: bytes, said: str, kind: str
) -> None:
    suffix = {"generators": "safetensors", "records": "json", "images": "png"}[kind]

    def edit(files: Files) -> None:
        files[f"{kind}/{KEY}.{suffix}"] = data

    with pytest.raises(SubmissionError, match=said):
        verify(tamper(edit))
    assert not Path("evil-was-run").exists()


def manifest_with(change: Callable[[dict[str, object]], None]) -> Callable[[Files], None]:

    def edit(files: Files) -> None:
        document = json.loads(files["manifest.json"])
        change(document)
        files["manifest.json"] = json.dumps(document).encode()

    return edit


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(run="me"), "run"),
        (lambda d: d.update(schema=2), "schema"),
        (lambda d: d.update(format="other"), "format"),
        (lambda d: d.pop("files"), "files"),
        (lambda d: d["files"].pop(), "is not listed in manifest.json"),
        (lambda d: d["files"].append(d["files"][0]), "lists a file twice"),
        (
            lambda d: d["files"].append({"path": f"records/{KEY}.json", "bytes": 1, "sha256": KEY}),
            "which is not there",
        ),
        (lambda d: d["images"].append(d["images"][0]), "lists the image .* twice"),
        (lambda d: d["images"][0].update(image="other"), "has no scores"),
        (lambda d: d["suite"].update(version=3), "the submission of 'tiny' version 3"),
        (lambda d: d["suite"].update(sha256=KEY), "aaaaaaaaaaaa that manifest.json says"),
    ],
)
def test_a_manifest_that_does_not_fit(
    tamper: Callable[..., Path], verify: Verify, change: Callable[..., None], said: str
) -> None:
    with pytest.raises(SubmissionError, match=said):
        verify(tamper(manifest_with(change), repair=False))


@pytest.mark.parametrize(
    "data", [b"{", b'{"a": NaN}', b"{" * 100_000, b'{"files": 1e999}', b"{}", b'{"a": "\xff"}']
)
@pytest.mark.parametrize("name", ["manifest.json", "suite.json", "record"])
def test_json_that_is_none(
    tamper: Callable[..., Path], verify: Verify, data: bytes, name: str
) -> None:
    def edit(files: Files) -> None:
        target = next(n for n in files if n.startswith("records/")) if name == "record" else name
        files[target] = data

    with pytest.raises(SubmissionError):
        verify(tamper(edit, repair=False))


def test_the_test_images_that_are_missing_are_named(packed: Path) -> None:

    with pytest.raises(DataError, match="'folder:tiny', a folder on the submitter's machine"):
        verify_submission(packed)


def test_other_test_images_are_a_difference(packed: Path, run: Path, test_images: Path) -> None:

    shutil.copytree(test_images, "folder")
    (Path("folder") / "cat.png").write_bytes((run / "images/bicubic/cat.png").read_bytes())
    result = verify_submission(packed, data={"folder:tiny": Path("folder")})
    assert {row.mark for row in result.rows} == {"differs"}
    assert "test images with the hash" in result.rows[0].differences[0].message


def unpacked(packed: Path) -> Path:
    folder = Path("folder")
    for name, data in unzipped(packed).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_an_unpacked_submission_is_held_to_its_manifest(packed: Path, verify: Verify) -> None:
    folder = unpacked(packed)
    assert verify(folder).verified
    (folder / "run.py").write_text("")
    with pytest.raises(SubmissionError, match="unknown file"):
        verify(folder)


def test_links_in_a_folder_are_not_followed(packed: Path, verify: Verify, tmp_path: Path) -> None:
    folder = unpacked(packed)
    record = next((folder / "records").iterdir())
    record.rename(tmp_path / "elsewhere.json")
    record.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(SubmissionError, match="symbolic link"):
        verify(folder)
    record.unlink()
    (tmp_path / "elsewhere.json").rename(record)
    os.mkfifo(folder / "records" / f"{KEY}.json")
    with pytest.raises(SubmissionError, match="no ordinary file"):
        verify(folder)
    (folder / "records" / f"{KEY}.json").unlink()
    (folder / "records").rename(tmp_path / "records")
    (folder / "records").symlink_to(tmp_path / "records", target_is_directory=True)
    with pytest.raises(SubmissionError, match="symbolic link"):
        verify(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(SubmissionError, match="symbolic link"):
        verify(folder)
