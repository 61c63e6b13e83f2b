"""What a hostile weight file or server could do; docs/security.md lists it."""

from __future__ import annotations

import io
import os
import pickle
import resource
import struct
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import filelock
import h5py
import numpy as np
import pytest
from packaging.version import Version

from srbench.contract import UrlSource, WeightFile
from srbench.errors import ArchiveError, WeightsError
from srbench.files import locked
from srbench.weights import pull, transfer
from srbench.weights.decode import decode

GIB = 2**30


def _claiming_npz(size: int) -> bytes:
    """A few hundred bytes with an array that claims ``size``."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        member, {"descr": "|u1", "fortran_order": False, "shape": (size,)}
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", member.getvalue() + b"\0" * 10)
    return out.getvalue()


def _bomb_zip(claimed: int) -> bytes:
    """A zip whose directory claims that its member unpacks to ``claimed`` bytes."""
    data = bytearray(_claiming_npz(10))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", claimed)
    return bytes(data)


def _claiming_h5(path: Path, size: int) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", shape=(size,), dtype="u1", chunks=(2**20,))


def _cyclic() -> bytes:
    tree: dict[str, Any] = {}
    tree["again"] = tree
    return pickle.dumps(tree)


def _doubling() -> bytes:
    tree: dict[str, Any] = {"leaf": np.zeros(1)}
    for _ in range(40):  # 2**40 paths lead to one leaf
        tree = {"a": tree, "b": tree}
    return pickle.dumps(tree, protocol=2).replace(b"numpy._core", b"numpy.core")


FILES = {
    "claims-7-gib.npz": _claiming_npz(7 * GIB),
    "directory-claims-4-gib.npz": _bomb_zip(2**32 - 2),
    "directory-claims-4-gib.torch": _bomb_zip(2**32 - 2),
    "cyclic.flax-pickle": _cyclic(),
    "doubling.flax-pickle": _doubling(),
    "memo-of-2-32.flax-pickle": b"\x80\x04]r\xff\xff\xff\x7f.",
    "bytes-of-7-gib.flax-pickle": b"\x80\x04\x8e" + struct.pack("<Q", 7 * GIB) + b"ab.",
    "long-of-1-gib.flax-pickle": b"\x80\x04\x8b" + struct.pack("<i", GIB) + b"ab.",
}


def _decode_in_a_small_process(reader: str, path: Path) -> str:
    """The error of decoding in a process that may have 1 GiB more than it starts with."""
    code = """
import resource, sys
from pathlib import Path
import numpy, h5py, torch
from srbench.errors import ArchiveError
from srbench.weights.decode import decode
used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
try:
    decode(sys.argv[1], Path(sys.argv[2]))
except ArchiveError as error:
    print(error.what)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, reader, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_claims_more_than_it_holds_is_refused_in_little_memory(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    with pytest.raises(ArchiveError, match=name):
        decode(name.rpartition(".")[2], path)  # type: ignore[arg-type]
    assert time.monotonic() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 * 1024  # KiB


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", ["claims-7-gib.npz", "memo-of-2-32.flax-pickle"])
def test_nor_is_room_made_for_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    assert name in _decode_in_a_small_process(name.rpartition(".")[2], path)


def test_an_h5_that_claims_7_gib_is_refused(tmp_path: Path) -> None:
    _claiming_h5(tmp_path / "a.h5", 7 * GIB)
    with pytest.raises(ArchiveError, match=r"expected a\.h5 to hold the 7516192768 bytes of a"):
        decode("h5", tmp_path / "a.h5")


def _file(url: str) -> WeightFile:
    source = UrlSource(url=url, max_bytes=2**20)
    return WeightFile(id="net", license="MIT", sources=(source,))


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://example.org/x"])
def test_no_redirect_leaves_the_web(server: Any, target: str) -> None:
    server.serve("/net.pth", b"", status=302, headers={"Location": target})
    with pytest.raises(WeightsError, match=r"a redirect from http to (file|ftp) is not followed"):
        pull(_file(f"{server.url}/net.pth"))


def test_no_redirect_leads_from_https_to_http() -> None:
    import httpx2

    for source, target, allowed in (
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "https://b.org/y", True),
        ("https://a.org/x", "/y", True),
        ("http://a.org/x", "https://a.org/x", True),
    ):
        request = httpx2.Request("GET", source)
        answer = httpx2.Response(301, headers={"Location": target}, request=request)
        if allowed:
            transfer._refuse_redirect(answer)
        else:
            with pytest.raises(WeightsError, match="from https to http is not followed"):
                transfer._refuse_redirect(answer)


def test_a_reason_phrase_cannot_write_to_the_terminal() -> None:
    import httpx2

    answer = httpx2.Response(404, extensions={"reason_phrase": b"\x1b[2Jgone\x07"})
    with pytest.raises(WeightsError, match=r"404 \\x1b\[2Jgone\\x07$"):
        transfer._check_answer(answer, 10)


def test_a_trickle_ends(monkeypatch: pytest.MonkeyPatch, server: Any, checkpoint: bytes) -> None:
    transfer._check_pace(59.0, 0)
    transfer._check_pace(3600.0, 4_000_000)
    for seconds, size in ((61.0, 0), (3600.0, 3_000_000), (7201.0, 2**40)):
        with pytest.raises(WeightsError, match="too slow"):
            transfer._check_pace(seconds, size)
    clock = iter(range(0, 10**6, 200))
    monkeypatch.setattr(transfer.time, "monotonic", lambda: float(next(clock)))
    server.serve("/net.pth", checkpoint)
    with pytest.raises(WeightsError, match="too slow"):
        pull(_file(f"{server.url}/net.pth"))


@pytest.mark.skipif(
    Version(filelock.__version__) < Version("4.1"),
    reason="before filelock 4.1 a disk without locks is an error",
)
@pytest.mark.filterwarnings("ignore:flock not supported")
def test_on_a_disk_without_locks_who_waits_is_told_for_whom_and_can_break_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import errno
    import fcntl

    def no_flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", no_flock)
    lock = tmp_path / "a.lock"
    with locked(lock, "does it"):
        holder = lock.read_text()
        assert str(os.getpid()) in holder
    assert not lock.exists()
    lock.write_text(holder.replace(os.uname().nodename, "another-host"))
    entered = threading.Event()

    def wait() -> None:
        with locked(lock, "does it"):
            entered.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not entered.wait(3)
    told = capsys.readouterr().err
    assert "waiting for another process that does it" in told
    assert "another-host" in told
    assert f"delete {lock}" in told
    lock.unlink()
    assert entered.wait(10)
    thread.join()
