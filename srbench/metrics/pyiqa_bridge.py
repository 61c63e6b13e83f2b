"""pyiqa's LPIPS, DISTS and NIQE, and its other metrics by name.

Only this module and :mod:`srbench.metrics.pyiqa_vetted` import pyiqa.

pyiqa's licence is PolyForm Noncommercial 1.0.0, which is why it stays behind this one door.

pyiqa's constructors download torchvision's backbones and its own files, and unpickle them without
``weights_only``. The networks here are built from state dicts instead: while a pyiqa class is
constructed, the name ``models`` inside its module stands for our backbones.
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any, Literal

import torch
import torchvision
from pyiqa.archs import dists_arch, lpips_arch, niqe_arch
from pyiqa.default_model_configs import DEFAULT_CONFIGS
from torch import Tensor, nn
from torch.nn import functional

from srbench.contract.loading import load_weights
from srbench.errors import WeightsError
from srbench.imaging import rgb_to_y
from srbench.metrics.protocol import NIQE_BLOCK

# pyiqa calls these by their torchvision names.
_BACKBONES: Mapping[str, Callable[..., nn.Module]] = {
    "alex": torchvision.models.alexnet,
    "vgg": torchvision.models.vgg16,
}
_NOT_PER_IMAGE = frozenset({"fid", "fid_dinov2", "fid_mmd", "inception_score"})
CONSTRUCTION = threading.Lock()
_NIQE_WINDOW, _NIQE_SIGMA = 7, 7.0 / 6.0


class FeatureNetwork(nn.Module):
    """One of pyiqa's networks in two halves, so that an HR image's features serve many SR images.

    pyiqa's own code computes both halves: its ``forward`` is called with features in the place of
    images, and what would have computed features in it passes them through.
    """

    def features(self, image: Tensor) -> Sequence[Tensor]:
        """Feature maps of RGB images ``(N, 3, H, W)`` in [0, 1]."""
        raise NotImplementedError

    def distance(self, sr: Sequence[Tensor], hr: Sequence[Tensor]) -> Tensor:
        """``(N, 1)`` from the :meth:`features` of SR and HR; lower is better."""
        raise NotImplementedError

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Distance of two images, ``(N, 1)``."""
        return self.distance(self.features(sr), self.features(hr))


class _Lpips(FeatureNetwork):
    def __init__(self, network: lpips_arch.LPIPS) -> None:
        super().__init__()
        self.scaling, self.backbone = network.scaling_layer, network.net
        network.scaling_layer = network.net = nn.Identity()
        self.network = network

    def features(self, image: Tensor) -> Sequence[Tensor]:
        maps: Sequence[Tensor] = self.backbone(self.scaling(2 * image - 1))
        return maps

    def distance(self, sr: Sequence[Tensor], hr: Sequence[Tensor]) -> Tensor:
        score: Tensor = self.network(sr, hr, normalize=False)
        return score


class _Dists(FeatureNetwork):
    def __init__(self, network: dists_arch.DISTS) -> None:
        super().__init__()
        self._features = network.forward_once
        network.forward_once = lambda features: features
        self.network = network

    def features(self, image: Tensor) -> Sequence[Tensor]:
        maps: Sequence[Tensor] = self._features(image)
        return maps

    def distance(self, sr: Sequence[Tensor], hr: Sequence[Tensor]) -> Tensor:
        score: Tensor = self.network(sr, hr)
        return score


def lpips_network(
    backbone: Literal["alex", "vgg"], features: Mapping[str, Tensor], heads: Mapping[str, Tensor]
) -> FeatureNetwork:
    """pyiqa's LPIPS v0.1: ``forward(sr, hr) -> (N, 1)``, RGB in [0, 1].

    Args:
        backbone: which of the two networks.
        features: torchvision's ``features.N.*`` of that network, ImageNet weights.
        heads: the linear heads, ``lin{0..4}.model.1.weight``.

    Raises:
        WeightsError: a tensor is missing, left over, or of another shape.
    """
    with _construction(lpips_arch, backbone, features):
        network: nn.Module = lpips_arch.LPIPS(pretrained=False, net=backbone)
    # `lins` holds the same five layers once more, the rest came with the backbone.
    own = {name for name in network.state_dict() if name.startswith("lin") and name[3].isdigit()}
    _fill(network, heads, own, f"lpips-{backbone}")
    return _Lpips(network).eval().requires_grad_(False)


def dists_network(features: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> FeatureNetwork:
    """pyiqa's DISTS: ``forward(sr, hr) -> (N, 1)``, RGB in [0, 1].

    Args:
        features: torchvision's VGG16 ``features.N.*``, ImageNet weights.
        weights: ``alpha`` and ``beta``, each ``(1, 1475, 1, 1)``.

    Raises:
        WeightsError: a tensor is missing, left over, or of another shape.
    """
    with _construction(dists_arch, "vgg", features):
        network: nn.Module = dists_arch.DISTS(pretrained=False)
    _fill(network, weights, {"alpha", "beta"}, "dists")
    return _Dists(network).eval().requires_grad_(False)


def niqe_scores(sr: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """pyiqa's NIQE on BT.601 studio-range Y, cropped right and bottom to multiples of 96.

    Args:
        sr: RGB float32 [0, 1] ``(N, 3, H, W)``, sides of at least 96.
        mean: of the pristine model, 36 numbers.
        covariance: of the pristine model, ``(36, 36)``.

    Returns:
        ``(N,)`` float64, 0 or more, lower is better.

    Raises:
        ValueError: no block of an image has texture, so that there are no features to compare.
    """
    # In float64: in float32 one pixel in 300,000 lies so near to a half that processors round it
    # differently, and one such pixel has moved a score by 0.026.
    luma = (rgb_to_y(sr.double()) * 255.0).round()
    height, width = (side - side % NIQE_BLOCK for side in luma.shape[-2:])
    luma = luma[..., :height, :width]
    half = niqe_arch.imresize(luma / 255.0, scale=0.5, antialiasing=True) * 255.0
    # (N, blocks, 18) at each of the two scales.
    features = torch.cat(
        [
            niqe_arch.blockproc(
                _divisively_normalized(image), [side, side], niqe_arch.compute_feature
            )
            for image, side in ((luma, NIQE_BLOCK), (half, NIQE_BLOCK // 2))
        ],
        dim=-1,
    )
    if bool(
        features.isnan().any(dim=2).all(dim=1).any()
    ):  # flat blocks have none, and are left out
        raise ValueError("expected an image with texture, got one that is flat in all its blocks")
    pooled = (covariance.to(luma) + niqe_arch.nancov(features)) / 2.0
    difference = (mean.to(luma).reshape(1, -1) - niqe_arch.nanmean(features, dim=1)).unsqueeze(1)
    squared = difference @ torch.linalg.pinv(pooled) @ difference.transpose(1, 2)
    score: Tensor = squared.reshape(-1).sqrt()
    return score


def _divisively_normalized(image: Tensor) -> Tensor:
    """``(image - local mean) / (local deviation + 1)``, Gaussian window of 7, edge repeated.

    As pyiqa's ``normalize_img_with_gauss``, but its two-dimensional float64 convolution is what
    NIQE spends most of its time in: the window is separable, and 7 + 7 additions do.

    Args:
        image: float64 ``(N, 1, H, W)``, 0 to 255.
    """
    half = _NIQE_WINDOW // 2
    weights = [math.exp(-(k**2) / (2.0 * _NIQE_SIGMA**2)) for k in range(-half, half + 1)]
    # pyiqa rounds the window to float32, whereby it no longer sums to 1: in flat parts of an image,
    # whose variance is a difference of nearly equal numbers, that shows.
    rounded = niqe_arch.fspecial(_NIQE_WINDOW, _NIQE_SIGMA).double().sum().item()
    total = math.fsum(weights) / math.sqrt(rounded)
    maps = functional.pad(image, (half, half, half, half), mode="replicate")
    maps = torch.stack((maps, maps.square()))
    for dim in (-1, -2):
        size = maps.shape[dim] - 2 * half
        blurred = maps.narrow(dim, 0, size) * (weights[0] / total)
        for k in range(1, _NIQE_WINDOW):
            blurred.add_(maps.narrow(dim, k, size), alpha=weights[k] / total)
        maps = blurred
    mean, square = maps.unbind(0)
    deviation = ((square - mean.square()).abs() + torch.finfo(image.dtype).eps).sqrt()
    return (image - mean) / (deviation + 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class PyiqaInfo:
    """What pyiqa's table says of one of its metrics.

    Attributes:
        name: pyiqa's name.
        lower_is_better: direction.
        reference: ``full`` or ``none``.
    """

    name: str
    lower_is_better: bool
    reference: Literal["full", "none"]


def pyiqa_catalog() -> dict[str, PyiqaInfo]:
    """pyiqa's metrics that score one image at a time, by name; FID and the like are left out."""
    return {
        name: PyiqaInfo(
            name=name,
            lower_is_better=bool(config.get("lower_better", False)),
            reference="full" if config["metric_mode"] == "FR" else "none",
        )
        for name, config in DEFAULT_CONFIGS.items()
        if name not in _NOT_PER_IMAGE and config.get("metric_mode") in ("FR", "NR")
    }


class PyiqaMetric(nn.Module):
    """One of pyiqa's own metric objects with its own defaults, downloads and unpickling included.

    Args:
        name: a key of :func:`pyiqa_catalog`.

    Raises:
        WeightsError: pyiqa could not build it; most often its files cannot be reached.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        import pyiqa

        self._full = DEFAULT_CONFIGS[name]["metric_mode"] == "FR"
        try:
            with contextlib.redirect_stdout(sys.stderr):  # pyiqa reports its downloads by print()
                self.metric = pyiqa.create_metric(name, device="cpu")
        except Exception as error:  # downloads, hubs, missing packages: anything may be raised
            raise WeightsError(
                f"pyiqa cannot build its metric {name!r}: {type(error).__name__}: {error}",
                "its weights come from pyiqa's own servers: check the network, or place the file "
                "where the message says; a ModuleNotFoundError names a package to install",
            ) from error

    def forward(self, sr: Tensor, hr: Tensor | None) -> Tensor:
        """``sr``, ``hr``: RGB float32 [0, 1] ``(N, 3, H, W)``; returns ``(N,)``."""
        scores: Tensor = self.metric(sr, hr) if self._full else self.metric(sr)
        return scores.reshape(-1)


@contextlib.contextmanager
def _construction(
    module: ModuleType, backbone: str, features: Mapping[str, Tensor]
) -> Iterator[None]:
    """While it lasts, ``module`` gets its backbone from ``features`` instead of torchvision."""
    network = _backbone(backbone, features)
    ours = SimpleNamespace(alexnet=lambda **_: network, vgg16=lambda **_: network)
    # The seeds of a training run must not depend on whether a metric was built beside it.
    with CONSTRUCTION, torch.random.fork_rng(devices=[]):
        theirs = module.models
        module.models = ours  # type: ignore[attr-defined]
        try:
            yield
        finally:
            module.models = theirs  # type: ignore[attr-defined]


def _backbone(name: str, features: Mapping[str, Tensor]) -> Any:
    """The convolutions of a torchvision network; its classifier is never given memory."""
    with torch.device("meta"):
        network: Any = _BACKBONES[name](weights=None)
    convolutions = {key.removeprefix("features."): value for key, value in features.items()}
    load_weights(network.features, convolutions, weight_id=f"{network.__class__.__name__}")
    return network


def _fill(network: nn.Module, weights: Mapping[str, Tensor], own: set[str], weight_id: str) -> None:
    """Load exactly the tensors named in ``own``; the rest of the network is filled already."""
    state = network.state_dict()
    fits = set(weights) == own and all(weights[key].shape == state[key].shape for key in own)
    if not fits:
        raise WeightsError(
            f"expected the weights {weight_id!r} to be "
            + ", ".join(f"{key} {tuple(state[key].shape)}" for key in sorted(own))
            + "; got "
            + ", ".join(f"{key} {tuple(value.shape)}" for key, value in sorted(weights.items())),
            f"check the file: srbench weights verify {weight_id}",
        )
    network.load_state_dict(dict(weights), strict=False)
