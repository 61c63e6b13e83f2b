"""``srbench eval``: score any folder of images under a named protocol."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from srbench.cli import completion
from srbench.devices import DEVICES, check_device

if TYPE_CHECKING:
    from srbench.metrics import Evaluation
    from srbench.metrics.folders import MetricScores
    from srbench.metrics.score import Progress

_FOLDER = click.Path(path_type=Path)


@click.command("eval", short_help="Score any folder of images.")
@click.option("--sr", required=True, type=_FOLDER, help="Folder of the images to score, or one.")
@click.option(
    "--hr", type=_FOLDER, help="Ground truths, likewise; not needed for no-reference metrics."
)
@click.option(
    "--sr-suffix",
    metavar="TEXT",
    help="What SR names have at their end and HR names have not (x4, _out). Found out where all "
    "names agree.",
)
@click.option("--subset", is_flag=True, help="Score the images that have a partner, name the rest.")
@click.option(
    "--metric",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.metrics,
    help="An installed metric, or one of pyiqa's by its name. Repeatable. "
    "Default: psnr, ssim, lpips and niqe; niqe without --hr.",
)
@click.option("--scale", default=4, show_default=True, type=click.IntRange(min=1))
@click.option("--protocol", default="y4-v2", show_default=True, metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout and nothing else.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the scores to this file, one line per image.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Images scored at the same time; scores do not depend on it. Default: CPU cores, at most "
    "8.",
)
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True)
@click.option(
    "--allow-unsafe-weights",
    is_flag=True,
    help="Let pyiqa download and unpickle the files of metrics that srbench has not vetted.",
)
def command(
    sr: Path,
    hr: Path | None,
    sr_suffix: str | None,
    subset: bool,
    names: tuple[str, ...],
    scale: int,
    protocol: str,
    as_json: bool,
    csv_file: Path | None,
    workers: int | None,
    device: str,
    allow_unsafe_weights: bool,
) -> None:
    """Score the images in --sr against those of the same names in --hr, per image and on average.

    Images are matched by file name without its suffix, and without what all SR names have at their
    end (0801x4.png, img_out.png). `srbench docs protocols` says what each does.
    """
    from srbench.cli.output import check_writable, echo_json, warn_broken
    from srbench.files import write_atomic
    from srbench.host import discover
    from srbench.memory import keep_freed_memory
    from srbench.metrics import default_metrics, evaluate_folders, get_protocol, resolve_metrics

    keep_freed_memory()
    get_protocol(protocol)
    check_device(device)
    if csv_file is not None:
        check_writable("--csv", csv_file)
    registry = discover()
    warn_broken(registry)
    # pyiqa and its networks print as they please; stdout is the scores'.
    with contextlib.redirect_stdout(sys.stderr), _progress() as progress:
        specs = resolve_metrics(
            names or default_metrics(with_hr=hr is not None),
            registry,
            allow_unsafe_weights=allow_unsafe_weights,
        )
        result = evaluate_folders(
            sr,
            hr,
            specs,
            scale=scale,
            protocol=protocol,
            workers=workers or default_workers(),
            device=device,
            progress=progress,
            sr_suffix=sr_suffix,
            subset=subset,
        )
    if csv_file is not None:
        write_atomic(csv_file, result.csv())
    if as_json:
        echo_json(result.document())
    else:
        _print_table(result)
    if any(scores.failed for scores in result.metrics.values()):
        _name_failures(result)
        click.get_current_context().exit(1)


def default_workers() -> int:
    """CPU cores, at most 8."""
    from srbench.files import available_cores

    return min(8, available_cores())


@contextlib.contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import Progress as Bar

    from srbench.cli.output import console

    with Bar(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("scoring", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_table(result: Evaluation) -> None:
    from rich.text import Text

    from srbench.cli.output import console
    from srbench.errors import plain
    from srbench.screen import Head, Line, Sheet

    heads = [Head(text=Text("image"), numeric=False)]
    for name, scores in result.metrics.items():
        arrow = "lower is better" if scores.lower_is_better else "higher is better"
        heads.append(Head(text=Text(f"{name}\n{arrow}")))
    lines = [
        Line(
            cells=[
                Text(plain(image)),
                *(Text(_cell(scores.per_image.get(image))) for scores in result.metrics.values()),
            ]
        )
        for image in result.images
    ]
    means = (Text(_mean(scores, len(result.images))) for scores in result.metrics.values())
    lines.append(Line(cells=[Text("mean"), *means], begins=True))
    title = f"protocol {result.protocol}, scale {result.scale}, {len(result.images)} images"
    Sheet(title=title, heads=heads, lines=lines).print(console())


def _cell(score: float | None) -> str:
    return "failed" if score is None else f"{score:.4f}"


def _mean(scores: MetricScores, images: int) -> str:
    scored = len(scores.per_image)
    return _cell(scores.mean) + (f" of {scored} images" if 0 < scored < images else "")


def _name_failures(result: Evaluation) -> None:
    from srbench.errors import visible

    # One image may fail in every metric for one reason, such as being damaged.
    reasons = {reason for scores in result.metrics.values() for reason in scores.failed.values()}
    for reason in sorted(reasons):
        click.echo(visible(f"error: {reason}"), err=True)
