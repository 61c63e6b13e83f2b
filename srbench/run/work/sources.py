"""Where the images of a target come from that are scored: files, or a generator as it goes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Protocol

from srbench.devices import phase
from srbench.imaging import Image, pixels_sha256
from srbench.metrics.pairs import ImageSource
from srbench.models.files import TrainedGenerator
from srbench.models.images import published
from srbench.models.interpolate import interpolate
from srbench.records.derived import Derived
from srbench.run.plan.tasks import ScoringTask, TargetTask
from srbench.run.work.generators import generator_of, trained_network
from srbench.run.work.lr_images import LrImages
from srbench.run.work.stage import Stage


class Source(Protocol):
    """SR images of one target on one data set."""

    def image(self, name: str) -> ImageSource:
        """SR of the HR image ``name``."""

    def pixels(self) -> dict[str, str]:
        """Image name -> hash of the pixels that were scored."""


class KeptImages:
    """Those in ``folder``, as :func:`srbench.run.work.scoring.run_scoring` wrote them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def image(self, name: str) -> ImageSource:
        """Its file."""
        return self._folder / f"{name}.png"

    def pixels(self) -> dict[str, str]:
        """From the note beside the files."""
        found: dict[str, str] = Derived(self._folder).read()["pixels"]
        return found


class PointImages:
    """Those of one point of a curve, made while they are scored; none is kept."""

    def __init__(self, target: TargetTask, inputs: LrImages, stage: Stage[ScoringTask]) -> None:
        out, task = stage.out, stage.task
        assert target.training is not None
        assert target.warm is not None
        network = trained_network(out.generator(target.training), task)
        warm = trained_network(out.generator(target.warm), task)
        network.load_state_dict(
            interpolate(warm.state_dict(), network.state_dict(), target.coefficient)
        )
        trained = TrainedGenerator(network=network, generator=generator_of(task))
        self._upscale = published(trained, device=task.device, tile=stage.fit.tile)
        self._inputs = inputs
        self._index = {name: index for index, name in enumerate(inputs.dataset.names)}
        self._pixels: dict[str, str] = {}

    def image(self, name: str) -> ImageSource:
        """A function that makes it, and notes the hash of its pixels."""
        return partial(self._make, name)

    def _make(self, name: str) -> Image:
        with phase("scoring"):
            sr = self._upscale(self._inputs.lr(self._index[name]))
        self._pixels[name] = pixels_sha256(sr)
        return sr

    def pixels(self) -> dict[str, str]:
        """Of the images that were made."""
        return self._pixels
