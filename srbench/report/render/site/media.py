"""Display images: lossy WebP under content-addressed names, made once and then reused."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

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
from srbench.report.render.site.media_index import (
    ENCODING,
    INDEX,
    MAX_BYTES,
    ImageGroup,
    Picture,
    Shown,
    kept_rows,
    read_index,
)

Pixels = npt.NDArray[np.uint8]

_log = logging.getLogger(__name__)

QUALITY: Final = 88
"""Of whole images. High enough that what the losses did is seen and not the codec."""
CROP_QUALITY: Final = 92
MAX_SIDE: Final = 768
"""Pixels; of a longer side the middle is shown, at full resolution."""
THUMB_SIDE: Final = 200
THUMB_QUALITY: Final = 70
CROP_SIDE: Final = 96
MAX_PIXELS: Final = 64_000_000


class Media:
    """The site's pictures. What was encoded before, from the same files, is not encoded again."""

    def __init__(self, site: SiteFolder, published: Iterable[Path]) -> None:
        self._site = site
        self._known: dict[str, tuple[Path, ImageGroup]] = {}
        for folder in (*published, site.root):
            for key, group in read_index(folder).items():
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
        kept = kept_rows(before, pictures)
        files = {}
        for label, picture in pictures.items():
            if picture.file is not None:
                files[label] = read_regular(picture.file, MAX_BYTES)
        hashes = {label: sha256_hex(content) for label, content in files.items()}
        changed = [label for label, digest in hashes.items() if _source(kept, label) != digest]
        same = {label: shown for label, shown in kept.items() if label not in changed}
        alone = any(label not in files for label in same)  # rows with no other picture
        group: ImageGroup | None = None
        keep = bool(same) and (alone or not changed)
        if before and folder and keep and self._copy(folder, before, same):
            new = {label: files[label] for label in changed}
            group = self._extended(key, before, same, pictures, new, hashes)
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
        pixels = _scored(key, pictures, files)
        if not pixels:
            return None
        height, width = next(iter(pixels.values())).shape[:2]
        box = choose_crop(pixels, min(CROP_SIDE, height, width))
        rows = self._rows(pictures, pixels, hashes, box)
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

    def _extended(
        self,
        key: str,
        before: ImageGroup,
        same: Mapping[str, Shown],
        pictures: Mapping[str, Picture],
        files: Mapping[str, bytes],
        hashes: Mapping[str, str],
    ) -> ImageGroup:
        """Rows that were published keep their pictures, and the crop; others stand beside them."""
        pixels = _scored(key, pictures, files)
        height, width = next((shown.height, shown.width) for shown in same.values())
        for label, image in pixels.items():
            if image.shape[:2] != (height, width):
                raise ImageError(
                    f"{key}: expected an image of {height} x {width} px like those that are "
                    f"published, got {image.shape[:2]} of {label}"
                )
        rows = {**same, **self._rows(pictures, pixels, hashes, before.box)}
        return replace(before, rows={label: rows[label] for label in pictures if label in rows})

    def _rows(
        self,
        pictures: Mapping[str, Picture],
        pixels: Mapping[str, Pixels],
        hashes: Mapping[str, str],
        box: tuple[int, int, int],
    ) -> dict[str, Shown]:
        top, left, side = box
        return {
            label: Shown(
                source=hashes[label],
                full=self._put(image, QUALITY),
                crop=self._put(image[top : top + side, left : left + side], CROP_QUALITY),
                width=image.shape[1],
                height=image.shape[0],
                of=pictures[label].of,
            )
            for label, image in pixels.items()
        }

    def _put(self, image: Pixels, quality: int) -> str:
        buffer = io.BytesIO()
        picture = Image.fromarray(np.ascontiguousarray(image))
        picture.save(buffer, format="WEBP", quality=quality, method=4)
        return self._site.put(_media_name(buffer.getvalue()), buffer.getvalue())


def _source(rows: Mapping[str, Shown], label: str) -> str | None:
    return rows[label].source if label in rows else None


def _media_name(content: bytes) -> str:
    return f"media/{sha256_hex(content)[:20]}.webp"


def _scored(
    key: str, pictures: Mapping[str, Picture], files: Mapping[str, bytes]
) -> dict[str, Pixels]:
    """The images that were scored, of one size; what is another image is passed over, and said."""
    pixels = {}
    for label, content in files.items():
        image = _decode(key, label, content)
        if pixels_sha256(image) == pictures[label].pixels:
            pixels[label] = image
        else:
            _log.warning("not shown, another image than was scored: %s", pictures[label].file)
    return _same_size(key, pixels) if pixels else {}


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
