"""Where a run takes place: versions, commit, processor. No torch is imported here."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import srbench
from srbench.devices import check_device
from srbench.errors import ContractError

if TYPE_CHECKING:
    from srbench.records import Environment

PACKAGES = (
    "numpy", "pandas", "pillow", "pyiqa", "pydantic", "safetensors", "scikit-image", "scipy",
    "segmentation-models-pytorch", "timm", "torch", "torchvision",
)  # fmt: skip


def describe_environment(*, threads: int, gpu: str | None) -> Environment:
    """The environment as a record holds it."""
    from srbench.records import Environment

    commit, dirty = _git_state()
    return Environment(
        srbench=srbench.__version__,
        git_commit=commit,
        git_dirty=dirty,
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu_name(),
        gpu=gpu,
        threads=threads,
        packages={name: _version(name) for name in PACKAGES},
    )


@functools.cache
def cpu_name() -> str:
    """The processor's marketing name where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def device_name(device: str) -> str:
    """The name under which costs are compared: the CPU's or the GPU's, with its kind if unusual."""
    kind = device.partition(":")[0]
    if kind == "cpu":
        return cpu_name()
    import torch

    if kind == "mps":
        return f"{cpu_name()} (mps)"
    name = str(torch.get_device_module(kind).get_device_name(device))
    return name if kind == "cuda" else f"{name} ({kind})"


def device_here(device: str) -> str | None:
    """Its name; ``None`` where torch cannot use it on this machine."""
    try:
        check_device(device)
    except ContractError:
        return None
    return device_name(device)


def device_kind(gpu: str | None) -> str:
    """What ``--device`` was, from the name of a record's GPU."""
    found = (kind for kind in ("mps", "xpu") if gpu and gpu.endswith(f" ({kind})"))
    return next(found, "cuda" if gpu else "cpu")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


@functools.cache
def _git_state() -> tuple[str | None, bool | None]:
    """Commit and dirty flag of the checkout that srbench runs from; ``None`` if installed."""
    folder = Path(srbench.__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None, None
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None  # no git on this machine: the version still identifies the code
    return commit, dirty


def _git(folder: Path, *args: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *args], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()
