"""What makes rows, records and the conditions of suites the same: hashes that anyone can redo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from srbench.files import sha256_hex

if TYPE_CHECKING:
    from srbench.records.schema import Record

_NO_CONDITION = ("loss", "seeds", "summary", "report", "metrics", "checkpoint", "limits")


def content_key(document: Mapping[str, Any]) -> str:
    """sha256 of the canonical JSON of ``document``: key order and white space do not matter.

    Raises:
        ValueError: NaN or infinity, which have no JSON form.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256_hex(text)


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
    """Hash of all that two rows must share to stand in one table.

    Not in it: the list of losses, the seeds and the words. A loss that is added later is compared
    under the same conditions.

    Args:
        document: the whole resolved suite, as JSON data; a record's ``suite.document``.
    """
    kept = {name: value for name, value in document.items() if name not in _NO_CONDITION}
    generator = kept.get("generator")
    if isinstance(generator, Mapping) and isinstance(generator.get("params"), Mapping):
        # As suites said it before generators had parameters of their own: those hashes stay.
        kept["generator"] = {**generator["params"], "name": generator.get("name")}
    if kept.get("stopping") is None:
        kept.pop("stopping", None)  # hashes of before this section existed stay
    return content_key(kept)


def record_sha256(record: Record) -> str:
    """sha256 of the record's canonical text: of its whole content, unlike its key."""
    from srbench.records.io import record_text

    return sha256_hex(record_text(record))
