"""The small run of `small_run`, packed once per session, and a tree that nothing may touch."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from forging import DATASET, Edit, repair_manifest, unzipped, zipped
from small_run import write_run

from srbench.data import find_dataset
from srbench.imaging import write_image
from srbench.records import Record, read_record, write_record
from srbench.verify import Verification, pack_submission, verify_submission


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Hashes of the test images go here and not to the user's folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRBENCH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def test_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pieces of the photographs that ship with scikit-image."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    photos = find_dataset("photos-test")
    for name, (index, top, left, height, width) in {
        "face": (0, 60, 180, 64, 72),
        "cat": (1, 100, 150, 48, 64),
    }.items():
        write_image(
            folder / f"{name}.png", photos.load(index)[top : top + height, left : left + width]
        )
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, test_images: Path) -> Path:
    """An out folder with records, generators and images, as a run leaves it."""
    return write_run(tmp_path_factory.mktemp("runs") / "tiny", test_images)


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory, run: Path) -> Path:
    """Its submission, with images."""
    path = tmp_path_factory.mktemp("submissions") / "tiny.zip"
    pack_submission(run, path, locate=locate(run))
    return path


@pytest.fixture
def tamper(packed: Path, tmp_path: Path) -> Callable[..., Path]:
    """``tamper(edit)``: the submission after ``edit(files)``, its manifest made to fit again."""

    def make(edit: Edit, *, repair: bool = True) -> Path:
        files = unzipped(packed)
        edit(files)
        if repair:
            repair_manifest(files)
        path = tmp_path / "tampered.zip"
        path.write_bytes(zipped(files))
        return path

    return make


@pytest.fixture
def verify(test_images: Path) -> Callable[..., Verification]:
    """``verify_submission`` with the verifier's copy of the test images."""

    def call(path: Path, **options: Any) -> Verification:
        return verify_submission(path, data={DATASET: test_images}, **options)

    return call


def locate(out: Path) -> Callable[[Record, str, str], Path]:
    return lambda record, dataset, image: out / "images" / record.loss.label / f"{image}.png"


def board_of(run: Path, folder: Path) -> Path:
    """The run's records and generators as a published folder."""
    (folder / "generators").mkdir(parents=True)
    for path in (run / "records").glob("*.json"):
        record = read_record(path)
        write_record(record, folder / "records")
        for artifact in record.generators:
            target = folder / "generators" / f"{artifact.sha256}.safetensors"
            target.write_bytes((run / artifact.path).read_bytes())
    return folder


@pytest.fixture
def sentinel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tree around the working folder that must be the same after each refusal."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "evil").write_text("as it was")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "work"))
    tops = {path: set(os.listdir(path)) for path in ("/", "/tmp", "/etc")}
    yield
    assert (tmp_path / "outside" / "evil").read_text() == "as it was"
    assert sorted(p.name for p in (tmp_path / "outside").iterdir()) == ["evil"]
    assert list(home.iterdir()) == []
    assert {p.name for p in (tmp_path / "work").iterdir()} <= {"hostile.zip", "folder"}
    for path, names in tops.items():
        assert not any("evil" in name for name in set(os.listdir(path)) - names)
