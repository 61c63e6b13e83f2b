"""Building a loss from any timm model. Needs torch and timm: imported inside the factory only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import timm
import torch
from torch import nn

from srbench.contract import BuildContext
from srbench.contract.features import FeatureLoss, load_weights
from srbench.errors import UserError, unknown_name
from srbench_classification.timm_params import LAST, TimmParams


def build_timm_loss(ctx: BuildContext, params: TimmParams) -> FeatureLoss:
    """The loss of ``params.model``; input range as in the model's pretrained configuration.

    Raises:
        UnknownName: a model or tap that the installed timm does not have.
        WeightsError: its weights cannot be had, or do not fit.
    """
    if not timm.is_model(params.architecture) or not timm.is_model_pretrained(params.model):
        raise unknown_name(
            "timm model with pretrained weights",
            params.model,
            timm.list_pretrained(),
            f"timm {timm.__version__} is installed; timm.list_pretrained() lists its models",
        )
    file = params.weight_file
    state_dict = ctx.weights.state_dict(file.id)
    # Not on `meta`: some models compute constant buffers that no state dict holds. Their random
    # initialisation must not move the run's random state.
    with torch.random.fork_rng(devices=[]):
        network: nn.Module = timm.create_model(params.model, pretrained=False)
    load_weights(network, state_dict, weight_id=file.id)
    config: dict[str, Any] = network.pretrained_cfg  # type: ignore[assignment]
    return FeatureLoss.from_params(
        network,
        params,
        normalize=(_triple(config["mean"]), _triple(config["std"])),
        names={LAST: _last(network)} if LAST in params.tap_weights else None,
    )


def _last(network: nn.Module) -> str:
    info: Any = getattr(network, "feature_info", None)
    if not info:
        raise UserError(
            f"expected a timm model with feature maps, got {type(network).__name__} without "
            "feature_info",
            "name the tap, a module path of the model",
        )
    return str(info[-1]["module"])


def _triple(values: Sequence[float]) -> tuple[float, ...]:
    if len(values) != 3:
        raise UserError(f"expected a timm model of RGB images, got {len(values)} channels")
    return tuple(float(value) for value in values)
