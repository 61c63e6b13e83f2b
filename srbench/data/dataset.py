"""A data set: named image files below one folder, their hashes, and the validation split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from srbench.data.cache import hash_files
from srbench.errors import DataError
from srbench.imaging.files import read_image
from srbench.imaging.listing import name_below, plain_name
from srbench.imaging.pixels import Image


@dataclass(frozen=True, kw_only=True)
class DatasetManifest:
    """What a data set was made of: a hash over the names and the bytes of its files.

    ``entries`` maps each file's path below the data set's folder to the sha256 of its bytes;
    ``sha256`` covers all of them, ``files_sha256`` the list of paths alone (the published identity
    of a subset of a large data set). Neither depends on where the folder is.
    """

    name: str
    count: int
    sha256: str
    files_sha256: str
    entries: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, name: str, entries: Mapping[str, str]) -> DatasetManifest:
        """The manifest of these files; their order does not matter."""
        ordered = dict(sorted(entries.items()))
        return cls(
            name=name,
            count=len(ordered),
            sha256=_hash_lines(f"{file}\0{digest}" for file, digest in ordered.items()),
            files_sha256=_hash_lines(ordered),
            entries=MappingProxyType(ordered),
        )


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Image files in a fixed order.

    Args:
        name: safe as a folder name.
        root: folder that the files lie below.
        files: their paths; each exists when the data set is found.
        scenes: names of images that show one scene. Such images stay together, in training: see
            :func:`split_validation`.
    """

    name: str
    root: Path
    files: tuple[Path, ...] = field(repr=False)
    scenes: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """One unique name per image: its stem, or its path below ``root`` where stems repeat."""
        stems = tuple(plain_name(file.stem) for file in self.files)
        if len(set(stems)) == len(stems):
            return stems
        paths = [file.relative_to(self.root) for file in self.files]
        long = tuple(plain_name("__".join(path.with_suffix("").parts)) for path in paths)
        if len(set(long)) == len(long):
            return long
        return tuple(plain_name("__".join(path.parts)) for path in paths)

    def load(self, index: int) -> Image:
        """Image ``index`` as uint8 RGB ``(H, W, 3)``.

        Raises:
            ImageError: the file is no image, or of a kind that srbench.imaging.files refuses.
        """
        return read_image(self.files[index])

    def manifest(self) -> DatasetManifest:
        """Hashes of all files. Each is read once; unchanged files are not read again later.

        Raises:
            DataError: a file cannot be read.
        """
        return self._manifest

    @cached_property
    def _manifest(self) -> DatasetManifest:
        return DatasetManifest.of(self.name, hash_files(self.root, self.files))


def split_validation(dataset: Dataset, count: int) -> tuple[Dataset, Dataset]:
    """The data set without ``count`` images, and those images, chosen by content hash.

    The choice depends on the images' bytes alone: not on file names, order, seed or machine. Images
    that occur twice, and images of one of the data set's ``scenes``, are never held out, since
    their twin would be trained on.

    Args:
        dataset: the training images.
        count: images to hold out; 0 gives an empty second data set.

    Returns:
        The training part under the data set's own name, and the held out part as ``NAME-val``.

    Raises:
        DataError: nothing would be left to train on, or too few images may be held out.
    """
    if not 0 <= count < len(dataset):
        raise DataError(
            f"expected to hold out 0 to {len(dataset) - 1} of the {len(dataset)} images of "
            f"{dataset.name!r} for validation, got {count}"
        )
    hashes = dataset.manifest().entries
    digest = [hashes[name_below(dataset.root, file)] for file in dataset.files]
    occurs = Counter(digest)
    together = {name for scene in dataset.scenes for name in scene}
    alone = [
        i for i, name in enumerate(dataset.names) if occurs[digest[i]] == 1 and name not in together
    ]
    if count > len(alone):
        raise DataError(
            f"expected {count} images of {dataset.name!r} to hold out for validation, "
            f"got {len(alone)} that have no twin among the others"
        )
    held_out = set(sorted(alone, key=lambda i: _validation_rank(digest[i]))[:count])
    return (
        _part(dataset, dataset.name, (i for i in range(len(dataset)) if i not in held_out)),
        _part(dataset, f"{dataset.name}-val", sorted(held_out)),
    )


def _part(dataset: Dataset, name: str, indices: Iterable[int]) -> Dataset:
    part = replace(dataset, name=name, files=tuple(dataset.files[i] for i in indices))
    hashes = dataset.manifest().entries  # not asked of the disk once more
    known = {name: hashes[name] for name in (name_below(part.root, file) for file in part.files)}
    part.__dict__["_manifest"] = DatasetManifest.of(name, known)
    return part


def _validation_rank(digest: str) -> str:
    # The number was picked once, so that the first two of ``photos`` are ordinary photographs (one
    # in colour, one with people) and not star fields. For other data sets it is as good as any.
    return hashlib.sha256(f"srbench-validation-74:{digest}".encode()).hexdigest()


def _hash_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
