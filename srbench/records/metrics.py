"""What a record says of a metric, so that a table needs neither the plugin nor its name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from srbench.contract import MetricSpec
from srbench.strict import Line, Strict, Whole


class AgreementInfo(Strict):
    """What is published about how far a metric agrees with people: a sentence and its source."""

    finding: Line
    source: Line
    url: Line


class MetricInfo(Strict):
    """A metric as tables and pages show it; the fields of :class:`~srbench.contract.MetricSpec`.

    ``weights``: ids of the files it reads; ``title`` is never empty.
    """

    name: Line
    version: Whole
    lower_is_better: bool
    title: Line = Field(min_length=1, max_length=80)
    digits: int = Field(4, ge=0, le=9)
    axis: Literal["distortion", "perception"] | None = None
    reference: Literal["full", "none"] = "full"
    min_size: int = Field(1, ge=1, le=1 << 20)
    block: int = Field(0, ge=0, le=1 << 20)
    min_blocks: int = Field(0, ge=0, le=1 << 20)
    diagnostic: bool = False
    weights: tuple[Line, ...] = ()
    license: Line = ""
    agreement: AgreementInfo | None = None

    @property
    def heading(self) -> str:
        """The title with the direction that is better: ``PSNR ↑``."""
        return f"{self.title} {'↓' if self.lower_is_better else '↑'}"

    def number(self, value: float | None) -> str:
        """A score in the metric's digits; a dash where there is none."""
        return "-" if value is None else f"{value:.{self.digits}f}"

    def unstable(self, height: int, width: int) -> bool:
        """Whether an image of this size has too few whole blocks for a stable score."""
        return self.block > 0 and (height // self.block) * (width // self.block) < self.min_blocks


def metric_info(spec: MetricSpec) -> MetricInfo:
    """What a record keeps of a spec."""
    known = spec.agreement
    return MetricInfo(
        name=spec.name,
        version=spec.version,
        lower_is_better=spec.lower_is_better,
        title=spec.title or spec.name,
        digits=spec.digits,
        axis=spec.axis,
        reference=spec.reference,
        min_size=spec.min_size,
        block=spec.block,
        min_blocks=spec.min_blocks,
        diagnostic=spec.diagnostic,
        weights=tuple(file.id for file in spec.weights),
        license=spec.license,
        agreement=known
        and AgreementInfo(finding=known.finding, source=known.source, url=known.url),
    )
