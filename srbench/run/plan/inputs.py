"""What a plan rests on: data sets with their manifests, and the identity of pretrained weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from srbench.contract import WeightFile
from srbench.errors import DataError, SrbenchError, WeightsError
from srbench.imaging import plain_name
from srbench.records.starts import FILE, STARTS, Start
from srbench.settings import Data, Suite, WarmStart
from srbench.weights.cache import CacheEntry

if TYPE_CHECKING:
    from srbench.data import Dataset

Sizes = Mapping[Path, tuple[int, int]]
"""Height and width of each file, pixels."""

MAX_STARTS = 1 << 20
"""Bytes of a list of published starts."""

UNKNOWN = "unknown"
"""Stands in a dry run for the hash of an input that is not on this machine."""


@dataclass(slots=True)
class Inputs:
    """Hashes of all inputs, and what is missing.

    Attributes:
        train: manifest hash of the training images without the held-out ones.
        val: of the held-out ones, ``None`` where there are none.
        places: role -> where the images of ``train`` and ``val`` are prepared, see
            :func:`srbench.data.place_of`.
        decoded_bytes: of the training images' pixels.
        train_set: the training images themselves, the held-out ones among them.
        test_sets: test set name -> the set itself.
        test: test set name -> manifest hash.
        counts: role or test set -> number of images.
        smallest: test set, or ``val`` -> smallest side of its images once they are cropped to a
            multiple of the scale, in pixels, and that image's name.
        weights: definition of weights -> ``tensors_sha256``. By definition, not by id: strangers'
            plugins may use one id for different files.
        problems: what is missing, one line each; a run refuses to start on any.
        unscorable: (test set, metric) -> why it cannot be scored; the others are.
        leaks: test set -> names of its images that are among the training images.
        warnings: what is no mistake for certain, but is said before training.
    """

    train: str = UNKNOWN
    val: str | None = None
    places: dict[str, str] = field(default_factory=dict)
    decoded_bytes: int = 0
    train_set: Dataset | None = None
    test_sets: dict[str, Dataset] = field(default_factory=dict)
    test: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    smallest: dict[str, tuple[int, str]] = field(default_factory=dict)
    weights: dict[WeightFile, str] = field(default_factory=dict)
    problems: list[SrbenchError] = field(default_factory=list)
    unscorable: dict[tuple[str, str], str] = field(default_factory=dict)
    leaks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def scored_by(self, metric: str) -> bool:
        """Whether the metric can score any of the test sets."""
        return any((name, metric) not in self.unscorable for name in self.test)


def gather_images(data: Data, scale: int) -> Inputs:
    """Look all images up, before any training.

    Args:
        data: the suite's data section.
        scale: of the suite.
    """
    inputs = Inputs()
    _gather_training_data(data, scale, inputs)
    _gather_test_data(data, scale, inputs)
    return inputs


def _gather_training_data(data: Data, scale: int, inputs: Inputs) -> None:
    from srbench.data import find_dataset, place_of, split_validation

    try:
        found = find_dataset(data.train, count=data.train_count, seed=data.subset_seed)
        sizes = _checked_sizes(found, at_least=data.patch_size)
        train, val = split_validation(found, data.val)
    except DataError as error:
        inputs.problems.append(error)
        return
    inputs.train_set = found
    inputs.train = train.manifest().sha256
    inputs.counts["train"] = len(train)
    inputs.places["train"] = place_of(train, data.store)
    inputs.decoded_bytes = sum(3 * sizes[file][0] * sizes[file][1] for file in train.files)
    if data.val:
        inputs.val = val.manifest().sha256
        inputs.counts["val"] = len(val)
        inputs.places["val"] = place_of(val, data.store)
        _note_smallest("val", val, sizes, scale, inputs)


def _gather_test_data(data: Data, scale: int, inputs: Inputs) -> None:
    from srbench.data import find_dataset

    for name in data.test:
        try:
            dataset = find_dataset(name)
            _note_smallest(name, dataset, _checked_sizes(dataset, scale), scale, inputs)
            inputs.test[name] = dataset.manifest().sha256
            inputs.counts[name] = len(dataset)
            inputs.test_sets[name] = dataset
        except DataError as error:
            inputs.test[name] = UNKNOWN
            inputs.problems.append(error)


def _checked_sizes(dataset: Dataset, at_least: int) -> Sizes:
    """From every image's header, so that a bad file is told before training and not after it.

    Raises:
        DataError: a file that is no image, or has a side shorter than ``at_least`` pixels.
    """
    from srbench.data import image_sizes

    sizes = dict(zip(dataset.files, image_sizes(dataset.root, dataset.files), strict=True))
    for file, (height, width) in sizes.items():
        if min(height, width) < at_least:
            raise DataError(
                f"expected images of at least {at_least} px a side, got {height} x {width} px: "
                f"{plain_name(file)}",
                "take the image out, or set data.patch_size lower if it is one to train on",
            )
    return sizes


def _note_smallest(name: str, dataset: Dataset, sizes: Sizes, scale: int, inputs: Inputs) -> None:
    sides = (min(sizes[file]) // scale * scale for file in dataset.files)
    inputs.smallest[name] = min(zip(sides, dataset.names, strict=True))


def find_starts(section: WarmStart, starts: Iterable[Start], inputs: Inputs, *, pull: bool) -> None:
    """Have the published generators that seeds start from; one that is not here is a problem."""
    from srbench.weights.published import published_file

    wanted = [(start.warm_start, start.where) for start in starts]
    if section.checkpoint_sha256 is not None:
        wanted.append((section.checkpoint_sha256, section.checkpoint))
    for sha256, where in wanted:
        try:
            published_file(sha256, where, pull=pull)
        except WeightsError as error:
            inputs.problems.append(error)


def read_starts(published: str, suite: Suite, seeds: Iterable[int]) -> dict[int, Start]:
    """Seed -> its start in a published folder, or at a published address.

    Raises:
        WeightsError: there is no list of starts, or none for the suite's conditions and the seeds.
    """
    from srbench.weights.published import read_published

    try:
        tables = STARTS.validate_json(read_published(published, FILE, MAX_STARTS))
    except ValidationError as error:
        raise WeightsError(f"{published}/{FILE} is no list of published starts: {error}") from error
    found = next((t.seeds for t in tables if t.conditions == suite.conditions), {})
    if lacking := [str(seed) for seed in seeds if seed not in found]:
        raise WeightsError(
            f"expected published starts of {suite.name} version {suite.version} in {published}, "
            f"found none for seed {', '.join(lacking)} under the conditions of this suite",
            "run the suite as it is published, without --set, and with --seed for those "
            f"that it has ({', '.join(map(str, found)) or 'none'}); or leave out --starts",
        )
    place = published.rstrip("/")
    return {
        seed: found[seed].but(where=f"{place}/generators/{found[seed].warm_start}.safetensors")
        for seed in seeds
    }


def gather_weights(
    files: Iterable[WeightFile], inputs: Inputs, *, pull: bool, say: Callable[[str], None]
) -> None:
    """Look pretrained weights up.

    Args:
        files: of all rows, and of the metrics that will score something.
        inputs: they are noted here.
        pull: download those that are not in the cache; without it they are problems.
        say: prints one line for people.
    """
    for file in dict.fromkeys(files):
        identity = _cached_identity(file)
        if identity is None and pull:
            say(f"weights {file.id}: not in the cache, fetching")
            identity = _pulled(file, inputs)
        elif identity is None:
            inputs.problems.append(
                WeightsError(
                    f"weights {file.id!r} are not in the cache",
                    f"`srbench weights pull {file.id}` fetches them; a run does it by itself",
                )
            )
        inputs.weights[file] = identity or UNKNOWN


def _cached_identity(file: WeightFile) -> str | None:
    # From the note beside the cached file: no torch, so that planning stays instant. The worker
    # that loads the tensors measures them again.
    entry = CacheEntry(file)
    note = entry.note() if entry.exists() else None
    return note.tensors_sha256 if note else None


def _pulled(file: WeightFile, inputs: Inputs) -> str | None:
    from srbench.weights import pull

    try:
        return pull(file).tensors_sha256
    except WeightsError as error:
        inputs.problems.append(error)
        return None
