"""The certificate of a device: what ``make certify`` found, test by test."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_core import from_json

from srbench.errors import RecordError
from srbench.files import read_regular
from srbench.strict import Line, Number, Strict

_MAX_BYTES = 1 << 20


class Result(Strict):
    """One test. ``figures``: what it measured, by name."""

    outcome: Literal["passed", "failed", "skipped"]
    seconds: Number
    reason: str = ""
    figures: dict[Line, Number] = Field(default_factory=dict)


class Certificate(Strict):
    """Attributes say what was tested, ``results`` how it went, in the order of the tests.

    Attributes:
        certificate: version of this form.
        device: as ``--device`` names it.
        name: the device's, by its driver.
        driver: its version; ``None`` where the vendor's tool did not tell.
        built_for: the version of CUDA or ROCm that torch was built for, or ``cpu``.
    """

    certificate: Literal[1]
    date: Line
    device: Line
    name: Line
    driver: Line | None
    torch: Line
    built_for: Line
    python: Line
    system: Line
    srbench: Line
    commit: Line | None
    results: dict[Line, Result]


def read_certificate(path: Path) -> Certificate:
    """The certificate in ``path``.

    Raises:
        RecordError: there is no such file, or it is no certificate.
    """
    try:
        return Certificate.model_validate(from_json(read_regular(path, _MAX_BYTES)))
    except (OSError, ValueError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise RecordError(
            f"expected a certificate, got {path}: {why}", "make one: make certify"
        ) from error
