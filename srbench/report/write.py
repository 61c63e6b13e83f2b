"""``leaderboard.csv``, ``.json`` and ``.md``, written atomically and byte for byte the same."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from srbench.files import write_atomic
from srbench.report.document import leaderboard_document
from srbench.report.markdown import leaderboard_markdown
from srbench.report.model import Leaderboard
from srbench.report.text import csv_text


def write_leaderboard(board: Leaderboard, out: Path) -> tuple[Path, ...]:
    """Write ``out/leaderboard.{csv,json,md}`` and return their paths."""
    document = json.dumps(leaderboard_document(board), indent=1, allow_nan=False) + "\n"
    texts = {
        "leaderboard.csv": leaderboard_csv(board),
        "leaderboard.json": document,
        "leaderboard.md": leaderboard_markdown(board),
    }
    return tuple(write_atomic(out / name, text) for name, text in texts.items())


def leaderboard_csv(board: Leaderboard) -> str:
    """One line per (label, data set); an empty cell where there is no score.

    Columns: ``loss,label,dataset,seeds,status`` and, for each metric, ``<metric>``,
    ``<metric>_low``, ``<metric>_high``. Numbers carry full precision.
    """
    header = ["loss", "label", "dataset", "seeds", "status"]
    for metric in board.metrics:
        header += [metric.name, f"{metric.name}_low", f"{metric.name}_high"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([csv_text(name) for name in header])
    for row in board.rows:
        for dataset in board.datasets:
            line = [csv_text(row.loss), csv_text(row.label), csv_text(dataset)]
            line += [str(len(row.seeds)), row.status]
            for metric in board.metrics:
                cell = row.cells.get((dataset, metric.name))
                values = (None,) * 3 if cell is None else (cell.mean, cell.low, cell.high)
                line += ["" if value is None else repr(value) for value in values]
            writer.writerow(line)
    return text.getvalue()
