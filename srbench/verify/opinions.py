"""Opinions of people beside published records: do votes, images and records belong together?

Nobody can ask the same people again, so that the best mark is ``reported``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from srbench.errors import SrbenchError
from srbench.records import Record
from srbench.records.opinions import BICUBIC, HR, Opinions, RatedRow, parse_opinions
from srbench.records.votes import Vote, parse_votes
from srbench.verify.contents import Contents

_MOST = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class OpinionsResult:
    """One study; ``differences``: what does not fit, in words."""

    study: str
    suite: str
    raters: int
    votes: int
    differences: tuple[str, ...]

    @property
    def mark(self) -> Literal["reported", "differs"]:
        """``reported`` where everything fits; never verified."""
        return "differs" if self.differences else "reported"

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "mark": self.mark,
            "suite": self.suite,
            "raters": self.raters,
            "votes": self.votes,
            "differences": list(self.differences),
        }


def check_opinions(contents: Contents) -> tuple[OpinionsResult, ...]:
    """Every study of a published folder."""
    names = [name for name, kind in contents.source.kinds.items() if kind == "opinions"]
    return tuple(_check(contents, name) for name in names)


def _check(contents: Contents, name: str) -> OpinionsResult:
    stem = name.removeprefix("opinions/").removesuffix(".json")
    try:
        said = parse_opinions(contents.read(name), name)
    except SrbenchError as error:
        return OpinionsResult(study=stem, suite="?", raters=0, votes=0, differences=(error.what,))
    found = []
    if said.study != stem:
        found.append(f"{name} is of another study, {said.study[:12]}")
    for difference in (*_of_rows(contents, said), *_of_votes(contents, said, stem)):
        found.append(difference)
        if len(found) == _MOST:
            break
    return OpinionsResult(
        study=stem,
        suite=said.suite.name,
        raters=said.raters,
        votes=said.votes,
        differences=tuple(found),
    )


def _of_votes(contents: Contents, said: Opinions, stem: str) -> Iterator[str]:
    name = f"opinions/{stem}.csv"
    if name not in contents.sha256:
        yield f"its votes are not there: {name}"
        return
    if contents.sha256[name] != said.votes_sha256:
        yield f"{name} does not have the hash that the opinions state"
    try:
        votes = parse_votes(contents.read(name).decode(), name)
    except (SrbenchError, UnicodeDecodeError) as error:
        yield str(error)
        return
    shown = {content.place.name: content.crops for content in said.contents}
    rows = {opinion.row.label for opinion in said.rows}
    for vote in votes:
        yield from _of_vote(vote, said, shown, rows)
    raters = len({vote.rater for vote in votes})
    if raters != said.raters + said.screened_out:
        yield f"the votes are of {raters} raters, stated are {said.raters + said.screened_out}"
    mains = sum(vote.kind == "main" for vote in votes)
    if mains < said.votes:
        yield f"{said.votes} votes are stated, the file has {mains}"


def _of_vote(
    vote: Vote, said: Opinions, shown: Mapping[str, Mapping[str, str]], rows: set[str]
) -> Iterator[str]:
    where = f"the vote of {vote.rater} on trial {vote.trial}"
    if vote.study != said.study:
        yield f"{where} is of another study"
    sides = [(vote.first, vote.first_sha256), (vote.second, vote.second_sha256)]
    for role, sha256 in sides[: 1 if said.design == "acr" else 2]:
        if role not in rows | {HR, BICUBIC}:
            yield f"{where} is on {role!r:.80}, which is no row of the study"
        elif shown.get(vote.content, {}).get(role) != sha256:
            yield f"{where} was on another image of {role!r:.80} than the study's"


def _of_rows(contents: Contents, said: Opinions) -> Iterator[str]:
    by_hash = {file.sha256: file for file in contents.records.files.values()}
    for opinion in said.rows:
        row = opinion.row
        file = by_hash.get(row.record)
        if file is None:
            yield f"the record of {row.label!r:.80} that people saw the images of is not here"
            continue
        record = contents.records[file.key]
        yield from _of_record(row, record)
        if row.coefficient is None:
            yield from _of_images(said, row.label, row.label, record)
    for file in by_hash.values():
        if file.label == "hr":
            yield from _of_images(said, HR, "hr", contents.records[file.key])


def _of_record(row: RatedRow, record: Record) -> Iterator[str]:
    stated = (row.label, row.seed, row.content_scale)
    if stated != (record.loss.label, record.seed, record.content_scale):
        yield f"the record of {row.label!r:.80} is one of {record.loss.label!r:.80}"
    files = {"generator": row.generator}
    if row.coefficient is not None:
        files["warm-start"] = row.warm_start
    for name, sha256 in files.items():
        known = record.artifacts[name].sha256 if name in record.artifacts else None
        if known != sha256:
            yield f"the images of {row.label!r:.80} came from another {name} than the record's"


def _of_images(said: Opinions, role: str, label: str, record: Record) -> Iterator[str]:
    for content in said.contents:
        place = content.place
        scores = record.scores.get(place.dataset)
        if scores is None or place.image not in scores.images:
            yield f"{label!r:.80} was never scored on {place.image!r:.80} of {place.dataset!r:.80}"
            continue
        known = scores.pixels_sha256.get(place.image)  # none before protocol y4-v2
        if known is not None and place.pixels.get(role) != known:
            yield f"people saw another image {place.image!r:.80} of {label!r:.80} than was scored"
