"""Archives and folders made to do harm: each is refused by its own message and writes nothing."""

import io
import os
import pickle
import resource
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from srbench.errors import SubmissionError
from srbench.verify import Verification
from srbench.verify.limits import Limits

from .conftest import Files, repair_manifest, unzipped, zipped

Verify = Callable[..., Verification]
KEY = "a" * 64


@pytest.fixture(autouse=True)
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


@pytest.fixture
def hostile(packed: Path) -> Callable[[Callable[[zipfile.ZipFile], None]], Path]:
    """The good submission with entries added by ``add(archive)``."""

    def make(add: Callable[[zipfile.ZipFile], None]) -> Path:
        path = Path("hostile.zip")
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in unzipped(packed).items():
                archive.writestr(name, data)
            add(archive)
        return path

    return make


def entry(name: str, data: bytes = b"{}", mode: int = 0o100644) -> Callable[..., None]:
    def add(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("x")
        info.filename = name  # ZipInfo's own constructor would tidy it
        info.external_attr = mode << 16
        archive.writestr(info, data)

    return add


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../outside/evil", "leads elsewhere (path traversal)"),
        ("records/../../outside/evil", "leads elsewhere (path traversal)"),
        ("./records/x.json", "leads elsewhere (path traversal)"),
        ("/tmp/evil", "has an absolute path"),
        ("C:/evil", "has a path with a drive letter"),
        ("c:evil", "has a path with a drive letter"),
        ("records\\evil", "has a path with a backslash"),
        ("records//evil.json", "has a path with an empty part"),
        ("records/", "is a folder, where only files belong"),
        ("records/\x1b[31mevil", "control or non-ASCII characters"),
        ("records/é.json", "control or non-ASCII characters"),
        ("x" * 300, "has a name of 300 characters"),
        ("weights.pt", "may be a pickle"),
        ("checkpoints/model.PTH", "may be a pickle"),
        ("generators/model.pkl", "may be a pickle"),
        (f"generators/{KEY}.pt.safetensors", "may be a pickle"),
        ("more.zip", "is an archive inside the archive"),
        ("images/all.tar.gz", "is an archive inside the archive"),
        ("setup.py", "is an unknown file"),
        ("records/evil.json", "is an unknown file"),
        (f"records/{KEY.upper()}.json", "is an unknown file"),
        ("images/evil.svg", "is an unknown file"),
    ],
)
def test_a_name_that_does_not_belong(
    hostile: Callable[..., Path], verify: Verify, name: str, said: str
) -> None:
    with pytest.raises(SubmissionError) as refused:
        verify(hostile(entry(name)))
    assert said in refused.value.what
    assert "\x1b" not in str(refused.value)


def test_a_name_cut_by_a_nul(hostile: Callable[..., Path], verify: Verify) -> None:
    path = hostile(entry(f"records/{KEY}.jsonXevil"))
    path.write_bytes(path.read_bytes().replace(b".jsonXevil", b".json\0evil"))
    with pytest.raises(SubmissionError, match="control or non-ASCII"):
        verify(path)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (stat.S_IFLNK | 0o777, "is a symbolic link"),
        (stat.S_IFIFO | 0o644, "is no ordinary file"),
        (stat.S_IFCHR | 0o644, "is no ordinary file"),
    ],
)
def test_a_link_or_a_device(
    hostile: Callable[..., Path], verify: Verify, mode: int, said: str
) -> None:
    with pytest.raises(SubmissionError, match=said):
        verify(hostile(entry(f"records/{KEY}.json", b"/etc/passwd", mode)))


@pytest.mark.parametrize("name", ["suite.json", "Suite.JSON"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(hostile: Callable[..., Path], verify: Verify, name: str) -> None:
    said = "is there twice" if name == "suite.json" else "is an unknown file"
    with pytest.raises(SubmissionError, match=said):
        verify(hostile(entry(name)))


def test_a_bomb(hostile: Callable[..., Path], verify: Verify) -> None:
    def add(archive: zipfile.ZipFile) -> None:
        data = b"{" + b" " * (15 << 20)
        archive.writestr(f"generators/{KEY}.safetensors", data, zipfile.ZIP_DEFLATED, 9)

    with pytest.raises(SubmissionError, match="as a zip bomb does"):
        verify(hostile(add))


def test_a_bomb_that_lies_about_its_size(packed: Path, verify: Verify) -> None:
    """Its headers say 100 bytes; 200 MB would come out. The manifest lists it with 100 bytes."""
    files = unzipped(packed)
    name = f"records/{KEY}.json"
    files[name] = b"{" + b" " * 99
    repair_manifest(files)
    files[name] = b"{" + b" " * 200_000_000
    path = Path("hostile.zip")
    path.write_bytes(zipped(files, zipfile.ZIP_DEFLATED))
    claimed, true = struct.pack("<L", 100), struct.pack("<L", len(files.pop(name)))
    data = path.read_bytes()
    assert data.count(true) == 2  # in the entry and in the directory
    path.write_bytes(data.replace(true, claimed))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SubmissionError, match=r"damaged at 'records/a.*CRC"):
        verify(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_a_huge_file(hostile: Callable[..., Path], verify: Verify) -> None:
    with pytest.raises(SubmissionError, match="of at most 1,048,576 bytes uncompressed, got more"):
        verify(hostile(entry(f"records/{KEY}.json", bytes(17 << 20))))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(files=5), "at most 5 files"),
        (Limits(archive_bytes=1000), "an archive of at most 1,000 bytes"),
        (Limits(total_bytes=1000), "at most 1,000 bytes uncompressed"),
    ],
)
def test_too_much_of_it(packed: Path, verify: Verify, limits: Limits, said: str) -> None:
    with pytest.raises(SubmissionError, match=said):
        verify(packed, limits=limits)


def test_entries_that_overlap(hostile: Callable[..., Path], verify: Verify) -> None:
    """Two directory entries for one stretch of bytes, as the densest zip bombs have them."""
    one, two = f"images/{'b' * 64}.png", f"images/{'c' * 64}.png"

    def add(archive: zipfile.ZipFile) -> None:
        archive.writestr(one, b"\x89PNG")
        archive.writestr(two, b"\x89PNG")

    path = hostile(add)
    data = bytearray(path.read_bytes())
    offset = data.index(one.encode()) - 30
    at = data.rindex(two.encode()) - 46  # of its directory entry, whose offset is at + 42
    data[at + 42 : at + 46] = struct.pack("<L", offset)
    path.write_bytes(data)
    with pytest.raises(SubmissionError, match="overlap in the archive, as in a zip bomb"):
        verify(path)


@pytest.mark.parametrize("keep", [0, 3, 20, 100, 5000, -1, -22, -500])
def test_a_truncated_archive(packed: Path, verify: Verify, keep: int) -> None:
    path = Path("hostile.zip")
    path.write_bytes(packed.read_bytes()[:keep])
    said = "truncated" if keep not in (0, 3) else "which is none"
    with pytest.raises(SubmissionError, match=said):
        verify(path)


def test_something_before_or_behind_the_archive(packed: Path, verify: Verify) -> None:
    path = Path("hostile.zip")
    good = packed.read_bytes()
    path.write_bytes(good + b"more")
    with pytest.raises(SubmissionError, match="or something follows its end"):
        verify(path)
    path.write_bytes(b"PK\3\4" + b"#!/bin/sh" + good)
    with pytest.raises(SubmissionError, match="directory is not where it should be"):
        verify(path)


def test_a_zip64_directory(packed: Path, verify: Verify) -> None:
    good = packed.read_bytes()
    *_, count, length, offset, _ = struct.unpack("<4s4H2LH", good[-22:])
    locator = b"PK\6\7" + bytes(16)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, length + 20, offset, 0)
    path = Path("hostile.zip")
    path.write_bytes(good[:-22] + locator + end)
    with pytest.raises(SubmissionError, match="directory is not where it should be"):
        verify(path)


def test_flipped_bits(packed: Path, verify: Verify) -> None:
    data = bytearray(packed.read_bytes())
    data[len(data) // 3] ^= 0x40
    path = Path("hostile.zip")
    path.write_bytes(data)
    with pytest.raises(SubmissionError, match=r"damaged at|changed after packing"):
        verify(path)


def test_an_encrypted_entry(packed: Path, verify: Verify) -> None:
    data = bytearray(packed.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path = Path("hostile.zip")
    path.write_bytes(data)
    with pytest.raises(SubmissionError, match="is encrypted"):
        verify(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_we_never_write(packed: Path, verify: Verify, method: int) -> None:
    path = Path("hostile.zip")
    path.write_bytes(zipped(unzipped(packed), method))
    with pytest.raises(SubmissionError, match="is compressed by method"):
        verify(path)


def test_deflated_archives_are_read(packed: Path, verify: Verify) -> None:
    path = Path("hostile.zip")
    path.write_bytes(zipped(unzipped(packed), zipfile.ZIP_DEFLATED))
    assert verify(path).verified


class Bomb:
    """Leaves a trace where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("touch evil-was-run",)


def torch_pickle() -> bytes:
    import torch

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
    import json

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
    from srbench.errors import DataError
    from srbench.verify import verify_submission

    with pytest.raises(DataError, match="'folder:tiny', a folder on the submitter's machine"):
        verify_submission(packed)


def test_other_test_images_are_a_difference(packed: Path, run: Path, test_images: Path) -> None:
    import shutil

    from srbench.verify import verify_submission

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


def test_ten_gigabytes_are_never_allocated(tamper: Callable[..., Path], verify: Verify) -> None:

    from .conftest import GENERATOR, replace_generator
    from .test_tampering import claiming_ten_gigabytes

    data = claiming_ten_gigabytes(GENERATOR.build(seed=2).state_dict())
    path = tamper(lambda files: replace_generator(files, "first", data))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    assert not verify(path).verified
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB
