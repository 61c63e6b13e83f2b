from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from srbench.contract import UrlSource, WeightFile
from srbench.errors import ContractError, WeightsError
from srbench.weights import WeightStore, is_cached, pull, tensors_sha256, verify
from srbench.weights.cache import CacheEntry, definition_digest


@pytest.fixture
def file(server: Any, checkpoint: bytes) -> WeightFile:
    server.serve("/net.pth", checkpoint)
    return _definition(server.url)


def _definition(url: str, **changes: Any) -> WeightFile:
    settings: dict[str, Any] = {"id": "net", "license": "MIT", "keep": ("features.",)}
    return WeightFile(**settings | {"sources": (UrlSource(url=f"{url}/net.pth"),)} | changes)


def test_every_source_is_listed_with_its_reason_and_the_remedy(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "mine"
    empty.mkdir()
    monkeypatch.setenv("SRBENCH_WEIGHTS", str(empty))
    with pytest.raises(WeightsError) as caught:
        pull(_definition(server.url))
    lines = str(caught.value).splitlines()
    assert lines[0] == ("expected the weights 'net' from one of their sources, got them from none:")
    starts = ["cache: ", f"SRBENCH_WEIGHTS {empty}: ", "torch-hub-cache: ", f"{server.url}/net.pth"]
    assert len(lines) == len(starts) + 3
    for line, start in zip(lines[1:], starts, strict=False):
        assert line.startswith(f"  - {start}")
    assert "srbench weights pull net" in lines[-2]
    assert "net.safetensors or net.pth" in lines[-1]
    assert caught.value.exit_status == 2
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_an_own_folder_comes_before_the_network(
    file: WeightFile, server: Any, tmp_path: Path, checkpoint: bytes, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SRBENCH_WEIGHTS", f"{tmp_path / 'none'}:{tmp_path / 'mine'}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "net.pth").write_bytes(checkpoint)
    assert pull(file).source == "folder:net.pth"
    assert server.asked == []


def test_a_canonical_safetensors_file_in_an_own_folder_has_the_same_identity(
    file: WeightFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = WeightStore([file])
    save_file(store.state_dict("net"), tmp_path / "net.safetensors")
    monkeypatch.setenv("SRBENCH_WEIGHTS", str(tmp_path))
    again = pull(file, refresh=True)
    assert again.source == "folder:net.safetensors"
    assert again.tensors_sha256 == store.used["net"].tensors_sha256


def test_a_damaged_file_in_an_own_folder_is_not_passed_over(
    file: WeightFile, server: Any, tmp_path: Path, checkpoint: bytes, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SRBENCH_WEIGHTS", str(tmp_path))
    (tmp_path / "net.pth").write_bytes(checkpoint[:-20])
    with pytest.raises(WeightsError, match=r"expected a PyTorch checkpoint.*net\.pth") as caught:
        pull(file)
    assert caught.value.fix == f"replace or remove {tmp_path / 'net.pth'}"
    assert server.asked == []


@pytest.mark.parametrize("size", [0, 8, 100])
def test_a_truncated_cache_file_is_refused_until_it_is_refreshed(
    file: WeightFile, size: int
) -> None:
    pull(file)
    path = CacheEntry(file).path
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(WeightsError, match="cached copy is damaged") as caught:
        WeightStore([file]).state_dict("net")
    assert caught.value.fix == "srbench weights pull net --refresh"
    assert verify(file).state == "damaged"
    pull(file, refresh=True)
    assert verify(file).state == "ok"


def test_changed_tensors_in_the_cache_are_refused(file: WeightFile) -> None:
    loaded = pull(file)
    entry = CacheEntry(file)
    state = WeightStore([file]).state_dict("net")
    state["features.0.bias"][0] += 1e-6
    save_file(state, entry.path)
    with pytest.raises(WeightsError, match=f"{loaded.tensors_sha256} was recorded"):
        WeightStore([file]).state_dict("net")
    # Not even an edited note helps where the identity is pinned.
    pinned = dataclasses.replace(file, tensors_sha256=loaded.tensors_sha256)
    pull(pinned)
    forged = CacheEntry(pinned)
    save_file(state, forged.path)
    note = json.loads(forged.note_path.read_text())
    forged.note_path.write_text(json.dumps(note | {"tensors_sha256": tensors_sha256(state)}))
    with pytest.raises(WeightsError, match="was pinned"):
        WeightStore([pinned]).state_dict("net")


def test_a_source_that_changed_is_refused_by_the_record(
    file: WeightFile, server: Any, tmp_path: Path
) -> None:
    first = pull(file)
    CacheEntry(file).path.unlink()  # the note stays
    assert not is_cached(file)
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    server.serve("/net.pth", (tmp_path / "other.pth").read_bytes())
    with pytest.raises(WeightsError, match=f"first load, {first.tensors_sha256}, got ") as caught:
        pull(file)
    assert "--refresh" in str(caught.value.fix)
    assert pull(file, refresh=True).tensors_sha256 != first.tensors_sha256


def test_two_definitions_of_one_id_never_mix(file: WeightFile) -> None:
    everything = dataclasses.replace(file, keep=())
    assert len(WeightStore([file]).state_dict("net")) == 2
    assert not is_cached(everything)
    assert len(WeightStore([everything]).state_dict("net")) == 3
    assert len(WeightStore([file]).state_dict("net")) == 2
    with pytest.raises(ContractError, match="two that differ"):
        WeightStore([file, everything])


def test_the_digest_covers_every_pin_and_nothing_else() -> None:
    base = _definition("http://a")
    changed = [
        dataclasses.replace(base, id="other"),
        dataclasses.replace(base, file_sha256="0" * 64),
        dataclasses.replace(base, sha256_prefix="0" * 8),
        dataclasses.replace(base, tensors_sha256="0" * 64),
        dataclasses.replace(base, keep=()),
        _definition("http://b"),
        _definition("http://a", sources=(UrlSource(url="http://a/net.pth", reader="npz"),)),
        _definition("http://a", sources=(UrlSource(url="http://a/net.pth", convert=dict),)),
    ]
    digests = {definition_digest(file) for file in changed}
    assert len(digests) == len(changed)
    assert definition_digest(base) not in digests
    same = dataclasses.replace(base, license="other", size=3)
    assert definition_digest(same) == definition_digest(base)


def test_an_undeclared_id_is_a_contract_error(file: WeightFile) -> None:
    with pytest.raises(ContractError, match=r"declared weights \(net\), got 'vgg16'"):
        WeightStore([file]).state_dict("vgg16")


def test_callers_do_not_share_tensors(file: WeightFile) -> None:
    store = WeightStore([file])
    store.state_dict("net")["features.0.bias"].zero_()
    assert store.state_dict("net")["features.0.bias"].tolist() == [0.5, -0.5]


def test_is_cached_and_verify_fetch_nothing(file: WeightFile, server: Any) -> None:
    assert not is_cached(file)
    assert verify(file).state == "missing"
    assert server.asked == []
    pull(file)
    assert is_cached(file)
    assert verify(file).detail == pull(file).tensors_sha256


def test_a_cache_that_cannot_be_written_says_so(
    file: WeightFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blocked").write_text("a file, not a folder")
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "blocked"))
    with pytest.raises(WeightsError, match="cache folder that can be written") as caught:
        pull(file)
    assert "SRBENCH_CACHE" in str(caught.value.fix)


def test_cached_files_can_be_shared_with_other_users(file: WeightFile) -> None:
    pull(file)
    entry = CacheEntry(file)
    for path in (entry.path, entry.note_path):
        assert path.stat().st_mode & 0o444 == 0o444


def test_what_a_killed_process_left_is_removed_after_a_day(file: WeightFile) -> None:
    folder = CacheEntry(file).path.parent
    folder.mkdir(parents=True)
    old, young = folder / ".part-old", folder / ".part-young"
    for path in (old, young):
        path.write_text("half")
    os.utime(old, (0, 0))
    pull(file)
    assert not old.exists()
    assert young.exists()


_PROCESS = """
import sys
from srbench.contract import UrlSource, WeightFile
from srbench.weights import WeightStore
file = WeightFile(id="net", license="MIT", sources=(UrlSource(url=sys.argv[1]),))
store = WeightStore([file])
assert store.state_dict("net")["features.0.bias"].tolist() == [0.5, -0.5]
print(store.used["net"].tensors_sha256)
"""


@pytest.mark.slow
def test_processes_at_once_fetch_once_and_agree(file: WeightFile, server: Any) -> None:
    url = file.sources[0].url  # type: ignore[union-attr]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS, url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(3)
    ]
    results = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], results
    assert len({out for out, _ in results}) == 1
    assert server.asked == ["/net.pth"]


def test_hashing_is_not_of_the_file_but_of_the_tensors(
    file: WeightFile, server: Any, tmp_path: Path, checkpoint: bytes
) -> None:
    first = pull(file).tensors_sha256
    torch.save(
        torch.load(tmp_path.joinpath("x.pth").write_bytes(checkpoint) and tmp_path / "x.pth"),
        tmp_path / "legacy.pth",
        _use_new_zipfile_serialization=False,
    )
    legacy = (tmp_path / "legacy.pth").read_bytes()
    assert hashlib.sha256(legacy).digest() != hashlib.sha256(checkpoint).digest()
    server.serve("/net.pth", legacy)
    assert pull(file, refresh=True).tensors_sha256 == first
