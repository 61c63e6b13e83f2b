"""Turning a file into names and arrays. No reader runs anything that the file contains.

A TorchScript archive is a program: it is read where the whole hash of the file is pinned alone.
"""

from __future__ import annotations

import math
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from srbench.contract import Reader
from srbench.errors import ArchiveError
from srbench.weights.pickles import load_array_pickle

MAX_ARRAY_BYTES = 8 * 2**30
"""A file that unpacks to more than this is refused: no loss network is that large."""

MAX_RATIO = 1100
"""Nor does deflate shrink anything further: a file that claims more than this does not hold it."""


def decode(reader: Reader, path: Path) -> Mapping[str, Any]:
    """The flat mapping in ``path``: names to arrays or tensors.

    Raises:
        ArchiveError: the file is truncated, of another format, or not safe to read.
    """
    return _READERS[reader](path)


def _torch(path: Path) -> Mapping[str, Any]:
    loaded = _unpickled(path)
    if not isinstance(loaded, Mapping):
        raise ArchiveError(f"expected a state dict in {path.name}, got {type(loaded).__name__}")
    return loaded


def _tensor(path: Path) -> Mapping[str, Any]:
    return {"tensor": _unpickled(path)}


def _unpickled(path: Path) -> Any:
    import torch

    if zipfile.is_zipfile(path):
        _check_zip(path, "a PyTorch checkpoint")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise _damaged(
            "a PyTorch checkpoint that weights_only=True can read", path, error
        ) from error
    except (AttributeError, TypeError, IndexError, AssertionError) as error:
        # What torch's restricted unpickler raises on a stream that is cut or forged.
        raise _damaged("a PyTorch checkpoint", path, error) from error
    return loaded


def _torchscript(path: Path) -> Mapping[str, Any]:
    import torch

    try:
        with warnings.catch_warnings():  # torch makes no more of them, and still reads them
            warnings.simplefilter("ignore")
            loaded: Any = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        raise _damaged("a TorchScript archive", path, error) from error
    state: Mapping[str, Any] = loaded.state_dict()
    return state


def _safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged("a safetensors file", path, error) from error


def _npz(path: Path) -> Mapping[str, Any]:
    import numpy as np

    _check_zip(path, "an .npz file without pickled objects")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            for info in archive.zip.infolist():
                with archive.zip.open(info) as member:
                    _check_claim(member, info.file_size)
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise _damaged("an .npz file without pickled objects", path, error) from error


def _h5(path: Path) -> Mapping[str, Any]:
    import h5py

    arrays: dict[str, Any] = {}
    total = 0

    def visit(name: str, node: object) -> None:
        nonlocal total
        if not isinstance(node, h5py.Dataset):
            return
        if node.external is not None or node.is_virtual:
            raise ArchiveError(f"expected {path.name} to hold its own data, {name} is elsewhere")
        if node.dtype.kind not in "biuf":
            return  # names and settings that Keras keeps beside the weights
        if node.nbytes > MAX_RATIO * node.id.get_storage_size():
            raise ArchiveError(f"expected {path.name} to hold the {node.nbytes} bytes of {name}")
        total += node.nbytes
        _limit(total, path)
        arrays[name] = node[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)  # does not follow links, which may point at other files
    except (OSError, RuntimeError, KeyError) as error:
        raise _damaged("an HDF5 file", path, error) from error
    return arrays


def _check_zip(path: Path, expected: str) -> None:
    """Before anything is unpacked: what the members claim to be, against what they take."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _damaged(expected, path, error) from error
    held = sum(info.compress_size for info in infos)
    _limit(sum(info.file_size for info in infos), path)
    if sum(info.file_size for info in infos) > MAX_RATIO * min(held, path.stat().st_size) + 4096:
        raise ArchiveError(f"expected {path.name} to hold what its members claim to be")


def _check_claim(member: IO[bytes], size: int) -> None:
    """numpy makes room for what an array's header claims before it reads the array."""
    import numpy as np

    version = np.lib.format.read_magic(member)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in read:
        raise ValueError(f"an array of format {version}")
    shape, _, dtype = read[version](member)
    if math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"an array that claims {shape} of {dtype} in {size} bytes")


def _limit(size: int, path: Path) -> None:
    if size > MAX_ARRAY_BYTES:
        raise ArchiveError(
            f"expected {path.name} to unpack to at most {MAX_ARRAY_BYTES} bytes, got {size}"
        )


def _damaged(expected: str, path: Path, error: Exception) -> ArchiveError:
    first = str(error).strip().splitlines()
    reason = first[0] if first else type(error).__name__
    return ArchiveError(
        f"expected {expected}, got {path.name} ({path.stat().st_size} bytes): {reason}"
    )


_READERS: Mapping[Reader, Callable[[Path], Mapping[str, Any]]] = {
    "torch": _torch,
    "torch-tensor": _tensor,
    "torchscript": _torchscript,
    "flax-pickle": load_array_pickle,
    "h5": _h5,
    "safetensors": _safetensors,
    "npz": _npz,
}
