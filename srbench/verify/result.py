"""What a verification found: a row's outcome, and that of all rows of a submission."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final, Literal

from srbench import __version__
from srbench.records import Record
from srbench.verify.difference import TOLERANCES, Difference
from srbench.verify.identity import stated_versions
from srbench.verify.opinions import OpinionsResult
from srbench.verify.row_images import Evidence

Mark = Literal["scores-verified", "differs", "not-recomputed"]
Left = Literal[
    "past", "by-hash", "plugin", "curve", "data", "sample", "known", "failed", "unreadable"
]
"""Why a row was not recomputed, or not as a whole."""

LEAVABLE: Final[Mapping[Left, str]] = {
    "past": "its protocol keeps no hashes of images, which differed between processors: its "
    "scores stand as they were stated",
    "by-hash": "its generator is known by hash only",
    "plugin": "its generator comes from a plugin, whose code is never run here; "
    "images that were submitted can be scored with --from-images",
    "curve": "its curve can be recomputed from the files of its generator and of the warm-start "
    "row of its seed alone, and one of them is not here",
    "data": "none of its test images are here",
}
"""What a caller may leave without recomputation, and what is said of it."""
MOST_DIFFERENCES: Final = 1000
"""That are kept of one row."""


@functools.cache
def published_past() -> frozenset[str]:
    """Hashes of the records that srbench published under protocols without hashes of images."""
    return frozenset(files("srbench.verify").joinpath("past.txt").read_text("ascii").split())


@dataclass(frozen=True, kw_only=True, slots=True)
class RowFacts:
    """What a report needs of a record once the record itself is out of memory."""

    key: str
    suite: str
    suite_version: int
    label: str
    seed: int
    content_scale: float
    protocol: str
    record_sha256: str
    stated_versions: Mapping[str, Any]
    generator: str | None = None


def row_facts(record: Record, sha256: str) -> RowFacts:
    """The facts of one record, whose hash is ``sha256``."""
    generator = record.artifacts.get("generator")
    return RowFacts(
        key=record.key,
        suite=record.suite.name,
        suite_version=record.suite.version,
        label=record.loss.label,
        seed=record.seed,
        content_scale=record.content_scale,
        protocol=record.protocol,
        record_sha256=sha256,
        stated_versions=stated_versions(record),
        generator=None if generator is None else generator.sha256,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RowResult:
    """What was found about one record.

    Attributes:
        mark: the outcome.
        evidence: what the scored images came from; ``None`` where nothing was recomputed.
        left, reason: why nothing was recomputed, or not all.
        absent: data sets that are not here; on the others everything was recomputed.
        differences: everything that is otherwise than stated.
        notes: what a reader should know and that is no difference.
        distances: seed -> relative distance of its generator from that seed's warm start.
    """

    facts: RowFacts
    mark: Mark
    evidence: Evidence | None = None
    left: Left | None = None
    reason: str | None = None
    absent: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    distances: Mapping[int, float] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As JSON data; the entry of ``verification.json``."""
        facts = self.facts
        document = {
            "mark": self.mark,
            "reproduced": False,
            "evidence": None if self.mark == "not-recomputed" else self.evidence,
            "reason": self.reason,
            "differences": [difference.document() for difference in self.differences],
            "notes": list(self.notes),
            "suite": facts.suite,
            "suite_version": facts.suite_version,
            "label": facts.label,
            "seed": facts.seed,
            "content_scale": facts.content_scale,
            "protocol": facts.protocol,
            "record_sha256": facts.record_sha256,
            "stated_versions": facts.stated_versions,
        }
        if self.distances:
            distances = {str(seed): float(f"{d:.3g}") for seed, d in self.distances.items()}
            document["distances"] = distances
        return document


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """All rows of a submission.

    Attributes:
        rows: one result per record, in the order of their keys.
        digest: hash over all records.
        sample_seed: what the sample was drawn by; ``None`` where all rows were asked for.
        opinions: of people on these rows, in a published folder.
        leave: reasons for which the caller lets rows be without recomputation.
    """

    rows: tuple[RowResult, ...]
    digest: str
    sample_seed: str | None = None
    leave: frozenset[Left] = frozenset()
    opinions: tuple[OpinionsResult, ...] = ()

    @property
    def recomputed(self) -> int:
        """How many rows were recomputed, on all test images that are here."""
        return sum(row.evidence is not None for row in self.rows)

    @property
    def absent(self) -> tuple[str, ...]:
        """Data sets without which rows were recomputed, because they are not here."""
        return tuple(sorted({name for row in self.rows for name in row.absent}))

    @property
    def known(self) -> int:
        """How many rows had been verified before."""
        return sum(row.left == "known" for row in self.rows)

    @property
    def unasked(self) -> tuple[RowResult, ...]:
        """Rows that were not recomputed though the caller did not ask for less.

        Not those of ``past.txt``: they were published before images had hashes.
        """
        allowed = {None, "sample", "known", "failed", *self.leave}  # a failed row has no scores
        return tuple(
            row
            for row in self.rows
            if row.left not in allowed
            and not (row.left == "past" and row.facts.record_sha256 in published_past())
        )

    @property
    def verified(self) -> bool:
        """No difference anywhere, and all rows recomputed that were asked for, now or before.

        At least one. Opinions can only differ.
        """
        marks = {row.mark for row in self.rows} | {found.mark for found in self.opinions}
        return "differs" not in marks and self.recomputed + self.known > 0 and not self.unasked

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        marks = Counter(row.mark for row in self.rows)
        return {
            "verified": self.verified,
            "srbench": __version__,
            "digest": self.digest,
            "sample_seed": self.sample_seed,
            "tolerances": dict(TOLERANCES),
            "marks": dict(sorted(marks.items())),
            "rows": {row.facts.key: row.document() for row in self.rows},
            "opinions": {found.study: found.document() for found in self.opinions},
        }
