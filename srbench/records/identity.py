"""What makes rows, records and the conditions of suites the same: hashes that anyone can redo."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from srbench.files import sha256_hex
from srbench.settings.canonical import content_key
from srbench.settings.load import validate_suite

if TYPE_CHECKING:
    from srbench.records.schema import Record
    from srbench.settings import Suite


def record_key(*, suite: str, version: int, label: str, seed: int, content_scale: float) -> str:
    """Key of a record: the row's identity, not its content.

    A rerun with other settings therefore replaces the record.
    """
    return content_key(
        {
            "suite": suite,
            "version": version,
            "label": label,
            "seed": seed,
            "content_scale": content_scale,
        }
    )


def conditions_sha256(document: Mapping[str, Any]) -> str:
    """:attr:`srbench.settings.Suite.conditions` of a record's ``suite.document``.

    Raises:
        SuiteError: it is no suite.
    """
    return _carried(json.dumps(document))[1]


def carried_suite(document: Mapping[str, Any]) -> Suite:
    """The suite that a record's ``suite.document`` is; one that many rows carry is validated once.

    Raises:
        SuiteError: it is none.
    """
    return _carried(json.dumps(document))[0]


def states_conditions(stated: str, document: Mapping[str, Any]) -> bool:
    """Whether ``stated`` is the hash of this suite's conditions, in either of its two forms.

    Until November 2026 records stated a hash of the whole document without the sections below.
    """
    left_out = {"loss", "seeds", "summary", "report", "metrics", "checkpoint", "limits"}
    if document.get("stopping") is None:
        left_out.add("stopping")
    before = content_key({k: v for k, v in document.items() if k not in left_out})
    return stated in (before, conditions_sha256(document))


@functools.lru_cache(maxsize=32)  # a hostile one takes megabytes
def _carried(text: str) -> tuple[Suite, str]:
    suite = validate_suite(json.loads(text))
    return suite, suite.conditions


def record_sha256(record: Record) -> str:
    """sha256 of the record's canonical text: of its whole content, unlike its key."""
    from srbench.records.io import record_text

    return sha256_hex(record_text(record))
