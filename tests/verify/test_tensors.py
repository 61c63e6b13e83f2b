"""Generators' files: what the safetensors library refuses, and what it leaves to us."""

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from srbench.errors import SubmissionError
from srbench.verify.tensors import read_tensors

EXPECTED = {"a": ("F32", (2, 3)), "b": ("I64", ())}
A = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
B = {"dtype": "I64", "shape": [], "data_offsets": [24, 32]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "I64", "F64", 3, None]),
        "shape": st.lists(st.integers(-2, 10**12), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(-2, 10**12), max_size=3) | JSON,
        "more": JSON,
    },
)


def framed(header: bytes | dict[str, Any], data: bytes = bytes(32)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def with_a(**fields: Any) -> bytes:
    return framed({"a": {**A, **fields}, "b": B})


def test_the_expected_file_is_read() -> None:
    parts, metadata = read_tensors(framed({"a": A, "b": B, "__metadata__": {"x": "y"}}), EXPECTED)
    assert {name: len(part) for name, part in parts.items()} == {"a": 24, "b": 8}
    assert metadata == {"x": "y"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "header too small"),
        (b"1234567", "header too small"),
        ((10**10).to_bytes(8, "little") + b"{}", "header too large"),
        ((100).to_bytes(8, "little") + b"{}", "invalid header length"),
        (framed(b'{"a"'), "invalid JSON"),
        (framed(b"[1]"), "invalid JSON"),
        (framed(b"[" * 100_000), "invalid JSON"),
        (framed(b'{"a":' * 100_000), "invalid JSON"),
        (framed(b'{"\xff": 1}'), "invalid UTF-8"),
        (framed({"a": A, "b": {**B, "data_offsets": [20, 28]}}), "invalid offset"),  # overlap
        (framed({"a": A, "b": {**B, "data_offsets": [32, 40]}}, bytes(40)), "invalid offset"),
        (framed({"a": A, "b": B}, bytes(33)), "not fully covered"),  # a tail
        (framed({"a": A, "b": B}, bytes(31)), "not fully covered"),
        (with_a(data_offsets=[24, 0]), "invalid offset"),
        (with_a(data_offsets=[0, 2**70]), "invalid JSON"),
        (with_a(data_offsets=[0, 24, 24]), "invalid length"),
        (with_a(shape=[-1]), "invalid value"),
        (with_a(shape=[2.0, 3]), "invalid type"),
        (with_a(shape=[2**62, 8]), "overflow"),
        (with_a(shape=[2_500_000_000]), "invalid tensor|offset|shape"),
        (with_a(dtype="Q"), "unknown variant"),
        (framed({"a": A, "b": B, "__metadata__": {"x": 1}}), "expected a string"),
        (framed({"a": A, "b": B, "__metadata__": [1]}), "expected a map"),
    ],
)
def test_the_library_refuses_what_is_malformed(data: bytes, said: str) -> None:
    with pytest.raises(SubmissionError, match=f"Error while deserializing: .*({said})"):
        read_tensors(data, EXPECTED)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (framed(f'{{"a": {json.dumps(A)}, "a": {json.dumps(A)}, "b": {json.dumps(B)}}}'.encode()),
         "a name is there twice"),
        (with_a(more=1), "expected dtype, shape, data_offsets of 'a'"),
        (framed({"a": A}, bytes(24)), "1 tensors are missing: 'b'"),
        (framed({"a": A, "b": B, "c": {**B, "data_offsets": [32, 40]}}, bytes(40)),
         "1 tensors that this generator does not have: 'c'"),
        (with_a(shape=[3, 2]), r"expected a as F32 \[2, 3\], the file has F32 \[3, 2\]"),
        (with_a(dtype="I32"), "expected a as F32"),
    ],
)  # fmt: skip
def test_what_the_library_lets_pass_is_refused_here(data: bytes, said: str) -> None:
    with pytest.raises(SubmissionError, match=said):
        read_tensors(data, EXPECTED)


@given(
    st.binary(max_size=200)
    | st.binary(max_size=200).map(lambda header: framed(header, b""))
    | JSON.map(lambda value: framed(json.dumps(value).encode()))
    | st.dictionaries(st.sampled_from(["a", "b", "c", "__metadata__"]), ENTRIES | JSON).map(framed)
)
def test_a_file_is_refused_or_exactly_the_expected_one(data: bytes) -> None:
    try:
        parts, _ = read_tensors(data, EXPECTED)
    except SubmissionError:
        return
    assert {name: len(part) for name, part in parts.items()} == {"a": 24, "b": 8}


@given(
    st.dictionaries(
        st.text("abc.", min_size=1, max_size=6),
        st.tuples(
            st.sampled_from([torch.float32, torch.int64]), st.lists(st.integers(1, 4), max_size=4)
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_the_library_writes_is_read(
    wanted: dict[str, tuple[torch.dtype, list[int]]],
) -> None:
    tensors = {name: torch.ones(shape, dtype=dtype) for name, (dtype, shape) in wanted.items()}
    layout = {
        name: ({torch.float32: "F32", torch.int64: "I64"}[dtype], tuple(shape))
        for name, (dtype, shape) in wanted.items()
    }
    parts, _ = read_tensors(save(tensors), layout)
    assert parts == {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}
