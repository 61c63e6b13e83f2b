"""One identity for one set of weights, whichever file it came in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from srbench.contract import Convert
from srbench.errors import ArchiveError

if TYPE_CHECKING:
    import torch

_CHUNK = 1 << 20


def tensors_sha256(state_dict: Mapping[str, torch.Tensor]) -> str:
    """Identity of a state dict: names, dtypes, shapes and bytes; not their order or storage.

    For each name in sorted order the digest takes the line ``["name","dtype",[shape]]`` (JSON
    without spaces, one newline) and then the elements in C order, little-endian.
    """
    import torch

    digest = hashlib.sha256()
    for name in sorted(state_dict):
        tensor = state_dict[name].detach().cpu().contiguous()
        dtype = str(tensor.dtype).removeprefix("torch.")
        head = json.dumps([name, dtype, list(tensor.shape)], separators=(",", ":"))
        digest.update(head.encode() + b"\n")
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def canonical(
    decoded: Mapping[str, Any], convert: Convert | None, keep: tuple[str, ...], origin: str
) -> dict[str, torch.Tensor]:
    """The canonical state dict: converted, cut down to ``keep``, contiguous tensors on the CPU.

    Dtypes stay as they are in the file.

    Args:
        decoded: names to arrays or tensors, as the reader gave them.
        convert: of the source.
        keep: prefixes of the names that stay; empty keeps all.
        origin: for messages: which file this is.

    Raises:
        ArchiveError: something that is not an array is left over, or nothing is.
    """
    try:
        converted = decoded if convert is None else convert(decoded)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise ArchiveError(
            f"expected {origin} to have the layout that its converter knows, got "
            f"{type(error).__name__}: {error}"
        ) from error
    tensors = {
        name: _tensor(name, value, origin)
        for name, value in converted.items()
        if not keep or name.startswith(keep)
    }
    if not tensors:
        wanted = " or ".join(f"{prefix}*" for prefix in keep) or "any tensors"
        raise ArchiveError(
            f"expected {wanted} in {origin}, got only the keys {sorted(converted)[:5]}"
        )
    return tensors


def _tensor(name: str, value: object, origin: str) -> torch.Tensor:
    import numpy as np
    import torch

    if isinstance(value, np.ndarray):
        try:
            return torch.from_numpy(np.array(value, order="C", copy=True))
        except TypeError as error:
            raise ArchiveError(f"expected numbers under {name!r} in {origin}: {error}") from error
    if isinstance(value, torch.Tensor) and value.layout == torch.strided:
        # A copy: two names of a checkpoint may share storage, which safetensors refuses.
        return value.detach().cpu().clone(memory_format=torch.contiguous_format)
    raise ArchiveError(
        f"expected a tensor under {name!r} in {origin}, got {type(value).__name__}",
        "give the source a `convert` that picks the state dict",
    )
