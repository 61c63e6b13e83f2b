"""The rows of a study in their out folders: which runs, and the images of each.

Where all rows have curves, images lie at the headline's budget: made anew by the network between
warm start and generator. Elsewhere they are those that were scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from srbench.errors import UserError, unknown_name
from srbench.files import file_sha256
from srbench.imaging import Image, lr_image, read_image
from srbench.records import Record, RowKind, read_records, record_sha256
from srbench.records.layout import HR_FOLDER, OutFolder, row_folder
from srbench.records.opinions import RatedRow
from srbench.report import Leaderboard, build_leaderboard
from srbench.report.budget import Curves, coefficient_at

ImageOf = Callable[[str], Image]
"""Name of a test image -> uint8 ``(H, W, 3)``."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a study is made from: the table, its data set, and where the images come from."""

    board: Leaderboard
    dataset: str
    names: tuple[str, ...]
    rows: tuple[tuple[RatedRow, ImageOf], ...]
    hr: ImageOf
    bicubic: ImageOf
    left_out: tuple[str, ...] = ()
    """Finished rows that were not asked for by name and whose curves do not reach the budget."""


def read_rows(
    folders: Sequence[Path],
    labels: Sequence[str] = (),
    *,
    dataset: str | None = None,
    seed: int | None = None,
    budget: float | None = None,
) -> Rows:
    """The runs behind the labels; where there are none all trained rows that were finished.

    Args:
        folders: out folders of one suite.
        dataset: of the suite; its main one where left out.
        seed: of the rows; the lowest of the table where left out.
        budget: dB of mean PSNR below the warm start, negative, for rows that all have curves;
            ``None``: as they were trained. Rows that end before it are left out, unless named.

    Raises:
        UserError: unknown names, a row without images, or a curve that does not reach the budget.
        MixedRecords: folders that share no table.
    """
    found = [(record, OutFolder(folder)) for folder in folders for record in read_records([folder])]
    outs = {id(record): out for record, out in found}
    board = build_leaderboard([record for record, _ in found])
    dataset = dataset or board.lead_dataset()
    if dataset not in board.datasets:
        raise unknown_name("data set of these runs", str(dataset), board.datasets)
    seed = board.seeds[0] if seed is None else seed
    records = [_record(board, label, seed) for label in labels or _finished(board)]
    curves = {} if budget is None else _curves(board, records, dataset, seed)
    short = () if labels or budget is None else _short(records, curves, budget)
    records = [record for record in records if record.loss.label not in short]
    if len(records) < 2:
        gone = f"; no curve reaches {budget:g} dB: {', '.join(short)}" if short else ""
        raise UserError(
            f"expected two or more rows to compare, got {len(records)}{gone}",
            "name rows with --loss (`srbench report` lists them), or choose another --budget "
            "(none: rows as trained)",
        )
    curves = curves if all(record.loss.label in curves for record in records) else {}
    rows = tuple(
        _row(record, outs[id(record)], dataset, budget, curves.get(record.loss.label))
        for record in records
    )
    bicubic = _record(board, RowKind.BICUBIC, seed)
    hr = partial(_kept, outs[id(bicubic)], dataset, HR_FOLDER)
    return Rows(
        board=board,
        dataset=dataset,
        names=bicubic.scores[dataset].images,
        rows=rows,
        hr=hr,
        bicubic=_scored(bicubic, outs[id(bicubic)], dataset),
        left_out=short,
    )


def _finished(board: Leaderboard) -> list[str]:
    return [row.label for row in board.rows if row.trained and row.status == "finished"]


def _record(board: Leaderboard, label: str, seed: int) -> Record:
    """The run of a row that its table shows: at the content scale chosen for it."""
    rows = {row.label: row for row in board.rows}
    if label not in rows:
        raise unknown_name("row of these runs", label, rows)
    for record in board.records:
        same_seed = record.seed == seed or not record.loss.kind.generated
        of_row = record.loss.label == label and record.content_scale == rows[label].scale
        if of_row and same_seed and record.status == "finished":
            return record
    raise UserError(f"expected a finished run of {label!r} with seed {seed}, found none")


def _scored(record: Record, out: OutFolder, dataset: str) -> ImageOf:
    """The images of a row as they were scored."""
    if record.loss.kind is RowKind.HR:
        return partial(_kept, out, dataset, HR_FOLDER)
    row = row_folder(record.loss.label, record.seed, record.content_scale)
    return partial(_kept, out, dataset, row)


def _kept(out: OutFolder, dataset: str, row: str, name: str) -> Image:
    path = out.images(dataset, row) / f"{name}.png"
    if not path.exists():
        raise UserError(
            f"expected the image {path}, found none",
            "give the out folder that the run itself wrote, with its images/",
        )
    return read_image(path)


def _curves(
    board: Leaderboard, records: Sequence[Record], dataset: str, seed: int
) -> dict[str, Curves]:
    """The curve of this seed of each row that has one."""
    headline = next((h for h in board.headlines if h.dataset == dataset), None)
    if headline is None or seed not in board.seeds:
        return {}
    labels = [r.loss.label for r in records if r.loss.label in headline.curves]
    place = board.seeds.index(seed)
    return {
        label: Curves(coefficients=c.coefficients, psnr=c.psnr[place], quality=c.quality[place])
        for label, c in ((label, headline.curves[label]) for label in labels)
    }


def _short(
    records: Sequence[Record], curves: Mapping[str, Curves], budget: float
) -> tuple[str, ...]:
    """Where there are curves: rows that have none, or one that ends before the budget."""
    reach = {label for label, curve in curves.items() if np.isfinite(coefficient_at(curve, budget))}
    return tuple(r.loss.label for r in records if curves and r.loss.label not in reach)


def _row(
    record: Record, out: OutFolder, dataset: str, budget: float | None, curve: Curves | None
) -> tuple[RatedRow, ImageOf]:
    files = record.artifacts
    generator = files["generator"].sha256 if "generator" in files else None
    row = RatedRow(
        label=record.loss.label,
        seed=record.seed,
        content_scale=record.content_scale,
        record=record_sha256(record),
        generator=generator,
    )
    if curve is None or budget is None:
        return row, _scored(record, out, dataset)
    coefficient = float(coefficient_at(curve, budget))
    if not np.isfinite(coefficient):
        raise UserError(
            f"expected rows whose curves reach {budget:g} dB, {record.loss.label!r} ends "
            f"{float(curve.depth):.2f} dB below its warm start",
            "leave it out, choose another --budget, or compare rows as trained: --budget none",
        )
    start = files["warm-start"].sha256
    between = row.but(warm_start=start, budget=budget, coefficient=coefficient)
    return between, _between(record, out, dataset, coefficient)


def _between(record: Record, out: OutFolder, dataset: str, coefficient: float) -> ImageOf:
    """SR by the network between a row's warm start and its generator."""
    from srbench.host import discover
    from srbench.models.files import TrainedGenerator, load_generator
    from srbench.models.images import published
    from srbench.models.interpolate import interpolate

    find = discover().generator_spec
    paths = {name: out.root / record.artifacts[name].path for name in ("warm-start", "generator")}
    for name, path in paths.items():
        if not path.is_file() or file_sha256(path) != record.artifacts[name].sha256:
            raise UserError(
                f"expected {path} with the hash that the record of {record.loss.label!r} states",
                "give the out folder that the run itself wrote, with its checkpoints/",
            )
    start, end = (load_generator(paths[name], find) for name in ("warm-start", "generator"))
    end.network.load_state_dict(
        interpolate(start.network.state_dict(), end.network.state_dict(), coefficient)
    )
    upscale = published(TrainedGenerator(network=end.network, generator=end.generator))
    scale = end.generator.scale
    return lambda name: upscale(lr_image(_kept(out, dataset, HR_FOLDER, name), scale))
