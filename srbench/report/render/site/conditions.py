"""What the page on reading says of a suite and its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from srbench.report.model import Leaderboard

_COMMON: Final = (
    "SR is clamped to [0, 1] and rounded to 8 bits before anything is computed",
    "LPIPS, LPIPS-VGG and DISTS on the whole RGB image",
    "NIQE on BT.601 studio-range Y, cropped right and bottom to multiples of 96 pixels",
)
IMAGES: Final = MappingProxyType(
    {
        "v2": "images are made in float64: the hash of their pixels stands in the record, and any "
        "machine makes the same",
        "v1": "images were made in float32: a few of their values differ by one grey level "
        "between processors",
    }
)
PROTOCOLS: Final = MappingProxyType(
    {
        "y4": (
            *_COMMON[:1],
            "PSNR and SSIM on BT.601 studio-range Y, leaving out a border of as many pixels as "
            "the scale on each side",
            *_COMMON[1:],
        ),
        "rgb4": (
            *_COMMON[:1],
            "PSNR and SSIM on RGB, SSIM as the mean over the channels, leaving out a border of as "
            "many pixels as the scale on each side",
            *_COMMON[1:],
        ),
    }
)

REFERENCES: Final = MappingProxyType(
    {
        "bicubic": "LR enlarged by bicubic interpolation: no network at all",
        "warm-start": "the generator before any adversarial training: what each loss starts from, "
        "one per seed, shared by all losses",
        "pixel": "L1 as the content loss; calibrated, it outweighs the adversarial loss",
        "vgg16-random": "VGG16 with random weights: what the architecture does without learning",
        "hr": "the truth, for metrics that need no reference",
    }
)


def protocol_lines(name: str) -> tuple[str, ...]:
    """A protocol in words; says so where it is not one of those described here."""
    family, _, version = name.partition("-")
    if family not in PROTOCOLS or version not in IMAGES:
        return (f"{name} is not described here: see the suite that it belongs to",)
    return (IMAGES[version], *PROTOCOLS[family])


def conditions(board: Leaderboard) -> list[tuple[str, str]]:
    """The settings that all rows share, from the suite document, in words."""
    document = board.document
    found = [
        ("Data", _data(board, document)),
        ("Generator", _listed(document.get("generator"))),
        ("Discriminator", _listed(document.get("discriminator"))),
        ("Warm start", _listed(document.get("warm_start"))),
        ("Adversarial stage", _listed(document.get("adversarial"))),
        ("Calibration", _listed(document.get("calibration"))),
        ("Validation", _listed(document.get("validation"))),
        ("Seeds", ", ".join(map(str, board.declared_seeds))),
    ]
    return [(name, text) for name, text in found if text]


def _data(board: Leaderboard, document: Mapping[str, Any]) -> str:
    manifests = {(m.role, m.name): m.count for r in board.records[:1] for m in r.data}
    if not manifests:
        return _listed(document.get("data"))
    roles = {"train": "trained on", "val": "choices made on", "test": "tested on"}
    parts = []
    for role, words in roles.items():
        sets = [f"{name} ({count})" for (r, name), count in manifests.items() if r == role]
        if sets:
            parts.append(f"{words} {', '.join(sets)}")
    return "; ".join(parts)


def _listed(section: object) -> str:
    if not isinstance(section, Mapping):
        return ""
    parts = []
    for name, value in {**section, **section.get("params", {})}.items():
        if value is None or value == [] or isinstance(value, Mapping):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        parts.append(f"{str(name).replace('_', ' ')} {shown}")
    return "; ".join(parts)
