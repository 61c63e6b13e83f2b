"""How people write a loss with parameters, wherever a command takes one: ``vgg16,tap=conv4_3``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from srbench.errors import UserError
from srbench.settings.toml_text import read_value

_TOKENS = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|.', re.DOTALL)
"""Strings as a whole, and every other character."""

SYNTAX = "NAME,KEY=VALUE,... with values as in TOML, for example vgg16,tap=conv5_3,distance=l1"


def parse_loss(text: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters of ``NAME,KEY=VALUE,...``; values are TOML, bare words are strings.

    >>> parse_loss("vgg16,taps={conv3_3=0.5,conv5_3=1.0},distance=l1")
    ('vgg16', {'taps': {'conv3_3': 0.5, 'conv5_3': 1.0}, 'distance': 'l1'})

    Raises:
        UserError: something between two commas that is no KEY=VALUE.
    """
    name, *settings = _between_commas(text)
    if not name.strip():
        raise UserError(f"expected a loss, got {text!r}", SYNTAX)
    return name.strip(), parse_params(settings)


def parse_params(settings: Iterable[str]) -> dict[str, Any]:
    """Parameters from ``KEY=VALUE`` texts.

    Raises:
        UserError: a text without ``=`` or without a key, or a key given twice.
    """
    params: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = (part.strip() for part in setting.partition("="))
        if not key or not equals:
            raise UserError(f"expected KEY=VALUE, got {setting!r}", SYNTAX)
        if key in params:
            raise UserError(f"expected each parameter once, got {key!r} twice")
        params[key] = read_value(value)
    return params


def _between_commas(text: str) -> Iterator[str]:
    """Split at the commas that stand in no bracket and no quotes."""
    part, depth = "", 0
    for token in _TOKENS.findall(text):
        if token == "," and not depth:
            yield part
            part = ""
            continue
        part += token
        depth += (token in "[{") - (token in "]}")
    yield part
