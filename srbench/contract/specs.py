"""What a plugin declares of a loss or a generator, and what their factories are given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from srbench.contract.weightfile import WeightFile
from srbench.errors import ContractError

if TYPE_CHECKING:
    import torch
    from pydantic import BaseModel

API_VERSION = 1
"""Version of this contract. A plugin of a newer one is reported as ``incompatible``."""

Task = Literal[
    "classification",
    "segmentation",
    "instance-segmentation",
    "detection",
    "edges",
    "density",
    "self-supervised",
    "iqa",
    "pixel",
    "none",
]
"""What the loss network was pretrained for."""

_NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")


class WeightResolver(Protocol):
    """Gives a loss the weights that its spec declares."""

    def state_dict(self, weight_id: str) -> dict[str, torch.Tensor]:
        """The canonical state dict of one declared :class:`WeightFile`, float32 on the CPU.

        Raises:
            WeightsError: no source had it, or it is not what was pinned.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildContext:
    """What a factory may need to know about the run it builds for.

    Attributes:
        scale: super-resolution factor.
        patch_size: side of the square training patches, in HR pixels.
        seed: of the run; random networks draw from it.
        device: where the module will run; factories build on the CPU, the host moves it.
        weights: resolver of the weights that the spec declares.
        protocol: for metrics: the scoring protocol, which fixes colour space and border.
    """

    weights: WeightResolver
    protocol: str = "y4-v2"
    scale: int = 4
    patch_size: int = 96
    seed: int = 0
    device: str = "cpu"


BuildLoss = Callable[[BuildContext, Any], "torch.nn.Module"]


BuildGenerator = Callable[[Any, int], "torch.nn.Module"]
ReceptiveRadius = int | Callable[[Any], int] | None


def check_name(kind: str, name: object) -> None:
    """Refuse a name that is not kebab-case.

    Raises:
        ContractError: it says what was expected.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ContractError(
            f"expected a kebab-case {kind} name (a-z, 0-9, '-', '_', '.'), got {name!r}",
            "rename it in the plugin",
        )


def _check_version(kind: str, name: str, version: object) -> None:
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ContractError(f"{kind} {name!r}: expected a version of 1 or more, got {version!r}")


@dataclass(frozen=True, kw_only=True, slots=True)
class LossSpec:
    """One perceptual loss, as data; everything but ``build`` can be read without torch.

    Attributes:
        name: kebab-case, unique among the installed losses.
        version: raised whenever the loss's values change, so that cached runs are not reused.
        summary: one line.
        task: what the network was pretrained for.
        backbone: its architecture, so that one architecture under several tasks lines up.
        pretrained_on: training data of the weights.
        saw_test_images: names of srbench test sets which that data contain.
        params: pydantic model of what a suite may set, or ``None``. Defaults reproduce the
            starting study.
        build: module-level ``(ctx, params) -> nn.Module`` (so that a spec pickles); the module's
            ``forward(sr, hr)`` takes RGB float32 [0, 1] ``(N, 3, H, W)`` and gives the batch mean.
        resolve: ``(params) -> LossSpec`` where other fields depend on the parameters; torch-free.
        weights: every file that ``build`` asks the context for.
        min_size: smallest side of ``sr`` in pixels.
        trains_on_metrics: names of metrics that this loss optimises.
        shares_network_with: names of metrics that use the same network.
        license: code and weights, and whether commercial use is allowed.
        paper: URL or citation.
        known_failures: conformance check name -> reason.
    """

    name: str
    version: int
    summary: str
    task: Task
    backbone: str
    build: BuildLoss
    license: str
    api_version: int = API_VERSION
    pretrained_on: str = ""
    saw_test_images: tuple[str, ...] = ()
    params: type[BaseModel] | None = None
    resolve: Callable[[Any], LossSpec] | None = None
    weights: tuple[WeightFile, ...] = ()
    min_size: int = 1
    trains_on_metrics: tuple[str, ...] = ()
    shares_network_with: tuple[str, ...] = ()
    paper: str = ""
    known_failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("loss", self.name)
        if self.task not in get_args(Task):
            raise ContractError(
                f"loss {self.name!r}: expected a task out of {', '.join(get_args(Task))}, "
                f"got {self.task!r}",
                "set LossSpec.task",
            )
        _check_version("loss", self.name, self.version)
        if not callable(self.build):
            raise ContractError(
                f"loss {self.name!r}: expected a function build(ctx, params), got {self.build!r}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratorSpec:
    """One architecture of the network that is trained.

    Attributes:
        name: kebab-case, unique.
        version: raised whenever the same weights give other images, or the same seed other weights.
        summary: one line.
        build: module-level ``(params, scale) -> nn.Module``, on the CPU, float32; the module takes
            LR, RGB [0, 1] ``(N, 3, h, w)`` of any size, and gives SR ``(N, 3, scale*h, scale*w)``,
            not clamped. Initial weights come from torch's global random state, which srbench seeds.
        receptive_radius: LR pixels to each side of a pixel that its SR block depends on, at the
            most over all scales; a number, or a function of ``params``. ``srbench upscale`` lets
            its tiles overlap by it. ``None``: the whole image, which is then never tiled.
        license: of the code.
        params: pydantic model of what a suite may set, or ``None``; defaults are the paper's.
        scales: factors that ``build`` knows.
        paper: URL or citation.
    """

    name: str
    version: int
    summary: str
    build: BuildGenerator
    receptive_radius: ReceptiveRadius
    license: str
    api_version: int = API_VERSION
    params: type[BaseModel] | None = None
    scales: tuple[int, ...] = (2, 3, 4)
    paper: str = ""

    def __post_init__(self) -> None:
        check_name("generator", self.name)
        _check_version("generator", self.name, self.version)
        if not callable(self.build):
            raise ContractError(
                f"generator {self.name!r}: expected a function build(params, scale), "
                f"got {self.build!r}"
            )
        taken = {"name", "version", "scale"} & set(self.params.model_fields if self.params else ())
        if taken:
            raise ContractError(
                f"generator {self.name!r}: expected parameters of other names than "
                f"{', '.join(sorted(taken))}, which its files use",
                "rename them in GeneratorSpec.params",
            )
