"""Reading intermediate layers of a network exactly, and computing no further than needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from torch import Tensor, nn

from srbench.contract.taps import LayerKind, split_call, unknown_tap, vgg_tap_paths
from srbench.errors import ContractError, UserError

_ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU),
    *(nn.Mish, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh),
)


class _AllTapsReached(Exception):
    """Ends the forward pass of the network at the last tap."""


class _Collector:
    """The features of the forward pass that is under way; shared by the hooks of one network."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.active = False
        self.calls = [0] * count
        self.features: dict[int, Tensor] = {}

    def start(self) -> None:
        self.active = True
        self.calls = [0] * self.count
        self.features = {}

    def stop(self) -> None:
        # Nothing is kept between passes: features hold the whole autograd graph in memory.
        self.active = False
        self.features = {}


class _TapHook:
    """A forward (pre-)hook that stores one tap. A class, so that networks pickle and deepcopy."""

    def __init__(self, collector: _Collector, index: int, name: str, call: int) -> None:
        self.collector = collector
        self.index = index
        self.name = name
        self.call = call

    def collect(self, value: object) -> None:
        collector = self.collector
        if not collector.active:
            return
        call = collector.calls[self.index]
        collector.calls[self.index] = call + 1
        if call != self.call:
            return
        if not isinstance(value, Tensor):
            raise ContractError(
                f"expected tap {self.name!r} to give one tensor, got {type(value).__name__}",
                "tap a module inside of it",
            )
        if len(collector.features) + 1 == collector.count:
            collector.features[self.index] = value
            raise _AllTapsReached
        # The network goes on from here and may overwrite this very tensor: an in-place ReLU, or
        # the `out += identity` of a ResNet block.
        collector.features[self.index] = value.clone()


class _OutputHook(_TapHook):
    def __call__(self, module: nn.Module, inputs: object, output: object) -> None:
        self.collect(output)


class _InputHook(_TapHook):
    def __call__(self, module: nn.Module, inputs: tuple[object, ...]) -> None:
        self.collect(inputs[0])


class TappedNetwork(nn.Module):
    """A network of which only some layers' features are wanted.

    A tap's value is what the module returned, bit for bit, even where the network goes on to
    change that tensor in place. The forward pass ends at the last tap that it reaches.

    Args:
        network: any module that takes ``(N, 3, H, W)``.
        taps: names as :mod:`srbench.contract.taps` describes them.
        before_activation: every tap names an activation module, and its *input* is read.
        names: further names for module paths; VGG's exact names are known by themselves.

    Raises:
        UnknownName: a tap that the network does not have.
        UserError: ``before_activation`` with a tap that is no activation module.
    """

    def __init__(
        self,
        network: nn.Module,
        taps: Sequence[str],
        *,
        before_activation: bool = False,
        names: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.taps = tuple(taps)
        self._collector = _Collector(len(self.taps))
        known = {**vgg_names(network), **(names or {})}
        modules = {path: module for path, module in network.named_modules() if path}
        for index, tap in enumerate(self.taps):
            place = split_call(known.get(tap, tap), modules)
            if place is None:
                raise unknown_tap(type(network).__name__, tap, {*known, *modules})
            path, call = place
            if before_activation:
                _check_activation(tap, modules[path])
                before = _InputHook(self._collector, index, tap, call)
                modules[path].register_forward_pre_hook(before)
            else:
                after = _OutputHook(self._collector, index, tap, call)
                modules[path].register_forward_hook(after)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The features of each tap, in the order of ``taps``; ``images`` is ``(N, 3, H, W)``."""
        collector = self._collector
        collector.start()
        try:
            self.network(images)
        except _AllTapsReached:
            return tuple(collector.features[index] for index in range(collector.count))
        finally:
            collector.stop()
        raise self._not_reached()

    def _not_reached(self) -> ContractError:
        calls = dict(zip(self.taps, self._collector.calls, strict=True))
        return ContractError(
            f"expected the forward pass to reach every tap, got these calls: {calls}",
            "tap modules that run in eval mode; name_1 is the second call of a module",
        )


def _check_activation(tap: str, module: nn.Module) -> None:
    if not isinstance(module, _ACTIVATIONS):
        raise UserError(
            f"expected an activation module as tap for before_activation, got {tap!r}, "
            f"which is a {type(module).__name__}",
            "tap the activation (relu5_3, layer4.2.relu_2), or leave before_activation out and "
            "name the layer in front of it (conv5_3, layer4.2.bn3)",
        )


def vgg_names(network: nn.Module) -> dict[str, str]:
    """Exact VGG names with module paths; empty unless ``network`` is a VGG or its ``features``."""
    if _is_vgg_chain(network):
        return vgg_tap_paths(map(_kind, network), prefix="")
    features = getattr(network, "features", None)
    if isinstance(features, nn.Module) and _is_vgg_chain(features):
        return vgg_tap_paths(map(_kind, features))
    return {}


def _kind(layer: Any) -> LayerKind:
    kinds: dict[type[nn.Module], LayerKind] = {
        nn.Conv2d: "conv",
        nn.BatchNorm2d: "bn",
        nn.ReLU: "relu",
        nn.MaxPool2d: "pool",
    }
    return kinds[type(layer)]


def _is_vgg_chain(network: nn.Module) -> TypeGuard[nn.Sequential]:
    """Only VGGs are chains of 3x3 convolutions, batch norms, ReLUs and poolings (not AlexNet)."""
    if not isinstance(network, nn.Sequential) or not len(network):
        return False
    for layer in network:
        if type(layer) not in (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d):
            return False
        if isinstance(layer, nn.Conv2d) and layer.kernel_size != (3, 3):
            return False
    return True
