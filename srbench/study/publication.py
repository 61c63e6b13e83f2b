"""A study's findings as they stand beside records: with every hash that ties them to images."""

from __future__ import annotations

from pathlib import Path

from srbench.files import sha256_hex
from srbench.records.opinions import Opinion, Opinions, RatedContent, write_opinions
from srbench.records.votes import Vote, votes_csv
from srbench.study.analysis import Findings
from srbench.study.document import StudyFolder


def publish_findings(
    folder: StudyFolder, findings: Findings, votes: list[Vote], to: Path
) -> tuple[Path, Path]:
    """Write ``opinions/<study>.json`` and ``.csv`` below an out folder or published folder."""
    study, text = folder.study, votes_csv(votes)
    rows = {row.label: row for row in study.rows}
    crops: list[dict[str, str]] = [{} for _ in study.contents]
    for crop in study.media.values():
        crops[crop.content][crop.role] = crop.sha256
    document = Opinions(
        study=folder.sha256,
        design=findings.design,
        unit=findings.unit,
        suite=study.suite,
        raters=findings.kept,
        screened_out=len(findings.raters) - findings.kept,
        votes=findings.votes,
        alpha=findings.alpha,
        votes_sha256=sha256_hex(text),
        rows=tuple(
            Opinion(
                row=rows[found.label],
                score=found.score,
                low=found.low,
                high=found.high,
                group=found.group,
                votes=found.votes,
            )
            for found in findings.rows
        ),
        contents=tuple(
            RatedContent(place=place, crops=shown)
            for place, shown in zip(study.contents, crops, strict=True)
        ),
    )
    return write_opinions(document, text, to)
