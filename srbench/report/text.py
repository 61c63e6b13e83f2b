"""How numbers and hostile strings are written, shared by all outputs."""

from __future__ import annotations

import re
from typing import Final

from srbench.report.conventions import FLAGS, metric_digits, metric_title
from srbench.report.model import Cell, Leaderboard, MetricInfo

DASH: Final = "\u2013"
"""What pages print where there is no number, and between the ends of an interval."""

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
DETECTABLE: Final = (
    "Detectable: the smallest true difference between two given rows that a table like this one "
    "calls different with 80 % power (by the same Tukey test, at the spread that was measured)."
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """``text`` on one line without control characters, which could rewrite a terminal."""
    return _CONTROL.sub("\ufffd", " ".join(text.split("\n"))).replace("\t", " ")


def csv_text(text: str) -> str:
    """A string cell that no spreadsheet runs as a formula: it is quoted with an apostrophe."""
    cleaned = plain(text)
    return f"'{cleaned}" if text.startswith(FORMULA_STARTS) else cleaned


def markdown_text(text: str) -> str:
    """A string that Markdown and HTML print as it is, inside a table cell too."""
    escaped = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~])", r"\\\1", escaped)


def number(value: float | None, metric: str) -> str:
    """A score in the metric's digits; a dash where there is none."""
    return "-" if value is None else f"{value:.{metric_digits(metric)}f}"


def interval(cell: Cell, metric: str) -> str:
    """``low to high`` of a cell's interval, empty where there is none."""
    if cell.low is None or cell.high is None:
        return ""
    return f"{number(cell.low, metric)} to {number(cell.high, metric)}"


def flag_codes(cell: Cell) -> str:
    """The codes of a cell's flags, for example ``TW``."""
    return "".join(FLAGS[flag][0] for flag in cell.flags)


def heading(metric: MetricInfo) -> str:
    """A metric's column heading with the direction that is better."""
    return f"{metric_title(metric.name)} {'↓' if metric.lower_is_better else '↑'}"


def rank_text(rank: float | None) -> str:
    """A rank without needless decimals."""
    return "-" if rank is None else f"{rank:g}"


def title(board: Leaderboard) -> str:
    """One line that names the table: suite, version, track, protocol."""
    return (
        f"{board.suite} v{board.suite_version} ({board.track} track, protocol {board.protocol}, "
        f"suite {board.suite_sha256[:12]})"
    )


def used_flags(board: Leaderboard) -> list[tuple[str, str, str]]:
    """(code, flag, meaning) of the flags that occur in the table."""
    used = {flag for row in board.rows for cell in row.cells.values() for flag in cell.flags}
    return [(code, flag, meaning) for flag, (code, meaning) in FLAGS.items() if flag in used]


def rank_rule(board: Leaderboard) -> str:
    """How the overall rank is made, in one sentence."""
    sets = ", ".join(board.rank_datasets)
    return (
        f"Overall rank: mean rank by {metric_title(board.rank_metric)} over {sets}. Rows that no "
        "loss trained, and incomplete rows, have none; NIQE is ranked on the BSD sets only."
    )
