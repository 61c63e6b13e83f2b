"""Pages of running text: files of the published folder in Markdown, which people write."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from srbench.report.text import web_link

TEXTS = {"STUDY.md": "pages/study.html", "README.md": "pages/about.html"}
"""Markdown file of the published folder -> the page that shows it."""

MAX_TEXT = 1 << 20
"""Bytes of such a file; a larger one is no page."""


def prose(text: str, files: Collection[str], root: str) -> Markup:
    """Markdown as HTML: no HTML of its own, links to the web and to files of the site alone.

    Args:
        text: CommonMark with tables.
        files: of the site.
        root: what leads from the page to the site's root.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)  # settings of a Space
    tokens = parser.parse(re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL))
    for token in tokens:
        if token.children:
            token.children = _settled(token.children, files, root)
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            before.attrSet("id", anchor(token.content))
    html: str = parser.renderer.render(tokens, parser.options, {})
    wide = '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>'
    # Markdown is escaped by its renderer; what stands here is that renderer's own HTML.
    return Markup(html.replace("<table>", wide).replace("</table>", "</table></div>"))


def anchor(heading: str) -> str:
    """The name of a heading in links, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _settled(tokens: list[Token], files: Collection[str], root: str) -> list[Token]:
    """Links that lead somewhere; of the others the text alone. Images of the site alone."""
    kept, dropped = [], 0
    for token in tokens:
        if token.type == "link_open":
            target = _target(str(token.attrGet("href") or ""), files, root)
            if target is None:
                dropped += 1
                continue
            token.attrSet("href", target)
            if web_link(target):
                token.attrSet("rel", "noopener noreferrer nofollow")
        elif token.type == "link_close" and dropped:
            dropped -= 1
            continue
        elif token.type == "image":
            name = unquote(str(token.attrGet("src") or ""))
            if name not in files:
                continue
            token.attrSet("src", root + name)
        kept.append(token)
    return kept


def _target(address: str, files: Collection[str], root: str) -> str | None:
    if address.startswith("#") or web_link(address):
        return address
    name, hash_, place = unquote(address).partition("#")
    name = TEXTS.get(name, name)
    return f"{root}{name}{hash_}{place}" if name in files else None
