"""``srbench docs``: the pages that come with the installed version."""

from __future__ import annotations

from pathlib import Path

import click

import srbench

PACKAGE = Path(srbench.__file__).parent


@click.command("docs", short_help="Print a page of the documentation.")
@click.argument("page", required=False)
def command(page: str | None) -> None:
    """Print PAGE (Markdown), or list the pages and where they lie."""
    from srbench.errors import unknown_name

    folder = next(f for f in (PACKAGE / "docs", PACKAGE.parent / "docs") if f.is_dir())
    pages = {path.stem: path for path in sorted(folder.glob("*.md"))}
    if page is None:
        width = max(map(len, pages))
        for name, path in pages.items():
            title = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
            click.echo(f"{name:{width}}  {title}")
        click.echo(f"in {folder}", err=True)
        return
    name = page.removesuffix(".md").removeprefix("docs/")
    if name not in pages:
        raise unknown_name("page", page, pages)
    click.echo(pages[name].read_text(encoding="utf-8"), nl=False)
