"""``srbench verify``: a submission from a stranger, or the published folder, recomputed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from srbench import __version__
from srbench.errors import UserError
from srbench.records import Record, record_sha256
from srbench.verify.contents import Contents, read_contents
from srbench.verify.difference import TOLERANCES
from srbench.verify.limits import DEFAULT_LIMITS, Limits
from srbench.verify.opinions import OpinionsResult, check_opinions
from srbench.verify.regenerate import TestSets
from srbench.verify.rows import RowResult, RowVerifier
from srbench.verify.source import open_source

NOT_SAMPLED: Final = "not in the sample"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """All rows of a submission.

    Attributes:
        rows: one result per record, in the order of their keys.
        digest: hash over all records.
        opinions: of people on these rows, in a published folder.
    """

    rows: tuple[RowResult, ...]
    digest: str
    opinions: tuple[OpinionsResult, ...] = ()

    @property
    def recomputed(self) -> int:
        """How many rows were recomputed."""
        return sum(row.evidence is not None for row in self.rows)

    @property
    def verified(self) -> bool:
        """No difference anywhere, and at least one row recomputed. Opinions only can differ."""
        marks = {row.mark for row in self.rows} | {found.mark for found in self.opinions}
        return self.recomputed > 0 and "differs" not in marks

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        marks = Counter(row.mark for row in self.rows)
        return {
            "verified": self.verified,
            "srbench": __version__,
            "digest": self.digest,
            "tolerances": dict(TOLERANCES),
            "marks": dict(sorted(marks.items())),
            "rows": {row.record.key: row.document() for row in self.rows},
            "opinions": {found.study: found.document() for found in self.opinions},
        }


def verify_submission(
    path: Path,
    *,
    sample: int | None = None,
    from_images: bool = False,
    data: Mapping[str, Path] | None = None,
    device: str = "cpu",
    workers: int = 1,
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verification:
    """Check a submission and recompute its scores on this machine's own test images.

    No plugin is discovered or imported, nothing is unpacked to disk, and no byte of the submission
    is run.

    Args:
        path: an archive of ``srbench submit``, that archive unpacked, or a published folder.
        sample: recompute that many rows, drawn by the hash of all records; default all.
        from_images: score submitted images of rows whose generator is not there.
        data: data set name -> folder of this machine's copy, for those not found by name.
        device: ``cpu`` or ``cuda``.
        workers: images scored at the same time.
        limits: bounds on the submission's size.
        progress: told after each row.

    Raises:
        SubmissionError: hostile, damaged, or no submission.
        DataError: test images that are not on this machine.
        UserError: a sample of no rows.
    """
    if sample is not None and sample < 1:
        raise UserError(f"expected a sample of 1 or more rows, got {sample}")
    with open_source(path, limits) as source:
        contents = read_contents(source, limits)
        tests = TestSets(data or {})
        verifier = RowVerifier(
            contents, tests, from_images=from_images, device=device, workers=workers
        )
        chosen = _sampled(contents, verifier, sample)
        rows = []
        for done, record in enumerate(contents.records.values(), start=1):
            if verifier.evidence(record) is None or record.key in chosen:
                rows.append(verifier.verify(record))
            else:
                rows.append(verifier.without_scores(record, NOT_SAMPLED))
            progress(done, len(contents.records))
        opinions = check_opinions(contents)
    return Verification(
        rows=_with_shared_generators(rows), digest=contents.digest, opinions=opinions
    )


def _sampled(contents: Contents, verifier: RowVerifier, sample: int | None) -> set[str]:
    """Keys of the rows to recompute. No one can choose them: they depend on all records' bytes."""
    able = [r for r in contents.records.values() if verifier.evidence(r) is not None]

    def rank(record: Record) -> bytes:
        text = f"srbench-verify-sample-v1:{contents.digest}:{record_sha256(record)}"
        return hashlib.sha256(text.encode()).digest()

    return {record.key for record in sorted(able, key=rank)[:sample]}


def _with_shared_generators(rows: Sequence[RowResult]) -> tuple[RowResult, ...]:
    """Notes where two labels have one generator: possible, and for a reader to know."""
    labels: dict[str, set[str]] = {}
    for row in rows:
        if "generator" in row.record.artifacts:
            sha256 = row.record.artifacts["generator"].sha256
            labels.setdefault(sha256, set()).add(row.record.loss.label)

    def noted(row: RowResult) -> RowResult:
        artifact = row.record.artifacts.get("generator")
        others = sorted(labels[artifact.sha256] - {row.record.loss.label}) if artifact else []
        if not others:
            return row
        note = f"the same generator as {', '.join(f'{label!r:.80}' for label in others[:5])}"
        return replace(row, notes=(*row.notes, note))

    return tuple(noted(row) for row in rows)
