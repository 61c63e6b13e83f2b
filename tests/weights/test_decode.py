from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save

from srbench.errors import ArchiveError
from srbench.weights import decode as decode_module
from srbench.weights.decode import decode


class Touch:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.target),))


def test_torch_reads_a_state_dict(tmp_path: Path, checkpoint: bytes) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(checkpoint)
    assert decode("torch", path)["features.0.bias"].tolist() == [0.5, -0.5]


@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_checkpoint_runs_nothing(tmp_path: Path, legacy: bool) -> None:
    target = tmp_path / "owned"
    path = tmp_path / "w.pth"
    torch.save({"w": Touch(target)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ArchiveError, match="weights_only=True can read"):
        decode("torch", path)
    assert not target.exists()


def test_a_plain_pickle_is_no_checkpoint(tmp_path: Path) -> None:
    target = tmp_path / "owned"
    path = tmp_path / "w.pth"
    path.write_bytes(pickle.dumps(Touch(target), 2))
    with pytest.raises(ArchiveError):
        decode("torch", path)
    assert not target.exists()


@pytest.mark.parametrize("keep", [0, 1, 30, 0.5, 0.99])
@pytest.mark.parametrize("reader", ["torch", "safetensors", "npz", "h5"])
def test_a_cut_file_says_how_many_bytes_came(
    tmp_path: Path, reader: Any, keep: float, checkpoint: bytes
) -> None:
    path = tmp_path / "w.bin"
    whole = {
        "torch": checkpoint,
        "safetensors": save({"w": torch.zeros(4)}),
        "npz": _npz(w=np.zeros(4)),
        "h5": _h5(w=np.zeros(4)),
    }[reader]
    size = keep if isinstance(keep, int) else int(len(whole) * keep)
    path.write_bytes(whole[:size])
    with pytest.raises(ArchiveError, match=rf"w\.bin \({size} bytes\)"):
        decode(reader, path)


def test_a_tensor_alone_is_no_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(torch.zeros(2), path)
    with pytest.raises(ArchiveError, match=r"expected a state dict in w\.pth, got Tensor"):
        decode("torch", path)


def test_npz_with_an_object_array_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "owned"
    path = tmp_path / "w.npz"
    path.write_bytes(_npz(w=np.array([Touch(target)], dtype=object)))
    with pytest.raises(ArchiveError, match="without pickled objects"):
        decode("npz", path)
    assert not target.exists()


def test_npz_keeps_float64(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(_npz(mu=np.array([1 / 3])))
    assert decode("npz", path)["mu"].dtype == np.float64


def test_h5_is_flattened_and_leaves_text_out(tmp_path: Path) -> None:
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file["block1/layers/conv2d/vars/0"] = np.ones((2, 2))
        file["block1/name"] = "text"
    assert list(decode("h5", path)) == ["block1/layers/conv2d/vars/0"]


def test_h5_never_reads_other_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["w"] = np.ones(2)
    linked = tmp_path / "linked.h5"
    with h5py.File(linked, "w") as file:
        file["w"] = h5py.ExternalLink("secret.h5", "w")
        file["own"] = np.zeros(2)
    assert list(decode("h5", linked)) == ["own"]
    raw = tmp_path / "raw.h5"
    with h5py.File(raw, "w") as file:
        file.create_dataset("w", shape=(2,), dtype="f4", external=[(str(secret), 0, 8)])
    with pytest.raises(ArchiveError, match="w is elsewhere"):
        decode("h5", raw)


@pytest.mark.parametrize("reader", ["h5", "npz"])
def test_a_bomb_is_refused_before_it_unpacks(
    tmp_path: Path, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.bin"
    zeros = np.zeros(100_000, dtype=np.uint8)
    if reader == "h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("w", data=zeros, compression="gzip")
    else:
        np.savez_compressed(path.with_suffix(".npz"), w=zeros)
        path.with_suffix(".npz").rename(path)
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(decode_module, "MAX_ARRAY_BYTES", 50_000)
    with pytest.raises(ArchiveError, match="unpack to at most 50000 bytes"):
        decode(reader, path)


def _npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _h5(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return out.getvalue()
