"""Putting a state dict into a network, completely or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from srbench.errors import WeightsError


def load_weights(
    network: nn.Module,
    state_dict: Mapping[str, Tensor],
    *,
    weight_id: str,
    ignore: Iterable[str] = (),
) -> None:
    """Give ``network`` the pretrained weights, in its own dtype; every tensor must find its place.

    The network may be on the ``meta`` device: the tensors are assigned, not copied. BatchNorm's
    ``num_batches_tracked``, which files from before torch 0.4 lack, is filled in by torch.

    Args:
        network: the network, its parameters not initialised yet.
        state_dict: canonical names to tensors.
        weight_id: of the :class:`~srbench.contract.WeightFile`, for messages.
        ignore: prefixes of names in ``state_dict`` that this network rightly has no place for,
            for example ``("AuxLogits.",)``.

    Raises:
        WeightsError: a tensor is missing, left over, or of another shape.
    """
    skip = tuple(ignore)
    expected = network.state_dict()
    # Some official files (Wide ResNet-101-2) are stored in float16.
    wanted = {
        name: tensor.to(expected[name].dtype) if name in expected else tensor
        for name, tensor in state_dict.items()
        if not name.startswith(skip)
    }
    wrong = [
        f"{name} is {tuple(tensor.shape)}, expected {tuple(expected[name].shape)}"
        for name, tensor in wanted.items()
        if name in expected and tensor.shape != expected[name].shape
    ]
    if wrong:
        raise _misfit(weight_id, network, [f"wrong shape: {_some(wrong)}"])
    missing, unexpected = network.load_state_dict(wanted, strict=False, assign=True)
    problems = [f"missing: {_some(missing)}"] if missing else []
    problems += [f"not in the network: {_some(unexpected)}"] if unexpected else []
    if problems:
        raise _misfit(weight_id, network, problems)


def _misfit(weight_id: str, network: nn.Module, problems: list[str]) -> WeightsError:
    return WeightsError(
        f"expected weights {weight_id!r} to fit {type(network).__name__} exactly, got "
        + "; ".join(problems),
        f"check the file: srbench weights verify {weight_id}",
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
