"""Commands that pages and workflows show: their words, and whether they exist."""

import re
import shlex
from pathlib import Path

import click

MAKEFILE = Path(__file__).parents[2] / "Makefile"
MAKE_TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE.read_text(), re.MULTILINE))


def words(line: str) -> list[str]:
    found = shlex.split(line, comments=True)
    ends = [index for index, word in enumerate(found) if word in ("|", ">")]
    return found[: ends[0]] if ends else found


def parse(command: click.Command, args: list[str]) -> None:
    """Let click parse the words without running anything; UsageError fails the test."""
    try:
        context = command.make_context(command.name, list(args), resilient_parsing=False)
    except click.exceptions.Exit:  # options such as --version answer and end
        return
    if isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        assert rest, f"{command.name} needs a subcommand"
        name, sub, remaining = command.resolve_command(context, rest)
        assert sub is not None, name
        parse(sub, remaining)
