"""What srbench reads: the loss as data. Nothing here imports torch; the factory does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from srbench.contract import BuildContext, LossSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn


class Params(BaseModel):
    """What a suite may set, as in ``params = { pixel_weight = 0.5 }``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pixel_weight: float = Field(0.1, ge=0, description="weight of the L1 beside the gradients")


def build(ctx: BuildContext, params: Params) -> nn.Module:
    """Make the loss. Pretrained weights would come from ``ctx.weights.state_dict(id)``."""
    from srbench_example.loss import ExampleLoss

    return ExampleLoss(pixel_weight=params.pixel_weight)


SPEC = LossSpec(
    name="example",
    version=1,  # raise it whenever the loss's values change: cached runs are then made anew
    api_version=1,  # of srbench.contract, for which this is written
    summary="mean absolute difference of image gradients, and a little L1",
    task="none",  # what the network was pretrained for: classification, segmentation, ...
    backbone="none",  # its architecture, for example vgg16
    params=Params,
    build=build,
    min_size=2,
    license="MIT; no pretrained weights; commercial use allowed",
)


@hookimpl
def srbench_losses() -> Iterable[LossSpec]:
    """The losses of this plugin."""
    return [SPEC]
