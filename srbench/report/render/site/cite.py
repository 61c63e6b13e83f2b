"""How a row and a table are cited and shown elsewhere: BibTeX and badges."""

from __future__ import annotations

import json
import re

from srbench import __version__
from srbench.errors import plain
from srbench.report.model import Leaderboard, Row
from srbench.report.place import leading_place
from srbench.report.text import web_link


def table_bibtex(board: Leaderboard) -> str:
    """An entry for a table, which its records' conditions identify."""
    name = f"{board.suite} v{board.suite_version}"
    note = f"{board.track} track, protocol {board.protocol}, suite {board.suite_sha256[:12]}"
    return _entry(f"srbench-{name}", f"srbench: leaderboard {name}", note)


def row_bibtex(board: Leaderboard, row: Row) -> str:
    """An entry for one row, with the paper that its loss names."""
    name = f"{board.suite} v{board.suite_version}"
    seeds = f"{len(row.seeds)} seeds" if len(row.seeds) > 1 else "one seed"
    note = f"protocol {board.protocol}, suite {board.suite_sha256[:12]}, {seeds}"
    paper = web_link(row.paper)
    return _entry(
        f"srbench-{name}-{row.label}", f"{row.label} in srbench's leaderboard {name}",
        f"{note}; loss: {paper}" if paper else note,
    )  # fmt: skip


def _entry(key: str, title: str, note: str) -> str:
    lines = {
        "author": "{The srbench contributors}",
        "title": f"{{{_braced(title)}}}",
        "note": _braced(note),
        "howpublished": f"srbench {__version__}",
    }
    inner = ",\n".join(f"  {field} = {{{text}}}" for field, text in lines.items())
    return f"@misc{{{re.sub(r'[^A-Za-z0-9.:-]+', '-', key)},\n{inner}\n}}"


def _braced(text: str) -> str:
    """Text inside braces: of another's name nothing may close them or start a command."""
    return re.sub(r"([&%$#_])", r"\\\1", re.sub(r"[{}\\~^]", "", plain(text)))


def badge(board: Leaderboard, row: Row) -> str:
    """A row's place as shields.io's endpoint takes it (https://shields.io/badges/endpoint-badge)."""
    place = leading_place(board, row.label)
    said = "not ranked" if place.rank is None else f"rank {place.rank:g} of {place.of}"
    document = {
        "schemaVersion": 1,
        "label": f"srbench {board.suite} v{board.suite_version}",
        "message": f"{plain(row.label)}: {said} by {plain(place.brief)}",
        "color": "lightgrey" if place.rank is None else "blue",
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
