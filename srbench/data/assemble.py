"""Data sets from the archives that their owners publish: fetched, picked out, checked."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from srbench.data.catalog import data_roots
from srbench.data.recipes import RECIPES, Origin, Recipe
from srbench.data.verify import set_pixels_sha256
from srbench.errors import DataError, WeightsError, unknown_name
from srbench.files import cache_folder, file_sha256

MAX_IMAGE_BYTES = 2**26
"""No image of these sets is larger; what an archive's header claims is not believed."""
MAX_UNPACKED_BYTES = 2**34
"""A compressed tar is read through: it may not unpack to more than this."""

_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError)


def recipe_with_origin(name: str) -> tuple[Recipe, Origin]:
    """The recipe of that name and the archive it is made from.

    Raises:
        UnknownName: no such data set.
        DataError: no archive of it is known; the message says how to get it.
    """
    if name not in RECIPES:
        raise unknown_name("data set", name, tuple(sorted(RECIPES)))
    recipe = RECIPES[name]
    if recipe.origin is None:
        raise DataError(
            f"expected a data set that is made from an archive, got {name!r}", recipe.get
        )
    return recipe, recipe.origin


def assemble(name: str, archive: Path, *, root: Path | None = None) -> tuple[Path, str]:
    """Make a data set's folder from the archive of its owners.

    The folder appears whole or not at all. Where the set has a known copy, its decoded pixels must
    be that copy's.

    Args:
        name: as ``srbench data list`` has it.
        archive: a ``.zip`` or a ``.tar``, compressed or not, in its owners' layout.
        root: the data root to write into; by default the first of
            :func:`~srbench.data.catalog.data_roots`.

    Returns:
        The folder, and the sha256 of the set's pixels.

    Raises:
        DataError: another archive, another number of images, other pixels, or something is there.
    """
    recipe, origin = recipe_with_origin(name)
    target = (root or data_roots()[0]) / recipe.folders[-1]
    if target.exists():
        raise DataError(f"expected no {target} yet, got one", "remove it, or take another --to")
    if not archive.is_file():
        raise DataError(f"expected the archive {origin.file}, found no file {archive}", recipe.get)
    if origin.sha256 is not None and (found := file_sha256(archive)) != origin.sha256:
        raise DataError(
            f"{archive} has sha256 {found}, the one of {origin.file} is {origin.sha256}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=target.parent) as work:
        folder = Path(work) / "images"
        folder.mkdir()
        _pick(archive, origin, folder)
        digest = _checked(recipe, folder)
        folder.rename(target)
    return target, digest


def fetch(origin: Origin) -> Path:
    """Download an origin's archive into a new folder of the cache, which the caller removes.

    Raises:
        DataError: it may not be downloaded, the network is forbidden or failed, or it is another.
    """
    from srbench.weights.pipconfig import read_pip_config
    from srbench.weights.transfer import Pins, download, offline, open_client

    if origin.url is None:
        raise DataError(
            f"{origin.file} has no terms under which srbench may fetch it",
            "fetch it yourself (`srbench data list` says where), then `srbench data assemble NAME "
            f"--from {origin.file}`",
        )
    if offline() and not origin.url.startswith("file:"):
        raise DataError(f"expected to download {origin.file}, but SRBENCH_OFFLINE is set")
    cache_folder().mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="archive-", dir=cache_folder()))
    pins = Pins(sha256=origin.sha256, max_bytes=origin.max_bytes)
    try:
        with open_client(read_pip_config()) as client:
            download(client, origin.url, folder / origin.file, pins, label=origin.file)
    except BaseException as error:
        shutil.rmtree(folder)
        if isinstance(error, WeightsError):
            raise DataError(
                f"{origin.url}: {error.what}",
                f"fetch {origin.file} yourself, then `srbench data assemble NAME --from FILE`",
            ) from error
        raise
    return folder / origin.file


def _checked(recipe: Recipe, folder: Path) -> str:
    files = sorted(folder.iterdir())
    if len(files) != recipe.images:
        raise DataError(
            f"expected {recipe.images} images of {recipe.name!r} in the archive, got {len(files)}",
            "is it the archive of the data set's owners?",
        )
    digest = set_pixels_sha256(files)
    if recipe.pixels_sha256 not in (None, digest):
        raise DataError(
            f"the images of {recipe.name!r} in the archive have the pixels {digest}, those of the "
            f"leaderboard's copy have {recipe.pixels_sha256}",
            "scores on another copy share no table with the published ones",
        )
    return digest


def _pick(archive: Path, origin: Origin, folder: Path) -> None:
    """Write the members that are the set, by the names that the pattern finds in their paths."""
    listed = set(Path(__file__).with_name("bsdt100.txt").read_text().split())
    try:
        for path, stream in _members(archive):
            match = re.search(origin.members, path)
            if match is None or origin.listed not in (None, match["stem"] in listed):
                continue
            data = stream.read(MAX_IMAGE_BYTES + 1)
            file = folder / (match["stem"] + Path(path).suffix)
            if len(data) > MAX_IMAGE_BYTES or file.exists():
                what = "larger than 64 MiB" if not file.exists() else "there twice"
                raise DataError(f"{archive}: {path} is {what}")
            file.write_bytes(data)
    except _DAMAGED as error:
        raise DataError(f"expected a whole archive, got {archive}: {error}") from error


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Path and content of each plain file; nothing is written where a path points."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                if not info.is_dir():
                    with zipped.open(info) as stream:
                        yield info.filename, stream
        return
    unpacked = 0
    with tarfile.open(archive, "r|*") as tar:
        for member in tar:
            unpacked += member.size
            if unpacked > MAX_UNPACKED_BYTES:
                raise DataError(f"{archive} unpacks to more than {MAX_UNPACKED_BYTES} bytes")
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                yield member.name, content
