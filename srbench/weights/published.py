"""A published generator by the sha256 of its file: where it is looked for, and how it is had."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from srbench.errors import WeightsError
from srbench.files import cache_folder, file_sha256, read_regular
from srbench.weights.cache import temporary_file
from srbench.weights.local import own_folders
from srbench.weights.pipconfig import read_pip_config
from srbench.weights.transfer import Pins, download, offline, open_client

_MAX_BYTES = 2**30


def read_published(base: str, name: str, max_bytes: int) -> bytes:
    """A small file of a published folder, which is here or at an ``https:`` address.

    Raises:
        WeightsError: it is not to be had.
    """
    if not urlsplit(base).netloc:
        path = Path(base.removeprefix("file://")).expanduser() / name
        try:
            return read_regular(path, max_bytes)
        except OSError as error:
            raise WeightsError(f"expected the file {path}, got: {error}") from error
    with temporary_file(cache_folder()) as target, open_client(read_pip_config()) as client:
        download(
            client, f"{base.rstrip('/')}/{name}", target, Pins(max_bytes=max_bytes), label=name
        )
        return target.read_bytes()


def published_file(sha256: str, where: str | None = None, *, pull: bool = True) -> Path:
    """The file with these bytes, in the cache folder afterwards, so that workers find it by hash.

    It is looked for in the cache; at the path ``where``; under that name, or as
    ``SHA256.safetensors``, in the folders of ``SRBENCH_WEIGHTS``; at the URL ``where``.

    Args:
        sha256: of the whole file, hexadecimal.
        where: a path, a file name, or an ``https:`` or ``file:`` URL.
        pull: fetch it where it has to be fetched.

    Raises:
        WeightsError: it is in none of these places, or what is there has another hash.
    """
    name, pins = f"{sha256}.safetensors", Pins(sha256=sha256, max_bytes=_MAX_BYTES)
    kept = cache_folder() / "generators" / name
    for path in (kept, *_local(name, where)):
        if path.is_file():
            pins.check(str(path), file_sha256(path), path.stat().st_size)
            if path != kept:
                with temporary_file(kept.parent) as copy:
                    shutil.copyfile(path, copy)
                    copy.replace(kept)
            return kept
    if where is None or not urlsplit(where).netloc or offline():
        raise WeightsError(
            f"expected the published generator {sha256[:12]}, got no file of its"
            + (f" at {where!r}" if where else ""),
            f"put {name} into a folder and name that folder in SRBENCH_WEIGHTS, or give its path "
            "or URL as warm_start.checkpoint",
        )
    if not pull:
        raise WeightsError(
            f"the published generator {sha256[:12]} is not in the cache",
            f"a run fetches it from {where}",
        )
    with temporary_file(kept.parent) as target, open_client(read_pip_config()) as client:
        download(client, where, target, pins, label=name)
        target.replace(kept)
    return kept


def _local(name: str, where: str | None) -> Iterator[Path]:
    if where is not None:
        yield Path(where.removeprefix("file://")).expanduser()
    for folder in own_folders():
        yield folder / name
        if where is not None:
            yield folder / Path(urlsplit(where).path).name
