"""What a suite may set of ``pyiqa``. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

FORMULAS: Mapping[str, int] = {
    "cw_ssim": 64,
    "fsim": 8,
    "gmsd": 8,
    "ms_ssim": 161,
    "nlpd": 32,
    "psnr": 1,
    "psnry": 1,
    "ssim": 11,
    "ssimc": 11,
    "vif": 33,
    "vsi": 8,
}
"""pyiqa's full-reference metrics that load no file, with the smallest image each takes safely."""


class PyiqaParams(BaseModel):
    """Parameters of ``pyiqa``.

    Raises:
        pydantic.ValidationError: no metric's name, or one that loads files without the opt-in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = Field("ssim", description="pyiqa's name, as pyiqa.list_models() gives it")
    allow_unsafe_weights: bool = Field(
        False,
        description="let pyiqa download files of its own and unpickle them, which can run code",
    )

    @field_validator("metric")
    @classmethod
    def _plain_name(cls, metric: str) -> str:
        if not re.fullmatch(r"[a-z0-9]+([-_+.][a-z0-9]+)*\+?", metric):
            raise ValueError("expected a name of pyiqa.list_models(), such as 'ms_ssim'")
        if metric == "mad":
            raise ValueError("expected a metric with a gradient, got 'mad', whose gradient is NaN")
        return metric

    @model_validator(mode="after")
    def _opted_in(self) -> Self:
        if self.metric not in FORMULAS and not self.allow_unsafe_weights:
            raise ValueError(
                f"expected allow_unsafe_weights = true for {self.metric!r}: pyiqa would download "
                "its files and unpickle them, which can run code on this machine"
            )
        return self

    @property
    def min_size(self) -> int:
        """Smallest side of an image in pixels; 32 where it is not known."""
        return FORMULAS.get(self.metric, 32)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of srbench that this one is, or is a variant of."""
        family = re.split(r"[-_+]", self.metric)[0]
        own = self.metric.replace("+", "-plus").replace("_", "-")
        known = {"psnry": "psnr", "ssimc": "ssim"}.get(self.metric, family)
        return tuple(dict.fromkeys((own, known))) if known in _OURS else (own,)


_OURS = ("psnr", "ssim", "lpips", "dists", "niqe")
