"""How numbers and hostile strings are written, shared by all outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from srbench.errors import plain
from srbench.records import MetricInfo
from srbench.report.columns import Column, ranked_by
from srbench.report.conventions import FLAGS
from srbench.report.model import Cell, Leaderboard

DASH: Final = "\u2013"
"""What pages print where there is no number, and between the ends of an interval."""

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
DETECTABLE: Final = (
    "Detectable: the smallest true difference between two given rows that a table like this one "
    "calls different with 80 % power (by the same Tukey test, at the spread that was measured)."
)
# GitHub links what looks like an address or a person: an entity or a comment breaks the look.
_UNLINKED = {"://": ":&#47;&#47;", "www.": "www&#46;", "@": "@<!-- -->"}
_LINKED = re.compile("|".join(map(re.escape, _UNLINKED)), re.IGNORECASE)


def csv_text(text: str) -> str:
    """A string cell that no spreadsheet runs as a formula: it is quoted with an apostrophe."""
    cleaned = plain(text)
    return f"'{cleaned}" if text.startswith(FORMULA_STARTS) else cleaned


def markdown_text(text: str) -> str:
    """A string that Markdown prints as it is, inside a table cell too.

    Addresses and ``@names`` in it become no links: a record's strings are not the page's own.
    """
    escaped = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"([\\`*_\[\]|~])", r"\\\1", escaped)
    escaped = re.sub(r"^(\d*)([#+.)-])(?=\s)", r"\1\\\2", escaped)  # heading, list
    return _LINKED.sub(lambda found: _UNLINKED[found[0].lower()], escaped)


def web_link(text: str) -> str | None:
    """``text`` if it is an http(s) address that may become a link, else ``None``."""
    if any(c.isspace() or not c.isprintable() for c in text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.hostname else None


def interval(cell: Cell, metric: MetricInfo) -> str:
    """``low to high`` of a cell's interval, empty where there is none."""
    if cell.low is None or cell.high is None:
        return ""
    return f"{metric.number(cell.low)} to {metric.number(cell.high)}"


def flag_codes(cell: Cell) -> str:
    """The codes of a cell's flags, for example ``TW``."""
    return "".join(FLAGS[flag][0] for flag in cell.flags)


def detectable(column: Column, board: Leaderboard, dataset: str) -> str:
    """What stands in a column below the table, where its families state a difference."""
    if column.metric is None:
        return "detectable" if column.name == "label" else ""
    test = board.families[dataset, column.metric.name].tukey
    return column.metric.number(None if test is None else test.detectable)


def title(board: Leaderboard) -> str:
    """One line that names the table: suite, version, track, protocol."""
    return (
        f"{board.suite} v{board.suite_version} ({board.track} track, protocol {board.protocol}, "
        f"suite {board.suite_sha256[:12]})"
    )


def table_title(board: Leaderboard, dataset: str) -> str:
    """One line above the table of a data set: what it is of, and what its ranks are by."""
    place = ", at one strength" if board.headlines else ""
    return f"{dataset}{place}; rank: {ranked_by(board)}"


def used_flags(board: Leaderboard) -> list[tuple[str, str, str]]:
    """(code, flag, meaning) of the flags that occur in the table."""
    used = {flag for row in board.rows for cell in row.cells.values() for flag in cell.flags}
    return [(code, flag, meaning) for flag, (code, meaning) in FLAGS.items() if flag in used]


def rank_rule(board: Leaderboard) -> str:
    """How the overall rank is made, in one sentence."""
    what = "Overall rank" if board.leading is None else "Rank at one strength"
    rule = f"{what}: {ranked_by(board)}. Rows that no loss trained, and incomplete rows, have none"
    blocks = [
        f"{m.title} ranks only data sets whose images all have at least {m.min_blocks} blocks of "
        f"{m.block} pixels"
        for m in board.metrics
        if m.block and not m.diagnostic
    ]
    blocks += [
        f"{m.title} is a diagnostic and ranks nothing" for m in board.metrics if m.diagnostic
    ]
    return "; ".join([rule, *blocks]) + "."


def meant(value: Any) -> Any:
    """Plain data with its floats as they are published: to eight significant digits.

    That is a thousandth of what any metric is good for between machines; the last bits of a sum
    are another processor's.
    """
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, Mapping):
        return {name: meant(item) for name, item in value.items()}
    return [meant(item) for item in value] if isinstance(value, (list, tuple)) else value
