from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srbench.errors import ArchiveError
from srbench.weights.pickles import load_array_pickle


class Touch:
    """Unpickled carelessly, creates a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.target),))


@pytest.mark.parametrize("protocol", [3, 4])  # 2 and 5 need further globals, which stay out
def test_nested_arrays_come_back_flat_and_equal(tmp_path: Path, protocol: int) -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype(np.float32)
    strided = np.arange(6.0).reshape(2, 3).T
    path = tmp_path / "w.ckpt"
    path.write_bytes(pickle.dumps({"a": {"kernel": kernel, "bias": strided}}, protocol))
    arrays = load_array_pickle(path)
    assert sorted(arrays) == ["a/bias", "a/kernel"]
    np.testing.assert_array_equal(arrays["a/kernel"], kernel)
    np.testing.assert_array_equal(arrays["a/bias"], strided)


def test_the_spelling_of_numpy_1_is_read(tmp_path: Path) -> None:
    data = pickle.dumps({"w": np.arange(3.0)}, 3)
    new, old = b"numpy._core.multiarray", b"numpy.core.multiarray"
    path = tmp_path / "w.ckpt"
    path.write_bytes(data.replace(new, old))
    assert load_array_pickle(path)["w"].tolist() == [0.0, 1.0, 2.0]


def test_a_hostile_pickle_runs_nothing(tmp_path: Path) -> None:
    target = tmp_path / "owned"
    path = tmp_path / "w.ckpt"
    path.write_bytes(pickle.dumps({"w": np.arange(3.0), "x": Touch(target)}))
    with pytest.raises(ArchiveError, match=r"posix\.mkdir|nt\.mkdir"):
        load_array_pickle(path)
    assert not target.exists()
    pickle.loads(path.read_bytes())
    assert target.exists()  # the same bytes do run in a careless reader


@pytest.mark.parametrize(
    "stream",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy.core.multiarray\nscalar\n.",
        b"cnumpy.testing._private.utils\nrunstring\n.",
        b"cnumpy\nndarray\n((I9999999999\ntI0\nS'b'\nt\x81.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I999999999999\ntS'b'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
        b"Pid\n.",  # a persistent id
        b"\x82\x01.",  # an extension code
        b"",
        b"garbage",
    ],
)
def test_other_streams_are_refused(tmp_path: Path, stream: bytes) -> None:
    path = tmp_path / "w.ckpt"
    path.write_bytes(stream)
    with pytest.raises(ArchiveError):
        load_array_pickle(path)


@pytest.mark.parametrize(
    "value", [np.array([{}], dtype=object), np.array(["a"]), [1, 2], "text", 3]
)
def test_only_numeric_arrays_are_admitted(tmp_path: Path, value: object) -> None:
    path = tmp_path / "w.ckpt"
    path.write_bytes(pickle.dumps({"net": {"w": value}}))
    with pytest.raises(ArchiveError, match="net/w"):
        load_array_pickle(path)


@given(st.data())
def test_damage_raises_nothing_but_archive_errors(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = pickle.dumps({"a": {"w": np.arange(5.0)}}, 4)
    cut = data.draw(st.integers(0, len(whole) - 1))
    path = tmp_path_factory.mktemp("cut") / "w.ckpt"
    path.write_bytes(whole[:cut] + data.draw(st.binary(max_size=8)))
    try:
        load_array_pickle(path)
    except ArchiveError:
        return
