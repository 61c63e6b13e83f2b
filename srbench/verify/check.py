"""``srbench verify``: a submission from a stranger, or the published folder, recomputed."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from srbench.errors import UserError
from srbench.records import Record
from srbench.verify.contents import Contents, read_contents
from srbench.verify.difference import Difference
from srbench.verify.limits import DEFAULT_LIMITS, Limits
from srbench.verify.opinions import check_opinions
from srbench.verify.regenerate import SetsOfImages, TestSets
from srbench.verify.replicates import NOT_COMPARED, Compared, compare_seeds
from srbench.verify.result import Left, RowResult, Verification
from srbench.verify.rows import RowVerifier
from srbench.verify.source import open_source

NOT_SAMPLED: Final = "not in the sample"
KNOWN: Final = "verified before"

Finding = Callable[[Record], Iterable[Difference]]
"""What else is wrong with a record: beside a published table, for example."""

Taker = Callable[[Record, Contents, SetsOfImages], None]
"""Given each record that verifies, with the scores that were found here, and its images."""

Listener = Callable[[RowResult], None]
"""Told of each row when it is done."""

Progress = Callable[[int, int], None]
"""Told how many rows are done, and of how many."""


def verify_submission(
    path: Path,
    *,
    sample: int | None = None,
    sample_seed: str | None = None,
    leave: Collection[Left] = (),
    known: Mapping[str, str] | None = None,
    from_images: bool = False,
    data: Mapping[str, Path] | None = None,
    device: str = "cpu",
    workers: int = 1,
    limits: Limits = DEFAULT_LIMITS,
    also: Finding = lambda record: (),
    recomputed: Taker | None = None,
    listener: Listener = lambda row: None,
    progress: Progress = lambda done, total: None,
) -> Verification:
    """Check a submission and recompute its scores on this machine's own test images.

    No plugin is discovered or imported, nothing is unpacked to disk, and no byte of the submission
    is run.

    Args:
        path: an archive of ``srbench submit``, that archive unpacked, or a published folder.
        sample: recompute that many rows, drawn by ``sample_seed``; default all.
        sample_seed: default: at random, so that nobody who submits can choose the rows.
        leave: reasons for which rows may stay without recomputation and all be verified still.
        known: key of a record -> SHA-256 of its bytes, of rows that were verified before: they are
            held to their identity, and not recomputed.
        from_images: score submitted images of rows whose generator is not there.
        data: data set name -> folder of this machine's copy, for those not found by name.
        device, workers: ``cpu`` or ``cuda``; images scored at the same time.
        limits: bounds on the submission's size.
        also, recomputed, listener, progress: see their types.

    Raises:
        SubmissionError: hostile, damaged, or no submission.
        DataError: test images that are not on this machine.
        UserError: a sample of no rows.
    """
    if sample is not None and sample < 1:
        raise UserError(f"expected a sample of 1 or more rows, got {sample}")
    drawn_by = None if sample is None else sample_seed or secrets.token_hex(8)
    with open_source(path, limits) as source:
        contents = read_contents(source, limits)
        verifier = RowVerifier(
            contents,
            TestSets(data or {}),
            from_images=from_images,
            device=device,
            workers=workers,
            in_part="data" in leave,
        )
        files = contents.records.files
        passed = {
            key for key, sha in (known or {}).items() if key in files and files[key].sha256 == sha
        }
        left = set() if drawn_by is None else _left_out(contents, verifier, sample, drawn_by)
        seeds = compare_seeds(contents)
        rows = []
        for done, record in enumerate(contents.records.values(), start=1):
            if record.key in passed:
                row = verifier.without_scores(record, "known", KNOWN)
            elif record.key in left:
                row = verifier.without_scores(record, "sample", NOT_SAMPLED)
            else:
                row = verifier.verify(record)
            row = _with(row, seeds.get(record.key, NOT_COMPARED), also(record))
            rows.append(row)
            listener(row)
            if recomputed is not None and row.mark == "scores-verified":
                recomputed(verifier.recomputed(record), contents, verifier.images)
            progress(done, len(contents.records))
        return Verification(
            rows=_with_shared_generators(rows),
            digest=contents.digest,
            sample_seed=drawn_by,
            leave=frozenset(leave),
            opinions=check_opinions(contents),
        )


def _with(row: RowResult, seeds: Compared, also: Iterable[Difference]) -> RowResult:
    more = (*also, *seeds.differences)
    row = replace(row, distances=seeds.distances)
    return replace(row, mark="differs", differences=(*row.differences, *more)) if more else row


def _left_out(
    contents: Contents, verifier: RowVerifier, sample: int | None, drawn_by: str
) -> set[str]:
    """Keys of the rows that could be recomputed and are not in the sample.

    It is drawn by what a row is and not by its bytes, which can be ground.
    """
    able = [key for key, r in contents.records.items() if verifier.evidence(r) is not None]

    def rank(key: str) -> bytes:
        return hashlib.sha256(f"srbench-verify-sample-v2:{drawn_by}:{key}".encode()).digest()

    return set(sorted(able, key=rank)[sample:])


def _with_shared_generators(rows: Sequence[RowResult]) -> tuple[RowResult, ...]:
    """Notes where two labels have one generator: possible, and for a reader to know."""
    labels: dict[str, set[str]] = {}
    for row in rows:
        if row.facts.generator is not None:
            labels.setdefault(row.facts.generator, set()).add(row.facts.label)

    def noted(row: RowResult) -> RowResult:
        others = sorted(labels.get(row.facts.generator or "", set()) - {row.facts.label})
        if not others:
            return row
        note = f"the same generator as {', '.join(f'{label!r:.80}' for label in others[:5])}"
        return replace(row, notes=(*row.notes, note))

    return tuple(noted(row) for row in rows)
