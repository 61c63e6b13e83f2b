"""The images of one row: made anew from what its evidence is, or read from those submitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from srbench.errors import SubmissionError, SuiteError
from srbench.imaging import Image, pixels_sha256
from srbench.models.files import TrainedGenerator
from srbench.models.images import published
from srbench.records import DatasetScores, Record
from srbench.settings import Suite
from srbench.verify.contents import Contents
from srbench.verify.difference import Difference
from srbench.verify.identity import suite_of
from srbench.verify.images import explain_other, is_near_hr, read_submitted
from srbench.verify.regenerate import TestImages
from srbench.verify.tensors import host_generator, load_checked

Evidence = Literal["generator", "bicubic", "hr", "images"]


def is_of_a_plugin(record: Record) -> bool:
    """Whether the row's generator is none of the host's own."""
    try:
        return host_generator(suite_of(record)) is None
    except SuiteError:
        return False


def submitted_generator(
    contents: Contents, record: Record, suite: Suite, artifact: str
) -> TrainedGenerator:
    """One of the row's generators, which is there.

    Raises:
        SubmissionError: its file is not what it must be.
    """
    generator = host_generator(suite)
    assert generator is not None  # a plugin's is no evidence
    data = contents.read(contents.generators[record.artifacts[artifact].sha256])
    return TrainedGenerator(network=load_checked(data, generator), generator=generator)


class RowImages:
    """Makes the images of one row, or reads those submitted.

    Raises:
        SubmissionError: its generator's file is not what it must be.
    """

    def __init__(
        self,
        contents: Contents,
        record: Record,
        suite: Suite,
        evidence: Evidence,
        device: str,
        workers: int,
    ) -> None:
        self._contents = contents
        self._record = record
        self._evidence = evidence
        self._workers = workers if device == "cpu" else 1
        if evidence == "generator":
            trained = submitted_generator(contents, record, suite, "generator")
            self._upscale = published(trained, device=device)

    def of(self, dataset: str, tests: TestImages) -> tuple[dict[str, Image], list[Difference]]:
        """SR by image name, and what is wrong with it apart from its scores."""
        if self._evidence == "images":
            made = {name: self._submitted(dataset, name, tests) for name in tests.hr}
            findings = []
        else:
            made = self._made(tests)
            findings = list(self._unlike(dataset, made, tests))
        if self._evidence in ("images", "generator"):
            findings += near_hr(dataset, made, tests)
        return made, [*findings, *other_pixels(dataset, self._record.scores[dataset], made)]

    def _made(self, tests: TestImages) -> dict[str, Image]:
        if self._evidence == "bicubic":
            return tests.bicubic
        if self._evidence == "hr":
            return tests.hr
        return tests.made_by(self._upscale, self._workers)

    def _submitted(self, dataset: str, image: str, tests: TestImages) -> Image:
        sha256 = self._contents.images.get((self._record.key, dataset, image))
        if sha256 is None:
            raise SubmissionError(f"the image {image!r:.80} of {dataset!r:.80} was not submitted")
        name = f"images/{sha256}.png"
        height, width = tests.hr[image].shape[:2]
        return read_submitted(name, self._contents.read(name), (height, width))

    def _unlike(
        self, dataset: str, made: dict[str, Image], tests: TestImages
    ) -> Iterator[Difference]:
        for image, sr in made.items():
            if (self._record.key, dataset, image) not in self._contents.images:
                continue
            try:
                why = explain_other(self._submitted(dataset, image, tests), sr, tests.hr[image])
            except SubmissionError as error:
                why = error.what
            if why is not None:
                message = f"the submitted image {image!r:.80} of {dataset!r:.80}: {why}"
                yield Difference(what="image", dataset=dataset, image=image, message=message)


def other_pixels(
    dataset: str, scores: DatasetScores, made: dict[str, Image]
) -> Iterator[Difference]:
    """Images that are not those whose hashes ``scores`` states."""
    stated = scores.pixels_sha256
    other = [name for name, image in made.items() if stated.get(name) != pixels_sha256(image)]
    if other:
        message = (
            f"{len(other)} of {len(made)} images of {dataset!r:.80} are not those whose hashes the "
            f"record states: {', '.join(f'{name!r:.80}' for name in other[:3])}"
        )
        yield Difference(what="image", dataset=dataset, image=other[0], message=message)


def near_hr(dataset: str, made: dict[str, Image], tests: TestImages) -> Iterator[Difference]:
    """Images that no super-resolution makes."""
    for image, sr in made.items():
        if is_near_hr(sr, tests.hr[image], tests.bicubic[image]):
            message = (
                f"the image {image!r:.80} of {dataset!r:.80} is the HR image, or nearer to it than "
                "super-resolution comes"
            )
            yield Difference(what="image", dataset=dataset, image=image, message=message)
