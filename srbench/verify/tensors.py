"""A stranger's safetensors file: it must be exactly the network that the suite names.

The safetensors library refuses overlaps, gaps, tails, overflows and headers that are no header;
what it lets pass is checked here: names twice, fields that it does not know, another layout than
the network's, values that are not finite. That network is built on the ``meta`` device, where it
has names, shapes and types but no memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from srbench.errors import SubmissionError, UnknownName, UserError
from srbench.models.plugin import builtin_generator
from srbench.models.resolve import ResolvedGenerator
from srbench.namesake import DISTRIBUTION
from srbench.settings import Suite

if TYPE_CHECKING:
    import torch
    from torch import nn

_METADATA = "__metadata__"
_FIELDS = frozenset({"dtype", "shape", "data_offsets"})

Layout = Mapping[str, tuple[str, tuple[int, ...]]]
"""Tensor name -> (dtype as safetensors names it, shape)."""


def read_tensors(data: bytes, expected: Layout) -> tuple[dict[str, bytearray], dict[str, str]]:
    """The bytes of each tensor of a safetensors file of this layout, and the file's metadata.

    Raises:
        SubmissionError: damaged; a name twice or a field too many; tensors that are extra, missing
            or of another type or shape, named.
    """
    from safetensors import SafetensorError, deserialize

    try:
        found = dict(deserialize(data))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise _bad(f"{error!s:.200}") from error
    header = _parse_json(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = header.pop(_METADATA, {})
    for name, fields in header.items():
        if set(fields) != _FIELDS:
            raise _bad(f"expected dtype, shape, data_offsets of {name!r:.80}, got {fields!s:.80}")
    if extra := sorted(set(found) - set(expected)):
        raise _bad(f"{len(extra)} tensors that this generator does not have: {_some(extra)}")
    if missing := sorted(set(expected) - set(found)):
        raise _bad(f"{len(missing)} tensors are missing: {_some(missing)}")
    for name, (dtype, shape) in expected.items():
        stated = found[name]
        if (stated["dtype"], tuple(stated["shape"])) != (dtype, shape):
            raise _bad(
                f"expected {name} as {dtype} {list(shape)}, the file has {stated['dtype']} "
                f"{stated['shape']!s:.80}"
            )
    return {name: stated["data"] for name, stated in found.items()}, metadata


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

    from srbench.models.files import GENERATOR_FORMAT

    with torch.device("meta"):
        network = generator.build()
    like = network.state_dict()
    names = {torch.float32: "F32", torch.int64: "I64"}
    parts, metadata = read_tensors(
        data, {name: (names[t.dtype], tuple(t.shape)) for name, t in like.items()}
    )
    if set(metadata) != {GENERATOR_FORMAT}:
        raise _bad(f"expected the metadata {GENERATOR_FORMAT}, got {_some(sorted(metadata))}")
    _check_identity(_parse_json(metadata[GENERATOR_FORMAT].encode()), generator)
    state = {name: _tensor(name, part, like[name]) for name, part in parts.items()}
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def _tensor(name: str, part: bytearray, like: torch.Tensor) -> torch.Tensor:
    import torch

    tensor = torch.frombuffer(part, dtype=like.dtype).reshape(like.shape)
    if not bool(torch.isfinite(tensor).all()):
        raise _bad(f"{name} holds values that are not finite")
    return tensor


def _check_identity(found: dict[str, Any], generator: ResolvedGenerator) -> None:
    from srbench.models.files import read_identity

    try:
        same = read_identity(found, lambda _: generator.spec).identity == generator.identity
        same = same and found["name"] == generator.spec.name
    except (UserError, KeyError, TypeError):
        same = False
    if not same:
        raise _bad(f"expected the generator {generator.identity}, the file says {found!s:.200}")


def _parse_json(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _bad(f"expected JSON, got: {error!s:.200}") from error
    if not isinstance(document, dict):
        raise _bad("expected a JSON object")
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
