"""README and docs show only commands that exist, and their examples run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from shown import MAKE_TARGETS, parse, words

from srbench.cli import cli

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def shown_commands() -> list[tuple[str, str]]:
    """Every line that a ``console`` block shows after its prompt, with the page it stands on."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL):
            text = block.replace("\\\n", " ")
            found += [(page.name, m) for m in re.findall(r"^\$ (.+)$", text, re.MULTILINE)]
    return found


COMMANDS = shown_commands()


def test_there_are_commands_to_check() -> None:
    assert {"make", "srbench"} <= {words(line)[0] for _, line in COMMANDS}


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_the_command_exists_with_these_options(page: str, line: str) -> None:
    program, *args = words(line)
    if program == "make":
        targets = {arg for arg in args if "=" not in arg}
        assert targets <= MAKE_TARGETS
    if program == "srbench":
        parse(cli, args)


@pytest.mark.slow
@pytest.mark.network
def test_the_load_loss_example_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    example = next(block for block in blocks if "load_loss" in block)
    subprocess.run([sys.executable, "-c", example], check=True, timeout=300)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 90


def test_the_suites_are_listed() -> None:
    page = (ROOT / "docs/tour.md").read_text()
    for suite in (ROOT / "benchmarks").glob("*.toml"):
        assert f"`{suite.stem}`" in page


def test_the_slurm_scripts_are_scripts() -> None:
    """Their syntax, and the options of Ray's and our own commands in them."""
    page = (ROOT / "docs/running.md").read_text()
    scripts = re.findall(r"```bash\n(#!/bin/bash\n#SBATCH.*?)```", page, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        (ours,) = re.findall(r"exec (srbench [^'\n]*)", script.replace("\\\n", " "))
        parse(cli, words(ours)[1:])
