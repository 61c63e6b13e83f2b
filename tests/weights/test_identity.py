from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srbench.errors import ArchiveError
from srbench.weights.identity import canonical, tensors_sha256


def test_identity_is_the_documented_digest() -> None:
    weight = np.arange(6, dtype="<f4").reshape(2, 3)
    expected = hashlib.sha256(
        b'["a.bias","int64",[]]\n'
        + np.int64(7).tobytes()
        + b'["a.weight","float32",[2,3]]\n'
        + weight.tobytes()
    )
    state = {"a.weight": torch.from_numpy(weight), "a.bias": torch.tensor(7)}
    assert tensors_sha256(state) == expected.hexdigest()


@given(st.permutations(["a", "b", "c", "d"]))
def test_order_of_names_does_not_count(order: list[str]) -> None:
    def state(names: list[str]) -> dict[str, torch.Tensor]:
        return {name: torch.full((2,), float(ord(name))) for name in names}

    assert tensors_sha256(state(order)) == tensors_sha256(state(["a", "b", "c", "d"]))


def test_storage_does_not_count_but_everything_else_does() -> None:
    base = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    first = tensors_sha256({"w": base})
    assert tensors_sha256({"w": base.t().contiguous().t()}) == first
    assert tensors_sha256({"w": torch.cat([base, base])[:2]}) == first
    changed = base.clone()
    changed[0, 0] = -0.0  # equal to 0.0 as a number, other bytes
    others = [
        {"v": base},
        {"w": base.reshape(3, 2)},
        {"w": base.double()},
        {"w": base.view(torch.int32)},
        {"w": changed},
        {"w": base, "x": torch.empty(0)},
    ]
    digests = {tensors_sha256(other) for other in others}
    assert len(digests) == len(others)
    assert first not in digests


def test_bfloat16_and_bool_have_an_identity() -> None:
    half = torch.tensor([1.0, 2.0], dtype=torch.bfloat16)
    assert tensors_sha256({"w": half}) != tensors_sha256({"w": half.half()})
    assert tensors_sha256({"w": torch.tensor([True])}) != tensors_sha256(
        {"w": torch.tensor([False])}
    )


def test_canonical_keeps_prefixes_converts_arrays_and_separates_storage() -> None:
    shared = torch.arange(4.0)
    decoded = {
        "features.0": shared,
        "features.1": shared,
        "features.2": np.arange(4, dtype=np.float64).reshape(2, 2).T,
        "classifier": torch.zeros(1),
    }
    tensors = canonical(decoded, None, ("features.",), "a file")
    assert list(tensors) == ["features.0", "features.1", "features.2"]
    assert tensors["features.0"].data_ptr() != tensors["features.1"].data_ptr()
    assert tensors["features.2"].tolist() == [[0.0, 2.0], [1.0, 3.0]]
    assert tensors["features.2"].dtype == torch.float64


def test_a_nested_checkpoint_names_the_key_and_the_remedy() -> None:
    with pytest.raises(ArchiveError, match=r"under 'state_dict' in f\.pth, got dict(.|\n)*convert"):
        canonical({"state_dict": {"w": torch.zeros(1)}}, None, (), "f.pth")


def test_nothing_left_over_is_an_error() -> None:
    with pytest.raises(ArchiveError, match=r"expected features\.\* in f\.pth.*\['backbone"):
        canonical({"backbone.0": torch.zeros(1)}, None, ("features.",), "f.pth")


def test_a_converter_that_does_not_find_its_layout_is_reported() -> None:
    with pytest.raises(ArchiveError, match="KeyError: 'missing'"):
        canonical({"w": torch.zeros(1)}, lambda d: {"w": d["missing"]}, (), "f.pth")
