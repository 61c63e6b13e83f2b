"""Pages of the documentation site that no file of docs/ holds; a hook of mkdocs (mkdocs.yml)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.structure.files import File, Files

from srbench.cli import cli

ROOT = Path(__file__).parent.parent
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
PYTHON = """# From Python

::: srbench.api

::: srbench.contract
    options:
      show_root_full_path: false
"""


def on_config(config: Any) -> None:
    """The repository's address, once pyproject.toml has one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    config["repo_url"] = project.get("urls", {}).get("Repository", "")


def on_files(files: Files, config: Any) -> None:
    """README as the first page, how to contribute, and the references."""
    pages = {
        "index.md": (ROOT / "README.md").read_text(),
        "contributing.md": (ROOT / "CONTRIBUTING.md").read_text(),
        "commands.md": "\n".join(["# Commands", *_commands(cli, "srbench")]),
        "python.md": PYTHON,
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text.replace("](docs/", "](")))
    for name in PICTURE.findall(pages["index.md"]):
        if not name.startswith(("docs/", "https:")):
            files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Links to files of the repository lead there, or are plain text while it has no address."""
    base = config["repo_url"]

    def outside(match: re.Match[str]) -> str:
        text, target = match.groups()
        inside = target.startswith(("https:", "http:", "#")) or files.get_file_from_path(
            target.partition("#")[0]
        )
        if inside or not (ROOT / target.removeprefix("../")).exists():
            return match[0]  # what leads nowhere is left for the strict build to find
        return f"[{text}]({base}/blob/main/{target.removeprefix('../')})" if base else text

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", outside, markdown)


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """The theme fetches what search needs without a server from another host; we carry it."""
    return output.replace("https://unpkg.com/iframe-worker/shim", "iframe-worker.js")


def _commands(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path, terminal_width=100)
    yield f"## {path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            sub = command.get_command(context, name)
            assert sub is not None
            yield from _commands(sub, f"{path} {name}")
