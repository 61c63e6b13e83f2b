"""Images in the out folder: of what they were made, and whether they are still that."""

from __future__ import annotations

from pathlib import Path

from srbench.errors import ImageError
from srbench.records.derived import Derived


def image_source(identity: str, dataset: str, scale: int) -> dict[str, object]:
    """What a folder of images is made of.

    Args:
        identity: sha256 of the generator's file; the row's kind where there is none.
        dataset: manifest hash of the test set.
        scale: of the degradation.
    """
    return {"identity": identity, "dataset": dataset, "scale": scale}


def images_are(folder: Path, source: dict[str, object]) -> bool:
    """Whether the images in ``folder`` are all there and were made of ``source``.

    Files that were touched since, such as by copying the folder, are compared by their pixels.
    """
    kept = Derived(folder)
    if not kept.made_of(source):
        return False
    if kept.untouched():
        return True
    pixels = kept.read().get("pixels")
    if not isinstance(pixels, dict) or pixels != _pixels(folder):
        return False
    kept.note(source, pixels=pixels)
    return True


def _pixels(folder: Path) -> dict[str, str] | None:
    from srbench.imaging import pixels_sha256, read_image

    try:
        return {file.stem: pixels_sha256(read_image(file)) for file in folder.glob("*.png")}
    except ImageError:
        return None
