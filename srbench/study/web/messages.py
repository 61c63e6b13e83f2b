"""What a browser sends, checked before anything is done with it."""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import Field, ValidationError

from srbench.strict import Strict
from srbench.study.document import Study
from srbench.study.web.guard import Refused

_Model = TypeVar("_Model", bound=Strict)


class Joining(Strict):
    """What a rater sends to take part."""

    consent: Literal[True]
    answers: list[str] = Field(max_length=20)


class Answer(Strict):
    """One vote as a browser sends it; ``nonce`` is the browser's own name for it."""

    trial: str = Field(pattern=r"^[0-9a-f]{32}$")
    nonce: str = Field(pattern=r"^[0-9a-f]{32}$")
    answer: str = Field(max_length=6)
    shown_ms: int = Field(ge=0, le=86_400_000)
    pixel_ratio: float = Field(gt=0, le=16)
    pixels_each: int = Field(ge=1, le=64)
    width: int = Field(ge=1, le=100_000)
    height: int = Field(ge=1, le=100_000)


def offered(study: Study) -> tuple[str, ...]:
    """The answers that a study offers."""
    if study.design == "acr":
        return ("1", "2", "3", "4", "5")
    return ("first", "second", "tie") if study.ties else ("first", "second")


def parsed(model: type[_Model], body: bytes) -> _Model:
    """The document in a body; :class:`Refused` where it is another."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise Refused(422, "expected another document") from error
