"""Training jobs: data that a worker process can be started from, and their content keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

JobKind = Literal["warm-start", "calibration", "adversarial", "scoring"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One stage for one (suite, label, content scale, seed).

    Attributes:
        key: content key; equal keys are the same work.
        label: of the row, for people to read; not part of the key.
        request: everything that the worker needs, as JSON data.
        needs: keys of jobs that must have finished before.
    """

    key: str
    kind: JobKind
    label: str
    seed: int
    content_scale: float
    request: Mapping[str, Any]
    needs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """For progress displays: ``vgg16-conv5_3 seed 1``."""
        if self.kind == "scoring":
            return "scoring"
        scale = "" if self.content_scale == 1 else f" x{self.content_scale:g}"
        stage = "" if self.kind == "adversarial" else f" ({self.kind})"
        return f"{self.label}{scale} seed {self.seed}{stage}"

    def document(self) -> dict[str, Any]:
        """The job as JSON data; :func:`job_from_document` reads it back."""
        return {
            "key": self.key,
            "kind": self.kind,
            "label": self.label,
            "seed": self.seed,
            "content_scale": self.content_scale,
            "request": dict(self.request),
            "needs": list(self.needs),
        }


def job_from_document(document: Mapping[str, Any]) -> Job:
    """Inverse of :meth:`Job.document`."""
    return Job(**{**document, "needs": tuple(document["needs"])})
