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
    """Refuse a GPU where torch can use none, before any work.

    Raises:
        ContractError: saying why, and what to do.
    """
    reason = unusable(_gpu_at(Path("/dev"))) if device.startswith("cuda") else None
    if reason is not None:
        raise reason


def _gpu_at(nodes: Path) -> str | None:
    if any(nodes.glob("nvidia[0-9]*")):
        return "NVIDIA"
    return "AMD" if (nodes / "kfd").exists() else None


def visible_gpus() -> tuple[str, list[str]]:
    """The variable by which a process is told its GPUs, and those that this one may use."""
    import torch

    order = ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")  # HIP heeds both, its own first
    names = order if torch.version.hip else order[1:]
    for name in names:
        setting = os.environ.get(name)
        if setting is not None:
            return names[0], [part.strip() for part in setting.split(",") if part.strip()]
    return names[0], [str(index) for index in range(torch.cuda.device_count())]


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
