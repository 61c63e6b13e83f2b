"""``srbench agree``: any metric against human scores or pairwise choices."""

from __future__ import annotations

import contextlib
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srbench.devices import DEVICES, check_device

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from srbench.contract import MetricSpec
    from srbench.data.opinions import Opinions
    from srbench.report.opinions import Estimate, GapAccuracy, MetricAgreement


@click.command("agree", short_help="Any metric against human scores or choices.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--mos",
    "opinions_file",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Mean opinion scores (reference,distorted,score) or choices "
    "(reference,first,second,preferred_first).",
)
@click.option("--lower-is-better", is_flag=True, help="The opinion scores are differences (DMOS).")
@click.option(
    "--metric",
    "names",
    multiple=True,
    metavar="NAME",
    help="An installed metric, or one of pyiqa's by its name. Repeatable. Default: psnr, ssim, "
    "lpips, lpips-vgg and dists.",
)
@click.option(
    "--gap",
    "gaps",
    multiple=True,
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="SIZE",
    help="Also how often a gap of this size in the metric agrees with people. Repeatable.",
)
@click.option("--scale", default=4, show_default=True, type=click.IntRange(min=1))
@click.option("--protocol", default="y4-v1", show_default=True, metavar="NAME")
@click.option("--workers", type=click.IntRange(min=1), help="Default: CPU cores, at most 8.")
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout and nothing else.")
@click.option(
    "--allow-unsafe-weights",
    is_flag=True,
    help="Let pyiqa download and unpickle the files of metrics that srbench has not vetted.",
)
def command(
    folder: Path,
    opinions_file: Path,
    lower_is_better: bool,
    names: tuple[str, ...],
    gaps: tuple[float, ...],
    scale: int,
    protocol: str,
    workers: int | None,
    device: str,
    as_json: bool,
    allow_unsafe_weights: bool,
) -> None:
    """Compare metrics with what people said of the images in FOLDER.

    FOLDER holds reference/ and distorted/; `srbench docs agree` has the layout and recipes for
    known data sets. Only images of one reference are compared with each other.
    """
    from srbench.cli.eval import default_workers
    from srbench.cli.output import echo_json, warn_broken
    from srbench.data.opinions import read_opinions
    from srbench.host import discover
    from srbench.metrics import get_protocol, resolve_metrics

    get_protocol(protocol)
    check_device(device)
    opinions = read_opinions(folder, opinions_file, lower_is_better=lower_is_better)
    registry = discover()
    warn_broken(registry)
    with contextlib.redirect_stdout(sys.stderr):
        specs = resolve_metrics(
            names or ("psnr", "ssim", "lpips", "lpips-vgg", "dists"),
            registry,
            allow_unsafe_weights=allow_unsafe_weights,
        )
        scored = _score(
            folder, opinions, specs,
            protocol=protocol, scale=scale, device=device, workers=workers or default_workers(),
        )  # fmt: skip
    found = {spec.name: _agreement(scored[spec.name], opinions, spec, gaps) for spec in specs}
    if as_json:
        directions = {spec.name: spec.lower_is_better for spec in specs}
        echo_json(_document(protocol, opinions, found, directions))
    else:
        _print_table(found)


def _score(
    folder: Path, opinions: Opinions, specs: Sequence[MetricSpec], **settings: Any
) -> dict[str, dict[str, float]]:
    from srbench.metrics import ImagePair, score_images

    pairs = [
        ImagePair(name=name, sr=folder / "distorted" / name, hr=folder / "reference" / reference)
        for name, reference in opinions.references.items()
    ]
    return score_images(pairs, specs, **settings)


def _agreement(
    scores: Mapping[str, float], opinions: Opinions, spec: MetricSpec, gaps: Sequence[float]
) -> MetricAgreement:
    from srbench.errors import DataError
    from srbench.report.opinions import agreement

    try:
        return agreement(
            scores,
            opinions.references,
            lower_is_better=spec.lower_is_better,
            scores=opinions.scores,
            choices=opinions.choices,
            gaps=gaps,
        )
    except ValueError as error:
        raise DataError(str(error), "give opinions on more references") from error


def _document(
    protocol: str,
    opinions: Opinions,
    found: Mapping[str, MetricAgreement],
    directions: Mapping[str, bool],
) -> dict[str, Any]:
    return {
        "protocol": protocol,
        "kind": "scores" if opinions.scores else "choices",
        "images": len(opinions.references),
        "metrics": {
            name: {
                "lower_is_better": directions[name],
                "references": result.references,
                "accuracy": _estimate(result.accuracy),
                "ceiling": result.ceiling,
                "srcc": _estimate(result.srcc),
                "krcc": _estimate(result.krcc),
                "by_gap": [_gap(item) for item in result.by_gap],
                "at_gap": [_gap(item) for item in result.at],
            }
            for name, result in found.items()
        },
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None or estimate.count == 0:
        return None
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "count": estimate.count,
    }


def _gap(item: GapAccuracy) -> dict[str, Any]:
    return {"low": item.low, "high": item.high, "accuracy": _estimate(item.accuracy)}


def _print_table(found: Mapping[str, MetricAgreement]) -> None:
    from srbench.cli.output import console
    from srbench.screen import Sheet, say

    heads = ("metric", ">pairwise accuracy", ">at most", ">SRCC", ">KRCC", ">pairs", ">references")
    rows = [
        (
            name, estimate_text(result.accuracy), f"{result.ceiling:.3f}",
            estimate_text(result.srcc), estimate_text(result.krcc),
            str(result.accuracy.count), str(result.references),
        )
        for name, result in found.items()
    ]  # fmt: skip
    out = console()
    Sheet.of(heads, rows, title="agreement with people, within references").print(out)
    for name, result in found.items():
        for item in (*result.by_gap, *result.at):
            told = f"{name}: gaps of {item.low:.4g} to {item.high:.4g} agree: "
            say(out, f"{told}{estimate_text(item.accuracy)} ({item.accuracy.count} pairs)")


def estimate_text(estimate: Estimate | None) -> str:
    """A value with its interval, or a dash."""
    if estimate is None or math.isnan(estimate.value):
        return "-"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
