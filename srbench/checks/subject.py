"""The loss under examination: its spec, its weights, and modules built from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from srbench.checks.cases import pair, pairs
from srbench.checks.fresh import Answer, ask
from srbench.checks.outcome import CheckFailed, CheckSkipped
from srbench.checks.seeded import SeededWeights
from srbench.contract import BuildContext, LossSpec, WeightResolver
from srbench.errors import SrbenchError, WeightsError

if TYPE_CHECKING:
    from srbench.host import ResolvedLoss

DEFAULT_SIZE = 96
"""Side of the test images in pixels; larger where the loss needs it."""

TIME_LIMIT = 120.0
"""Seconds that a check may take before it counts as hanging."""


REASON_WIDTH = 80
"""Characters of the reason why nothing can be built, in every check that is skipped for it."""


class RecordingResolver:
    """Hands on the weights of another resolver and notes which were asked for."""

    def __init__(self, inner: WeightResolver) -> None:
        self.inner = inner
        self.asked: list[str] = []

    def state_dict(self, weight_id: str) -> dict[str, Tensor]:
        """As the inner resolver's."""
        self.asked.append(weight_id)
        return self.inner.state_dict(weight_id)


class TensorWeights:
    """A resolver over state dicts in memory: any other resolver, for a fresh process."""

    def __init__(self, inner: WeightResolver, ids: Iterable[str]) -> None:
        self.state_dicts = {weight_id: inner.state_dict(weight_id) for weight_id in ids}

    def state_dict(self, weight_id: str) -> dict[str, Tensor]:
        """The tensors of one id.

        Raises:
            WeightsError: the id was not among those declared.
        """
        if weight_id not in self.state_dicts:
            known = ", ".join(self.state_dicts) or "none"
            raise WeightsError(f"expected one of the declared weights ({known}), got {weight_id!r}")
        return dict(self.state_dicts[weight_id])


class Subject:
    """One loss with settled parameters, as the checks see it.

    Args:
        loss: as :func:`srbench.host.resolve_loss` gives it.
        weights: where weights come from; default the pretrained ones.
        module_name: of the plugin module, for the check of what its import does; default the
            module that ``build`` is in.
        time_limit: seconds for building in a fresh process.
    """

    def __init__(
        self,
        loss: ResolvedLoss,
        *,
        weights: WeightResolver | None = None,
        module_name: str | None = None,
        time_limit: float = TIME_LIMIT,
    ) -> None:
        self.loss = loss
        self.module_name = module_name or loss.spec.build.__module__
        self.time_limit = time_limit
        self.unbuildable: str | None = None
        if isinstance(weights, SeededWeights):
            weights = weights.restricted_to(loss.spec.weights)
        self._weights = weights
        self._fresh: Answer | None = None

    def __getstate__(self) -> dict[str, Any]:
        weights = self._weights
        if weights is not None and not isinstance(weights, SeededWeights):
            # Resolvers of test modules cannot be imported elsewhere.
            weights = TensorWeights(weights, [file.id for file in self.spec.weights])
        return {
            "loss": self.loss,
            "module_name": self.module_name,
            "time_limit": self.time_limit,
            "unbuildable": None,
            "_weights": weights,
            "_fresh": None,
        }

    @property
    def spec(self) -> LossSpec:
        """The concrete spec, after ``resolve``."""
        return self.loss.spec

    @property
    def size(self) -> int:
        """Side of the test images in pixels."""
        return max(DEFAULT_SIZE, self.spec.min_size)

    @property
    def kind_of_weights(self) -> Literal["none", "pretrained", "seeded", "custom"]:
        """For reports: what values the network has."""
        if not self.spec.weights:
            return "none"
        if self._weights is None:
            return "pretrained"
        return "seeded" if isinstance(self._weights, SeededWeights) else "custom"

    @cached_property
    def weights(self) -> WeightResolver:
        """The resolver of the declared weights."""
        if self._weights is not None:
            return self._weights
        from srbench.weights import WeightStore

        return WeightStore(self.spec.weights)

    @cached_property
    def weights_problem(self) -> str | None:
        """Why the declared weights cannot be had; ``None`` if they can. Fetches them."""
        try:
            for file in self.spec.weights:
                self.weights.state_dict(file.id)
        except SrbenchError as error:
            return str(error)
        return None

    def context(self, weights: WeightResolver | None = None) -> BuildContext:
        """What ``build`` is given."""
        return BuildContext(weights=weights or self.weights, patch_size=self.size)

    def build(self, weights: WeightResolver | None = None) -> nn.Module:
        """A new module, as the plugin's factory returns it.

        Raises:
            CheckSkipped: building failed before; the check ``builds`` has said so.
            CheckFailed: the factory raised, or returned something else than a module.
        """
        if self.unbuildable is not None:
            reason = shorten(self.unbuildable, REASON_WIDTH, placeholder=" ...")
            raise CheckSkipped(f"the loss cannot be built (see `builds`): {reason}")
        try:
            module = self.spec.build(self.context(weights), self.loss.params)
        except SrbenchError as error:
            raise self.cannot_build(str(error)) from error
        except (Exception, SystemExit) as error:
            raise self.cannot_build(f"build raised {type(error).__name__}: {error}") from error
        if not isinstance(module, nn.Module):
            kind = type(module).__name__
            raise self.cannot_build(f"expected build() to return a torch.nn.Module, got {kind}")
        return module

    def fresh_build(self) -> Answer:
        """The answer of a fresh process that built the loss; asked once.

        Raises:
            CheckFailed: see :func:`srbench.checks.fresh.ask`.
        """
        if self._fresh is None:
            self._fresh = ask("build", {"subject": self}, self.time_limit)
        return self._fresh

    def cannot_build(self, reason: str) -> CheckFailed:
        """Note that building fails, so that later checks are skipped."""
        self.unbuildable = reason
        return CheckFailed(reason)

    @cached_property
    def module(self) -> nn.Module:
        """A module that several checks share; those that strain one build their own."""
        return self.build()

    def pair(self, height: int | None = None, width: int | None = None) -> tuple[Tensor, Tensor]:
        """``(sr, hr)``, each ``(1, 3, height, width)``: a photograph and its bicubic version."""
        return pair(height or self.size, width)

    def pairs(self) -> tuple[Tensor, Tensor]:
        """``(sr, hr)`` of two photographs, each ``(2, 3, size, size)``."""
        return pairs(self.size)


def value_and_gradient(
    module: Callable[[Tensor, Tensor], object], sr: Tensor, hr: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss and its gradient at ``sr``, both detached.

    Raises:
        CheckFailed: no gradient reaches ``sr``.
    """
    sr = sr.detach().clone().requires_grad_()
    value = module(sr, hr)
    if not isinstance(value, Tensor) or not value.requires_grad:
        raise CheckFailed("expected a value that can be differentiated, got one without a graph")
    (gradient,) = torch.autograd.grad(value, sr, allow_unused=True)
    if gradient is None:
        raise CheckFailed("expected a gradient at sr, got none: the graph does not lead there")
    return value.detach(), gradient


def expect(condition: bool, message: str) -> None:
    """Raise :class:`CheckFailed` unless ``condition`` holds."""
    if not condition:
        raise CheckFailed(message)
