"""The built-in generators as a plugin. Importing this needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from srbench.contract import GeneratorSpec, hookimpl
from srbench.errors import unknown_name
from srbench.models.resolve import ResolvedGenerator, resolve_generator

if TYPE_CHECKING:
    from torch import nn

_SCALES = (2, 3, 4, 8)


class _Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ResNetParams(_Params):
    """Parameters of ``srresnet`` and ``msrresnet``."""

    blocks: int = Field(16, ge=1, le=64, description="residual blocks")
    channels: int = Field(64, ge=4, le=512, description="width")


class MSRResNetParams(ResNetParams):
    """Parameters of ``msrresnet``."""

    upsampling: Literal["pixel-shuffle", "nearest"] = Field(
        "pixel-shuffle",
        description="sub-pixel convolutions as in the release, or nearest-neighbour enlargement "
        "and a convolution, which leaves no grid in adversarial training",
    )


class RrdbParams(_Params):
    """Parameters of ``rrdb``."""

    blocks: int = Field(23, ge=1, le=64, description="residual-in-residual dense blocks")
    channels: int = Field(64, ge=4, le=512, description="width")
    growth: int = Field(32, ge=1, le=256, description="width inside a dense block")


class SpanParams(_Params):
    """Parameters of ``span``."""

    channels: int = Field(52, ge=4, le=512, description="width; 48 is the paper's SPAN-S")
    norm: bool = Field(True, description="shift and scale the input, as the release does")


def build_srresnet(params: ResNetParams, scale: int) -> nn.Module:
    """SRGAN's generator."""
    from srbench.models.srresnet import SRResNet

    return SRResNet(blocks=params.blocks, channels=params.channels, scale=scale)


def build_msrresnet(params: MSRResNetParams, scale: int) -> nn.Module:
    """ESRGAN's baseline."""
    from srbench.models.msrresnet import MSRResNet

    return MSRResNet(
        blocks=params.blocks,
        channels=params.channels,
        scale=scale,
        upsampling=params.upsampling,
    )


def build_rrdb(params: RrdbParams, scale: int) -> nn.Module:
    """ESRGAN's generator."""
    from srbench.models.rrdb import RRDBNet

    return RRDBNet(
        blocks=params.blocks, channels=params.channels, growth=params.growth, scale=scale
    )


def build_span(params: SpanParams, scale: int) -> nn.Module:
    """The small, fast one."""
    from srbench.models.span import SPAN

    return SPAN(channels=params.channels, norm=params.norm, scale=scale)


# The radii below are sums of half kernel widths; what lies behind an upsampling stage of factor f
# sees 1/f as far in LR pixels, rounded up for pixels at the edge of an SR block.


def srresnet_radius(params: ResNetParams) -> int:
    """9x9, the blocks, one 3x3; behind them a 3x3, and the last stages with their 9x9."""
    return 4 + 2 * params.blocks + 1 + 3


def msrresnet_radius(params: MSRResNetParams) -> int:
    """3x3, the blocks; behind them a 3x3, and the last stages."""
    return 1 + 2 * params.blocks + 2


def rrdb_radius(params: RrdbParams) -> int:
    """3x3, 15 convolutions a block, 3x3; behind them the stages."""
    return 1 + 15 * params.blocks + 1 + 2


GENERATORS = (
    GeneratorSpec(
        name="srresnet",
        version=1,
        summary="residual blocks with BatchNorm: the generator of SRGAN",
        params=ResNetParams,
        build=build_srresnet,
        receptive_radius=srresnet_radius,
        scales=_SCALES,
        license="Apache-2.0",
        paper="https://arxiv.org/abs/1609.04802",
    ),
    GeneratorSpec(
        name="msrresnet",
        version=1,
        summary="residual blocks without BatchNorm on a bilinear base: ESRGAN's baseline",
        params=MSRResNetParams,
        build=build_msrresnet,
        receptive_radius=msrresnet_radius,
        scales=_SCALES,
        license="Apache-2.0",
        paper="https://arxiv.org/abs/1809.00219",
    ),
    GeneratorSpec(
        name="rrdb",
        version=1,
        summary="residual-in-residual dense blocks: the generator of ESRGAN",
        params=RrdbParams,
        build=build_rrdb,
        receptive_radius=rrdb_radius,
        scales=_SCALES,
        license="Apache-2.0",
        paper="https://arxiv.org/abs/1809.00219",
    ),
    GeneratorSpec(
        name="span",
        version=1,
        summary="parameter-free attention, 0.5 million parameters: small and fast",
        params=SpanParams,
        build=build_span,
        receptive_radius=1 + 6 * 3 + 1 + 1,
        scales=_SCALES,
        license="Apache-2.0",
        paper="https://arxiv.org/abs/2311.12770",
    ),
)
"""The built-in generators; the only ones that ``srbench verify`` builds."""


def builtin_spec(name: str) -> GeneratorSpec:
    """The one of :data:`GENERATORS` that is called ``name``; no plugin is looked at.

    Raises:
        UnknownName: it is none of them.
    """
    known = {spec.name: spec for spec in GENERATORS}
    if name not in known:
        raise unknown_name("built-in generator", name, known)
    return known[name]


def builtin_generator(name: str, params: Mapping[str, Any], scale: int) -> ResolvedGenerator:
    """:func:`builtin_spec` with its parameters settled.

    Raises:
        UnknownName: no built-in generator is called so.
        SuiteError: parameters or a scale that do not fit.
    """
    return resolve_generator(builtin_spec(name), params, scale)


@hookimpl
def srbench_generators() -> tuple[GeneratorSpec, ...]:
    """The built-in generators."""
    return GENERATORS
