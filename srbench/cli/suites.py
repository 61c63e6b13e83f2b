"""``srbench suites``: what there is to run, what can be set, and a suite of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from srbench.cli import completion


@click.group("suites", short_help="List, show and begin suites.")
def command() -> None:
    """List and show suites, list the keys that one may set, begin one of your own."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout and nothing else.")
def list_suites(as_json: bool) -> None:
    """Name the suites of ./benchmarks and those that come with srbench."""
    from srbench.cli.output import echo_json
    from srbench.settings import load_suite
    from srbench.settings.load import known_suites

    suites = {name: load_suite(str(path)) for name, path in known_suites().items()}
    if as_json:
        fields = ("version", "summary", "track", "protocol", "scale", "seeds")
        echo_json([suite.model_dump(include={"name", *fields}) for suite in suites.values()])
        return
    for name, suite in suites.items():
        seeds = f"{len(suite.seeds)} seed{'s' if len(suite.seeds) > 1 else ''}"
        click.echo(f"{name}  (version {suite.version}, {suite.track}, {seeds})")
        click.echo(f"    {suite.summary}")


@command.command("show")
@click.argument("suite", shell_complete=completion.suites)
@click.option("--defaults", is_flag=True, help="Every key, those left to their defaults too.")
def show(suite: str, defaults: bool) -> None:
    """Print SUITE, a path or the name of a file in benchmarks/, as TOML."""
    from srbench.settings import load_suite, suite_path
    from srbench.settings.toml_text import toml_text

    loaded = load_suite(suite)  # a file that is none is refused, not printed
    if defaults:
        click.echo(toml_text(loaded.model_dump(mode="json", by_alias=True)), nl=False)
    else:
        click.echo(suite_path(suite).read_text(encoding="utf-8-sig"), nl=False)


@command.command("keys")
@click.argument("section", required=False)
def keys(section: str | None) -> None:
    """List the keys of a suite, or of one SECTION: type, default, meaning."""
    from srbench.cli.output import echo_keys
    from srbench.errors import unknown_name
    from srbench.settings.describe import TOP, suite_keys

    sections = suite_keys()
    if section is not None and section not in sections:
        raise unknown_name("section", section, sections)
    for name in [section] if section is not None else sections:
        click.echo({TOP: "at the top"}.get(name, f"[{name}]"))
        echo_keys(sections[name], "  ")


@command.command("new")
@click.argument("name")
@click.option("--from", "source", default="quick", show_default=True, help="What it starts as.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: NAME.toml.")
def new(name: str, source: str, out: Path | None) -> None:
    """Write a suite of your own: another one's text, comments and all, under NAME."""
    from srbench.errors import UserError
    from srbench.files import write_atomic
    from srbench.settings.load import renamed_suite

    path = out or Path(f"{name}.toml")
    text = renamed_suite(source, name)
    if path.exists():
        raise UserError(f"expected a new file, got {path}, which exists", "name another with --out")
    write_atomic(path, text)
    click.echo(f"{path}: change it, then  srbench plan {path} --no-probe  and  srbench run {path}")
