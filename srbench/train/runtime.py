"""Where and how the arithmetic runs: device, precision, layout, threads, determinism."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from srbench.arithmetic import arithmetic
from srbench.devices import COUNTED, DEVICES, check_device, check_graph
from srbench.errors import UserError
from srbench.train.captured import Captured
from srbench.train.rng import isolated_rng, seed_rng
from srbench.train.scaling import Scaling
from srbench.train.settings import RuntimeSettings

DTYPES: Final = {"bf16": torch.bfloat16, "float16": torch.float16}
Forward = Callable[..., Tensor]


def choose_device(name: str | None) -> torch.device:
    """``name`` as a device; CUDA first where ``name`` is ``None``.

    Raises:
        UserError: not a device, or a GPU was asked for and torch can use none.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"expected a device such as cuda or cpu, got {name!r}") from error
    check_device(name)
    return device


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """A device together with the settings of the work done on it."""

    device: torch.device
    settings: RuntimeSettings

    def module(self, module: nn.Module) -> nn.Module:
        """``module`` itself, moved to the device and into the memory layout, in place."""
        module.to(self.device)
        if self.settings.channels_last:
            module.to(memory_format=torch.channels_last)
        return module

    def forward(self, module: nn.Module) -> Forward:
        """What to call instead of ``module``: compiled where the settings say so."""
        if not self.settings.compile:
            return module
        compiled: Forward = torch.compile(module, dynamic=False)
        return compiled

    def images(self, images: Tensor) -> Tensor:
        """``images`` on the device, in the memory layout; a no-op where they are so already."""
        layout = torch.channels_last if self.settings.channels_last else torch.preserve_format
        return images.to(self.device, non_blocking=True, memory_format=layout)

    def networks(self) -> AbstractContextManager[Any]:
        """Autocast of generator and discriminator."""
        return self._autocast(self.settings.precision)

    def losses(self) -> AbstractContextManager[Any]:
        """Autocast of the loss network."""
        return self._autocast(self.settings.loss_precision)

    def _autocast(self, precision: str) -> AbstractContextManager[Any]:
        if precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=DTYPES[precision])

    def scaling(self) -> Scaling:
        """Of gradients: at work in float16 alone."""
        return Scaling(self.device.type, enabled=self.settings.precision == "float16")

    def update(
        self, update: Callable[..., Tensor], *optimisers: torch.optim.Optimizer
    ) -> Callable[..., Tensor]:
        """What to call instead of a step's ``update``: captured where the settings say so."""
        graph = self.settings.cuda_graph
        return Captured(update, optimisers, self.device) if graph else update

    def adam(
        self, module: nn.Module, learning_rate: float, betas: tuple[float, float]
    ) -> torch.optim.Adam:
        """Adam over the parameters of ``module``."""
        return torch.optim.Adam(
            module.parameters(),
            lr=learning_rate,
            betas=betas,
            fused=self.settings.fused_adam,
            capturable=self.settings.cuda_graph,
        )

    def synchronize(self) -> None:
        """Wait for the device; for clocks only, never inside a step."""
        if self.device.type in DEVICES[1:]:
            torch.accelerator.synchronize(self.device)


@contextmanager
def session(settings: RuntimeSettings, *, seed: int) -> Iterator[Placement]:
    """Everything global that a stage needs, put back on the way out.

    Sets threads, TF32, cuDNN's autotuner, deterministic algorithms (always on the CPU, where the
    same number of threads then gives the same bits) and all global random states.
    """
    device = choose_device(settings.device)
    if settings.cuda_graph:
        check_graph(device.type)
    for precision in {settings.precision, settings.loss_precision} - {"float32"}:
        _need(precision, device)
    with ExitStack() as stack:
        stack.enter_context(isolated_rng())
        stack.enter_context(_threads(settings.threads))
        # Patches have one size, so that the fastest kernels are found once.
        tune = not settings.deterministic
        stack.enter_context(arithmetic(tf32=settings.tf32, autotune=tune))
        if settings.deterministic or device.type == "cpu":
            stack.enter_context(_deterministic(strict=settings.deterministic))
        seed_rng(seed)
        if device.type in COUNTED:
            torch.get_device_module(device).init()
        yield Placement(device=device, settings=settings)


def peak_memory_bytes(device: torch.device) -> int:
    """Peak memory of this process: what torch took of the GPU, else the resident set.

    On a GPU that is what the process held at most, free blocks and workspaces of tried kernels
    included, without the driver's own.
    """
    if device.type in COUNTED:
        return int(torch.get_device_module(device).max_memory_reserved(device))
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()  # at the moment: Metal counts no peak
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _need(precision: str, device: torch.device) -> None:
    """Refuse what would be emulated, or what autocast would leave out with a warning."""
    able, name = True, str(device)
    if device.type == "cuda" and precision == "bf16":
        with torch.cuda.device(device):
            able = torch.cuda.is_bf16_supported(including_emulation=False)
            name = torch.cuda.get_device_name(device)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            torch.autocast(device.type, dtype=DTYPES[precision])
    except (RuntimeError, UserWarning):
        able = False
    if not able:
        raise UserError(
            f"expected a device with {precision}, got {name}",
            "set execution.precision to float16 or float32, execution.loss_precision to float32",
        )


@contextmanager
def _threads(threads: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _deterministic(*, strict: bool) -> Iterator[None]:
    """Deterministic algorithms; an operation that has none is an error where ``strict``."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    try:
        # Filling fresh memory is for finding bugs and costs a pass over every output.
        torch.use_deterministic_algorithms(True, warn_only=not strict)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
