"""``srbench study analyse`` and ``merge``: what raters said."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from srbench.contract import MetricSpec
    from srbench.records.votes import Vote
    from srbench.report.opinions import MetricAgreement
    from srbench.study.analysis import Findings
    from srbench.study.document import StudyFolder

    Agreements = dict[str, tuple[MetricAgreement, MetricAgreement]]


@click.command("analyse")
@click.argument("source", metavar="STUDY|VOTES.csv", type=click.Path(path_type=Path))
@click.option("--votes", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Instead of STUDY's own: for example those of `study merge`.")  # fmt: skip
@click.option("--csv", "export", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the votes there, without identities.")  # fmt: skip
@click.option(
    "--to",
    "published",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="OUT",
    help="Put scores and votes beside the records there: its table then shows them.",
)
@click.option(
    "--metric",
    "names",
    multiple=True,
    metavar="NAME",
    help="Compare these metrics with people. Repeatable. Default: all that are installed.",
)
@click.option("--no-metrics", is_flag=True, help="Compare none, which takes a second.")
@click.option("--workers", type=click.IntRange(min=1), help="Images scored at once.")
@click.option("--json", "as_json", is_flag=True, help="Only JSON, on stdout.")
def analyse(
    source: Path,
    file: Path | None,
    export: Path | None,
    published: Path | None,
    names: tuple[str, ...],
    no_metrics: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Screen the raters of STUDY, score its rows with intervals, compare metrics with people.

    The votes' file alone is enough for all but the metrics, which need the study's images.
    """
    from srbench.cli.output import echo_json
    from srbench.errors import UserError
    from srbench.files import write_atomic
    from srbench.records.votes import read_votes, votes_csv
    from srbench.study.analysis import analyse as analyse_votes
    from srbench.study.document import StudyFolder
    from srbench.study.publication import publish_findings

    folder = StudyFolder(source) if source.is_dir() else None
    if folder is None and (published or names):
        raise UserError("expected a study folder for --to and --metric, got a file of votes",
                        "give STUDY, and the file with --votes")  # fmt: skip
    votes = _own_votes(folder) if folder and not file else read_votes(file or source)
    if folder is not None and any(vote.study != folder.sha256 for vote in votes):
        raise UserError(f"expected votes on the study in {source}, got votes on another")
    findings = analyse_votes(votes)
    agreements: Agreements = {}
    if folder is not None and not no_metrics:
        agreements = _agreements(folder, findings, names, workers)
    if export is not None:
        write_atomic(export, votes_csv(votes))
    if published is not None and folder is not None:
        publish_findings(folder, findings, votes, published)
    if as_json:
        echo_json(_document(findings, agreements))
        return
    _print(findings, agreements)
    for path in filter(None, (export, published)):
        click.echo(f"wrote {path}", err=True)


def _own_votes(folder: StudyFolder) -> list[Vote]:
    from srbench.errors import UserError
    from srbench.study.web.store import Store

    if not folder.votes.exists():
        raise UserError(f"expected votes in {folder.root}, found none", "srbench study serve")
    store = Store(folder.votes, folder.sha256)
    try:
        return store.votes()
    finally:
        store.close()


def _agreements(
    folder: StudyFolder, findings: Findings, names: tuple[str, ...], workers: int | None
) -> Agreements:
    import contextlib
    import sys

    from srbench.cli.eval import default_workers
    from srbench.host import discover
    from srbench.metrics import resolve_metrics
    from srbench.study.agreement import agree, score_crops

    with contextlib.redirect_stdout(sys.stderr):
        registry = discover()
        specs: tuple[MetricSpec, ...] = resolve_metrics(names or registry.metrics, registry)
        scored = score_crops(folder, specs, workers=workers or default_workers())
    for metric, why in scored.failed.items():
        click.echo(f"warning: {metric} is left out: {why}", err=True)
    return {
        spec.name: agree(scored.scores[spec.name], findings, lower_is_better=spec.lower_is_better)
        for spec in specs
        if spec.name in scored.scores
    }


def _document(findings: Findings, agreements: Agreements) -> dict[str, Any]:
    document = asdict(findings)
    for name in ("places", "choices"):
        del document[name]
    document["raters_kept"] = findings.kept
    document["metrics"] = {
        name: {
            "accuracy": asdict(chosen.accuracy),
            "ceiling": chosen.ceiling,
            "srcc": ordered.srcc and asdict(ordered.srcc),
            "krcc": ordered.krcc and asdict(ordered.krcc),
            "by_gap": [asdict(gap) for gap in chosen.by_gap],
        }
        for name, (chosen, ordered) in agreements.items()
    }
    return document


def _print(findings: Findings, agreements: Agreements) -> None:
    from srbench.cli.agree import estimate_text
    from srbench.cli.output import console
    from srbench.screen import Sheet, say

    out = console()
    rows = [
        (r.label, f"{r.score:+.2f}", f"{r.low:+.2f} to {r.high:+.2f}", r.group, f"{r.votes:,}")
        for r in findings.rows
    ]
    heads = ("row", ">score", ">95 %", ">letters", ">votes")
    Sheet.of(heads, rows, title=f"people's opinion, {findings.unit}").print(out)
    alpha = "-" if findings.alpha is None else f"{findings.alpha:.2f}"
    say(
        out,
        f"{findings.kept} raters, {findings.votes:,} votes ({findings.ties} ties); Krippendorff's "
        f"alpha {alpha}; rows that share a letter, {findings.threshold:.2f} apart or less, were "
        "not told apart (5 % for all pairs together)",
    )
    if findings.kept == 1:
        say(out, "one rater, a pilot: the intervals are over images and say nothing of others")
    for rater in findings.raters:
        if rater.why_not:
            say(out, f"screened out: {rater.name}: {rater.why_not}")
    if not agreements:
        return
    rows = [
        (
            name, estimate_text(chosen.accuracy), f"{chosen.ceiling:.3f}",
            estimate_text(ordered.srcc), estimate_text(ordered.krcc),
        )
        for name, (chosen, ordered) in agreements.items()
    ]  # fmt: skip
    heads = ("metric", ">pairwise accuracy", ">at most", ">SRCC", ">KRCC")
    Sheet.of(heads, rows, title="metrics against these raters, on these crops").print(out)
    for name, (chosen, _) in agreements.items():
        for gap in chosen.by_gap:
            told = f"{name}: gaps of {gap.low:.4g} to {gap.high:.4g} agree: "
            say(out, told + estimate_text(gap.accuracy))


@click.command("merge")
@click.argument(
    "files", metavar="VOTES.csv...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--to", "destination", required=True, metavar="FILE",
              type=click.Path(path_type=Path, dir_okay=False))  # fmt: skip
def merge(files: tuple[Path, ...], destination: Path) -> None:
    """Put the votes of several laboratories on one study into one file.

    Each serves a copy of the same study folder, made before the first vote.
    """
    from srbench.files import write_atomic
    from srbench.records.votes import merge_votes, read_votes, votes_csv

    votes = merge_votes([read_votes(path) for path in files])
    write_atomic(destination, votes_csv(votes))
    raters = len({vote.rater for vote in votes})
    click.echo(f"{destination}: {len(votes):,} votes of {raters} raters")
