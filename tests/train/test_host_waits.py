"""A step never makes the host wait for the device: seen on torch's ``meta`` device.

There a value cannot be read at all, and what is copied from the host is seen by a dispatch mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import is_tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from srbench.train import RuntimeSettings, WarmStartSettings
from srbench.train.adversarial import AdversarialStep
from srbench.train.micro_batch import combined
from srbench.train.monitor import Monitor
from srbench.train.offset import cut
from srbench.train.runtime import Placement
from srbench.train.settings import AdversarialSettings
from srbench.train.warm_start import WarmStartStep

META = torch.device("meta")


class Waited(Exception):
    """The host copied to the device; from pageable memory that waits for all that runs there."""


class NoCopies(TorchDispatchMode):
    """Raises where an operation of the device takes a tensor of the host."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        devices = {x.device.type for x in tree_leaves((args, kwargs, result)) if is_tensor(x)}
        if {"cpu", "meta"} <= devices:
            raise Waited(str(func))
        return result


class NoLists(TorchFunctionMode):
    """Raises where a tensor of the device is made of Python's values, which is no dispatched op."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.tensor, torch.as_tensor) and result.device.type == "meta":
            raise Waited(str(func))
        return result


@contextmanager
def never_waiting() -> Iterator[None]:
    with NoLists(), NoCopies():
        yield


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty((2, 3, 8, 8), device=META), torch.empty((2, 3, 32, 32), device=META)


@pytest.mark.parametrize(
    "copy",
    [
        lambda: torch.tensor([True, False], device=META),
        lambda: torch.ones(2).to(META),
        lambda: torch.empty(2, device=META).copy_(torch.ones(2)),
    ],
)
def test_a_copy_is_seen(copy: Callable[[], Any]) -> None:
    with pytest.raises(Waited), never_waiting():
        copy()


def test_a_value_that_is_read_is_seen() -> None:
    with pytest.raises(RuntimeError, match="meta"), never_waiting():
        bool(torch.empty((), device=META) == 0)


@pytest.mark.parametrize(("parts", "kind"), [(1, "non-saturating"), (2, "relativistic-average")])
def test_an_adversarial_step(parts: int, kind: str, make_networks: Any, make_content: Any) -> None:
    settings = AdversarialSettings(
        iterations=9, micro_batches=parts, pixel_weight=0.1, average_decay=0.9, random_offset=8,
        adversarial_loss=kind,
    )  # fmt: skip
    placement = Placement(device=META, settings=RuntimeSettings(fused_adam=False))
    step = AdversarialStep(*make_networks(), make_content(), settings, placement)
    monitor = Monitor(step.terms, META)
    with never_waiting():
        for iteration in range(2):  # the first update of an average and of Adam differ
            monitor.add(iteration, step(*batch(), iteration))


@pytest.mark.parametrize("parts", [1, 2])
def test_a_step_of_the_warm_start(parts: int, make_networks: Any) -> None:
    settings = WarmStartSettings(iterations=9, micro_batches=parts)
    placement = Placement(device=META, settings=RuntimeSettings(fused_adam=False))
    step = WarmStartStep(make_networks()[0], settings, placement)
    with never_waiting():
        for iteration in range(2):
            step(*batch(), iteration)


def test_a_crop_from_a_corner_that_is_a_tensor() -> None:
    """The corner of a captured step, of which nobody on the host knows the value."""
    image = batch()[1].requires_grad_()
    with never_waiting():
        crop = cut(image, [torch.empty((), dtype=torch.int64, device=META)] * 2, 8)
        crop.sum().backward()
    assert (tuple(crop.shape), image.grad is None) == ((2, 3, 24, 24), False)


def test_parts_are_put_together_term_by_term() -> None:
    parts = [torch.tensor([3.0, 1.0]), torch.tensor([4.0, 2.0])]
    assert combined(parts, [True, False]).tolist() == [5.0, 3.0]
