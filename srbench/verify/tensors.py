"""A stranger's safetensors file: the header is compared with the expected network first.

Nothing is allocated from what the file claims. The network that the suite names is built on the
``meta`` device, where it has names, shapes and types but no memory; only a file that has exactly
those is read any further. The safetensors library itself is not used on it.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from srbench.errors import SubmissionError, UnknownName, UserError
from srbench.models.plugin import builtin_generator
from srbench.models.resolve import ResolvedGenerator
from srbench.namesake import DISTRIBUTION
from srbench.settings import Suite

if TYPE_CHECKING:
    import torch
    from torch import nn

MAX_HEADER_BYTES: Final = 1 << 20
_LENGTH: Final = struct.Struct("<Q")
_METADATA: Final = "__metadata__"
_ITEM_BYTES: Final = {"F32": 4, "I64": 8}
_FIELDS: Final = frozenset({"dtype", "shape", "data_offsets"})


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor as a header describes it; ``begin`` and ``end`` count from the data's start."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """A safetensors header. ``start`` is where the data begin in the file."""

    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]
    start: int


Layout = Mapping[str, tuple[str, tuple[int, ...]]]
"""Tensor name -> (dtype, shape)."""


def parse_header(data: bytes) -> Header:
    """The header of a safetensors file, as far as it can be checked without knowing the network.

    Raises:
        SubmissionError: too long, no JSON, a field that is missing, unknown or of another type.
    """
    if len(data) < _LENGTH.size:
        raise _bad(f"expected a header, got a file of {len(data)} bytes")
    (length,) = _LENGTH.unpack_from(data)
    if length > MAX_HEADER_BYTES or _LENGTH.size + length > len(data):
        raise _bad(
            f"expected a header of at most {MAX_HEADER_BYTES:,} bytes inside a file of "
            f"{len(data):,}, the file claims {length:,}"
        )
    start = _LENGTH.size + length
    document = _parse_json(data[_LENGTH.size : start])
    metadata = document.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _bad("expected metadata of texts alone")
    tensors = {name: _entry(name, fields) for name, fields in document.items()}
    return Header(tensors=tensors, metadata=metadata, start=start)


def check_layout(header: Header, expected: Layout, size: int) -> None:
    """Compare a header with the network's own layout and with the size of the file.

    Raises:
        SubmissionError: tensors that are extra, missing, or of another type or shape, named; gaps,
            overlaps, or data that are shorter or longer than the tensors.
    """
    if extra := sorted(set(header.tensors) - set(expected)):
        raise _bad(f"{len(extra)} tensors that this generator does not have: {_some(extra)}")
    if missing := sorted(set(expected) - set(header.tensors)):
        raise _bad(f"{len(missing)} tensors are missing: {_some(missing)}")
    for name, (dtype, shape) in expected.items():
        entry = header.tensors[name]
        if (entry.dtype, entry.shape) != (dtype, shape):
            raise _bad(
                f"expected {name} as {dtype} {list(shape)}, the file claims {entry.dtype!r:.20} "
                f"{list(entry.shape)!s:.80}"
            )
    end = 0
    for name, entry in sorted(header.tensors.items(), key=lambda item: item[1].begin):
        if entry.begin != end:
            raise _bad(f"expected {name} to begin at byte {end}, the file claims {entry.begin}")
        end += math.prod(entry.shape) * _ITEM_BYTES[entry.dtype]
        if entry.end != end:
            raise _bad(f"expected {name} to end at byte {end}, the file claims {entry.end}")
    if header.start + end != size:
        raise _bad(f"expected {end:,} bytes of data, got {size - header.start:,}")


def host_generator(suite: Suite) -> ResolvedGenerator | None:
    """The suite's generator where it is one of the host's own; a plugin's is never built here.

    Raises:
        SuiteError: parameters that it does not have.
    """
    distribution, _, name = suite.generator.name.rpartition(":")
    if distribution not in ("", DISTRIBUTION):
        return None
    try:
        return builtin_generator(name, suite.generator.params, suite.scale)
    except UnknownName:
        return None


def load_checked(data: bytes, generator: ResolvedGenerator) -> nn.Module:
    """The generator in ``data``, in eval mode on the CPU.

    Args:
        data: the file's bytes.
        generator: as the suite states it; what the file says of itself must be the same.

    Raises:
        SubmissionError: anything else than exactly this network with finite weights.
    """
    import torch

    header = parse_header(data)
    _check_metadata(header.metadata, generator)
    with torch.device("meta"):
        network = generator.build()
    layout = {name: _layout_of(tensor) for name, tensor in network.state_dict().items()}
    check_layout(header, layout, len(data))
    state = {name: _tensor(name, data, header, entry) for name, entry in header.tensors.items()}
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def _tensor(name: str, data: bytes, header: Header, entry: TensorEntry) -> torch.Tensor:
    import torch

    dtype = {"F32": torch.float32, "I64": torch.int64}[entry.dtype]
    # A copy: bytes are read-only, which torch.frombuffer warns about, and may not be aligned.
    part = bytearray(data[header.start + entry.begin : header.start + entry.end])
    tensor = torch.frombuffer(part, dtype=dtype).reshape(entry.shape)
    if not bool(torch.isfinite(tensor).all()):
        raise _bad(f"{name} holds values that are not finite")
    return tensor


def _layout_of(tensor: torch.Tensor) -> tuple[str, tuple[int, ...]]:
    import torch

    return {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype], tuple(tensor.shape)


def _check_metadata(metadata: Mapping[str, str], generator: ResolvedGenerator) -> None:
    from srbench.models.files import GENERATOR_FORMAT, read_identity

    if set(metadata) != {GENERATOR_FORMAT}:
        raise _bad(f"expected the metadata {GENERATOR_FORMAT}, got {_some(sorted(metadata))}")
    found = _parse_json(metadata[GENERATOR_FORMAT].encode())
    try:
        same = read_identity(found, lambda _: generator.spec).identity == generator.identity
        same = same and found["name"] == generator.spec.name
    except (UserError, KeyError, TypeError):
        same = False
    if not same:
        raise _bad(f"expected the generator {generator.identity}, the file says {found!s:.200}")


def _entry(name: str, fields: Any) -> TensorEntry:
    if not isinstance(fields, dict) or set(fields) != _FIELDS:
        raise _bad(f"expected dtype, shape and data_offsets of {name!r:.80}, got {fields!s:.80}")
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str):
        raise _bad(f"expected a dtype of {name!r:.80}, got {dtype!s:.80}")
    if not _counts(shape):
        raise _bad(f"expected a shape of {name!r:.80}, got {shape!s:.80}")
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _bad(f"expected two ascending offsets of {name!r:.80}, got {offsets!s:.80}")
    return TensorEntry(dtype=dtype, shape=tuple(shape), begin=offsets[0], end=offsets[1])


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and v >= 0 for v in values)


def _parse_json(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _bad(f"expected a JSON header, got: {error!s:.200}") from error
    if not isinstance(document, dict):
        raise _bad("expected a JSON object as header")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name is there twice")
    return document


def _some(names: list[str]) -> str:
    shown = ", ".join(f"{name!r:.60}" for name in names[:3])
    return shown + (", ..." if len(names) > 3 else "") if names else "none"


def _bad(why: str) -> SubmissionError:
    return SubmissionError(
        f"the generator's file is refused: {why}",
        "submit the generator.safetensors that `srbench run` wrote",
    )
