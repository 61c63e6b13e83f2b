"""A suite file (``benchmarks/*.toml``) as a whole, schema version 1."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from srbench.settings.canonical import OUTSIDE, canonical, content_key
from srbench.settings.sections import (
    Adversarial,
    Calibration,
    Checkpoint,
    Data,
    DatasetName,
    Discriminator,
    Execution,
    Generator,
    Label,
    Limits,
    Name,
    Positive,
    Seed,
    Stopping,
    SuiteName,
    Validation,
    WarmStart,
)
from srbench.strict import Strict

Control = Literal["adversarial-only"]
Coefficient = Annotated[float, Field(gt=0, le=1)]


class LossTerm(Strict):
    """One installed loss with its parameters, and its weight inside a sum."""

    name: Name = Field(description="name of an installed loss, or dist:name")
    params: dict[str, Any] = Field(default_factory=dict, description="of that loss")
    weight: Positive = Field(1.0, description="inside the sum")


class LossEntry(Strict):
    """One ``[[loss]]``: a loss, a weighted ``sum`` of losses, or a ``grid`` of parameters."""

    label: Label | None = Field(None, description="unique; derived from name and params if absent")
    name: Name | None = Field(None, description="name of an installed loss, or dist:name")
    params: dict[str, Any] = Field(
        default_factory=dict, description="of that loss; `srbench losses NAME` lists them"
    )
    sum: tuple[LossTerm, ...] = Field((), description="instead of a name: weighted losses")
    content_only: bool = Field(
        False, description="a second row, LABEL-content-only, without the adversarial term"
    )
    grid: dict[str, tuple[Any, ...]] = Field(
        default_factory=dict, description="parameter -> values; one row per combination"
    )
    content_weight: Positive | None = Field(
        None, description="of this row instead of [adversarial]'s: one loss at another strength"
    )
    adversarial_weight: Positive | None = Field(
        None, description="of this row instead of [adversarial]'s"
    )

    @model_validator(mode="after")
    def _one_form(self) -> LossEntry:
        if (self.name is None) == (not self.sum):
            raise ValueError("a [[loss]] has either a name or a sum of terms")
        if self.sum and (self.params or self.grid):
            raise ValueError("a [[loss]] with a sum takes params inside its terms, and no grid")
        if self.sum and self.label is None:
            raise ValueError("a [[loss]] with a sum needs a label")
        if any(not values for values in self.grid.values()):
            raise ValueError("every list of a grid needs at least one value")
        return self

    @property
    def objective(self) -> dict[str, float]:
        """Settings of ``[adversarial]`` that its rows have otherwise than the suite."""
        own = {
            "content_weight": self.content_weight,
            "adversarial_weight": self.adversarial_weight,
        }
        return {name: value for name, value in own.items() if value is not None}


class Report(Strict):
    """What the overall rank is made of."""

    rank_datasets: tuple[DatasetName, ...] = Field((), description="empty: every test set")
    rank_metric: str = Field("lpips", description="metric of the overall rank")


class Suite(Strict):
    """A whole suite file."""

    schema_version: Literal[1] = Field(alias="schema", description="of suite files")
    name: SuiteName = Field(description="rows of two names share no table; results go to runs/NAME")
    version: int = Field(ge=1, le=10**6, description="raised when the conditions change")
    summary: Annotated[str, OUTSIDE] = Field(
        max_length=2000, description="one line above the table"
    )
    track: Literal["calibrated", "raw"] = Field(
        description="calibrated: every loss at the reference's strength; raw: as it is"
    )
    protocol: str = Field("y4-v2", description="how images are scored: y4-v2 or rgb4-v2")
    scale: Literal[2, 3, 4] = Field(4, description="super-resolution factor")
    seeds: Annotated[tuple[Seed, ...], OUTSIDE] = Field(
        min_length=1,
        max_length=1000,
        description="one training of each row for each; 2 or more give tie groups",
    )
    metrics: Annotated[tuple[str, ...], OUTSIDE] = Field(
        ("psnr", "ssim", "lpips", "niqe"), min_length=1, description="names of installed metrics"
    )
    data: Data
    generator: Generator = Field(default_factory=Generator)
    discriminator: Discriminator = Field(default_factory=Discriminator)
    warm_start: WarmStart
    adversarial: Adversarial
    calibration: Calibration | None = None
    validation: Validation = Field(default_factory=Validation)
    execution: Execution = Field(default_factory=Execution)
    checkpoint: Annotated[Checkpoint, OUTSIDE] = Field(default_factory=Checkpoint)
    limits: Annotated[Limits, OUTSIDE] = Field(default_factory=Limits)
    stopping: Stopping | None = None
    interpolation: Annotated[tuple[Coefficient, ...], OUTSIDE] = Field(
        (),
        description="also score the generators at these shares of the way from the warm start to "
        "each trained one, such as [0.25, 0.5, 0.75, 1.0]: the curves of the headline",
    )
    curve_metrics: Annotated[tuple[str, ...], OUTSIDE] = Field(
        (), description="of metrics, those that the points between are scored by; empty: all"
    )
    report: Annotated[Report, OUTSIDE] = Field(default_factory=Report)
    controls: Annotated[tuple[Control, ...], OUTSIDE] = Field(
        (), description="further reference rows: adversarial-only trains without a content loss"
    )
    loss: Annotated[tuple[LossEntry, ...], OUTSIDE] = Field(min_length=1, max_length=1000)

    @property
    def curve(self) -> tuple[float, ...]:
        """Coefficients that are scored beside the trained generators, which are at 1."""
        return tuple(c for c in self.interpolation if c < 1.0)

    @property
    def conditions(self) -> str:
        """sha256 of all that two rows must share to stand in one table.

        Not in it: the list of losses, the seeds and the words. A loss that is added later is
        compared under the same conditions.
        """
        return content_key(canonical(self))

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        if self.track == "calibrated" and self.calibration is None:
            raise ValueError("track 'calibrated' needs a [calibration] section with a reference")
        if self.track == "raw" and self.calibration is not None:
            raise ValueError("track 'raw' takes no [calibration] section")
        if self.stopping is not None and self.stopping.psnr_below_bicubic is not None:
            measured = self.data.val and self.validation.every
            if not measured or "psnr" not in self.validation.metrics:
                raise ValueError(
                    "stopping.psnr_below_bicubic needs data.val and validation.every above 0, "
                    "and psnr among validation.metrics"
                )
        if self.data.patch_size % self.scale:
            raise ValueError(f"data.patch_size must be a multiple of the scale, {self.scale}")
        if list(self.interpolation) != sorted(set(self.interpolation)):
            raise ValueError("interpolation must be rising coefficients above 0 and at most 1")
        if self.interpolation and not self.warm_start.given:
            raise ValueError(
                "interpolation needs a warm start: warm_start.iterations above 0, or a checkpoint"
            )
        if unknown := set(self.curve_metrics) - set(self.metrics):
            raise ValueError(f"curve_metrics must be among metrics, got {sorted(unknown)}")
        if self.curve_metrics and "psnr" not in self.curve_metrics:
            raise ValueError("curve_metrics needs psnr, by which curves are read")
        for what, values in (("seeds", self.seeds), ("data.test", self.data.test)):
            if len(set(values)) != len(values):
                raise ValueError(f"{what} must not repeat a value")
        return self
