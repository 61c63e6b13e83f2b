"""The sections of a suite file, which are also what jobs carry and what training is told.

Every setting is declared here and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from srbench.settings.canonical import OUTSIDE
from srbench.strict import Strict

_LABEL = r"^[A-Za-z0-9][A-Za-z0-9._+=-]*$"
Label = Annotated[str, Field(pattern=_LABEL, max_length=80, description="row name")]
RowLabel = Annotated[str, Field(pattern=_LABEL, max_length=120)]
"""A label with what tells a row's controls apart."""
SuiteName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60)]
DatasetName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=1000)]
Seed = Annotated[int, Field(ge=0, le=2**53)]
Iterations = Annotated[int, Field(ge=0, le=10**9)]
Scale = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+-]*$", max_length=120)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Beta = Annotated[float, Field(ge=0, lt=1)]
LEAST_PATCH = 16
"""Pixels: below that side the discriminator has nothing left to look at."""

PixelLoss = Literal["l1", "l2"]
Precision = Literal["float32", "bf16"]
Keeping = Literal["pixels", "files"]


class TrainingData(Strict):
    """Which images a job trains and validates on, and how patches are cut from them."""

    train: DatasetName = Field(description="data set name, or folder:PATH")
    train_count: int | None = Field(
        None, ge=1, description="seeded subset of that many training images; all where left out"
    )
    subset_seed: int = Field(0, description="seed of that subset")
    val: int = Field(0, ge=0, description="training images held out, chosen by content hash")
    patch_size: int = Field(
        96, ge=LEAST_PATCH, le=1 << 16, description="side of a training patch, HR pixels"
    )
    batch_size: int = Field(16, ge=1, le=10**6, description="patches per batch")
    store: Annotated[Keeping, OUTSIDE] = Field(
        "pixels",
        description="pixels: decoded once, into the cache folder; files: no disk is taken, and "
        "each image is decoded whenever a patch is cut from it. The same pixels either way",
    )


class Data(TrainingData):
    """Which images a suite trains, validates and tests on."""

    test: tuple[DatasetName, ...] = Field(
        min_length=1, max_length=100, description="test set names"
    )
    allow_overlap: Annotated[tuple[str, ...], OUTSIDE] = Field(
        (),
        description="test sets that may have images in common with the training images; their "
        "scores are flagged trained-on-test all the same",
    )


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

    channels: int = Field(64, ge=4, le=512, description="of its first convolution")


class Optimisation(Strict):
    """Adam and its learning rate, which falls in steps."""

    learning_rate: Rate = Field(1e-4, description="of Adam, until the first milestone")
    milestones: tuple[int, ...] = Field((), description="iterations at which the rate is decayed")
    gamma: Rate = Field(0.1, description="what the rate is multiplied by there")
    betas: tuple[Beta, Beta] = Field((0.9, 0.999), description="of Adam")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.milestones) != sorted(set(self.milestones)) or min((*self.milestones, 1)) < 1:
            raise ValueError("milestones must be rising iterations of at least 1")
        return self


class WarmStart(Optimisation):
    """The generator alone on a pixel loss, once per seed, shared by every loss."""

    loss: PixelLoss = Field("l1", description="what is minimised")
    iterations: int = Field(ge=0, le=10**9, description="0: start from seeded random weights")
    checkpoint_sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="sha256 of a published generator's file, with which every seed starts instead; "
        "nothing is trained, and iterations must be 0",
    )
    checkpoint: Annotated[str | None, OUTSIDE] = Field(
        None,
        max_length=1000,
        description="its path, file name or URL; SHA256.safetensors in a folder of SRBENCH_WEIGHTS "
        "where left out",
    )

    @property
    def given(self) -> bool:
        """Whether there is a generator before adversarial training that is not a random one."""
        return self.iterations > 0 or self.checkpoint_sha256 is not None

    @model_validator(mode="after")
    def _trained_or_published(self) -> Self:
        if self.checkpoint is not None and self.checkpoint_sha256 is None:
            raise ValueError("a checkpoint needs its checkpoint_sha256")
        if self.checkpoint_sha256 is not None and self.iterations:
            raise ValueError("a warm start with a checkpoint is not trained: set iterations to 0")
        return self


class Objective(Optimisation):
    """What one adversarial job minimises: content, pixel and adversarial terms together.

    objective = content_weight x content_scale x calibrated content loss
    + pixel_weight x pixel loss + adversarial_weight x adversarial loss

    Both networks use one schedule.
    """

    iterations: int = Field(ge=1, le=10**9, description="updates of the generator")
    content_weight: NonNegative = Field(
        1.0, description="of the content loss, after its calibration"
    )
    pixel_loss: PixelLoss = Field("l1", description="the pixel term")
    pixel_weight: NonNegative = Field(0.0, description="of the pixel term")
    adversarial_loss: Name = Field(
        "non-saturating",
        description="non-saturating, one-minus-d (of much PyTorch code), relativistic-average "
        "(ESRGAN), hinge or least-squares",
    )
    adversarial_weight: NonNegative = Field(1e-3, description="0: no discriminator")
    batch_size: int | None = Field(
        None, ge=1, description="patches per batch; data.batch_size where left out"
    )
    discriminator_learning_rate: Rate | None = Field(
        None, description="the generator's where left out; decayed as that is"
    )
    random_offset: int = Field(
        0,
        ge=0,
        description="SR and HR are compared on a crop that starts at a random pixel below this in "
        "each iteration; 8 keeps networks that pool off the scale's lattice; 0: the whole patch",
    )
    average_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="what is validated and kept is the exponential moving average of the "
        "generator's weights with this decay per iteration; 0: the last weights",
    )


class Adversarial(Objective):
    """From the warm start on: one job for each of the content scales."""

    content_scales: tuple[Scale, ...] = Field(
        (1.0,),
        min_length=1,
        max_length=100,
        description="further factors of the content loss; one row of each",
    )


class Calibration(Strict):
    """Track ``calibrated``: whose gradient norm every other loss is brought to."""

    reference: Label = Field(description="label of the [[loss]] whose strength all others get")
    batches: int = Field(16, ge=1, le=256, description="fixed training batches measured")
    batch_size: int | None = Field(
        None, ge=1, description="patches in each of them; data.batch_size where left out"
    )


class Validation(Strict):
    """Scores on the held-out training images while training."""

    every: int = Field(0, ge=0, description="iterations between points; 0: at the end only")
    metrics: tuple[str, ...] = Field(("psnr", "lpips"), description="what is measured there")


class Execution(Strict):
    """How the arithmetic is done. All of it is part of a job's key."""

    precision: Precision | Literal["float16"] = Field(
        "float32",
        description="autocast of generator and discriminator; float16, for GPUs without bf16, "
        "scales gradients and skips steps whose gradients overflow",
    )
    loss_precision: Precision = Field(
        "float32", description="autocast of the loss network; its value is always float32"
    )
    tf32: bool = Field(False, description="TF32 matrix units on CUDA for float32 work")
    channels_last: bool = Field(
        True,
        description="memory layout of networks and images; `srbench docs speed` has what it gains",
    )
    compile: bool = Field(False, description="torch.compile of generator and loss network")
    cuda_graph: bool = Field(
        False,
        description="a training step as one CUDA graph, for networks whose kernels take longer to "
        "start than to run; CUDA alone, and no losses that read a value",
    )
    deterministic: bool = Field(
        False,
        description="on a GPU, too, two runs give the same bits: no kernels chosen by timing, and "
        "an operation without a deterministic form is an error; slower",
    )
    fused_adam: bool = Field(True, description="one kernel for each step of Adam")
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
