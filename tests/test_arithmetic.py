"""float32 is float32 inside, whatever was set outside and by whichever of torch's interfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from srbench.arithmetic import arithmetic
from srbench.metrics.determinism import calm_torch
from srbench.train import RuntimeSettings
from srbench.train.runtime import session

backends: Any = torch.backends
HAS_NEW = hasattr(backends, "fp32_precision")
new_interface = pytest.mark.skipif(not HAS_NEW, reason="torch before 2.9")


def _generic(value: str) -> None:
    backends.fp32_precision = value


def _matmul(value: str) -> None:
    backends.cuda.matmul.fp32_precision = value


def _convolutions(value: str) -> None:
    backends.cudnn.conv.fp32_precision = value


def _on_the_cpu(value: str) -> None:
    backends.mkldnn.matmul.fp32_precision = value


def _old_matmul(value: str) -> None:
    torch.set_float32_matmul_precision(value)


def _old_convolutions(value: str) -> None:
    backends.cudnn.allow_tf32 = value == "tf32"


BEFORE = [
    *((change, value) for change in (_old_matmul,) for value in ("highest", "high", "medium")),
    *((_old_convolutions, value) for value in ("tf32", "ieee")),
    *(
        pytest.param(change, value, marks=new_interface)
        for change in (_generic, _matmul, _convolutions)
        for value in ("tf32", "ieee")
    ),
    pytest.param(_on_the_cpu, "bf16", marks=new_interface),
]


CANNOT_SAY = "cannot say"


def told(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except RuntimeError:  # what torch does where old and new flags differ
        return CANNOT_SAY


def flags() -> dict[str, Any]:
    found = {
        "old matmul": told(torch.get_float32_matmul_precision),
        "old convolutions": told(lambda: backends.cudnn.allow_tf32),
        "cudnn": (backends.cudnn.enabled, backends.cudnn.benchmark, backends.cudnn.deterministic),
    }
    if HAS_NEW:
        found["general"] = backends.fp32_precision
        for name in ("cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.matmul", "mkldnn.conv"):
            where = backends
            for part in name.split("."):
                where = getattr(where, part)
            found[name] = where.fp32_precision
    return found


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """What a test sets by hand."""
    yield
    torch.set_float32_matmul_precision("highest")
    backends.cudnn.allow_tf32 = True
    if HAS_NEW:
        backends.cudnn.fp32_precision = "none"
        for change in (_generic, _matmul, _on_the_cpu):
            change("none")


@pytest.mark.parametrize(("change", "value"), BEFORE)
@pytest.mark.parametrize("tf32", [False, True])
def test_whatever_was_set_before_it_is_float32_inside_and_as_before_outside(
    change: Callable[[str], None], value: str, tf32: bool
) -> None:
    change(value)
    before = flags()
    with arithmetic(tf32=tf32, autotune=tf32):
        inside = flags()
        with backends.cudnn.flags(enabled=True):  # what code of plugins does; it reads old flags
            pass
    after = flags()  # an old flag that could not be read may be readable now
    assert {n: after[n] for n in before if before[n] != CANNOT_SAY} == {
        n: value for n, value in before.items() if value != CANNOT_SAY
    }
    assert inside["old matmul"] == ("high" if tf32 else "highest")
    assert inside["old convolutions"] is tf32
    assert inside["cudnn"] == (True, tf32, not tf32)
    if HAS_NEW:
        expected = "tf32" if tf32 else "ieee"
        assert {inside[n] for n in ("cuda.matmul", "cudnn.conv", "cudnn.rnn")} == {expected}
        assert {inside[n] for n in ("mkldnn.matmul", "mkldnn.conv")} == {"ieee"}


@new_interface
def test_what_had_no_precision_of_its_own_has_none_afterwards() -> None:
    _generic("tf32")
    with arithmetic():
        pass
    assert backends.cuda.matmul.fp32_precision == "tf32"
    _generic("none")
    assert backends.cuda.matmul.fp32_precision == "none"  # it was inherited


@new_interface
@pytest.mark.parametrize("change", [_generic, _matmul, _convolutions])
def test_no_stage_and_no_metric_minds_the_new_interface(change: Callable[[str], None]) -> None:
    """torch refuses to read an old flag once a new one differs from it, on the CPU too."""
    change("tf32")
    change("ieee")
    change("tf32")
    with session(RuntimeSettings(device="cpu"), seed=0), calm_torch():
        assert backends.cudnn.conv.fp32_precision == "ieee"


def test_an_error_inside_puts_the_flags_back() -> None:
    before = flags()
    with pytest.raises(KeyError), arithmetic(tf32=True, autotune=True):
        raise KeyError
    assert flags() == before
