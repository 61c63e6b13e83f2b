"""The schema of a record (``records/<key>.json``), version 2.

A record holds per-image scores; means are stored too, and checked against them on reading, so that
an edited file is noticed. NaN and infinity are not valid anywhere.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from srbench.records.identity import conditions_sha256
from srbench.records.metrics import MetricInfo
from srbench.records.row_kind import RowKind, kind_of_label
from srbench.records.scores import DatasetScores, Interpolated, Sha256
from srbench.settings.expand import RESERVED_LABELS, is_reserved
from srbench.settings.sections import Iterations, RowLabel, Scale, Seed, SuiteName
from srbench.strict import Line, Number, Plain, Strict, Text, Whole

SCHEMA_VERSION = 2


def _absent(value: object) -> bool:
    # Fields that came later are left out where a record lacks them: its hash stays what it was.
    return not value


class SuiteInfo(Strict):
    """Which suite a row belongs to. ``document`` is the whole resolved suite."""

    name: SuiteName
    version: Whole
    sha256: Sha256
    track: Literal["calibrated", "raw"]
    document: Plain

    @property
    def conditions(self) -> str:
        """Hash of what rows of one table share; ``sha256`` is what the file states."""
        return conditions_sha256(self.document)


class WeightInfo(Strict):
    """Pretrained weights that a loss used."""

    id: Line
    tensors_sha256: Sha256
    source: Line
    license: Line


class TermInfo(Strict):
    """One loss of a row (a row may be a weighted sum)."""

    name: Line
    version: Whole
    params: Plain
    weight: Number
    distribution: Line
    distribution_version: Line


class LossInfo(Strict):
    """What the row is. ``reference``: one of the reference rows; ``terms`` is empty for rows that
    no loss was trained for; ``row_kind`` is not in the first records, see :attr:`kind`."""

    label: RowLabel
    reference: bool
    terms: tuple[TermInfo, ...]
    summary: Text
    task: Line
    backbone: Line
    pretrained_on: Line
    license: Line
    paper: Line
    saw_test_images: tuple[Line, ...] = ()
    trains_on_metrics: tuple[Line, ...] = ()
    shares_network_with: tuple[Line, ...] = ()
    weights: tuple[WeightInfo, ...] = ()
    row_kind: RowKind | None = Field(None, exclude_if=_absent)

    @property
    def kind(self) -> RowKind:
        """How the row's images were made: as stated, or by the reserved label."""
        return self.row_kind or kind_of_label(self.label)

    @model_validator(mode="after")
    def _kind_fits(self) -> LossInfo:
        if is_reserved(self.label) and self.label not in RESERVED_LABELS:
            raise ValueError(f"the label {self.label!r} looks like a reference row's")
        if self.row_kind is not None and self.row_kind is not kind_of_label(self.label):
            raise ValueError(f"a row of kind {self.row_kind} cannot be called {self.label!r}")
        return self


class CalibrationInfo(Strict):
    """How the content loss was scaled.

    ``constant`` multiplies the raw loss; ``gradient_norm`` is the RMS, over the fixed batches, of
    the raw loss's gradient norm with respect to the generator's parameters.
    ``bf16_gradient_cosine``, where the loss network ran in bf16: the mean cosine between its bf16
    and float32 gradients with respect to SR, on the warm start.
    """

    mode: Literal["calibrated", "raw"]
    constant: Number
    reference: Line | None = None
    gradient_norm: Number | None = None
    reference_gradient_norm: Number | None = None
    batches: Whole = 0
    bf16_gradient_cosine: Number | None = None


class CurvePoint(Strict):
    """Mean scores on the validation images at one iteration, and logged training values."""

    iteration: Iterations
    scores: dict[Line, Number]


class ValidationPoint(Strict):
    """Mean scores on the validation images at a point of the way from the warm start, 0 to 1."""

    coefficient: float = Field(ge=0, le=1, allow_inf_nan=False)
    scores: dict[str, Number]


class Cost(Strict):
    """What the row cost. ``device``: name, as figures compare only within one device."""

    device: Line
    seconds: Number
    iterations_per_second: Number
    peak_memory_bytes: Whole | None = None
    loss_gflops_per_step: Number | None = None
    loss_parameters: Whole | None = None
    data_wait_fraction: Number | None = None


class Environment(Strict):
    """Where it ran."""

    srbench: Line
    git_commit: Line | None
    git_dirty: bool | None
    python: Line
    platform: Line
    cpu: Line
    gpu: Line | None
    threads: Whole
    packages: dict[Line, Line]


class Manifest(Strict):
    """A data set as it was: a hash over the names and contents of its images."""

    name: Line
    role: Literal["train", "val", "test"]
    count: Whole
    sha256: Sha256


class Artifact(Strict):
    """A file that the row produced, relative to the out folder."""

    path: Line
    sha256: Sha256
    bytes: Whole


class Failure(Strict):
    """Why a row failed: the reason in one line, and the traceback."""

    kind: Line
    message: Text
    traceback: Text = ""
    term: Line | None = None
    iteration: Whole | None = None
    phase: Line | None = Field(
        None, exclude_if=_absent, description="what was being done when the device had no room"
    )


class Record(Strict):
    """One row of a suite for one seed.

    ``keys`` holds the content keys of the jobs behind it (``warm_start``, ``training``,
    ``evaluation``, ``calibration``), where there are any.
    """

    schema_version: Literal[2] = Field(2, alias="schema")
    key: Sha256
    suite: SuiteInfo
    loss: LossInfo
    seed: Seed
    content_scale: Scale
    status: Literal["finished", "failed", "collapsed"]
    error: Failure | None = None
    protocol: Line
    calibration: CalibrationInfo | None = None
    scores: dict[Line, DatasetScores] = Field(default_factory=dict)
    curve: tuple[Interpolated, ...] = Field(
        (),
        exclude_if=_absent,
        description="scores on the way from the warm start, artifact warm-start, to the generator",
    )
    validation: tuple[CurvePoint, ...] = Field((), description="curve on the held-out images")
    validation_curve: tuple[ValidationPoint, ...] = Field(
        (),
        exclude_if=_absent,
        description="the way from the warm start, 0, to the generator, 1, on the held-out images: "
        "what chooses a content scale where several were trained",
    )
    log: tuple[CurvePoint, ...] = Field((), description="logged training values, thinned")
    game: tuple[CurvePoint, ...] = Field(
        (),
        exclude_if=lambda game: not game,  # a record from before this was measured keeps its hash
        description="health of the adversarial game on held-out patches",
    )
    cost: Cost | None = None
    environment: Environment
    data: tuple[Manifest, ...] = ()
    artifacts: dict[Line, Artifact] = Field(default_factory=dict)
    keys: dict[Line, Sha256] = Field(default_factory=dict)
    metrics: dict[Line, MetricInfo] = Field(
        default_factory=dict, exclude_if=_absent, description="what readers are shown of a metric"
    )
    notes: tuple[Text, ...] = ()

    @property
    def generators(self) -> tuple[Artifact, ...]:
        """The networks that its scores come from: its own, and for a curve its warm start."""
        return tuple(self.artifacts[n] for n in ("generator", "warm-start") if n in self.artifacts)

    @model_validator(mode="after")
    def _status_fits(self) -> Record:
        if (self.status == "failed") != (self.error is not None):
            raise ValueError("exactly the failed records carry an error")
        if self.status == "finished" and not self.scores:
            raise ValueError("a finished record has scores")
        return self

    @model_validator(mode="after")
    def _curve_fits(self) -> Record:
        places = [point.coefficient for point in self.curve]
        if places != sorted(set(places)):
            raise ValueError("the points of a curve must have rising coefficients")
        if self.curve and not {"generator", "warm-start"} <= set(self.artifacts):
            raise ValueError("a curve needs the artifacts generator and warm-start")
        for point in self.curve:
            for dataset, there in point.scores.items():
                end = self.scores.get(dataset)
                if end is None or not there.is_part_of(end):
                    raise ValueError(
                        f"the point {point.coefficient:g} of the curve must be scored on the "
                        f"images and by the metrics of the row itself on {dataset!r:.80}"
                    )
        return self

    @model_validator(mode="after")
    def _metrics_fit(self) -> Record:
        for name, info in self.metrics.items():
            for scores in self.scores.values():
                found = scores.metrics.get(name)
                if found is not None and (found.version, found.lower_is_better) != (
                    info.version,
                    info.lower_is_better,
                ):
                    raise ValueError(f"metric {name!r} is not of the version that is described")
        return self
