"""Which device is used, what is said where a GPU cannot be, and how a full one is known."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import srbench
from srbench.devices import (
    check_device,
    check_graph,
    detect_device,
    float64_device,
    is_out_of_memory,
    phase,
    visible_gpus,
)
from srbench.errors import ContractError, OutOfMemory

TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver."
)


@pytest.fixture(autouse=True)
def no_gpu_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def machine(
    monkeypatch: pytest.MonkeyPatch,
    *,
    usable: bool,
    said: str = "",
    cuda: str | None = None,
    hip: str | None = None,
) -> None:
    """What torch says on it, built for ``cuda``, ``hip`` or neither."""

    def init() -> None:
        raise RuntimeError(said)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: usable)
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", hip)


def test_a_machine_without_a_gpu_computes_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("torch was asked"))
    assert detect_device(tmp_path) == "cpu"


@pytest.mark.parametrize(("node", "built"), [("nvidia0", "cuda"), ("kfd", "hip"), ("dxg", "cuda")])
def test_a_gpu_of_either_make_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: str, built: str
) -> None:
    """ROCm's torch calls its devices ``cuda`` too; the node of its driver is ``/dev/kfd``."""
    (tmp_path / node).touch()
    machine(monkeypatch, usable=True, **{built: "1"})
    assert detect_device(tmp_path) == "cuda"


@pytest.mark.parametrize(
    ("node", "built", "said", "told", "cure"),
    [
        ("nvidia0", "cuda", TOO_OLD, "NVIDIA GPU.*too old", "update the driver"),
        ("nvidia0", None, "not compiled with CUDA", "NVIDIA GPU", "torch that is built for CUDA"),
        ("kfd", "cuda", "Found no NVIDIA driver", "AMD GPU", "torch that is built for ROCm"),
        ("kfd", "hip", "No HIP GPUs are available", "AMD GPU.*No HIP", "update the driver"),
    ],
)
def test_a_gpu_that_torch_cannot_use_is_an_error_with_the_cure(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    node: str,
    built: str | None,
    said: str,
    told: str,
    cure: str,
) -> None:
    (tmp_path / node).touch()
    machine(monkeypatch, usable=False, said=said, **({built: "1"} if built else {}))
    with pytest.raises(ContractError, match=told) as error:
        detect_device(tmp_path)
    assert cure in (error.value.fix or "")
    assert "--device cpu" in (error.value.fix or "")


def test_the_gateway_of_windows_alone_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dxg").touch()
    machine(monkeypatch, usable=False, said="Found no NVIDIA driver", cuda="1")
    assert detect_device(tmp_path) == "cpu"


@pytest.mark.parametrize("variable", ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"])
@pytest.mark.parametrize("value", ["", "-1"])
def test_a_hidden_gpu_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    (tmp_path / "nvidia0").touch()
    machine(monkeypatch, usable=False, said="no device", cuda="1")
    monkeypatch.setenv(variable, value)
    assert detect_device(tmp_path) == "cpu"


def test_a_gpu_that_was_asked_for_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, usable=False, said=TOO_OLD, cuda="12.8")
    check_device("cpu")
    with pytest.raises(ContractError, match="too old"):
        check_device("cuda:1")
    machine(monkeypatch, usable=True, cuda="12.8")
    check_device("cuda")


@pytest.mark.parametrize(
    ("hip", "settings", "variable", "gpus"),
    [
        (None, {}, "CUDA_VISIBLE_DEVICES", ["0", "1"]),
        (None, {"CUDA_VISIBLE_DEVICES": "3, 5"}, "CUDA_VISIBLE_DEVICES", ["3", "5"]),
        ("6.2", {}, "HIP_VISIBLE_DEVICES", ["0", "1"]),
        ("6.2", {"HIP_VISIBLE_DEVICES": "3"}, "HIP_VISIBLE_DEVICES", ["3"]),
        ("6.2", {"CUDA_VISIBLE_DEVICES": "2"}, "HIP_VISIBLE_DEVICES", ["2"]),
        ("6.2", {"CUDA_VISIBLE_DEVICES": "2", "HIP_VISIBLE_DEVICES": "4"}, "HIP_VISIBLE_DEVICES",
         ["4"]),
    ],
)  # fmt: skip
def test_rocm_is_told_its_gpus_by_its_own_variable(
    monkeypatch: pytest.MonkeyPatch,
    hip: str | None,
    settings: dict[str, str],
    variable: str,
    gpus: list[str],
) -> None:
    """HIP heeds its own variable before CUDA's: a worker told by the latter would see all GPUs."""
    monkeypatch.setattr(torch.version, "hip", hip)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert visible_gpus() == (variable, gpus)


def test_other_gpus_are_counted_and_told_by_their_own_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Intel's by the variable of its driver; Apple's is one, and cannot be hidden."""
    monkeypatch.setattr(torch.xpu, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert visible_gpus("xpu") == ("ZE_AFFINITY_MASK", ["0", "1"])
    monkeypatch.setenv("ZE_AFFINITY_MASK", "1")
    assert visible_gpus("xpu") == ("ZE_AFFINITY_MASK", ["1"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible_gpus("mps")[1] == []


@pytest.mark.parametrize(
    ("device", "module", "cure"),
    [
        ("mps", torch.backends.mps, "Mac with Apple silicon.*--device cpu"),
        ("xpu:1", torch.xpu, "Intel GPU.*torch for XPU.*--device cpu"),
    ],
)
def test_another_accelerator_that_is_not_here_is_an_error_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, device: str, module: Any, cure: str
) -> None:
    monkeypatch.setattr(module, "is_available", lambda: False)
    with pytest.raises(ContractError, match="can use, got none") as error:
        check_device(device)
    assert re.search(cure, error.value.fix or "")
    with pytest.raises(ContractError, match="can use, got none"):
        srbench.load_loss("l1", device=device)
    monkeypatch.setattr(module, "is_available", lambda: True)
    check_device(device)


@pytest.mark.parametrize("device", ["cpu", "mps", "xpu"])
def test_graphs_are_cudas(device: str) -> None:
    check_graph("cuda:1")
    with pytest.raises(ContractError, match=f"cuda_graph, got {device}"):
        check_graph(device)


def test_devices_without_float64_leave_it_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [float64_device(name) for name in ("cpu", "cuda:1", "mps", "mps:0")] == [
        "cpu", "cuda:1", "cpu", "cpu",
    ]  # fmt: skip
    for able, found in ((True, "xpu"), (False, "cpu")):
        properties = SimpleNamespace(has_fp64=able)
        monkeypatch.setattr(torch.xpu, "get_device_properties", lambda _, p=properties: p)
        assert float64_device("xpu") == found


FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("MPS backend out of memory (MPS allocated: 17.00 GB)"),
]
if hasattr(torch, "AcceleratorError"):  # from 2.8 on
    FULL.append(torch.AcceleratorError("CUDA error: out of memory"))


@pytest.mark.parametrize("error", FULL, ids=str)
def test_a_full_device_is_known_by_whichever_library_says_so(error: Exception) -> None:
    assert is_out_of_memory(error)
    wrapped = ValueError("the plugin failed")
    wrapped.__cause__ = error
    assert is_out_of_memory(wrapped)
    with pytest.raises(OutOfMemory) as told, phase("training"), phase("calibration"):
        raise error
    assert told.value.phase == "calibration"  # where it happened
    assert "--device cpu" in str(told.value)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        MemoryError("out of memory"),
        ValueError("out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"),
    ],
    ids=str,
)
def test_other_errors_are_left_as_they_are(error: Exception) -> None:
    assert not is_out_of_memory(error)
    with pytest.raises(type(error)) as told, phase("scoring"):
        raise error
    assert told.value is error
