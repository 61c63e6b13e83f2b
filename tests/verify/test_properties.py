"""Names and headers from anywhere: refused with our own error, or exactly what they must be."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from srbench.data import find_dataset
from srbench.errors import SubmissionError
from srbench.imaging import bicubic_image
from srbench.verify.difference import TOLERANCES, score_difference
from srbench.verify.names import board_kind, file_kind, refuse_duplicates
from srbench.verify.regenerate import TestImages
from srbench.verify.tensors import check_layout, parse_header

SAFE = re.compile(
    r"manifest\.json|suite\.json|records/[0-9a-f]{64}\.json|generators/[0-9a-f]{64}\.safetensors"
    r"|images/[0-9a-f]{64}\.png"
)
HEX = st.text("0123456789abcdef", min_size=63, max_size=65)
PARTS = st.sampled_from(
    ["..", ".", "", "/", "\\", "C:", "records", "generators", "images", "manifest.json", "x.pt",
     ".json", ".safetensors", ".png", "\0", "\n", "é", "~", "suite.json"]
)  # fmt: skip
NAMES = st.one_of(
    st.text(max_size=250),
    st.lists(st.one_of(PARTS, HEX), max_size=5).map("/".join),
    st.lists(st.one_of(PARTS, HEX), max_size=5).map("".join),
    st.builds(lambda key: f"records/{key}.json", HEX),
    st.builds(lambda key: f"generators/{key}.safetensors", HEX),
)


@given(NAMES)
def test_a_name_is_refused_or_safe(name: str) -> None:
    try:
        file_kind(name)
    except SubmissionError as error:
        refusal = str(error)
    else:
        refusal = ""
    assert refusal.replace("\n", "").isprintable()
    assert bool(refusal) != bool(SAFE.fullmatch(name))
    if refusal:
        return
    assert SAFE.fullmatch(name)
    root = Path("/some/root")
    assert (root / name).resolve().is_relative_to(root)


@given(NAMES)
def test_names_of_a_published_folder_stay_inside_it_too(name: str) -> None:
    try:
        kind = board_kind(name)
    except SubmissionError:
        return
    assert kind == "generator" or SAFE.fullmatch(name)
    assert re.fullmatch(r"[A-Za-z0-9._+=/-]+", name)
    assert ".." not in name.split("/")


@given(st.lists(NAMES, unique=True, max_size=6))
def test_duplicates_are_found_whatever_their_case(names: list[str]) -> None:
    folded = [name.casefold() for name in names]
    if len(set(folded)) == len(folded):
        refuse_duplicates(names)
    else:
        with pytest.raises(SubmissionError, match="is there twice"):
            refuse_duplicates(names)


def framed(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


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
EXPECTED = {"a": ("F32", (2, 3)), "b": ("I64", ())}


@given(
    st.binary(max_size=200)
    | st.binary(max_size=200).map(framed)
    | JSON.map(lambda value: framed(json.dumps(value).encode()))
    | st.dictionaries(st.sampled_from(["a", "b", "c", "__metadata__"]), ENTRIES | JSON).map(
        lambda value: framed(json.dumps(value).encode(), bytes(32))
    )
)
def test_a_header_is_refused_or_exactly_the_expected_one(data: bytes) -> None:
    try:
        header = parse_header(data)
        check_layout(header, EXPECTED, len(data))
    except SubmissionError:
        return
    found = {name: (entry.dtype, entry.shape) for name, entry in header.tensors.items()}
    assert found == EXPECTED
    assert len(data) - header.start == 2 * 3 * 4 + 8
    assert sorted((entry.begin, entry.end) for entry in header.tensors.values()) in (
        [(0, 24), (24, 32)],
        [(0, 8), (8, 32)],
    )


@given(
    st.dictionaries(
        st.text("abc.", min_size=1, max_size=6),
        st.tuples(
            st.sampled_from([torch.float32, torch.int64]), st.lists(st.integers(1, 4), max_size=4)
        ),
        min_size=1,
        max_size=6,
    ),
    st.binary(max_size=9),
)
def test_what_the_safetensors_library_writes_is_understood(
    wanted: dict[str, tuple[torch.dtype, list[int]]], tail: bytes
) -> None:
    data = save({name: torch.zeros(shape, dtype=dtype) for name, (dtype, shape) in wanted.items()})
    layout = {
        name: ({torch.float32: "F32", torch.int64: "I64"}[dtype], tuple(shape))
        for name, (dtype, shape) in wanted.items()
    }
    check_layout(parse_header(data), layout, len(data))
    if tail:
        with pytest.raises(SubmissionError, match="bytes of data, got"):
            check_layout(parse_header(data + tail), layout, len(data + tail))
    with pytest.raises(SubmissionError, match="tensors are missing: 'zz'"):
        check_layout(parse_header(data), {**layout, "zz": ("F32", ())}, len(data))


def test_a_tensor_named_twice_in_a_header() -> None:
    entry = '{"dtype": "F32", "shape": [], "data_offsets": [0, 4]}'
    with pytest.raises(SubmissionError, match="a name is there twice"):
        parse_header(framed(f'{{"a": {entry}, "a": {entry}}}'.encode(), bytes(4)))


@pytest.mark.parametrize(
    ("metric", "tolerance"),
    [("psnr", 1e-3), ("ssim", 1e-5), ("lpips", 1e-4), ("lpips-vgg", 1e-4), ("dists", 1e-4),
     ("niqe", 1e-2)],
)  # fmt: skip
def test_the_published_tolerances(metric: str, tolerance: float) -> None:
    def differs(by: float) -> bool:
        common: dict[str, Any] = {"dataset": "d", "metric": metric, "image": "i"}
        return score_difference(**common, stated=5.0, recomputed=5.0 + by) is not None

    assert not differs(0.99 * tolerance)
    assert not differs(-0.99 * tolerance)
    assert differs(1.01 * tolerance)
    assert differs(-1.01 * tolerance)
    assert len(TOLERANCES) == 6


def test_images_are_made_on_one_thread_each_as_scoring_makes_them() -> None:
    tests = TestImages(dataset=find_dataset("photos-test"), scale=4)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen = []
        images = tests.made_by(
            lambda lr: seen.append(torch.get_num_threads()) or bicubic_image(lr, 4), 2
        )
        assert seen == [1] * len(tests.lr)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert list(images) == list(tests.lr)
    assert all((images[name] == tests.bicubic[name]).all() for name in images)
