"""Console sessions of the docs that show an output, and whether a command still prints it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_NUMBER = re.compile(r"\d+\.\d+")
_PROMPT = "$ "


@dataclass(frozen=True)
class Shown:
    """A command with the output that stands below it; ``...`` in it stands for anything."""

    command: str
    output: str

    def differs_from(self, printed: str) -> str:
        """What does not agree, or nothing.

        White space at the end of lines counts for nothing, and a decimal number may differ by one
        in the last place that is shown: the images behind scores have the same bytes on every
        machine, their scores have not.
        """
        printed = "\n".join(line.rstrip() for line in printed.strip().splitlines())
        parts = re.split(rf"(\.\.\.|{_NUMBER.pattern})", self.output.strip())
        pattern = "".join(
            r"[\s\S]*?" if part == "..."
            else rf"(\d+\.\d{{{_places(part)}}})" if _NUMBER.fullmatch(part)
            else re.escape(part)
            for part in parts
        )  # fmt: skip
        found = re.fullmatch(pattern, printed)
        if found is None:
            return f"$ {self.command}\nis shown as\n{self.output}\nand prints\n{printed}"
        wanted = [part for part in parts if _NUMBER.fullmatch(part)]
        for want, got in zip(wanted, found.groups(), strict=True):
            if abs(float(want) - float(got)) > 1.01 * 10.0 ** -_places(want):
                return f"$ {self.command}\nis shown with {want} and prints {got}:\n{printed}"
        return ""


def _places(number: str) -> int:
    return len(number.partition(".")[2])


def sessions(page: Path) -> list[Shown]:
    """All commands of a page whose output is shown, in order."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        text = block.replace("\\\n", " ")
        for part in re.split(rf"^{re.escape(_PROMPT)}", text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            if output.strip():
                found.append(Shown(command.partition("  #")[0].strip(), output.strip()))
    return found
