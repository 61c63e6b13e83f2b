"""``manifest.json`` of a submission: what is in it, with sizes and hashes. Schema version 1."""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError
from pydantic_core import from_json

from srbench.errors import SubmissionError
from srbench.strict import Strict
from srbench.verify.names import MANIFEST

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FORMAT: Final = "srbench-submission"


class SubmittedFile(Strict):
    """One file of the archive, the manifest itself left out."""

    path: str = Field(max_length=200)
    bytes: int = Field(ge=0)
    sha256: Sha256


class SubmittedImage(Strict):
    """One SR image: which record's, of which test image. Its file is ``images/<sha256>.png``."""

    record: Sha256
    dataset: str = Field(max_length=1000)
    image: str = Field(max_length=1000)
    sha256: Sha256


class SubmittedSuite(Strict):
    """The suite that all records belong to; ``suite.json`` is the whole of it."""

    name: str = Field(max_length=60)
    version: int
    sha256: Sha256 = Field(description="hash of the conditions, as in the records")


class Manifest(Strict):
    """The whole ``manifest.json``."""

    format: Literal["srbench-submission"] = FORMAT
    schema_version: Literal[1] = Field(1, alias="schema")
    srbench: str = Field(max_length=100, description="version that packed it")
    suite: SubmittedSuite
    files: tuple[SubmittedFile, ...]
    images: tuple[SubmittedImage, ...] = ()


def manifest_bytes(manifest: Manifest) -> bytes:
    """The canonical text: equal manifests are equal bytes."""
    document = manifest.model_dump(mode="json", by_alias=True)
    return (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in these bytes.

    Raises:
        SubmissionError: not JSON, an unknown or missing field, or another schema version.
    """
    try:
        return Manifest.model_validate(from_json(data, allow_inf_nan=False))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise SubmissionError(
            f"{MANIFEST}: {place!r:.120}: {first['msg']:.200}",
            "pack it again with this version of srbench: srbench submit OUT",
        ) from error
    except ValueError as error:
        raise SubmissionError(f"{MANIFEST}: expected JSON, got: {error!s:.200}") from error
