"""``leaderboard.{csv,json,md}`` of the whole site: one suite as a report writes it, or several."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

from srbench.report.document import leaderboard_document
from srbench.report.markdown import leaderboard_markdown
from srbench.report.model import Leaderboard
from srbench.report.text import csv_text
from srbench.report.write import leaderboard_csv


@dataclass(frozen=True, kw_only=True, slots=True)
class TableTexts:
    """One suite's table in the three forms. ``name``: of the suite's folder in the site."""

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


def site_tables(texts: Sequence[TableTexts]) -> dict[str, str]:
    """File name -> content.

    Of one suite the files are those of ``srbench report``. Of several, the JSON is a list (as of
    ``report --json``), the Markdown one table after the other, and the CSV has a first column
    ``suite`` and the columns of all.
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
    tables = [(text.name, list(csv.reader(io.StringIO(text.csv)))) for text in texts]
    columns = list(dict.fromkeys(name for _, lines in tables for name in lines[0]))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["suite", *columns])
    for name, (header, *lines) in tables:
        for line in lines:
            cells = dict(zip(header, line, strict=True))
            # Strings were quoted against formulas when the suite's own table was written.
            writer.writerow([csv_text(name), *(cells.get(column, "") for column in columns)])
    return out.getvalue()
