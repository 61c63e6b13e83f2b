"""A table for a paper: the leading data set in LaTeX, with booktabs' rules."""

from __future__ import annotations

from collections.abc import Sequence

from srbench.errors import plain
from srbench.records import MetricInfo
from srbench.report.columns import Entry, columns, ranked_by
from srbench.report.headline_table import NOT_REACHED, headline_table, reading_rule
from srbench.report.model import Headline, Leaderboard
from srbench.report.place import leading_order
from srbench.report.text import DASH, flag_codes, used_flags
from srbench.screen import counted


def leading_latex(board: Leaderboard) -> str:
    """What leads the table; ``\\usepackage{booktabs}`` is all that it needs.

    At equal distortion first, where rows have curves, then the leading data set's scores at one
    strength. What shares the first tie group is in bold. Strings from records are escaped.
    """
    headline = board.leading
    tables = [] if headline is None else [_headline(board, headline)]
    dataset = board.lead_dataset()
    if dataset is not None:
        tables.append(_scores(board, dataset, ranked=headline is None))
    return "\n".join(tables) or "% nothing is scored yet\n"


def _headline(board: Leaderboard, headline: Headline) -> str:
    shown = headline_table(board, headline)
    kept = 2 + len(headline.families)
    place = shown.header.index("label")
    lines = [
        [_reading(text) if i > place else _escaped(text) for i, text in enumerate(line[:kept])]
        for line in shown.lines
    ]
    seeds = counted(len(board.seeds), "seed")
    about = f"{_about(board, headline.dataset)}, {seeds}. {reading_rule(board)}"
    if any(r"\textbf" in text for line in lines for text in line):
        about += " In bold: what is not told apart from the best."
    return _table(
        [_escaped(name) for name in shown.header[:kept]],
        lines,
        "rl" + "r" * len(headline.families),
        about,
    )


def _reading(text: str) -> str:
    """A score with its letters raised, in bold where one of them is the first."""
    score, _, letters = text.partition(" ")
    if text.startswith(NOT_REACHED) or not letters:  # or nothing was tested
        return _escaped(text)
    score = rf"\textbf{{{score}}}" if "a" in letters else score
    return rf"{score}\textsuperscript{{{letters}}}"


def _scores(board: Leaderboard, dataset: str, *, ranked: bool) -> str:
    found = leading_order(board, dataset)
    named = ("rank", "label") if ranked else ("label",)
    shown = [
        column
        for column in columns(board, "markdown", found)
        if column.metric is not None or column.name in named
    ]
    lines = []
    for entry in found:
        line = []
        for column in shown:
            if column.metric is None:
                line.append(_escaped(column.shown(entry)))
                continue
            cell = entry.cell(column.metric)
            text = "--" if cell is None else column.metric.number(cell.mean)
            if cell is not None and "a" in cell.group:
                text = rf"\textbf{{{text}}}"
            if cell is not None and cell.flags:
                text += rf"\textsuperscript{{{_escaped(flag_codes(cell))}}}"
            line.append(text)
        lines.append(line)
    heads = [_escaped("rank" if c.name == "rank" else c.title(board)) for c in shown]
    layout = "".join("r" if c.numeric or c.metric else "l" for c in shown)
    about = _about(board, dataset) + (". " if ranked else ", at one strength. ")
    about += f"Rank: {ranked_by(board)}." if ranked else "Rows differ in distortion here."
    if any(r"\textbf" in text for line in lines for text in line):
        about += " In bold: what is not told apart from the best (Tukey's HSD, 5 % family-wise)."
    here = {flag for entry in found for m in board.metrics for flag in _flags(entry, m)}
    flags = "; ".join(f"{code}: {flag}" for code, flag, _ in used_flags(board) if flag in here)
    return _table(heads, lines, layout, f"{about} {flags}." if flags else about)


def _flags(entry: Entry, metric: MetricInfo) -> Sequence[str]:
    cell = entry.cell(metric)
    return () if cell is None else cell.flags


def _about(board: Leaderboard, dataset: str) -> str:
    table = f"{board.suite} v{board.suite_version}, {board.protocol}, {dataset}"
    return f"{table}, {board.images(dataset)} images"


def _table(heads: list[str], lines: list[list[str]], layout: str, caption: str) -> str:
    import pandas as pd

    text: str = pd.DataFrame(lines, columns=pd.Index(heads)).to_latex(
        index=False, escape=False, column_format=layout, caption=_escaped(caption)
    )
    return text


_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", DASH: "--",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}  # fmt: skip


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(sign, sign) for sign in plain(text))
