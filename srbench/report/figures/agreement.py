"""How far the metrics order the rows alike."""

from __future__ import annotations

from srbench.report.figures.drawing import Box, Drawing, Part, shorten, text
from srbench.report.model import Correlation, Leaderboard

LEFT, TOP, STEP = 110.0, 34.0, 78.0


def agreement(board: Leaderboard, table: Correlation) -> Drawing:
    """Spearman's (Kendall's) rank correlation of every pair of metrics on one data set.

    The square behind a pair grows with the correlation; its colour says the direction.
    """
    names = [shorten(board.title(name), 14) for name in table.metrics]
    parts: list[Part] = []
    for i, name in enumerate(names):
        centre = STEP * (i + 0.5)
        parts.append(text(LEFT - 12, TOP + centre + 4, name, "name", "end"))
        parts.append(text(LEFT + centre, TOP - 12, name, "name", "middle"))
        for j in range(len(names)):
            parts += _pair(table, i, j)
    side = round(STEP * len(names))
    return Drawing(
        width=round(LEFT) + side + 16,
        height=round(TOP) + side + 12,
        kind="agreement",
        told=f"Rank correlation of the metrics over the {table.rows} rows of {table.dataset}",
        parts=tuple(parts),
        title=f"{table.dataset}: do the metrics agree?",
        note=f"Spearman (Kendall) over {table.rows} rows. +1: the same order, better with better; "
        "-1: the opposite order.",
    )


def _pair(table: Correlation, i: int, j: int) -> list[Part]:
    spearman, kendall = table.spearman[i][j], table.kendall[i][j]
    x, y = LEFT + STEP * (j + 0.5), TOP + STEP * (i + 0.5)
    if spearman is None or kendall is None:
        return [text(x, y + 4, "-", "name", "middle")]
    side = 0.94 * STEP * abs(spearman) ** 0.5
    kind = "agree" if spearman >= 0 else "oppose"
    return [
        Box(at=(x - side / 2, y - side / 2), width=side, height=side, kind=kind),
        text(x, y - 2, f"{spearman:+.2f}", "score", "middle"),
        text(x, y + 15, f"({kendall:+.2f})", "hint", "middle"),
    ]
