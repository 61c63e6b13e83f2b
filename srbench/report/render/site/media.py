"""Display images: lossy WebP under content-addressed names, made once and then reused."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from srbench.errors import ImageError
from srbench.files import read_regular, sha256_hex
from srbench.imaging.pixels import pixels_sha256
from srbench.records import RowKind
from srbench.report.comparison import choose_crop
from srbench.report.render.site.files import SiteFolder
from srbench.report.render.site.generators import inside

Pixels = npt.NDArray[np.uint8]

_log = logging.getLogger(__name__)

INDEX: Final = "media/index.json"
ENCODING: Final = "webp-2"
QUALITY: Final = 88
"""Of whole images. High enough that what the losses did is seen and not the codec."""
CROP_QUALITY: Final = 92
MAX_SIDE: Final = 768
"""Pixels; of a longer side the middle is shown, at full resolution."""
THUMB_SIDE: Final = 200
THUMB_QUALITY: Final = 70
CROP_SIDE: Final = 96
MAX_PIXELS: Final = 64_000_000
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


class Media:
    """The site's pictures. What was encoded before, from the same files, is not encoded again."""

    def __init__(self, site: SiteFolder, published: Iterable[Path]) -> None:
        self._site = site
        self._known: dict[str, tuple[Path, ImageGroup]] = {}
        for folder in (*published, site.root):
            for key, group in _read_index(folder).items():
                self._known[key] = (folder, group)
        self._groups: dict[str, ImageGroup] = {}

    def shown_before(self, place: str) -> set[str]:
        """What of the images whose keys begin with ``place`` has pictures already."""
        return {key.removeprefix(place) for key in self._known if key.startswith(place)}

    def group(self, key: str, pictures: Mapping[str, Picture]) -> ImageGroup | None:
        """Pictures of one test image.

        Args:
            key: what the image is, of which suite and data set; the same each time.
            pictures: row -> its image. A row without a file keeps the picture of an earlier
                publishing, if that was of the same. A file that is not what it should be is passed
                over, and a warning names it.

        Raises:
            ImageError: the rows' images differ in size.
        """
        folder, before = self._known.get(key, (None, None))
        kept = _kept(before, pictures)
        files = {}
        for label, picture in pictures.items():
            if picture.file is not None:
                files[label] = read_regular(picture.file, MAX_BYTES)
        hashes = {label: sha256_hex(content) for label, content in files.items()}
        changed = [label for label, digest in hashes.items() if _source(kept, label) != digest]
        group: ImageGroup | None = None
        unchanged = bool(kept) and not changed
        if before and folder and unchanged and self._copy(folder, before, kept):
            group = replace(before, rows={k: kept[k] for k in pictures if k in kept})
        if group is None:
            group = self._encode(key, pictures, files, hashes)
        if group is not None:
            self._groups[key] = group
        return group

    def finish(self) -> None:
        """Write the index that a later publishing finds the pictures by."""
        if self._groups:
            groups = {key: asdict(group) for key, group in sorted(self._groups.items())}
            document = {"encoding": ENCODING, "groups": groups}
            self._site.put(INDEX, json.dumps(document, indent=1) + "\n")

    def _copy(self, folder: Path, group: ImageGroup, rows: Mapping[str, Shown]) -> bool:
        names = [group.thumb, *(n for shown in rows.values() for n in (shown.full, shown.crop))]
        found = {}
        for name in names:
            path = inside(folder, name)
            if path is None or not path.is_file():
                return False
            found[name] = read_regular(path, MAX_BYTES)
            if name != _media_name(found[name]):
                return False
        for name, content in found.items():
            self._site.put(name, content)
        return True

    def _encode(
        self,
        key: str,
        pictures: Mapping[str, Picture],
        files: Mapping[str, bytes],
        hashes: Mapping[str, str],
    ) -> ImageGroup | None:
        decoded = {label: _decode(key, label, content) for label, content in files.items()}
        pixels = {}
        for label, image in decoded.items():
            if pixels_sha256(image) == pictures[label].pixels:
                pixels[label] = image
            else:
                _log.warning("not shown, another image than was scored: %s", pictures[label].file)
        if not pixels:
            return None
        pixels = _same_size(key, pixels)
        height, width = next(iter(pixels.values())).shape[:2]
        box = choose_crop(pixels, min(CROP_SIDE, height, width))
        top, left, side = box
        rows = {
            label: Shown(
                source=hashes[label],
                full=self._put(image, QUALITY),
                crop=self._put(image[top : top + side, left : left + side], CROP_QUALITY),
                width=width,
                height=height,
                of=pictures[label].of,
            )
            for label, image in pixels.items()
        }
        best = pixels[RowKind.HR] if RowKind.HR in pixels else list(pixels.values())[-1]
        thumb = Image.fromarray(best)
        thumb.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)
        return ImageGroup(
            thumb=self._put(np.asarray(thumb), THUMB_QUALITY),
            thumb_width=thumb.width,
            thumb_height=thumb.height,
            box=box,
            rows=rows,
        )

    def _put(self, image: Pixels, quality: int) -> str:
        buffer = io.BytesIO()
        picture = Image.fromarray(np.ascontiguousarray(image))
        picture.save(buffer, format="WEBP", quality=quality, method=4)
        return self._site.put(_media_name(buffer.getvalue()), buffer.getvalue())


def _kept(before: ImageGroup | None, pictures: Mapping[str, Picture]) -> dict[str, Shown]:
    """What an earlier publishing shows of the same; nothing where its thumbnail is of another."""
    if before is None:
        return {}
    rows = before.rows
    kept = {k: rows[k] for k, picture in pictures.items() if k in rows and rows[k].shows(picture)}
    thumb = RowKind.HR if RowKind.HR in rows else next(reversed(list(rows)), "")
    return kept if thumb in kept else {}


def _source(rows: Mapping[str, Shown], label: str) -> str | None:
    return rows[label].source if label in rows else None


def _media_name(content: bytes) -> str:
    return f"media/{sha256_hex(content)[:20]}.webp"


def _read_index(folder: Path) -> dict[str, ImageGroup]:
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


def _decode(key: str, label: str, content: bytes) -> Pixels:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ImageError(
                        f"{key}: expected at most {MAX_PIXELS} pixels, got {image.size} of {label}"
                    )
                return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(
            f"{key}: expected an image of {label}, got: {error}",
            "run the suite again, which makes it anew, or remove it",
        ) from error
    except Image.DecompressionBombWarning as error:
        raise ImageError(f"{key}: {label}: the image is suspiciously large: {error}") from error


def _same_size(key: str, images: Mapping[str, Pixels]) -> dict[str, Pixels]:
    """Cut to the size that all have, and of long sides to the middle.

    HR may exceed SR by less than the scale at the bottom and the right.
    """
    height = min(image.shape[0] for image in images.values())
    width = min(image.shape[1] for image in images.values())
    for label, image in images.items():
        if image.shape[0] - height >= 16 or image.shape[1] - width >= 16:
            raise ImageError(
                f"{key}: expected images of one size, got {image.shape[:2]} of {label} beside "
                f"{(height, width)}"
            )
    top, left = max(0, height - MAX_SIDE) // 2, max(0, width - MAX_SIDE) // 2
    rows = slice(top, top + min(height, MAX_SIDE))
    columns = slice(left, left + min(width, MAX_SIDE))
    return {label: image[rows, columns] for label, image in images.items()}
