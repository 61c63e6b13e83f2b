"""Whether a file's first bytes are what its name says: a renamed pickle or archive is refused."""

from __future__ import annotations

from typing import Final

from srbench.errors import SubmissionError
from srbench.verify.limits import Kind

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_LENGTH: Final = 8  # of the number before a safetensors header
_PICKLE_PROTO: Final = 0x80
_FIX: Final = "submit what `srbench submit` wrote"
_ARCHIVES: Final = (
    (b"PK\x03\x04", "a zip archive (or a PyTorch pickle, which is one)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
)


def check_content(name: str, kind: Kind, data: bytes) -> None:
    """Refuse ``data`` unless it begins as a file of this kind does.

    Raises:
        SubmissionError: it is something else; pickles and archives are named as such.
    """
    if kind == "generator":
        fits = data[_LENGTH : _LENGTH + 1] == b"{"
    elif kind == "image":
        fits = data.startswith(PNG_SIGNATURE)
    elif kind == "votes":
        fits = data.startswith(b"study,")
    else:
        fits = data.startswith(b"{")
    if fits:
        return
    wanted = {"generator": "safetensors", "image": "PNG", "votes": "a table of votes"}.get(
        kind, "a JSON object"
    )
    raise SubmissionError(f"expected {name!r:.120} to be {wanted}, got {_found(data)}", _FIX)


def _found(data: bytes) -> str:
    if not data:
        return "an empty file"
    if len(data) > 1 and data[0] == _PICKLE_PROTO and data[1] <= 5:
        return "a pickle, which runs code when it is loaded"
    for magic, what in _ARCHIVES:
        if data.startswith(magic):
            return what
    if data[257:262] == b"ustar":
        return "a tar archive"
    return f"other content, beginning with {data[:8]!r}"
