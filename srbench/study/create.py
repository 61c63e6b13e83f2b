"""From finished runs to a study folder: crops under random names, and the key to them."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image

from srbench.errors import UserError
from srbench.files import sha256_hex, write_atomic
from srbench.imaging import Image, pixels_sha256
from srbench.records.opinions import BICUBIC, HR, REFERENCE, Content, SuiteRef
from srbench.study.crops import detail_boxes, evenly
from srbench.study.design import block_count
from srbench.study.document import Crop, Study, StudyFolder, write_study
from srbench.study.sources import Rows

CONSENT = """You will be asked to compare pictures, for a few minutes. There is no right or wrong: \
what counts is what you see. Only your answers, their times and the size of your window are kept, \
under a number. You can stop at any time, come back later with your code, or withdraw."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the maker of a study chooses; see ``srbench study create --help``."""

    design: Literal["pairs", "acr"] = "pairs"
    images: int = 20
    crops: int = 1
    crop: int = 160
    zoom: int = 2
    trials: int = 60
    repeats: int = 6
    checks: int = 8
    ties: bool = False
    reference: bool | None = None
    title: str = "A comparison of pictures"
    consent: str = CONSENT
    questions: tuple[str, ...] = ()


def create_study(
    rows: Rows,
    root: Path,
    settings: Settings,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> StudyFolder:
    """Write a new study folder.

    Args:
        rows: see :func:`srbench.study.sources.read_rows`.
        root: the folder; it must not exist, or be empty.

    Raises:
        UserError: the folder holds something, images are smaller than a crop, or (ACR) there are
            fewer places than attention checks: a place is rated once.
    """
    if root.exists() and any(root.iterdir()):
        raise UserError(f"expected a new folder, {root} holds files", "name another one")
    contents: list[Content] = []
    media: dict[str, Crop] = {}
    names = evenly(rows.names, settings.images)
    for done, name in enumerate(names, start=1):
        sr = {row.label: image(name) for row, image in rows.rows}
        pictures = {HR: rows.hr(name), BICUBIC: rows.bicubic(name), **sr}
        pixels = {role: pixels_sha256(image) for role, image in pictures.items()}
        pictures[REFERENCE] = pictures[HR]
        boxes = detail_boxes(pictures[HR], pictures[BICUBIC], settings.crop, settings.crops)
        for top, left in boxes:
            for role, image in pictures.items():
                part = image[top : top + settings.crop, left : left + settings.crop]
                # A random name: neither its order nor its letters tell what it shows.
                crop, data = secrets.token_hex(16), _png(part)
                media[crop] = Crop(content=len(contents), role=role, sha256=sha256_hex(data))
                write_atomic(root / "media" / f"{crop}.png", data, sync=False)
            contents.append(
                Content(dataset=rows.dataset, image=name, top=top, left=left, pixels=pixels)
            )
        progress(done, len(names))
    if settings.design == "acr" and len(contents) < settings.checks:
        raise UserError(
            f"expected a place for each of {settings.checks} checks, got {len(contents)}",
            "take more --images or --crops, or fewer --checks",
        )
    return write_study(_study(rows, settings, contents, media), root)


def _png(image: Image) -> bytes:
    data = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(image)).save(data, format="PNG")
    return data.getvalue()


def _study(
    rows: Rows, settings: Settings, contents: list[Content], media: dict[str, Crop]
) -> Study:
    suite = rows.board.records[0].suite
    pairs = settings.design == "pairs"
    blocks = block_count(pairs, len(rows.rows), len(contents), settings.trials)
    return Study(
        title=settings.title,
        design=settings.design,
        ties=settings.ties and pairs,
        reference=pairs if settings.reference is None else settings.reference,
        crop=settings.crop,
        zoom=settings.zoom,
        order=secrets.randbits(62),
        trials=blocks * (len(rows.rows) // 2 if pairs else len(rows.rows)),
        repeats=settings.repeats,
        checks=settings.checks,
        consent=settings.consent,
        questions=settings.questions,
        suite=SuiteRef(
            name=suite.name,
            version=suite.version,
            conditions=suite.conditions,
            protocol=rows.board.protocol,
            scale=int(suite.document.get("scale", 4)),
        ),
        rows=tuple(row for row, _ in rows.rows),
        contents=tuple(contents),
        media=dict(sorted(media.items())),
    )
