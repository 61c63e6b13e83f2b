"""``srbench study``: a blind rating study of finished runs, from their images to the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from srbench.cli.study_results import analyse, merge
from srbench.cli.study_rows import row_options
from srbench.cli.study_serve import demo, make, serve
from srbench.cli.study_sheet import sheet


@click.group("study", short_help="Ask people: a blind rating study of finished runs.")
def command() -> None:
    """Ask people which row's images look better, or how good they are (docs/study.md).

    In this order: create, plan, serve, analyse. Begin with `srbench study demo`.
    """


command.add_command(analyse)
command.add_command(merge)
command.add_command(serve)
command.add_command(demo)
command.add_command(sheet)


@command.command("create")
@row_options
@click.option(
    "--to", "root", required=True, metavar="STUDY", type=click.Path(path_type=Path),
    help="The new study folder.",
)  # fmt: skip
@click.option(
    "--design", type=click.Choice(["pairs", "acr"]), default="pairs", show_default=True,
    help="Which of two looks better, or how good is one (absolute category rating, 1 to 5).",
)  # fmt: skip
@click.option("--images", default=20, show_default=True, type=click.IntRange(1, 1000),
              help="Test images, evenly spaced over the data set.")  # fmt: skip
@click.option("--crops", default=1, show_default=True, type=click.IntRange(1, 16),
              help="Places shown of each image.")  # fmt: skip
@click.option("--crop", default=160, show_default=True, type=click.IntRange(32, 1024),
              help="Side of the square that is shown, pixels of the image.")  # fmt: skip
@click.option(
    "--zoom",
    default=2,
    show_default=True,
    type=click.IntRange(1, 8),
    help="Enlargement on a plain screen, whole pixels; less where it does not fit.",
)
@click.option("--trials", default=60, show_default=True, type=click.IntRange(1, 2000),
              help="Votes of each rater, about; then come repeats and checks.")  # fmt: skip
@click.option("--repeats", default=6, show_default=True, type=click.IntRange(0, 100),
              help="Hidden repeats for each rater.")  # fmt: skip
@click.option("--checks", default=8, show_default=True, type=click.IntRange(5, 100),
              help="Attention checks for each rater: HR against bicubic.")  # fmt: skip
@click.option("--ties", is_flag=True, help="Pairs: offer 'no difference' too.")
@click.option("--reference/--no-reference", default=None,
              help="Show HR beside them. Default: with pairs, not with acr.")  # fmt: skip
@click.option("--title", default="A comparison of pictures", show_default=True)
@click.option(
    "--consent",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What raters agree to, plain text. Default: a short text of srbench's.",
)
@click.option(
    "--ask",
    "questions",
    multiple=True,
    metavar="TEXT",
    help="A question to every rater at the start. Repeatable; none by default.",
)
def create(folders: tuple[Path, ...], root: Path, **options: Any) -> None:
    """Make a study of the rows in OUT folders: crops under random names, and their key.

    Nothing in what a browser gets tells a row. Keep the folder on the server alone.
    """
    from srbench.study.sources import read_rows

    chosen = {name: options.pop(name) for name in ("labels", "dataset", "seed", "budget")}
    make(read_rows(folders, **chosen), root, **options)


@command.command("plan")
@click.argument("root", metavar="STUDY", type=click.Path(path_type=Path))
@click.option("--difference", type=float, metavar="SIZE",
              help="Pairs: share of votes for the better of two rows. [0.6]  ACR: points between "
              "them. [0.3]")  # fmt: skip
@click.option("--power", default=0.8, show_default=True, type=click.FloatRange(0.05, 0.99))
@click.option("--raters", "most", default=500, show_default=True, type=click.IntRange(4, 2000),
              help="As many could be had.")  # fmt: skip
@click.option(
    "--rater-spread",
    default=0.3,
    show_default=True,
    type=click.FloatRange(0, 5),
    help="How tastes differ: standard deviation, log odds (pairs) or points.",
)
@click.option("--image-spread", default=0.3, show_default=True, type=click.FloatRange(0, 5),
              help="How images differ in what they do to a row.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout.")
def plan_command(
    root: Path,
    difference: float | None,
    power: float,
    most: int,
    rater_spread: float,
    image_spread: float,
    as_json: bool,
) -> None:
    """Say how many raters and votes tell two rows of STUDY apart, by simulation from its design."""
    from srbench.cli.output import echo_json
    from srbench.errors import UserError
    from srbench.study.design import Design
    from srbench.study.document import StudyFolder
    from srbench.study.planner import plan
    from srbench.study.simulate import Taste

    study = StudyFolder(root).study
    pairs = study.design == "pairs"
    size = difference if difference is not None else 0.6 if pairs else 0.3
    if not (0.5 < size < 1.0 if pairs else 0.0 < size < 4.0):
        between = "0.5 and 1" if pairs else "0 and 4"
        raise UserError(f"expected --difference between {between}, got {size:g}")
    taste = Taste(rater=rater_spread, image=image_spread)
    found = plan(Design.of(study), size, power=power, taste=taste, most=most)
    if as_json:
        echo_json({"difference": size, "wanted": power, "raters": found.raters,
                   "votes": found.votes, "power": found.power})  # fmt: skip
        return
    what = f"{size:.0%} of votes for the better of two rows" if pairs else f"{size:g} points"
    if found.raters is None:
        click.echo(
            f"{what}: {most} raters do not do (power {found.power:.0%}): the images themselves "
            f"differ too much. More images help: srbench study create --images"
        )
        return
    click.echo(
        f"{what}: {found.raters} raters whose votes count, {found.votes:,} votes, find it with "
        f"power {found.power:.0%}; ask for a tenth more, some will be screened out"
    )
