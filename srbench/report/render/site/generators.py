"""Trained generators of the first seed and all warm starts, copied beside the table; the others
stand by their hash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from srbench.files import read_regular, sha256_hex
from srbench.records import RowKind
from srbench.report.render.site.files import SiteFolder
from srbench.report.render.site.sources import Source

MAX_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedGenerator:
    """A run's generator: its hash, and the file if it is published.

    Attributes:
        file: relative to the site, or empty.
        why_not: why there is no file.
    """

    sha256: str
    bytes: int
    file: str
    why_not: str = ""


def publish_generator(
    source: Source, site: SiteFolder, *, first_seed: bool
) -> PublishedGenerator | None:
    """Copy a run's generator to ``generators/<sha256>.safetensors``; ``None`` where it has none.

    A file that is not what the record says is not published.
    """
    artifact = source.record.artifacts.get("generator")
    if artifact is None:
        return None
    name = f"generators/{artifact.sha256}.safetensors"
    file, why_not = "", "only those of the first seed are kept here"
    if first_seed or source.record.loss.kind is RowKind.WARM_START:  # others may start from it
        data = _find(source, artifact.path, name, site)
        if data is None:
            why_not = "not in the folder that was published"
        elif sha256_hex(data) != artifact.sha256:
            why_not = "the file was not what the record says"
        else:
            file, why_not = site.put(name, data), ""
    return PublishedGenerator(
        sha256=artifact.sha256, bytes=artifact.bytes, file=file, why_not=why_not
    )


def _find(source: Source, recorded: str, published: str, site: SiteFolder) -> bytes | None:
    for path in (inside(source.out, recorded), inside(source.out, published)):
        if path is not None and path.is_file() and path.stat().st_size <= MAX_BYTES:
            return read_regular(path, MAX_BYTES)
    return site.read(published)


def inside(root: Path, name: str) -> Path | None:
    """``root / name``, or ``None`` where that would lie outside ``root``, links included."""
    pure = PurePosixPath(name)
    if not name or "\0" in name or pure.is_absolute() or ".." in pure.parts:
        return None
    path = root / pure
    try:
        return path if path.resolve().is_relative_to(root.resolve()) else None
    except OSError:
        return None
