"""What a published folder says of its pictures: which row, from which file, and of what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from srbench.errors import ImageError
from srbench.files import read_regular
from srbench.records import RowKind
from srbench.report.render.site.generators import inside

INDEX: Final = "media/index.json"
ENCODING: Final = "webp-2"
MAX_BYTES: Final = 256 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A row's lossless image, and what it must show.

    Attributes:
        file: where it is; ``None`` where there is none.
        pixels: hash of its pixels.
        of: what the record says of it; one that was published of something else is not shown.
    """

    file: Path | None
    pixels: str
    of: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One row's picture of a test image.

    Attributes:
        source: sha256 of the file it was made from.
        full, crop: files of the site.
        of: as of the :class:`Picture`; empty in folders that were published before November 2026,
            whose records state no pixels.
    """

    source: str
    full: str
    crop: str
    width: int
    height: int
    of: str = ""

    def shows(self, picture: Picture) -> bool:
        """Whether it is of what the record says."""
        return self.of == picture.of or (not self.of and picture.of != picture.pixels)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageGroup:
    """All rows' pictures of one test image, with the crop where they differ most.

    Attributes:
        box: (top, left, side) of the crop in the pictures shown, pixels.
        rows: label -> picture, in the table's order.
    """

    thumb: str
    thumb_width: int
    thumb_height: int
    box: tuple[int, int, int]
    rows: Mapping[str, Shown]


def kept_rows(before: ImageGroup | None, pictures: Mapping[str, Picture]) -> dict[str, Shown]:
    """What an earlier publishing shows of the same; nothing where its thumbnail is of another."""
    if before is None:
        return {}
    rows = before.rows
    kept = {k: rows[k] for k, picture in pictures.items() if k in rows and rows[k].shows(picture)}
    thumb = RowKind.HR if RowKind.HR in rows else next(reversed(list(rows)), "")
    return kept if thumb in kept else {}


def read_index(folder: Path) -> dict[str, ImageGroup]:
    """Groups of an earlier publishing; none where there is no index or another encoding."""
    try:
        path = inside(folder, INDEX)
        if path is None:
            return {}
        document = json.loads(read_regular(path, MAX_BYTES))
        if document["encoding"] != ENCODING:
            return {}
        return {key: _group(entry) for key, entry in document["groups"].items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ImageError(
            f"{folder / INDEX}: expected the index of a published folder, got: {error}",
            "delete it and publish from the out folder of the run",
        ) from error


def _group(entry: Mapping[str, Any]) -> ImageGroup:
    rows = {label: Shown(**shown) for label, shown in entry["rows"].items()}
    top, left, side = (int(value) for value in entry["box"])
    return ImageGroup(
        thumb=str(entry["thumb"]),
        thumb_width=int(entry["thumb_width"]),
        thumb_height=int(entry["thumb_height"]),
        box=(top, left, side),
        rows=rows,
    )
