"""The table inside a README, between two markers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from srbench.errors import UserError
from srbench.files import write_atomic

BEGIN: Final = "<!-- srbench:leaderboard:begin -->"
END: Final = "<!-- srbench:leaderboard:end -->"


def embed(path: Path, table: str) -> None:
    """Replace what stands between the markers in ``path``; errors of :func:`outside_of_table`."""
    before, after = outside_of_table(path)
    write_atomic(path, f"{before}{BEGIN}\n{table}\n{END}{after}")


def outside_of_table(path: Path) -> tuple[str, str]:
    """What stands before and after the two markers in ``path``.

    Raises:
        UserError: the file is missing, or does not hold the two markers once each, in order.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"expected a README at {path}, got: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"expected a README in UTF-8, got {path}: {error}") from error
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UserError(
            f"expected the markers of the table once each in {path}",
            f"put these two lines where the table belongs:\n     {BEGIN}\n     {END}",
        )
    before, rest = text.split(BEGIN)
    return before, rest.split(END)[1]


SPACE: Final = """---
title: srbench leaderboard
emoji: 🔍
colorFrom: blue
colorTo: gray
sdk: static
app_file: index.html
license: apache-2.0
short_description: Perceptual losses for super-resolution GANs, compared
---
"""
"""What a static Space reads its settings from (https://huggingface.co/docs/hub/spaces-config-reference)."""


def head_for_space(folder: Path) -> None:
    """Put the settings of a static Space at the top of ``README.md``; a header of it stays.

    Raises:
        UserError: the file is not to be read.
    """
    path = folder / "README.md"
    text = "# The leaderboard\n\nOpen `index.html`.\n"
    if path.exists():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"expected a README in UTF-8 at {path}, got: {error}") from error
    if not text.startswith("---\n"):
        write_atomic(path, f"{SPACE}\n{text}")
