"""What ``manifest.json`` lists beside what is there: each file, each record's images, the suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srbench.errors import SubmissionError
from srbench.records import Record, states_conditions
from srbench.verify.manifest import Manifest, SubmittedImage, parse_manifest
from srbench.verify.names import MANIFEST, SUITE
from srbench.verify.source import Source

ImageKey = tuple[str, str, str]
"""(record key, data set, image name)."""


class Listing:
    """The manifest of a strict source; a published folder has none and is held to nothing.

    Raises:
        SubmissionError: it lists other files than there are.
    """

    def __init__(self, source: Source) -> None:
        self._kinds = source.kinds
        self._manifest = parse_manifest(source.read(MANIFEST)) if source.strict else None
        self._waiting: dict[str, list[SubmittedImage]] = {}
        self._images: dict[ImageKey, str] = {}
        if self._manifest is not None:
            _check_names(self._manifest, set(source.kinds) - {MANIFEST})
            for item in self._manifest.images:
                self._waiting.setdefault(item.record, []).append(item)

    def check_record(self, record: Record) -> None:
        """Hold one record to the suite and the images that are listed.

        Raises:
            SubmissionError: it is of another suite, has no such image, or one twice.
        """
        if self._manifest is None:
            return
        found, carried = record.suite, self._manifest.suite
        if (found.name, found.version) != (carried.name, carried.version):
            raise SubmissionError(
                f"the record {record.key[:12]} is of suite {found.name!r:.80} version "
                f"{found.version}, the submission of {carried.name!r:.80} version "
                f"{carried.version}",
                "a submission holds records of one suite and version",
            )
        for item in self._waiting.pop(record.key, ()):
            scores = record.scores.get(item.dataset)
            if scores is None or item.image not in scores.images:
                raise _no_scores(item)
            key = (item.record, item.dataset, item.image)
            if key in self._images:
                raise SubmissionError(f"{MANIFEST} lists the image {item.image!r:.80} twice")
            self._images[key] = item.sha256

    def check_files(self, hashes: Mapping[str, str], suite: Mapping[str, Any]) -> None:
        """Hold the bytes of all files, and the suite among them, to what is listed.

        Raises:
            SubmissionError: one of another hash, or a file named by another hash than its own.
        """
        assert self._manifest is not None  # a published folder has no suite.json
        for file in self._manifest.files:
            if hashes[file.path] != file.sha256:
                raise SubmissionError(
                    f"{file.path} does not have the sha256 that {MANIFEST} states: it was changed "
                    "after packing",
                    "submit the file that `srbench submit` wrote, unchanged",
                )
            named_by_hash = self._kinds[file.path] in ("generator", "image")
            if named_by_hash and file.sha256 not in file.path:
                raise SubmissionError(f"{file.path} is named by another sha256 than its own")
        carried = self._manifest.suite
        if (carried.name, carried.version) != (suite["name"], suite["version"]):
            raise SubmissionError(
                f"{SUITE} is {suite['name']} version {suite['version']}, {MANIFEST} says "
                f"{carried.name!r:.80} version {carried.version}"
            )
        if not states_conditions(carried.sha256, suite):
            raise SubmissionError(
                f"{SUITE} has another hash than the {carried.sha256[:12]} that {MANIFEST} says"
            )

    def images(self) -> dict[ImageKey, str]:
        """The images of all records that were checked -> sha256.

        Raises:
            SubmissionError: one is listed whose record is not there.
        """
        for items in self._waiting.values():
            raise _no_scores(items[0])
        return self._images


def _no_scores(item: SubmittedImage) -> SubmissionError:
    return SubmissionError(
        f"{MANIFEST} lists an image {item.image!r:.80} of {item.dataset!r:.80}, for which the "
        f"record {item.record[:12]} has no scores"
    )


def _check_names(manifest: Manifest, there: set[str]) -> None:
    listed = [file.path for file in manifest.files]
    if len(set(listed)) != len(listed):
        raise SubmissionError(f"{MANIFEST} lists a file twice")
    if extra := sorted(there - set(listed)):
        raise SubmissionError(f"the submission's file {extra[0]} is not listed in {MANIFEST}")
    if missing := sorted(set(listed) - there):
        raise SubmissionError(f"{MANIFEST} lists {missing[0]!r:.120}, which is not there")
    if SUITE not in there:
        raise SubmissionError(f"expected {SUITE} in the submission, got none")
