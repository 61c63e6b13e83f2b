"""From a loss's name and the parameters in a suite to a concrete spec, and to a built module."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from srbench.contract import BuildContext, LossSpec
from srbench.contract.settle import settle_params
from srbench.errors import ContractError, SrbenchError, SuiteError
from srbench.host.registry import RegisteredLoss

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedLoss:
    """A loss with its parameters settled.

    Attributes:
        spec: the concrete one, after ``LossSpec.resolve``.
        params: validated pydantic model, or ``None`` where the loss has none.
    """

    spec: LossSpec
    params: Any
    distribution: str
    version: str

    @property
    def canonical_params(self) -> dict[str, Any]:
        """All parameters, defaults included, as plain JSON data: what keys and records hold."""
        return {} if self.params is None else dict(self.params.model_dump(mode="json"))


def resolve_loss(loss: RegisteredLoss, params: Mapping[str, Any]) -> ResolvedLoss:
    """Validate ``params`` and settle the spec; no torch is imported by srbench.

    Raises:
        SuiteError: a parameter that the loss does not have, or a value that does not fit.
        ContractError: the plugin's ``resolve`` returned something else than a spec.
    """
    spec = loss.spec
    model = settle_params("loss", spec.name, spec.params, params)
    if spec.resolve is not None:
        with contextlib.redirect_stdout(sys.stderr):
            resolved = spec.resolve(model)
        if not isinstance(resolved, LossSpec):
            raise ContractError(
                f"loss {spec.name!r} of {loss.distribution}: expected resolve() to return a "
                f"LossSpec, got {type(resolved).__name__}"
            )
        spec = resolved
    return ResolvedLoss(
        spec=spec, params=model, distribution=loss.distribution, version=loss.version
    )


def build_loss(loss: ResolvedLoss, context: BuildContext) -> torch.nn.Module:
    """Build the loss module and put it in its frozen state.

    Raises:
        WeightsError: weights that cannot be had.
        ContractError: the factory raised or returned something else than a module; the message
            names the distribution.
    """
    import torch

    if context.patch_size < loss.spec.min_size:
        raise SuiteError(
            f"loss {loss.spec.name!r} needs images of at least {loss.spec.min_size} px, "
            f"got patches of {context.patch_size} px",
            f"set data.patch_size to {loss.spec.min_size} or more",
        )
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module = loss.spec.build(context, loss.params)
    except SrbenchError:
        raise
    except (Exception, SystemExit) as error:
        raise ContractError(
            f"loss {loss.spec.name!r} of {loss.distribution} cannot be built: "
            f"{type(error).__name__}: {error}",
            f"`srbench check {loss.spec.name}` shows more; tell the plugin's author",
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise ContractError(
            f"loss {loss.spec.name!r} of {loss.distribution}: expected build() to return a "
            f"torch.nn.Module, got {type(module).__name__}"
        )
    return module.eval().requires_grad_(False)
