"""``leaderboard.csv``, ``.json`` and ``.md``: of one table, or of all those of a site."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.files import write_atomic
from srbench.report.columns import Column, Entry, columns, entries
from srbench.report.model import Leaderboard
from srbench.report.render.document import leaderboard_document
from srbench.report.render.markdown import leaderboard_markdown
from srbench.report.text import csv_text, meant


@dataclass(frozen=True, kw_only=True, slots=True)
class TableTexts:
    """One suite's table in the three forms. ``name``: of the suite's folder in a site."""

    name: str
    csv: str
    json: str
    markdown: str


def table_texts(name: str, board: Leaderboard) -> TableTexts:
    """The three forms of one table."""
    return TableTexts(
        name=name,
        csv=leaderboard_csv(board),
        json=json.dumps(leaderboard_document(board), indent=1, allow_nan=False),
        markdown=leaderboard_markdown(board),
    )


def write_leaderboard(board: Leaderboard, out: Path) -> tuple[Path, ...]:
    """Write ``out/leaderboard.{csv,json,md}`` atomically and return their paths."""
    return write_leaderboards({board.suite: board}, out)


def write_leaderboards(boards: Mapping[str, Leaderboard], out: Path) -> tuple[Path, ...]:
    """The same of tables by name: several stand in the three files as :func:`joined_tables` says.

    So nothing is left of an earlier report that this one does not say.
    """
    texts = joined_tables([table_texts(name, board) for name, board in boards.items()])
    return tuple(write_atomic(out / name, text) for name, text in texts.items())


def leaderboard_csv(board: Leaderboard) -> str:
    """One line per (label, data set); an empty cell where there is no score.

    Columns: what a line is of, ``loss,label,dataset,seeds,status``, then for each metric
    ``<metric>``, ``<metric>_low``, ``<metric>_high``, then where rows have curves what was read at
    equal distortion, ``<metric>_at_-0.5_db`` (empty: not reached). Eight significant digits.
    """
    tables = [entries(board, dataset) for dataset in board.datasets]
    lines = [entry for row in zip(*tables, strict=True) for entry in row]
    shown = sorted(columns(board, "csv", lines), key=lambda column: column.metric is not None)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    budgets = _budgets(board)
    names = [name for column in shown for name in _names(column)]
    writer.writerow([csv_text(name) for name in (*names, *budgets)])
    for entry in lines:
        values = [value for column in shown for value in _values(column, entry)]
        readings = (found.get((entry.dataset, entry.row.label)) for found in budgets.values())
        writer.writerow([*values, *(_number(value) for value in readings)])
    return text.getvalue()


def _budgets(board: Leaderboard) -> dict[str, dict[tuple[str, str], float]]:
    """Column -> (data set, label) -> mean at that budget, of the rows that reach it."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for headline in board.headlines:
        for place, family in enumerate(headline.families):
            column = found.setdefault(f"{headline.metric}_at_{family.budget:g}_db", {})
            for label in headline.curves:
                reading = headline.readings(label)[place]
                if reading.reached:
                    column[headline.dataset, label] = float(reading.values.mean())
    return found


def _names(column: Column) -> list[str]:
    ends = ("", "_low", "_high") if column.metric is not None else ("",)
    return [f"{column.name}{end}" for end in ends]


def _values(column: Column, entry: Entry) -> list[str]:
    if column.metric is None:
        value = column.value(entry)
        return [
            csv_text(value)
            if isinstance(value, str)
            else ""
            if value is None
            else repr(meant(value))
        ]
    cell = entry.cell(column.metric)
    values = (None,) * 3 if cell is None else (cell.mean, cell.low, cell.high)
    return [_number(value) for value in values]


def _number(value: Any) -> str:
    return "" if value is None else repr(meant(value))


def joined_tables(texts: Sequence[TableTexts]) -> dict[str, str]:
    """File name -> content.

    Of several suites the JSON is a list (as of ``report --json``), the Markdown one table after
    the other, and the CSV has a first column ``suite`` and the columns of all.
    """
    if len(texts) == 1:
        return {
            "leaderboard.csv": texts[0].csv,
            "leaderboard.json": texts[0].json + "\n",
            "leaderboard.md": texts[0].markdown,
        }
    return {
        "leaderboard.csv": _joined_csv(texts),
        "leaderboard.json": "[\n" + ",\n".join(text.json for text in texts) + "\n]\n",
        "leaderboard.md": "\n".join(text.markdown for text in texts),
    }


def _joined_csv(texts: Sequence[TableTexts]) -> str:
    tables = [(text.name, list(csv.DictReader(io.StringIO(text.csv)))) for text in texts]
    names = dict.fromkeys(name for _, lines in tables for line in lines for name in line)
    out = io.StringIO()
    writer = csv.DictWriter(out, ["suite", *names], restval="", lineterminator="\n")
    writer.writeheader()
    for name, lines in tables:
        # Strings were quoted against formulas when the suite's own table was written.
        writer.writerows({"suite": csv_text(name), **line} for line in lines)
    return out.getvalue()
