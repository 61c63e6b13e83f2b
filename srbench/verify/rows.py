"""Verifies one row: what made its images, are they what is scored, and are the scores right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from srbench.errors import ImageError, SubmissionError, SuiteError
from srbench.metrics.protocol import PROTOCOLS
from srbench.records import (
    DatasetScores,
    Interpolated,
    Record,
    RowKind,
    record_sha256,
)
from srbench.settings import Suite
from srbench.verify.contents import Contents
from srbench.verify.curve import curve_differences, place, point_upscaler, why_no_curve
from srbench.verify.difference import Difference
from srbench.verify.identity import (
    identity_differences,
    is_past,
    stated_versions,
    suite_of,
)
from srbench.verify.regenerate import TestImages, TestSets
from srbench.verify.row_images import (
    OF_A_PLUGIN,
    Evidence,
    RowImages,
    is_of_a_plugin,
    near_hr,
    other_pixels,
)
from srbench.verify.scores import Rescoring

Mark = Literal["scores-verified", "differs", "not-recomputed"]

NO_SCORES: Final = "a failed row has no scores"
BY_HASH: Final = "its generator is known by hash only"
NO_HASHES: Final = (
    "its protocol keeps no hashes of images, which differed between processors: its scores stand "
    "as they were stated"
)
HAS_IMAGES: Final = f"{BY_HASH}; its images are there and can be scored with --from-images"


@dataclass(frozen=True, kw_only=True, slots=True)
class RowResult:
    """What was found about one record.

    Attributes:
        mark: the outcome.
        evidence: what the scored images came from; ``None`` where nothing was recomputed.
        reason: why nothing was recomputed.
        differences: everything that is otherwise than stated.
        notes: what a reader should know and that is no difference.
    """

    record: Record
    mark: Mark
    evidence: Evidence | None = None
    reason: str | None = None
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON data; the entry of ``verification.json``."""
        record = self.record
        return {
            "mark": self.mark,
            "reproduced": False,
            "evidence": self.evidence,
            "reason": self.reason,
            "differences": [difference.document() for difference in self.differences],
            "notes": list(self.notes),
            "suite": record.suite.name,
            "suite_version": record.suite.version,
            "label": record.loss.label,
            "seed": record.seed,
            "content_scale": record.content_scale,
            "protocol": record.protocol,
            "record_sha256": record_sha256(record),
            "stated_versions": stated_versions(record),
        }


class RowVerifier:
    """Recomputes rows of one submission, sharing test images and metrics between them.

    Args:
        contents: the submission.
        tests: the verifier's own test images.
        from_images: score submitted images of rows that have no generator here.
        device: where generators and metrics run.
        workers: images scored at the same time.
    """

    def __init__(
        self, contents: Contents, tests: TestSets, *, from_images: bool, device: str, workers: int
    ) -> None:
        self._contents = contents
        self._tests = tests
        self._from_images = from_images
        self._device = device
        self._workers = workers
        self._scores = Rescoring(device=device, workers=workers)

    def evidence(self, record: Record) -> Evidence | None:
        """What the row's images can be had from here."""
        kind = record.loss.kind
        if record.status == "failed" or is_past(record):
            return None
        if kind is RowKind.BICUBIC:
            return "bicubic"
        if kind is RowKind.HR:
            return "hr"
        artifact = record.artifacts.get("generator")
        packed = artifact is not None and artifact.sha256 in self._contents.generators
        if record.curve and why_no_curve(record, self._contents) is not None:
            return None  # of a row with a curve all is recomputed, or nothing
        if packed and not is_of_a_plugin(record):
            return "generator"
        return "images" if self._from_images and self._has_images(record) else None

    def without_scores(self, record: Record, reason: str | None = None) -> RowResult:
        """The row's identity alone."""
        differences = tuple(self._identity(record))
        why = reason or self._reason(record)
        mark: Mark = "differs" if differences else "not-recomputed"
        return RowResult(record=record, mark=mark, reason=why, differences=differences)

    def verify(self, record: Record) -> RowResult:
        """The row from end to end.

        Raises:
            DataError: test images that are not on this machine.
            WeightsError: weights of a metric that cannot be had.
        """
        evidence = self.evidence(record)
        if evidence is None:
            return self.without_scores(record)
        if record.protocol not in PROTOCOLS or not _has_suite(record):
            return self.without_scores(record, "its protocol or suite cannot be read")
        differences = (
            *self._identity(record),
            *self._recomputed(record, evidence),
        )
        return RowResult(
            record=record,
            mark="differs" if differences else "scores-verified",
            evidence=evidence,
            differences=differences,
        )

    def _identity(self, record: Record) -> Iterator[Difference]:
        yield from identity_differences(record, self._contents.suite)
        if _has_suite(record):
            yield from curve_differences(record, suite_of(record), self._contents)

    def _reason(self, record: Record) -> str:
        if record.status == "failed":
            return NO_SCORES
        if is_past(record):
            return NO_HASHES
        if is_of_a_plugin(record):
            return OF_A_PLUGIN
        if record.curve and (why := why_no_curve(record, self._contents)) is not None:
            return why
        return HAS_IMAGES if self._has_images(record) else BY_HASH

    def _has_images(self, record: Record) -> bool:
        return any(key == record.key for key, _, _ in self._contents.images)

    def _recomputed(self, record: Record, evidence: Evidence) -> Iterator[Difference]:
        suite = suite_of(record)
        try:
            maker = RowImages(self._contents, record, suite, evidence, self._device, self._workers)
        except SubmissionError as error:
            yield Difference(what="generator", message=error.what)
            return
        for name in sorted(set(record.scores) & set(suite.data.test)):  # others are named already
            stated = record.scores[name]
            tests = self._tests.get(name, suite.scale)
            unlike = list(_data_differences(record, name, stated, tests))
            yield from unlike
            if unlike:
                continue
            try:
                images, findings = maker.of(name, tests)
            except (ImageError, SubmissionError) as error:
                yield Difference(what="image", dataset=name, message=error.what)
                continue
            yield from findings
            if not findings:  # scores of other images tell nothing
                yield from self._scores.differences(record, suite, name, stated, images, tests)
        for point in record.curve:
            yield from self._point(record, suite, point)

    def _point(self, record: Record, suite: Suite, point: Interpolated) -> Iterator[Difference]:
        try:
            made_by = point_upscaler(self._contents, record, suite, point, self._device)
        except SubmissionError as error:
            yield Difference(what="generator", message=error.what)
            return
        for name, stated in sorted(point.scores.items()):
            tests, where = self._tests.get(name, suite.scale), place(name, point)
            if set(stated.images) != set(tests.hr):
                continue  # said of the row itself
            try:
                images = tests.made_by(made_by, self._workers if self._device == "cpu" else 1)
            except ImageError as error:
                yield Difference(what="image", dataset=where, message=error.what)
                continue
            findings = [*near_hr(where, images, tests), *other_pixels(where, stated, images)]
            yield from findings
            if not findings:
                yield from self._scores.differences(record, suite, where, stated, images, tests)


def _has_suite(record: Record) -> bool:
    try:
        suite_of(record)
    except SuiteError:
        return False
    return True


def _data_differences(
    record: Record, name: str, stated: DatasetScores, tests: TestImages
) -> Iterator[Difference]:
    """Whether the record's test images are the verifier's. Names first: hashing may take long."""
    dataset = tests.dataset
    if set(stated.images) != set(dataset.names):
        message = f"{name!r:.80}: the record scores other images than the {len(dataset)} here"
        yield Difference(what="data", dataset=name, message=message)
        return
    here = dataset.manifest().sha256
    manifests = {m.sha256 for m in record.data if m.role == "test" and m.name == name}
    for said in {stated.manifest_sha256, *manifests} - {here}:
        message = (
            f"{name!r:.80}: the record states test images with the hash {said[:12]}, those here "
            f"have {here[:12]}"
        )
        yield Difference(what="data", dataset=name, message=message)
        return
    for image, size in stated.sizes.items():
        if size != tests.hr[image].shape[:2]:
            message = f"{image!r:.80} of {name!r:.80}: the record states another size, {size}"
            yield Difference(what="data", dataset=name, image=image, message=message)
