"""``srbench study serve`` and ``demo``: a study in raters' browsers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from srbench.study.document import StudyFolder
    from srbench.study.sources import Rows


def _needs_extra(function: Callable[..., Any]) -> Callable[..., Any]:
    """Say which packages to install where the extra is missing."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        from importlib.util import find_spec

        from srbench.errors import UserError

        wanted = ("starlette", "uvicorn", "sqlalchemy", "krippendorff")
        missing = [name for name in wanted if find_spec(name) is None]
        if missing:
            raise UserError(
                f"expected the packages of a study, found no {', '.join(missing)}",
                "in a clone of srbench: pip install -e '.[study]'",
            )
        return function(*args, **kwargs)

    return checked


def make(rows: Rows, root: Path, consent: Path | None = None, **options: Any) -> StudyFolder:
    """Make a study and say what a rater will be asked."""
    from srbench.cli.output import progress_bar
    from srbench.study.create import Settings, create_study

    if consent is not None:
        options["consent"] = consent.read_text(encoding="utf-8")
    with progress_bar(f"making {root}") as progress:
        made = create_study(rows, root, Settings(**options), progress=progress)
    study = made.study
    click.echo(f"{root}: {len(study.rows)} rows at {len(study.contents)} places of {rows.dataset}")
    for row in study.rows:
        place = "as trained" if row.coefficient is None else (
            f"at {row.budget:g} dB, {row.coefficient:.3f} of the way from its warm start"
        )  # fmt: skip
        click.echo(f"  {row.label}, seed {row.seed}, {place}")
    checks = study.checks * (1 if study.design == "pairs" else 2)
    if rows.left_out:
        click.echo(f"left out, no curve reaches the budget: {', '.join(rows.left_out)}")
    click.echo(f"each rater: {study.trials} votes, {study.repeats} repeats, {checks} for checks")
    return made


@click.command("serve")
@click.argument("root", metavar="STUDY", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535))
@click.option("--open-to-network", is_flag=True,
              help="Needed for a host that others reach: whoever reaches it can take part, and see "
              "the images.")  # fmt: skip
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST",
    help="A name by which browsers ask for it, such as study.lab.example. Repeatable.",
)
@click.option("--prefix", default="", metavar="/PATH",
              help="Path below which a reverse proxy shows it.")  # fmt: skip
@click.option("--proxy", metavar="ADDRESS", help="Believe X-Forwarded-For of this address.")
@click.option("--raters", "most", default=2000, show_default=True, type=click.IntRange(min=1),
              help="No more than so many may join.")  # fmt: skip
@_needs_extra
def serve(
    root: Path,
    host: str,
    port: int,
    open_to_network: bool,
    names: tuple[str, ...],
    prefix: str,
    proxy: str | None,
    most: int,
) -> None:
    """Serve STUDY to raters, on this machine alone unless told otherwise.

    Stopped at any time, it goes on where it was. Votes lie in STUDY/votes.sqlite.
    """
    from srbench.errors import UserError
    from srbench.study.document import StudyFolder
    from srbench.study.web.serve import is_loopback, serve_study

    if not is_loopback(host) and not open_to_network:
        raise UserError(
            f"expected --open-to-network for the host {host}: whoever reaches this machine could "
            "then take part and see the images",
            "add it if that is meant; behind a reverse proxy on this machine leave --host out",
        )
    if host in ("0.0.0.0", "::") and not names:
        raise UserError(
            f"expected --name beside --host {host}: requests by any other name are refused",
            "give the name or address that raters type, for example --name study.lab.example",
        )
    if prefix and not prefix.startswith("/"):
        raise UserError(f"expected --prefix with a leading slash, got {prefix!r}")
    serve_study(
        StudyFolder(root), host=host, port=port, names=names, prefix=prefix.rstrip("/"),
        proxy=proxy, most=most, started=lambda url: click.echo(f"serving {root} at {url}"),
    )  # fmt: skip


@click.command("demo")
@click.option(
    "--from",
    "out",
    default=Path("runs/quick"),
    show_default=True,
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="A run of quick; a short one is made without.",
)
@click.option("--to", "root", default=Path("study-demo"), show_default=True, metavar="STUDY",
              type=click.Path(path_type=Path))  # fmt: skip
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535))
@click.option("--browser/--no-browser", default=True, help="Open it in the browser.")
@_needs_extra
def demo(out: Path, root: Path, port: int, browser: bool) -> None:
    """Make a study of quick's rows and open it: a pilot on oneself.

    Without a finished run of quick, its networks are trained for a minute only, in STUDY-run: what
    they show is how a study feels, not how losses compare.
    """
    from srbench.study.document import StudyFolder
    from srbench.study.sources import read_rows
    from srbench.study.web.serve import serve_study

    if not (root / "study.json").exists():
        rows = read_rows([out if (out / "records").is_dir() else _short_run(root)])
        make(rows, root, crops=4, trials=20, checks=5, repeats=3)

    def started(url: str) -> None:
        click.echo(f"your pilot: {url}\nthen: srbench study analyse {root}")
        if browser:
            click.launch(url)

    serve_study(StudyFolder(root), port=port, started=started)


def _short_run(root: Path) -> Path:
    from srbench.api import run_suite

    click.echo("no run of quick here: training its rows for a minute, which is no evidence")
    short = ("warm_start.iterations=60", "adversarial.iterations=10", "metrics=[\"psnr\"]",
             "validation.metrics=[\"psnr\"]", "report.rank_metric=\"psnr\"")  # fmt: skip
    return run_suite("quick", out=root.with_name(f"{root.name}-run"), overrides=short).out
