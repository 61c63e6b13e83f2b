"""Network interpolation: the straight line in parameter space between two generators."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from srbench.errors import UserError


def interpolate(
    start: Mapping[str, Tensor], end: Mapping[str, Tensor], coefficient: float
) -> dict[str, Tensor]:
    """``(1 - coefficient) start + coefficient end``, tensor by tensor.

    Computed in float64 and rounded once to the stored type; at 1 it is ``end``, bit for bit.
    Integer buffers (BatchNorm's count of batches) are ``end``'s.

    Source: Wang et al., ESRGAN, ECCV Workshops 2018, section 3.4, https://arxiv.org/abs/1809.00219.

    Args:
        start: state dict of the warm start.
        end: state dict of the generator that was trained from it: same names, shapes and types.
        coefficient: in (0, 1].

    Raises:
        UserError: another coefficient, or two networks of different architecture.
    """
    if not 0.0 < coefficient <= 1.0:
        raise UserError(f"expected a coefficient above 0 and at most 1, got {coefficient}")
    _check_same(start, end)
    return {
        name: _between(start[name], tensor, coefficient)
        if tensor.is_floating_point()
        else tensor.clone()
        for name, tensor in end.items()
    }


def _between(start: Tensor, end: Tensor, coefficient: float) -> Tensor:
    if coefficient == 1.0:
        return end.clone()
    first, last = start.cpu().double(), end.cpu().double()  # not every device has float64
    return ((1.0 - coefficient) * first + coefficient * last).to(end)


def _check_same(start: Mapping[str, Tensor], end: Mapping[str, Tensor]) -> None:
    first, second = (
        {name: (tuple(t.shape), t.dtype) for name, t in tensors.items()} for tensors in (start, end)
    )
    if first == second:
        return
    name = next(n for n in (*first, *second) if first.get(n) != second.get(n))
    raise UserError(
        f"expected two generators of one architecture, got {name!r} as "
        f"{first.get(name, 'absent')} and {second.get(name, 'absent')}",
        "interpolate between a warm start and a generator that was trained from it",
    )
