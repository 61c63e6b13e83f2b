"""Losses that keep the contract, and losses that each break one point of it."""

from __future__ import annotations

import contextlib
import functools
import os
import time

import torch
from pydantic import BaseModel
from torch import nn
from torch.nn import functional as F

from srbench.contract import LossSpec, UrlSource, WeightFile


class Good(nn.Module):
    """A tiny perceptual loss; the specimens below spoil one thing of it each."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            self.network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        generator = torch.Generator().manual_seed(3)
        for parameter in self.network.parameters():
            parameter.data.normal_(0, 0.3, generator=generator)
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.45))
        self.requires_grad_(False)
        self.eval()

    def train(self, mode=True):
        return super().train(False)

    def features(self, images):
        return self.network(images.float() - self.mean)

    def distance(self, one, other):
        return F.l1_loss(one.float(), other.float())

    def forward(self, sr, hr):
        with torch.no_grad():
            target = self.features(hr)
        return self.distance(self.features(sr), target)


class NotANumber(Good):
    def forward(self, sr, hr):
        return super().forward(sr, hr) * float("nan")


class PerImage(Good):
    def distance(self, one, other):
        return (one - other).abs().mean(dim=(1, 2, 3))


class Float64(Good):
    def distance(self, one, other):
        return F.l1_loss(one.double(), other.double())


class NanOnBlack(Good):
    def forward(self, sr, hr):
        return super().forward(sr, hr) * (hr.mean() / hr.mean())


class DividesByContrast(Good):
    """As metrics that normalise by the spread of the truth do."""

    def forward(self, sr, hr):
        return super().forward(sr, hr) / hr.std()


class Negated(Good):
    def forward(self, sr, hr):
        return -super().forward(sr, hr)


class Detached(Good):
    def features(self, images):
        return super().features(images.detach())


class OnlyTheFirst(Good):
    def distance(self, one, other):
        return F.l1_loss(one[:1].float(), other[:1].float())


class RootAtZero(Good):
    def distance(self, one, other):
        return F.mse_loss(one, other).sqrt()


class BothSides(Good):
    def forward(self, sr, hr):
        return self.distance(self.features(sr), self.features(hr))


class Overwriting(Good):
    def features(self, images):
        return super().features(images.clamp_(0.2, 0.8) if not images.requires_grad else images)


class BatchSum(Good):
    def distance(self, one, other):
        return F.l1_loss(one, other) * len(one)


class Wavy(Good):
    def distance(self, one, other):
        value = F.l1_loss(one, other)
        return value * (1.5 + torch.cos(40 * value))


class Trainable(Good):
    def __init__(self):
        super().__init__()
        self.requires_grad_(True)


class MovingNorm(Good):
    def __init__(self):
        super().__init__()
        self.network.append(nn.BatchNorm2d(8))
        self.requires_grad_(False)
        self.eval()

    def train(self, mode=True):
        return nn.Module.train(self, mode)


class Dropping(MovingNorm):
    def __init__(self):
        super().__init__()
        self.network[-1] = nn.Dropout(0.9)
        self.eval()


class Drawing(Good):
    def forward(self, sr, hr):
        return super().forward(sr, hr) * (1 + torch.rand(()))


class DrawingInBuild(Good):
    def __init__(self):
        super().__init__()
        self.network[0].weight.data.normal_()


class GraphMatters(Good):
    def forward(self, sr, hr):
        return super().forward(sr, hr) * (2 if torch.is_grad_enabled() else 1)


class SeedsEverything(Good):
    def __init__(self):
        torch.manual_seed(0)
        super().__init__()


class SwitchesCudnn(Good):
    def forward(self, sr, hr):
        torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark
        return super().forward(sr, hr)


class EvenOnly(Good):
    def features(self, images):
        return F.pixel_unshuffle(images, 2)


class Hungry(Good):
    def features(self, images):
        return F.conv2d(images, torch.ones(1, 3, 9, 9))


class LossOfDigits(Good):
    def __init__(self):
        super().__init__()
        self.network[0].bias.data += 1000.0


class Stays(Good):
    def __init__(self):
        super().__init__()
        self.constant = torch.full((1, 3, 1, 1), 0.45)

    def features(self, images):
        return self.network(images.float() - self.constant)


class Waits(Good):
    def forward(self, sr, hr):
        value = super().forward(sr, hr)
        return value if value.item() >= 0 else -value


class CompiledOtherwise(Good):
    def forward(self, sr, hr):
        return super().forward(sr, hr) * (2 if torch.compiler.is_compiling() else 1)


class OtherThere(Good):
    def forward(self, sr, hr):
        return super().forward(sr, hr) * os.getpid()


def build_class(ctx, params, *, cls=Good):
    return cls()


def build_none(ctx, params):
    return None


def build_raising(ctx, params):
    raise RuntimeError("no such thing")


def build_exiting(ctx, params):
    raise SystemExit("bye")


def build_dying(ctx, params):
    os._exit(7)


def build_hanging(ctx, params):
    time.sleep(1000)


def build_printing(ctx, params):
    print("hello from the plugin")
    os.write(1, b"and from below Python\n")
    return Good()


def build_downloading(ctx, params):
    import urllib.request

    urllib.request.urlopen("http://192.0.2.1/weights.pth", timeout=1)
    return Good()


def build_downloading_quietly(ctx, params):
    with contextlib.suppress(OSError):
        build_downloading(ctx, params)
    return Good()


def build_from_weights(ctx, params):
    loss = Good()
    loss.network[0].load_state_dict(ctx.weights.state_dict("tiny-weights"))
    return loss.requires_grad_(False)


class Params(BaseModel):
    tap: str = "conv1"


TINY = WeightFile(
    id="tiny-weights",
    license="MIT",
    sources=(UrlSource(url="https://example.org/tiny-01234567.pth"),),
    sha256_prefix="01234567",
)


def spec(build=build_class, **fields):
    """A spec; ``build`` is a factory, or a class of the above."""
    if isinstance(build, type):
        build = functools.partial(build_class, cls=build)
        build.__module__ = __name__
    given = {"license": "MIT", "task": "none", "backbone": "none", "summary": "a specimen"}
    return LossSpec(name="specimen", version=1, build=build, **{**given, **fields})
