"""The devices of this machine: which is used where none is named, and where their memory ends.

No torch is imported before there may be a GPU for it.
"""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from srbench.errors import ContractError, OutOfMemory

Phase = Literal["training", "calibration", "validation", "scoring", "metrics"]
"""What a job was doing: ``validation`` and ``scoring`` make images of whole photographs,
``metrics`` look at them."""

DEVICES: Final = ("cpu", "cuda", "mps", "xpu")
"""What ``--device`` takes: the CPU, and GPUs of NVIDIA or AMD (both ``cuda``), Apple and Intel. The
last two are used only where they are named: no run of theirs is known."""

COUNTED: Final = ("cuda", "xpu")
"""Kinds of which a machine may have several, that a process can be told and that have a peak."""

_VISIBLE: Final = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
_NO_ROOM: Final = (
    "out of memory",  # torch's own, CUDA's, HIP's and Metal's
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "HIPBLAS_STATUS_ALLOC_FAILED",
    "miopenStatusAllocFailed",
    "OUT_OF_DEVICE_MEMORY",  # Intel's
)


def detect_device(nodes: Path = Path("/dev")) -> str:
    """``cuda`` where there is a GPU, else ``cpu``.

    Args:
        nodes: where Linux has its device nodes.

    Raises:
        ContractError: there is a GPU that nobody hid, and torch cannot use it.
    """
    gpu = _gpu_at(nodes)
    # WSL has dxg whether or not there is a GPU behind it.
    if platform.system() == "Linux" and gpu is None and not (nodes / "dxg").exists():
        return "cpu"
    hidden = any(os.environ.get(name) in ("", "-1", "NoDevFiles") for name in _VISIBLE)
    reason = None if hidden else unusable(gpu)
    if reason is None and not hidden:
        return "cuda"
    if gpu is None or reason is None:
        return "cpu"
    raise ContractError(f"expected to use the {gpu} GPU of this machine; {reason.what}", reason.fix)


def unusable(gpu: str | None = None) -> ContractError | None:
    """Why torch can use no GPU here, with the cure; ``None``: it can.

    Args:
        gpu: ``NVIDIA`` or ``AMD``, where the machine is known to have one.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a driver that is too old is warned of, and told below
        if torch.cuda.is_available():
            return None
        try:
            torch.cuda.init()  # type: ignore[no-untyped-call]
            said = "torch sees none"
        except (RuntimeError, AssertionError) as error:
            said = " ".join(str(error).split())[:300]
    built = "ROCm" if torch.version.hip else "CUDA" if torch.version.cuda else None
    needed = "ROCm" if gpu == "AMD" else "CUDA"
    cure = "update the driver, or install a torch build for this one"
    if built != needed and (gpu is not None or built is None):
        cure = f"install a torch that is built for {needed}"
    return ContractError(
        f"expected a GPU that torch {torch.__version__} can use, got: {said}",
        f"{cure} (pytorch.org has the commands), or run with --device cpu",
    )


def check_device(device: str) -> None:
    """Refuse an accelerator that torch cannot use here, before any work.

    Raises:
        ContractError: saying why, and what to do.
    """
    kind = device.partition(":")[0]
    reason = unusable(_gpu_at(Path("/dev"))) if kind == "cuda" else _absent(kind)
    if reason is not None:
        raise reason


def check_graph(device: str) -> None:
    """Refuse ``execution.cuda_graph`` elsewhere than on CUDA.

    Raises:
        ContractError: another device.
    """
    if not device.startswith("cuda"):
        raise ContractError(
            f"expected a device cuda together with execution.cuda_graph, got {device}",
            "set execution.cuda_graph = false, which is the default",
        )


def _absent(kind: str) -> ContractError | None:
    if kind not in ("mps", "xpu"):
        return None
    import torch

    there, needs = torch.backends.mps.is_available(), "a Mac with Apple silicon and macOS 14"
    if kind == "xpu":
        there, needs = torch.xpu.is_available(), "an Intel GPU with its driver and a torch for XPU"
    if there:
        return None
    return ContractError(
        f"expected a device {kind} that torch {torch.__version__} can use, got none",
        f"it needs {needs} (pytorch.org has the commands); or run with --device cpu",
    )


def _gpu_at(nodes: Path) -> str | None:
    if any(nodes.glob("nvidia[0-9]*")):
        return "NVIDIA"
    return "AMD" if (nodes / "kfd").exists() else None


def visible_gpus(device: str = "cuda") -> tuple[str, list[str]]:
    """The variable by which a process is told its GPUs, and those that this one may use.

    None of Apple's: there is one, and nothing to hide it by.
    """
    import torch

    order = ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")  # HIP heeds both, its own first
    names = order if torch.version.hip else order[1:]
    if device == "xpu":
        names = ("ZE_AFFINITY_MASK",)
    for name in names:
        setting = os.environ.get(name)
        if setting is not None:
            return names[0], [part.strip() for part in setting.split(",") if part.strip()]
    count = 0 if device == "mps" else torch.get_device_module(device).device_count()
    return names[0], [str(index) for index in range(count)]


def float64_device(device: str) -> str:
    """``device``, or ``cpu`` where that one has no float64: Apple's GPUs, and Intel's for games."""
    kind = device.partition(":")[0]
    if kind == "xpu":
        import torch

        return device if torch.xpu.get_device_properties(device).has_fp64 else "cpu"
    return "cpu" if kind == "mps" else device


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device had no room, by whichever of its libraries that was noticed."""
    cause: BaseException | None = error
    while cause is not None:
        # OutOfMemoryError and AcceleratorError are RuntimeErrors.
        if isinstance(cause, RuntimeError) and any(words in str(cause) for words in _NO_ROOM):
            return True
        cause = cause.__cause__
    return False


@contextmanager
def phase(name: Phase) -> Iterator[None]:
    """What runs inside is this; a device that is full inside says so.

    Raises:
        OutOfMemory: with the innermost phase.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OutOfMemory) or not is_out_of_memory(error):
            raise
        raise OutOfMemory(name, " ".join(str(error).split())[:300]) from error
