"""From out folders to a folder that any web host serves, and that opens from the disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from srbench.files import read_regular
from srbench.records.io import MAX_BYTES
from srbench.records.marks import FILE, parse_marks, read_marks
from srbench.records.opinions import FOLDER, opinion_files, read_opinions
from srbench.records.opinions import MAX_BYTES as MAX_VOTES
from srbench.records.starts import FILE as STARTS_FILE
from srbench.records.starts import starts_of, starts_text
from srbench.report.authority import own_suite
from srbench.report.build import build_leaderboard
from srbench.report.model import Leaderboard
from srbench.report.render.files import TableTexts, joined_tables, table_texts
from srbench.report.render.markdown import leading_table
from srbench.report.render.site.files import SiteFolder
from srbench.report.render.site.marks import Marks
from srbench.report.render.site.media import Media
from srbench.report.render.site.names import Place, slugs, table_names
from srbench.report.render.site.prose import MAX_TEXT, TEXTS
from srbench.report.render.site.readme import embed, outside_of_table
from srbench.report.render.site.sources import Source, read_sources, tables
from srbench.report.render.site.suite_site import OtherTable, Shared, SuiteSite
from srbench.report.selection import TableKey

IMAGES = 8
"""Test images shown of each data set, where nothing else is asked for."""
BUDGET = 60_000_000
"""Bytes that a published folder should stay below."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """What was published.

    Attributes:
        root: the folder; its ``index.html`` is where to start.
        bytes: of all its files.
        sizes: name below the folder -> bytes.
        records: in all tables.
    """

    root: Path
    bytes: int
    sizes: Mapping[str, int]
    records: int

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.root / "index.html"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is asked of all tables: the suite of the only run, and the seeds that count."""

    suite: Mapping[str, Any] | None
    seeds: tuple[int, ...]


def publish(
    folders: Iterable[Path | str],
    to: Path | str,
    *,
    images: int = IMAGES,
    seeds: Iterable[int] = (),
    readme: Path | str | None = None,
    verification: Mapping[str, str] | None = None,
    address: str = "",
) -> Published:
    """Write the site of all records in ``folders`` to the folder ``to``.

    The same records and images give the same bytes. A folder published before may be among
    ``folders``: its pictures and generators are taken over.

    Args:
        images: test images shown of each data set, evenly spaced by difficulty; 0 for none.
        seeds: those that count in the tables; by default those that each suite declares.
        readme: a Markdown file whose table, between two markers, is replaced too.
        address: of the published folder, where it is known, for the pictures of links to it.
        verification: record key -> mark; by default those of ``to/verification.json``.

    Raises:
        UserError: a folder without records, a foreign ``index.html`` at ``to``, no markers in
            the README, a damaged image.
        MixedRecords: records that must not share a table.
    """
    if readme is not None:
        outside_of_table(Path(readme))  # before anything is written
    origins = [Path(folder) for folder in folders]
    root = Path(to)
    marks = read_marks(root / FILE) if verification is None else parse_marks(verification)
    groups = tables(read_sources(origins))
    opinions = list(read_opinions(origins))
    voted = {
        f"{FOLDER}/{path.stem}{end}": read_regular(path.with_suffix(end), MAX_VOTES)
        for folder in origins
        for path in opinion_files(folder)
        for end in (".json", ".csv")
    }
    site = SiteFolder(root)
    media = Media(site, origins)
    names = table_names([key for key, _ in groups])
    listed = _listed(groups, names)
    starts = starts_of(source.record for _, sources in groups for source in sources)
    texts = {
        name: data.decode("utf-8", "replace")
        for name in TEXTS
        if (data := site.read(name)) is not None and len(data) <= MAX_TEXT
    }
    shared = Shared(
        site=site, media=media, marks=Marks(marks), images=images, tables=listed, texts=texts,
        opinions=opinions, address=address and f"{address.rstrip('/')}/",
    )  # fmt: skip
    asked = Asked(suite=own_suite(origins), seeds=tuple(seeds))
    written = _write_tables(groups, names, shared, asked)
    for name, text in joined_tables(written.texts).items():
        site.put(name, text)
    site.put(STARTS_FILE, starts_text(starts, site.sizes()))
    for name, data in voted.items():
        site.put(name, data)
    _write_assets(site)
    media.finish()
    written.first.write_texts()
    if readme is not None:
        embed(Path(readme), written.leading)
    size = site.finish()
    return Published(root=root, bytes=size, sizes=site.sizes(), records=written.records)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Written:
    """All tables as text, the first for a README and for pages of text, and how many records."""

    texts: list[TableTexts]
    leading: str
    first: SuiteSite
    records: int


def _write_tables(
    groups: list[tuple[TableKey, list[Source]]],
    names: Mapping[TableKey, str],
    shared: Shared,
    asked: Asked,
) -> _Written:
    texts: list[TableTexts] = []
    written: _Written | None = None
    count = 0
    while groups:  # each table is let go of before the next is made
        key, sources = groups.pop(0)
        suite_site = _write_suite(sources, names[key], shared, asked, first=not texts)
        count += len(suite_site.board.records)
        texts.append(table_texts(names[key], suite_site.board))
        if written is None:
            leading = leading_table(suite_site.board)
            written = _Written(texts=texts, leading=leading, first=suite_site, records=0)
    assert written is not None
    return replace(written, records=count)


def _write_suite(
    sources: Sequence[Source], name: str, shared: Shared, asked: Asked, *, first: bool
) -> SuiteSite:
    board = build_leaderboard(
        [source.record for source in sources],
        shared.opinions,
        suite=asked.suite,
        seeds=asked.seeds,
    )
    by_record = {id(source.record): source for source in sources}
    for record in (*board.records, *board.beyond):
        path = by_record[id(record)].path
        shared.site.put(f"records/{record.key}.json", read_regular(path, MAX_BYTES))
    suite_site = SuiteSite(board, by_record, _place(board, name, first=first), shared)
    suite_site.write()
    return suite_site


def _place(board: Leaderboard, name: str, *, first: bool) -> Place:
    return Place(
        slug=name,
        first=first,
        losses=slugs(row.label for row in board.rows),
        datasets=slugs(board.datasets),
    )


def _listed(
    groups: Sequence[tuple[TableKey, Sequence[Source]]], names: Mapping[TableKey, str]
) -> list[OtherTable]:
    return [
        OtherTable(
            name=f"{key[0]} v{key[1]}",
            url=f"{names[key]}/index.html" if index else "index.html",
            track=key[3],
            records=len({source.record.key for source in sources}),
        )
        for index, (key, sources) in enumerate(groups)
    ]


def _write_assets(site: SiteFolder) -> None:
    folder = files("srbench.report.render.site") / "assets"
    for name in ("site.css", "site.js"):
        site.put(f"assets/{name}", (folder / name).read_bytes())
