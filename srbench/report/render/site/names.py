"""File names and links from hostile strings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from srbench.records.opinions import FOLDER
from srbench.report.selection import TableKey

MAX_NAME = 72


def slugs(names: Iterable[str]) -> dict[str, str]:
    """A file name for each string: letters, digits, dots and dashes, and no two alike.

    A string that had to be changed, or that has capitals (some disks do not tell them apart),
    carries the start of its hash, so that its name does not depend on which others there are.

    >>> slugs(["vgg16-relu2_2"])
    {'vgg16-relu2_2': 'vgg16-relu2_2'}
    """
    return {name: _slug(name) for name in dict.fromkeys(names)}


def _slug(name: str) -> str:
    clean = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:MAX_NAME]
    if name and clean == name.lower():
        return clean
    return f"{clean or 'x'}-{short_hash(name)}"


def short_hash(text: str) -> str:
    """Eight hexadecimal digits that stand for ``text``."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def table_names(keys: Sequence[TableKey]) -> dict[TableKey, str]:
    """A folder for each table: the suite's name, with more where one suite has several."""
    plain = slugs(key[0] for key in keys)
    found = {}
    for key in keys:
        alone = sum(other[0] == key[0] for other in keys) == 1
        name = f"suite-{plain[key[0]]}" if plain[key[0]] in _TAKEN else plain[key[0]]
        found[key] = name if alone else f"{name}-v{key[1]}-{short_hash(repr(key))}"
    return found


_TAKEN = frozenset({"records", "generators", "media", "files", "assets", "pages", FOLDER})
"""Folders of the site that no suite's pages may share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the pages of one suite lie, relative to the site's root."""

    slug: str
    first: bool
    losses: dict[str, str]
    datasets: dict[str, str]

    @property
    def board(self) -> str:
        """The table: of the first suite it is the site's index."""
        return "index.html" if self.first else f"{self.slug}/index.html"

    @property
    def reading(self) -> str:
        """How to read the table."""
        return f"{self.slug}/how-to-read.html"

    @property
    def cite(self) -> str:
        """How to cite the table."""
        return f"{self.slug}/cite.html"

    @property
    def latex(self) -> str:
        """The table for a paper."""
        return f"{self.slug}/table.tex"

    @property
    def card(self) -> str:
        """What is shown where somebody links to a page."""
        return f"{self.slug}/card.png"

    def badge(self, label: str) -> str:
        """A row's place, for shields.io."""
        return f"{self.slug}/badges/{self.losses[label]}.json"

    def loss(self, label: str) -> str:
        """The page of a row."""
        return f"{self.slug}/losses/{self.losses[label]}.html"

    def image(self, dataset: str, image_slug: str) -> str:
        """The page of a test image."""
        return f"{self.slug}/images/{self.datasets[dataset]}/{image_slug}.html"
