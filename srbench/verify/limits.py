"""How large a submission may be. Checked while bytes are read, not by headers alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from srbench.errors import SubmissionError

Kind = Literal["manifest", "suite", "record", "generator", "image", "opinions", "votes"]

MIB: Final = 1 << 20

_FILE_BYTES: Final[Mapping[Kind, int]] = MappingProxyType(
    {
        "manifest": 8 * MIB,
        "suite": MIB,
        "record": MIB,
        "generator": 128 * MIB,
        "image": 64 * MIB,
        "opinions": 16 * MIB,
        "votes": 64 * MIB,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds on one submission.

    Attributes:
        files: number of files.
        archive_bytes: size of the archive itself.
        total_bytes: sum of the uncompressed sizes.
        record_bytes: of that, of all records.
        file_bytes: uncompressed size of one file, by its kind.
        ratio: uncompressed over compressed size of one file, above ``ratio_from`` bytes.
        ratio_from: smaller files may compress as they like.
    """

    files: int = 20_000
    archive_bytes: int = 2048 * MIB
    total_bytes: int = 4096 * MIB
    record_bytes: int = 128 * MIB
    file_bytes: Mapping[Kind, int] = field(default_factory=lambda: _FILE_BYTES)
    ratio: int = 100
    ratio_from: int = MIB


DEFAULT_LIMITS: Final = Limits()


def too_large(name: str, limit: int) -> SubmissionError:
    """The error for a file of more than ``limit`` bytes."""
    return SubmissionError(
        f"expected {name!r:.120} of at most {limit:,} bytes uncompressed, got more",
        "srbench reads no larger files; see `srbench docs submitting`",
    )


def too_many(limit: int) -> SubmissionError:
    """The error for more than ``limit`` files."""
    return SubmissionError(f"expected a submission of at most {limit:,} files, got more")
