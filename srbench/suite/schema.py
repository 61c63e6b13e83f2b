"""The schema of a suite file (``benchmarks/*.toml``), version 1.

Every model forbids unknown keys: a misspelt setting is an error, never a default.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from srbench.strict import Strict

Label = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+=-]*$", max_length=80, description="row name")
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+-]*$", max_length=120)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Data(Strict):
    """Which images a suite trains, validates and tests on."""

    train: str = Field(description="data set name, or folder:PATH")
    train_count: int | None = Field(
        None, ge=1, description="seeded subset of that many training images; all where left out"
    )
    subset_seed: int = Field(0, description="seed of that subset")
    val: int = Field(0, ge=0, description="training images held out, chosen by content hash")
    test: tuple[str, ...] = Field(min_length=1, description="test set names")
    patch_size: int = Field(96, ge=16, description="side of a training patch, HR pixels")
    batch_size: int = Field(16, ge=1)


FLAT = ("blocks", "channels")


def _with_flat_form(schema: dict[str, Any]) -> None:
    schema["properties"] |= {name: {"type": "integer", "minimum": 1} for name in FLAT}


class Generator(Strict):
    """The network that is trained.

    ``blocks`` and ``channels`` may stand beside ``name`` instead of inside ``params``.
    """

    name: Name = Field("msrresnet", description="name of an installed generator, or dist:name")
    params: dict[str, Any] = Field(default_factory=dict, description="what it lets a suite set")

    model_config = ConfigDict(json_schema_extra=_with_flat_form)

    @model_validator(mode="before")
    @classmethod
    def _flat_form(cls, section: Any) -> Any:
        if not isinstance(section, dict) or not set(FLAT) & set(section):
            return section
        if "params" in section:
            raise ValueError("give blocks and channels inside params, where there are params")
        rest = {key: value for key, value in section.items() if key not in FLAT}
        return {**rest, "params": {key: section[key] for key in FLAT if key in section}}


class Discriminator(Strict):
    """The SRGAN paper's discriminator; the width of its first convolution is a setting."""

    channels: int = Field(64, ge=4, le=512)


class WarmStart(Strict):
    """The generator alone on a pixel loss, once per seed, shared by every loss."""

    loss: Literal["l1", "l2"] = "l1"
    iterations: int = Field(ge=0, description="0: start from seeded random weights")
    learning_rate: Positive = 1e-4
    milestones: tuple[int, ...] = Field((), description="iterations at which the rate is decayed")
    gamma: Positive = 0.1


class Adversarial(Strict):
    """From the warm start on: content, pixel and adversarial terms together.

    objective = content_weight x content_scale x calibrated content loss
    + pixel_weight x pixel loss + adversarial_weight x adversarial loss
    """

    iterations: int = Field(ge=1)
    learning_rate: Positive = 1e-4
    milestones: tuple[int, ...] = ()
    gamma: Positive = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    content_weight: NonNegative = 1.0
    content_scales: tuple[Positive, ...] = Field((1.0,), min_length=1)
    pixel_loss: Literal["l1", "l2"] = "l1"
    pixel_weight: NonNegative = 0.0
    adversarial_loss: Literal["non-saturating", "one-minus-d"] = "non-saturating"
    adversarial_weight: NonNegative = 1e-3


class Calibration(Strict):
    """Track ``calibrated``: whose gradient norm every other loss is brought to."""

    reference: Label
    batches: int = Field(16, ge=1, le=256, description="fixed training batches measured")


class Validation(Strict):
    """Scores on the held-out training images while training."""

    every: int = Field(0, ge=0, description="iterations between points; 0: at the end only")
    metrics: tuple[str, ...] = ("psnr", "lpips")


class Execution(Strict):
    """How the arithmetic is done. All of it is part of a job's key."""

    precision: Literal["float32", "bf16"] = Field(
        "float32", description="autocast of generator and discriminator"
    )
    loss_precision: Literal["float32", "bf16"] = Field(
        "float32", description="autocast of the loss network; its value is always float32"
    )
    tf32: bool = Field(False, description="TF32 matrix units on CUDA for float32 work")
    channels_last: bool = Field(
        True, description="memory layout of networks and images; docs/speed.md has what it gains"
    )
    compile: bool = Field(
        False, description="torch.compile of generator, discriminator and loss network"
    )
    fused_adam: bool = True
    threads: int | None = Field(
        None, ge=1, description="CPU threads per job; the machine's cores where left out"
    )


class Checkpoint(Strict):
    """How often a training stage saves all that it needs to continue. Part of no key."""

    every_seconds: Positive = Field(300.0, description="time between two checkpoints")
    every_iterations: int | None = Field(
        None, ge=1, description="and a checkpoint after that many iterations"
    )


class Limits(Strict):
    """When a job is ended from outside, and how often it is tried again. Part of no key."""

    retries: int = Field(
        0, ge=0, le=20, description="further attempts of a job that did not fail by its own error"
    )
    hang_seconds: NonNegative = Field(
        1800.0, description="a job without any sign of life for so long is ended; 0: never"
    )
    memory_gib: Positive | None = Field(
        None, description="a job whose process holds more main memory than this is ended"
    )


class Stopping(Strict):
    """Opt-in: end adversarial training that collapsed. Its row stays, marked ``collapsed``."""

    patience: int = Field(ge=1, description="iterations for which a sign must hold throughout")
    discriminator_below: Positive | None = Field(
        None, description="sign: the discriminator's loss stays below this"
    )
    psnr_below_bicubic: NonNegative | None = Field(
        None, description="sign: validation PSNR stays that many dB below bicubic's"
    )

    @model_validator(mode="after")
    def _a_sign(self) -> Stopping:
        if self.discriminator_below is None and self.psnr_below_bicubic is None:
            raise ValueError("needs a sign: discriminator_below, psnr_below_bicubic or both")
        return self


class LossTerm(Strict):
    """One installed loss with its parameters, and its weight inside a sum."""

    name: Name = Field(description="name of an installed loss, or dist:name")
    params: dict[str, Any] = Field(default_factory=dict)
    weight: Positive = 1.0


class LossEntry(Strict):
    """One ``[[loss]]``: a loss, a weighted ``sum`` of losses, or a ``grid`` of parameters."""

    label: Label | None = Field(None, description="unique; derived from name and params if absent")
    name: Name | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    sum: tuple[LossTerm, ...] = ()
    grid: dict[str, tuple[Any, ...]] = Field(
        default_factory=dict, description="parameter -> values; one row per combination"
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


class Report(Strict):
    """What the overall rank is made of."""

    rank_datasets: tuple[str, ...] = Field((), description="empty: every test set")
    rank_metric: str = Field("lpips", description="metric of the overall rank")


class Suite(Strict):
    """A whole suite file."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60)]
    version: int = Field(ge=1)
    summary: str
    track: Literal["calibrated", "raw"]
    protocol: str = "y4-v1"
    scale: Literal[2, 3, 4] = 4
    seeds: tuple[int, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = ("psnr", "ssim", "lpips", "niqe")
    data: Data
    generator: Generator = Field(default_factory=Generator)
    discriminator: Discriminator = Field(default_factory=Discriminator)
    warm_start: WarmStart
    adversarial: Adversarial
    calibration: Calibration | None = None
    validation: Validation = Field(default_factory=Validation)
    execution: Execution = Field(default_factory=Execution)
    checkpoint: Checkpoint = Field(default_factory=Checkpoint)
    limits: Limits = Field(default_factory=Limits)
    stopping: Stopping | None = None
    report: Report = Field(default_factory=Report)
    loss: tuple[LossEntry, ...] = Field(min_length=1)

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
        for what, values in (("seeds", self.seeds), ("data.test", self.data.test)):
            if len(set(values)) != len(values):
                raise ValueError(f"{what} must not repeat a value")
        return self
