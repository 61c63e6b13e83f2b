"""A pretrained network whose layers make a loss, as data; torch-free.

A plugin lists its networks and gets from each the parameters, the spec and (in
:func:`srbench.contract.features.network_loss`) the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from srbench.contract.params import FeatureParams, feature_params
from srbench.contract.specs import BuildLoss, LossSpec, Task
from srbench.contract.weightfile import WeightFile

Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)

CAFFE_MEAN: Triple = (0.48235, 0.45882, 0.40784)
CAFFE_STD: Triple = (1 / 255, 1 / 255, 1 / 255)
"""The range of VGG's authors, in RGB order: 0 to 255 around the mean of ImageNet."""

HALF: Triple = (0.5, 0.5, 0.5)
"""As mean and as standard deviation: inputs in [-1, 1]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pretrained:
    """One set of weights and the input range that it was trained in.

    Attributes:
        file: where the weights come from.
        mean: per RGB channel, in units of [0, 1].
        std: likewise.
    """

    file: WeightFile
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A network and all that its loss declares.

    Attributes:
        name: of the loss.
        summary: of the loss, one line.
        backbone: its architecture, as torchvision or timm calls it.
        make: makes the network without its head; called with ``meta`` as the default device.
        weights: tag -> weights; the first is the default, and several become the parameter
            ``weights``.
        tap: the default, or several with the weight of each.
        distance: the default.
        taps: everything that a tap may be called -> module path in what ``make`` gives; ``None``:
            its module paths, which only the built network knows.
        prefix: of the names in the file that belong to the network; the others are left out.
        ignore: prefixes of names that the network as made has no place for.
        version: of the loss: raised whenever its values change.
        min_size: smallest side of an image that the default tap can be computed of, in pixels.
        task: and the other fields: see :class:`~srbench.contract.LossSpec`.
    """

    name: str
    summary: str
    backbone: str
    make: Callable[[], Any]
    weights: Mapping[str, Pretrained]
    tap: str | Mapping[str, float]
    task: Task
    pretrained_on: str
    license: str
    paper: str
    taps: Mapping[str, str] | None = None
    distance: Literal["l1", "l2"] = "l2"
    prefix: str = ""
    ignore: tuple[str, ...] = ()
    min_size: int = 1
    version: int = 1
    saw_test_images: tuple[str, ...] = ()
    shares_network_with: tuple[str, ...] = ()
    known_failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def params(self) -> type[FeatureParams]:
        """What a suite may set."""
        tags = self.weights if len(self.weights) > 1 else ()
        return feature_params(
            self.name, tap=self.tap, known=self.taps, weights=tags, distance=self.distance
        )

    def chosen(self, params: FeatureParams) -> Pretrained:
        """The weights that ``params`` ask for."""
        tag: str = getattr(params, "weights", next(iter(self.weights)))
        return self.weights[tag]

    def empty(self) -> Any:
        """The network on the ``meta`` device: no memory, no random number drawn."""
        import torch

        with torch.device("meta"):
            return self.make()

    def spec(
        self,
        build: BuildLoss,
        resolve: Callable[[Any], LossSpec] | None = None,
        params: FeatureParams | None = None,
    ) -> LossSpec:
        """The loss, under the weights that ``params`` choose or the default ones.

        Args:
            build: module-level function of the plugin that calls ``network_loss``.
            resolve: likewise, where there are several weights.
        """
        chosen = self.chosen(params or self.params())
        return LossSpec(
            name=self.name,
            version=self.version,
            summary=self.summary,
            task=self.task,
            backbone=self.backbone,
            pretrained_on=self.pretrained_on,
            saw_test_images=self.saw_test_images,
            params=self.params,
            build=build,
            resolve=resolve,
            weights=(chosen.file,),
            min_size=self.min_size,
            shares_network_with=self.shares_network_with,
            license=self.license,
            paper=self.paper,
            known_failures=self.known_failures,
        )
