"""Verifies one row: what made its images, are they what is scored, and are the scores right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import Final

from srbench.errors import ImageError, MissingData, SubmissionError, SuiteError
from srbench.imaging import Image
from srbench.metrics.protocol import PROTOCOLS
from srbench.records import (
    DatasetScores,
    Interpolated,
    Record,
    RowKind,
)
from srbench.settings import Suite
from srbench.verify.contents import Contents
from srbench.verify.curve import can_recompute_curve, curve_differences, place, point_upscaler
from srbench.verify.difference import Difference
from srbench.verify.identity import (
    identity_differences,
    is_past,
    suite_of,
)
from srbench.verify.regenerate import SetsOfImages, TestImages, TestSets
from srbench.verify.result import LEAVABLE, MOST_DIFFERENCES, Left, RowFacts, RowResult, row_facts
from srbench.verify.row_images import (
    Evidence,
    RowImages,
    is_of_a_plugin,
    near_hr,
    other_pixels,
)
from srbench.verify.scores import Rescoring

NO_SCORES: Final = "a failed row has no scores"
HAS_IMAGES: Final = (
    f"{LEAVABLE['by-hash']}; its images are there and can be scored with --from-images"
)


class RowVerifier:
    """Recomputes rows of one submission, sharing test images and metrics between them.

    Args:
        contents: the submission.
        tests: the verifier's own test images.
        from_images: score submitted images of rows that have no generator here.
        device: where generators and metrics run.
        workers: images scored at the same time.
        in_part: recompute rows without the data sets that are not here, rather than not at all.
    """

    def __init__(
        self,
        contents: Contents,
        tests: TestSets,
        *,
        from_images: bool,
        device: str,
        workers: int,
        in_part: bool = False,
    ) -> None:
        self._contents = contents
        self._tests = tests
        self._from_images = from_images
        self._device = device
        self._workers = workers
        self._in_part = in_part
        self._scores = Rescoring(device=device, workers=workers)
        self._images: dict[str, dict[str, Image]] = {}
        self._with_images = {key for key, _, _ in contents.images}

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
        if record.curve and not can_recompute_curve(record, self._contents):
            return None  # of a row with a curve all is recomputed, or nothing
        if packed and not is_of_a_plugin(record):
            return "generator"
        return "images" if self._from_images and self._has_images(record) else None

    def without_scores(self, record: Record, left: Left, reason: str) -> RowResult:
        """The row's identity alone."""
        differences = tuple(islice(self._identity(record), MOST_DIFFERENCES))
        return RowResult(
            facts=self._facts(record),
            mark="differs" if differences else "not-recomputed",
            left=left,
            reason=reason,
            differences=differences,
        )

    def verify(self, record: Record) -> RowResult:
        """The row from end to end.

        Raises:
            DataError: test images that are not on this machine, unless a part of them is enough.
            WeightsError: weights of a metric that cannot be had.
        """
        evidence = self.evidence(record)
        if evidence is None:
            return self.without_scores(record, *self._why_left(record))
        if record.protocol not in PROTOCOLS or not _has_suite(record):
            why = "its protocol or suite cannot be read"
            return self.without_scores(record, "unreadable", why)
        here, absent = self._test_sets(record, suite_of(record))
        if absent and not here:
            return self.without_scores(record, "data", LEAVABLE["data"])
        found = chain(self._identity(record), self._recomputed(record, evidence, here))
        differences = tuple(islice(found, MOST_DIFFERENCES))
        whole = RowResult(
            facts=self._facts(record),
            mark="differs" if differences else "scores-verified",
            evidence=evidence,
            differences=differences,
        )
        if not absent:
            return whole
        reason = f"{', '.join(here)} recomputed; not here: {', '.join(absent)}"
        mark = whole.mark if differences else "not-recomputed"
        return replace(whole, mark=mark, left="data", reason=reason, absent=absent)

    @property
    def images(self) -> SetsOfImages:
        """Of the row that was verified last."""
        return self._images

    def recomputed(self, record: Record) -> Record:
        """The record with the scores that were found here in place of those it states.

        To be called for the row that was verified last.
        """
        return self._scores.in_place(record)

    def _test_sets(
        self, record: Record, suite: Suite
    ) -> tuple[Mapping[str, TestImages], tuple[str, ...]]:
        """The row's data sets that are here, and the names of the others."""
        here: dict[str, TestImages] = {}
        absent = []
        for name in sorted(set(record.scores) & set(suite.data.test)):  # others are named already
            try:
                here[name] = self._tests.get(name, suite.scale)
            except MissingData:
                if not self._in_part:
                    raise
                absent.append(name)
        return here, tuple(absent)

    def _facts(self, record: Record) -> RowFacts:
        return row_facts(record, self._contents.records.files[record.key].sha256)

    def _identity(self, record: Record) -> Iterator[Difference]:
        yield from identity_differences(record, self._contents.suite)
        if _has_suite(record):
            yield from curve_differences(record, suite_of(record), self._contents)

    def _why_left(self, record: Record) -> tuple[Left, str]:
        if record.status == "failed":
            return "failed", NO_SCORES
        left: Left = "by-hash"
        if is_past(record):
            left = "past"
        elif is_of_a_plugin(record):
            left = "plugin"
        elif record.curve and not can_recompute_curve(record, self._contents):
            left = "curve"
        elif self._has_images(record):
            return left, HAS_IMAGES
        return left, LEAVABLE[left]

    def _has_images(self, record: Record) -> bool:
        return record.key in self._with_images

    def _recomputed(
        self, record: Record, evidence: Evidence, here: Mapping[str, TestImages]
    ) -> Iterator[Difference]:
        suite = suite_of(record)
        self._scores.begin()
        self._images = {}
        try:
            maker = RowImages(self._contents, record, suite, evidence, self._device, self._workers)
        except SubmissionError as error:
            yield Difference(what="generator", message=error.what)
            return
        for name, tests in here.items():
            stated = record.scores[name]
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
                self._images[name] = images
                yield from self._scores.differences(record, suite, name, stated, images, tests)
        for point in record.curve:
            yield from self._point(record, suite, point, here)

    def _point(
        self, record: Record, suite: Suite, point: Interpolated, here: Mapping[str, TestImages]
    ) -> Iterator[Difference]:
        try:
            made_by = point_upscaler(self._contents, record, suite, point, self._device)
        except SubmissionError as error:
            yield Difference(what="generator", message=error.what)
            return
        for name, tests in here.items():
            if name not in point.scores:
                continue  # said of the curve itself
            stated, where = point.scores[name], place(name, point)
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
