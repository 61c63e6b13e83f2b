"""What a plugin declares of an image-quality metric: all that a table or a page says of it too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from srbench.contract.specs import API_VERSION, BuildContext, check_name
from srbench.contract.weightfile import WeightFile
from srbench.errors import ContractError

if TYPE_CHECKING:
    import torch

Axis = Literal["distortion", "perception"]
"""Of the perception-distortion plane (Blau and Michaeli, CVPR 2018)."""

BuildMetric = Callable[
    [BuildContext], "Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]"
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """A published finding on how far something stands in for human opinion.

    Attributes:
        finding: one sentence.
        source: authors, title, venue and year.
        url: http(s) address of the source.
    """

    finding: str
    source: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSpec:
    """One image-quality metric. Its record carries what readers are shown of it.

    Attributes:
        name: kebab-case, unique.
        version: raised whenever values change.
        lower_is_better: direction.
        reference: ``full`` compares with HR; ``none`` looks at SR alone.
        build: ``(ctx) -> callable(sr, hr) -> (N,)``; RGB float32 [0, 1] ``(N, 3, H, W)``, one
            score per image; ``hr`` is ``None`` for ``reference == "none"``.
        weights: every file that ``build`` asks the context for. A loss that reads one of them is
            flagged beside its score by this metric, as sharing its network.
        license: code and weights.
        paper: URL or citation.
        summary: one line.
        title: as tables and axes write it; the name where left out.
        digits: decimals that tables print; files carry eight significant digits.
        axis: of the perception-distortion plane; in none where left out.
        tolerance: largest difference of one image's score between two machines.
        least, most: what no score can be beyond.
        min_size: smallest side in pixels that it can score.
        block: side of the blocks, in pixels, over which it fits statistics; 0 for none.
        min_blocks: whole blocks below which an image's score is unstable; data sets with such
            an image are not ranked by it.
        diagnostic: shown for what it tells of the images, but ranks nothing.
        agreement: what is published about how far it agrees with people.
    """

    name: str
    version: int
    lower_is_better: bool
    reference: Literal["full", "none"]
    build: BuildMetric
    license: str
    api_version: int = API_VERSION
    weights: tuple[WeightFile, ...] = ()
    paper: str = ""
    summary: str = ""
    title: str = ""
    digits: int = 4
    axis: Axis | None = None
    tolerance: float = 1e-4
    least: float = float("-inf")
    most: float = float("inf")
    min_size: int = 1
    block: int = 0
    min_blocks: int = 0
    diagnostic: bool = False
    agreement: Agreement | None = None

    def __post_init__(self) -> None:
        check_name("metric", self.name)
        if self.reference not in ("full", "none"):
            raise ContractError(
                f"metric {self.name!r}: expected reference 'full' or 'none', got {self.reference!r}"
            )
        if self.axis not in (None, *get_args(Axis)):
            raise ContractError(
                f"metric {self.name!r}: expected axis 'distortion', 'perception' or None, got "
                f"{self.axis!r}"
            )
        if not 0 <= self.digits <= 9:
            raise ContractError(
                f"metric {self.name!r}: expected 0 to 9 digits, got {self.digits!r}"
            )
