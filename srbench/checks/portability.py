"""Checks of where a loss runs: image sizes, bfloat16, another device, ``torch.compile``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from srbench.checks.outcome import CheckFailed, CheckSkipped
from srbench.checks.subject import Subject, expect, value_and_gradient

ODD_SIZE = (67, 49)
"""Height and width in pixels; both odd, neither square nor a multiple of a network's stride."""

BF16_TOLERANCE = 0.1
"""Relative difference allowed between float32 and bfloat16 autocast (8 bits of mantissa)."""

COMPILE_TOLERANCE = 1e-4
"""Relative difference allowed between the compiled and the plain module."""

CUDA_TOLERANCE = 1e-2
"""Relative difference allowed between CPU and CUDA, which may use TF32."""


FAKES_CUDA = torch.cuda.is_available() or hasattr(torch._C, "_ensureCUDADeviceGuardSet")
"""Whether tensors can be on CUDA here, fake ones at least: before 2.10, torch needs a driver for
these too."""


def check_odd_sizes(subject: Subject) -> None:
    """Images of odd sides, wider or higher, give a finite value and gradient."""
    least = subject.spec.min_size
    height, width = (max(side, least) | 1 for side in ODD_SIZE)
    for size in ((height, width), (width, height)):
        _expect_finite(subject, *size)


def check_declared_min_size(subject: Subject) -> None:
    """Images of ``LossSpec.min_size`` pixels give a finite value and gradient."""
    _expect_finite(subject, subject.spec.min_size, subject.spec.min_size)


def _expect_finite(subject: Subject, height: int, width: int) -> None:
    sr, hr = subject.pair(height, width)
    # At tiny sizes bicubic and truth may agree; any other image will do.
    sr = 0.75 * sr + 0.125
    module = subject.module
    try:
        value, gradient = value_and_gradient(module, sr, hr)
    except Exception as error:
        raise CheckFailed(
            f"expected a value for images of {height} x {width} px, got {type(error).__name__}: "
            f"{error}; set LossSpec.min_size to what the loss needs"
        ) from error
    expect(
        bool(torch.isfinite(value)) and bool(torch.isfinite(gradient).all()),
        f"expected a finite value and gradient for images of {height} x {width} px, got "
        f"{float(value)}: set LossSpec.min_size to what the loss needs",
    )


def check_bfloat16_autocast(subject: Subject) -> None:
    """Under bfloat16 autocast the value agrees with float32 to 10 % and is finite."""
    sr, hr = subject.pair()
    plain, _ = value_and_gradient(subject.module, sr, hr)
    with torch.autocast("cpu", torch.bfloat16):
        low, gradient = value_and_gradient(subject.module, sr, hr)
        from_low, _ = value_and_gradient(subject.module, sr.bfloat16(), hr)
    expect(bool(torch.isfinite(gradient).all()), "expected a finite gradient, got NaN or inf")
    for what, value in (("under autocast", low), ("of a bfloat16 sr under autocast", from_low)):
        expect(
            abs(float(value) - float(plain)) <= BF16_TOLERANCE * abs(float(plain)),
            f"expected {float(plain):.6g} within {BF16_TOLERANCE:.0%} {what}, got "
            f"{float(value):.6g}: compute the distance in float32",
        )


def check_moves_to_device(subject: Subject) -> None:
    """``module.to("cuda")`` moves everything that ``forward`` needs.

    On a machine with a GPU that is done for real, forward and backward. Elsewhere the forward pass
    runs on fake CUDA tensors, which have a device and a shape but no values.
    """
    if not FAKES_CUDA:
        raise CheckSkipped("it needs a GPU, or torch 2.10, whose fake CUDA tensors need none")
    module, (sr, hr) = subject.build(), subject.pairs()
    if torch.cuda.is_available():
        plain, _ = value_and_gradient(module, sr, hr)
        moved, _ = value_and_gradient(module.to("cuda"), sr.to("cuda"), hr.to("cuda"))
        expect(moved.device.type == "cuda", f"expected a value on cuda, got it on {moved.device}")
        expect(
            abs(float(moved) - float(plain)) <= CUDA_TOLERANCE * abs(float(plain)),
            f"expected {float(plain):.6g} on cuda as on the CPU, got {float(moved):.6g}",
        )
        return
    try:
        with _fake_cuda():
            value = module.to("cuda")(sr.to("cuda").requires_grad_(), hr.to("cuda"))
    except Exception as error:
        raise CheckFailed(_explain(error)) from error
    expect(
        isinstance(value, Tensor) and value.device.type == "cuda" and value.shape == (),
        f"expected a scalar on cuda, got {getattr(value, 'device', type(value).__name__)}",
    )


@contextmanager
def _fake_cuda() -> Iterator[None]:
    # Parameters are replaced by fake ones, which assigning to their `.data` would not allow.
    future = torch.__future__
    before = future.get_overwrite_module_params_on_conversion()
    future.set_overwrite_module_params_on_conversion(True)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            yield
    finally:
        future.set_overwrite_module_params_on_conversion(before)


def _explain(error: Exception) -> str:
    name = type(error).__name__
    if name == "FakeTensorDeviceMismatchError" or "same device" in str(error):
        return (
            "expected everything on cuda after .to('cuda'), got a tensor that stayed on the CPU: "
            f"make constants buffers with register_buffer ({error})"
        )
    if name == "DataDependentOutputException":
        return (
            "expected a forward pass that never waits for the device, got a value read on the "
            f"host: .item(), float(tensor) or `if tensor` ({error})"
        )
    return f"expected a forward pass on cuda tensors, got {name}: {error}"


def check_compiles(subject: Subject) -> None:
    """Under ``torch.compile`` value and gradient are the same (backend ``aot_eager``).

    That backend traces forward and backward as every other does, but writes no kernels, so that it
    needs no compiler and little time.
    """
    module, (sr, hr) = subject.build(), subject.pair()
    plain, gradient = value_and_gradient(module, sr, hr)
    torch.compiler.reset()
    # What torch's own compiler warns about is not the plugin's doing.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compiled = torch.compile(module, backend="aot_eager")
            value, traced = value_and_gradient(compiled, sr, hr)
        except CheckFailed:
            raise
        except Exception as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else ""
            raise CheckFailed(
                f"expected torch.compile to work, got {type(error).__name__}: {first}"
            ) from error
        finally:
            torch.compiler.reset()
    expect(
        torch.allclose(value, plain, rtol=COMPILE_TOLERANCE, atol=0),
        f"expected {float(plain):.6g} from the compiled loss too, got {float(value):.6g}",
    )
    spread = float(gradient.abs().max())
    expect(
        torch.allclose(traced, gradient, rtol=1e-3, atol=1e-3 * spread),
        "expected the compiled loss to have the same gradient, got another one",
    )
