"""Archives made to do harm: each is refused by its own message and writes nothing."""

import resource
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forging import repair_manifest, unzipped, zipped

from srbench.errors import SubmissionError
from srbench.verify import Verification
from srbench.verify.limits import Limits

KEY = "a" * 64
pytestmark = pytest.mark.usefixtures("sentinel")
Tamper = Callable[..., Path]
Verify = Callable[..., Verification]


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
    """Its headers say 100 bytes; 100 MB would come out. The manifest lists it with 100 bytes."""
    files = unzipped(packed)
    name = f"records/{KEY}.json"
    files[name] = b"{" + b" " * 99
    repair_manifest(files)
    files[name] = b"{" + b" " * 100_000_000
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


def with_entry(**fields: Any) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        for name, value in fields.items():
            setattr(info, name, value)

    return change


ZIP64 = struct.pack("<HHQ", 1, 8, 2**63 + 5)
UNUSUAL = {
    "an extra field": with_entry(extra=struct.pack("<HH", 0x9999, 4) + b"code"),
    "an offset beyond 2^63": with_entry(extra=ZIP64),
    "a comment": with_entry(comment=b"code"),
    "an executable": with_entry(external_attr=0o100755 << 16),
}


@pytest.mark.parametrize("unusual", UNUSUAL)
def test_an_archive_holds_nothing_that_nobody_reads(
    packed: Path, tmp_path: Path, verify: Verify, unusual: str
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index, (name, data) in enumerate(unzipped(packed).items()):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            if index == 3:
                UNUSUAL[unusual](info)
            archive.writestr(info, data)
    with pytest.raises(SubmissionError, match=r"extra field|program|damaged"):
        verify(path)


@pytest.mark.parametrize("where", ["between two files", "before the directory"])
def test_an_archive_has_no_gaps(packed: Path, tmp_path: Path, verify: Verify, where: str) -> None:
    files = unzipped(packed)
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index, (name, data) in enumerate(files.items()):
            archive.writestr(name, data)
            last = index == len(files) - 1
            if (where == "between two files" and index == 2) or (
                where != "between two files" and last
            ):
                archive.fp.write(b"#!/bin/sh\n")  # type: ignore[union-attr]
                archive.start_dir = archive.fp.tell()  # type: ignore[union-attr]
    with pytest.raises(SubmissionError, match="damaged"):
        verify(path)
