"""All pages of one suite's table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from srbench.records.opinions import Opinions
from srbench.report.agreement import TRADE_OFF
from srbench.report.figures.curves import VERDICT_WORDS
from srbench.report.figures.plane import legend, looks
from srbench.report.headline import BUDGETS
from srbench.report.headline_table import headline_table, reading_rule, readings
from srbench.report.model import Leaderboard, Row
from srbench.report.place import leading_order, leading_place
from srbench.report.render.latex import leading_latex
from srbench.report.render.site.board_view import (
    about_view,
    cell_view,
    dataset_views,
    options,
    suite_facts,
)
from srbench.report.render.site.cite import badge, row_bibtex, table_bibtex
from srbench.report.render.site.conditions import REFERENCES, conditions, protocol_lines
from srbench.report.render.site.files import SiteFolder
from srbench.report.render.site.image_view import first_pair, picture_views
from srbench.report.render.site.loss_view import (
    Downloads,
    RowCurves,
    RunView,
    row_terms,
    row_weights,
    run_views,
    seed_swatches,
)
from srbench.report.render.site.marks import Marks
from srbench.report.render.site.media import Media
from srbench.report.render.site.names import Place
from srbench.report.render.site.pages import render
from srbench.report.render.site.pictures import (
    ShownImage,
    best_and_worst,
    collect_images,
    shown_runs,
)
from srbench.report.render.site.prose import TEXTS, prose
from srbench.report.render.site.sources import Source
from srbench.report.stability import order_stability
from srbench.report.text import DETECTABLE, rank_rule, used_flags


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherTable:
    """A table of the site, for the list of tables."""

    name: str
    url: str
    track: str
    records: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """What the pages of all suites share. ``texts``: Markdown by its file's name in the folder;
    ``address``: where the folder is served, with a slash at its end, if that is known."""

    site: SiteFolder
    media: Media
    marks: Marks
    images: int
    tables: Sequence[OtherTable]
    texts: Mapping[str, str]
    opinions: Sequence[Opinions] = ()
    address: str = ""


class SuiteSite:
    """Writes the pages of one table."""

    def __init__(
        self, board: Leaderboard, sources: Mapping[int, Source], place: Place, shared: Shared
    ) -> None:
        self.board = board
        self._place = place
        self._shared = shared
        self._downloads = Downloads(shared.site)
        self._by_label: dict[str, list[Source]] = {row.label: [] for row in board.rows}
        for record in board.records:
            self._by_label[record.loss.label].append(sources[id(record)])
        self._images = collect_images(
            board, shown_runs(board, sources), shared.media, shared.images
        )
        self._keys = {
            source.record.key: mark
            for found in self._by_label.values()
            for source in found
            if (mark := shared.marks.of(source)) is not None
        }
        self._suite_file = self._downloads.suite(board.document)
        self._card = self._draw_card() if shared.address else ""

    def write(self) -> None:
        """Write the table, the page on reading it, and a page per row and per image."""
        self._write_board()
        self._write_reading()
        self._write_losses()
        self._write_cite()
        for index, image in enumerate(self._images):
            self._write_image(index, image)

    def _draw_card(self) -> str:
        """The picture that is shown where somebody links to a page: those need a full address."""
        from srbench.report.render.matplotlib import plane_png

        picture = plane_png(self.board)
        return "" if picture is None else self._shared.site.put(self._place.card, picture)

    def _page(self, template: str, url: str, **context: Any) -> None:
        board = self.board
        text = render(
            template,
            url,
            board=board,
            place=self._place,
            texts=[(_heading(*text), TEXTS[text[0]]) for text in self._shared.texts.items()],
            suite_file=self._suite_file,
            card=self._card,
            address=self._shared.address,
            rule=rank_rule(board),
            detectable=DETECTABLE,
            any_detectable=any(f.tukey is not None for f in board.families.values()),
            any_mark=bool(self._keys),
            **context,
        )
        self._shared.site.put(url, text)

    def _write_board(self) -> None:
        board, url = self.board, self._place.board
        marks = {label: self._shared.marks.row(found) for label, found in self._by_label.items()}
        views = dataset_views(board, self._place.loss, marks, "../" * url.count("/"))
        devices = list(dict.fromkeys(line.device for line in board.costs))
        sets = {image.dataset for image in self._images}
        sampled = any(view.images > self._shared.images for view in views if view.name in sets)
        self._page(
            "board.html.j2",
            url,
            views=views,
            about=about_view(board, self._place.loss, marks),
            headlines=[headline_table(board, headline) for headline in board.headlines],
            headline_rule=reading_rule(board),
            facts=suite_facts(board),
            tasks=options(board.rows, "task"),
            backbones=options(board.rows, "backbone"),
            used=used_flags(board),
            legend=legend(board),
            looks=looks(board),
            devices=devices,
            stability=order_stability(board),
            gallery=self._images,
            sampled=self._shared.images if sampled else 0,
            troubled=[row for row in board.rows if row.missing or row.errors],
            others=self._shared.tables if len(self._shared.tables) > 1 else [],
            tracks=sorted({table.track for table in self._shared.tables}),
        )

    def _write_reading(self) -> None:
        board = self.board
        present = {row.label for row in board.rows}
        self._page(
            "reading.html.j2",
            self._place.reading,
            conditions=conditions(board),
            protocol=protocol_lines(board.protocol),
            references=[item for item in REFERENCES.items() if item[0] in present],
            trade_off=TRADE_OFF,
        )

    def _write_cite(self) -> None:
        latex = self._shared.site.put(self._place.latex, leading_latex(self.board))
        bibtex = table_bibtex(self.board)
        self._page("cite.html.j2", self._place.cite, bibtex=bibtex, latex=latex)

    def write_texts(self) -> None:
        """Write the pages of running text; links lead to what the whole site has by now."""
        site = self._shared.site
        pages = {TEXTS[name] for name in self._shared.texts} | site.sizes().keys() | site.pictures()
        for name, text in self._shared.texts.items():
            url = TEXTS[name]
            shown = prose(text, pages, "../" * url.count("/"))
            self._page("prose.html.j2", url, heading=_heading(name, text), text=shown)

    def _write_losses(self) -> None:
        curves = RowCurves(self.board)
        lead = self.board.lead_dataset()
        rows = list(self.board.rows)
        if lead is not None:
            rows = [entry.row for entry in leading_order(self.board, lead)]
        for index, row in enumerate(rows):
            runs = run_views(
                row, self._by_label[row.label], self._shared.site, self._downloads, self._keys
            )
            self._page(
                "loss.html.j2",
                self._place.loss(row.label),
                row=row,
                runs=runs,
                curves=curves.of(row),
                seeds=seed_swatches(row),
                before=rows[index - 1].label if index else None,
                after=rows[index + 1].label if index + 1 < len(rows) else None,
                bibtex=row_bibtex(self.board, row),
                badge=self._shared.site.put(self._place.badge(row.label), badge(self.board, row)),
                **self._row_context(row, runs),
            )

    def _row_context(self, row: Row, runs: Sequence[RunView]) -> dict[str, Any]:
        board = self.board
        best, worst = best_and_worst(board, row, self._images) if row.trained else ([], [])
        return {
            "terms": row_terms(runs),
            "weights": row_weights(runs),
            "verdict": VERDICT_WORDS[row.convergence],
            "standing": leading_place(board, row.label),
            "budgets": [f"{budget:g} dB" for budget in BUDGETS],
            "headlines": [
                (
                    headline.dataset,
                    board.title(headline.metric),
                    readings(board, headline, row.label),
                )
                for headline in board.headlines
                if row.label in headline.curves
            ],
            "best": best,
            "worst": worst,
            "scores": [
                (
                    dataset,
                    [cell_view(row.cells.get((dataset, m.name)), m) for m in board.metrics],
                )
                for dataset in board.datasets
            ],
        }

    def _write_image(self, index: int, image: ShownImage) -> None:
        pages = {row.label: self._place.loss(row.label) for row in self.board.rows}
        views = picture_views(self.board, image, pages)
        first = next((view.picture for view in views if view.picture is not None), None)
        self._page(
            "image.html.j2",
            self._place.image(image.dataset, image.slug),
            image=image,
            views=views,
            pair=first_pair(views) if first is not None else None,
            width=first.width if first is not None else 0,
            height=first.height if first is not None else 0,
            box=image.group.box if image.group is not None else None,
            seed=next((view.seed for view in views if view.seed is not None), None),
            before=self._images[index - 1] if index else None,
            after=self._images[index + 1] if index + 1 < len(self._images) else None,
        )


def _heading(name: str, text: str) -> str:
    """What a text is called among the site's pages."""
    if name == "STUDY.md":
        return "Study"
    return "Submit" if re.search(r"^#+ Submit", text, re.MULTILINE) else "About"
