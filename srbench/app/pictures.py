"""Comparison pictures of test images: LR-bicubic, every row, HR, with a zoomed crop."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL.Image import Image

from srbench.files import write_atomic
from srbench.records import RowKind
from srbench.records.derived import Derived
from srbench.records.layout import OutFolder
from srbench.report import Leaderboard
from srbench.report.comparison import comparison_picture
from srbench.report.render.site import choose_images
from srbench.run.plan.planning import Plan
from srbench.run.plan.targets import Target
from srbench.run.writing import read_scores

CAPTIONS = {"psnr": "{:.2f} dB", "lpips": "LPIPS {:.3f}"}


MOST = 20
"""Pictures of a data set; of larger ones, as many from its easiest image to its hardest."""


def write_comparisons(
    plan: Plan, out: OutFolder, board: Leaderboard, targets: Sequence[Target]
) -> list[Path]:
    """Write ``comparisons/<dataset>/<image>.png`` for the first seed.

    What shows the same images and scores is kept; what is of no data set of the suite is removed.
    """
    seed = min(cell.seed for cell in plan.cells)
    written = []
    current = set()
    for dataset in plan.suite.data.test:
        rows = _rows(plan, out, [t for t in targets if t.dataset == dataset], seed)
        if not rows:
            continue
        folder = out.comparisons(dataset)
        current.add(folder.name)
        captions = {
            name: {row.cell.row.label: _scores(out, row, name) for row in rows}
            for name in _image_names(out, rows[0], board)
        }
        shown = {"rows": [[row.row, row.source] for row in rows], "captions": captions}
        kept = Derived(folder)
        if kept.is_current(shown):
            continue
        kept.forget()
        for old in folder.glob("*.png"):
            old.unlink()
        for name, lines in captions.items():
            images = {r.cell.row.label: out.images(dataset, r.row) / f"{name}.png" for r in rows}
            picture = comparison_picture(images, captions=lines, title=f"{dataset}: {name}")
            written.append(folder / f"{name}.png")
            _save(picture, written[-1])
        kept.note(shown)
    for folder in (out.root / "comparisons").glob("*"):
        if folder.name not in current and Derived(folder).read():
            shutil.rmtree(folder)
    return written


def _rows(plan: Plan, out: OutFolder, targets: Sequence[Target], seed: int) -> list[Target]:
    """Rows to show: bicubic first, HR last, each loss at the content scale nearest to 1."""
    chosen: dict[str, Target] = {}
    for target in targets:
        cell = target.cell
        if cell.seed not in (seed, plan.suite.seeds[0]):
            continue
        if target.generator.is_point or not target.images_ready(out):
            continue
        before = chosen.get(cell.row.label)
        if before is None or abs(cell.content_scale - 1) < abs(before.cell.content_scale - 1):
            chosen[cell.row.label] = target
    order = {RowKind.BICUBIC: 0, RowKind.HR: 2}
    return sorted(chosen.values(), key=lambda target: order.get(target.cell.row.kind, 1))


def _scores(out: OutFolder, target: Target, image: str) -> str:
    """A line such as ``28.54 dB  LPIPS 0.347`` from the score files of this image."""
    parts = []
    for metric, form in CAPTIONS.items():
        document = read_scores(out, target.scores[metric]) if metric in target.scores else None
        if document is not None:
            parts.append(form.format(document["per_image"][image]))
    return "  ".join(parts)


def _image_names(out: OutFolder, target: Target, board: Leaderboard) -> list[str]:
    names = sorted(Derived(out.images(target.dataset, target.row)).read()["pixels"])
    if len(names) <= MOST or target.dataset not in board.datasets:
        return names[:MOST]
    chosen = choose_images(board, target.dataset, MOST)
    return [name for name in names if name in chosen]


def _save(picture: Image, path: Path) -> None:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    write_atomic(path, buffer.getvalue())
