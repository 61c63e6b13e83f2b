"""The template engine: autoescaping, strict about names, hostile strings on one line."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from srbench import __version__
from srbench.contract.licences import allows_commercial_use
from srbench.errors import plain
from srbench.report.columns import rank_text
from srbench.report.conventions import FLAGS
from srbench.report.lists import COSTS, figure_text
from srbench.report.render.site.marks import MARKS
from srbench.report.render.site.svg import look_swatch
from srbench.report.text import web_link


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("srbench.report.render.site", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.globals.update(
        commercial=allows_commercial_use,
        flags=FLAGS,
        marks=MARKS,
        rank_text=rank_text,
        version=__version__,
        web_link=web_link,
        costs=COSTS,
        look_swatch=look_swatch,
        figure=figure_text,
    )
    return environment


def _finalize(value: Any) -> Any:
    """Control and direction characters of a record never reach a page."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return plain(value)
    return value


def render(template: str, url: str, **context: Any) -> str:
    """The page at ``url``; ``root`` leads from it back to the site's root."""
    root = "../" * url.count("/")
    return _environment().get_template(template).render(root=root, url=url, **context)
