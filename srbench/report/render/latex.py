"""A table for a paper: the leading data set in LaTeX, with booktabs' rules."""

from __future__ import annotations

from srbench.errors import plain
from srbench.report.columns import columns, entries
from srbench.report.model import Leaderboard
from srbench.report.text import DASH, flag_codes


def leading_latex(board: Leaderboard) -> str:
    """The leading data set's ranks and scores; ``\\usepackage{booktabs}`` is all that it needs.

    What shares the first tie group is in bold. Strings from records are escaped.
    """
    import pandas as pd

    dataset = board.lead_dataset()
    if dataset is None:
        return "% nothing is scored yet\n"
    found = entries(board, dataset)
    shown = [
        column
        for column in columns(board, "markdown", found)
        if column.metric is not None or column.name in ("rank", "label")
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
    about = f"{board.suite} v{board.suite_version}, {board.protocol}, {dataset}"
    caption = f"{about}, {board.images(dataset)} images."
    if any(r"\textbf" in text for line in lines for text in line):
        caption += " In bold: what is not told apart from the best (Tukey's HSD, 5 % family-wise)."
    table: str = pd.DataFrame(lines, columns=pd.Index(heads)).to_latex(
        index=False, escape=False, column_format=layout, caption=_escaped(caption)
    )
    return table


_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", DASH: "--",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}  # fmt: skip


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(sign, sign) for sign in plain(text))
