"""The base of every document that srbench reads: frozen, and misspelt keys are errors."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Base: immutable; unknown fields and non-finite numbers are errors.

    A field whose name in the file is no Python name has an alias and is read and written by it.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    def but(self, **values: Any) -> Self:
        """A validated copy with other values."""
        present = {name: getattr(self, name) for name in type(self).model_fields}
        return self.model_validate({**present, **values})


MOST_INT: Final = 2**53
"""Whole numbers beyond this are no numbers to JSON's readers, nor to a table."""
MOST_FLOAT: Final = 1e100
_DEPTH, _NODES, _TEXT = 24, 200_000, 200_000


def check_bounds(document: object) -> None:
    """Refuse what no document of ours holds, before anything is made of it.

    Raises:
        ValueError: nested too deep, too many values, a text too long or that is no text (half of a
            surrogate pair), a number too large. The message quotes no value.
    """
    waiting: list[tuple[object, int]] = [(document, 0)]
    seen = 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > _DEPTH or seen > _NODES:
            raise ValueError(f"nested deeper than {_DEPTH}, or more than {_NODES:,} values")
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for item in value.values()]
            for key in value:
                _check_value(key)
        elif isinstance(value, (list, tuple)):
            waiting += [(item, depth + 1) for item in value]
        else:
            _check_value(value)


def _check_value(value: object) -> None:
    if isinstance(value, str):
        if len(value) > _TEXT:
            raise ValueError(f"a text of more than {_TEXT:,} characters")
        if not value.isascii():
            _check_pairs(value)
    elif isinstance(value, (int, float)):
        most = MOST_FLOAT if isinstance(value, float) else MOST_INT
        if not -most <= value <= most:
            raise ValueError(f"a number beyond {most:g}, or none at all")


def _check_pairs(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text with half of a surrogate pair") from None


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    check_bounds(document)
    return document


Whole = Annotated[int, Field(ge=-MOST_INT, le=MOST_INT)]
Number = Annotated[float, Field(ge=-MOST_FLOAT, le=MOST_FLOAT, allow_inf_nan=False)]
Line = Annotated[str, Field(max_length=10_000)]
Text = Annotated[str, Field(max_length=_TEXT)]
Plain = Annotated[dict[str, Any], AfterValidator(_checked)]
"""JSON data of somebody else's shape, within the bounds of :func:`check_bounds`."""
