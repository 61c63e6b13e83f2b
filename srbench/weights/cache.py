"""The cache on disk: one safetensors file and one note per weight file. No torch until it loads.

Layout of the cache folder (``SRBENCH_CACHE``, otherwise the user's cache folder)::

    weights/<id>-<digest>.safetensors   the canonical state dict
    weights/<id>-<digest>.json          its tensors_sha256, source and licence
    archives/<sha256>-<file name>       packages that carry weights; may be deleted at any time

The digest is over the definition's pins, so two definitions of one id never share a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.contract import Source, WeightFile
from srbench.errors import WeightsError
from srbench.files import cache_folder, locked

if TYPE_CHECKING:
    import torch


_PART = ".part-"
_ABANDONED_AFTER = 24 * 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedWeights:
    """Which weights were used, for the record.

    Attributes:
        id: of the weight file.
        tensors_sha256: measured over the tensors that were loaded.
        source: where they came from at first, without machine paths.
        license: of the weights.
    """

    id: str
    tensors_sha256: str
    source: str
    license: str


def is_cached(file: WeightFile, *, cache: Path | None = None) -> bool:
    """Whether ``file`` can be loaded without any source. Looks for the files only."""
    return CacheEntry(file, cache).exists()


def definition_digest(file: WeightFile) -> str:
    """Twelve hexadecimal digits over everything in the definition that decides the tensors.

    Converters count by name: an author who edits one runs ``srbench weights pull --refresh``.
    """
    pins = {
        "id": file.id,
        "file_sha256": file.file_sha256,
        "sha256_prefix": file.sha256_prefix,
        "tensors_sha256": file.tensors_sha256,
        "keep": file.keep,
        "sources": [_source_pins(source) for source in file.sources],
    }
    return hashlib.sha256(json.dumps(pins, sort_keys=True).encode()).hexdigest()[:12]


def _source_pins(source: Source) -> dict[str, Any]:
    pins = {field.name: getattr(source, field.name) for field in fields(source)}
    del pins["max_bytes"]
    convert = pins["convert"]
    pins["convert"] = convert and f"{convert.__module__}:{convert.__qualname__}"
    return {"type": type(source).__name__, **pins}


class CacheEntry:
    """The cached copy of one weight file.

    Args:
        file: its definition.
        cache: the cache folder; default :func:`cache_folder`.
    """

    def __init__(self, file: WeightFile, cache: Path | None = None) -> None:
        self.file = file
        folder = (cache or cache_folder()) / "weights"
        stem = f"{file.id}-{definition_digest(file)}"
        self.path = folder / f"{stem}.safetensors"
        self.note_path = folder / f"{stem}.json"
        self._lock_path = folder / f"{stem}.lock"

    def exists(self) -> bool:
        """Whether both files are there."""
        return self.path.is_file() and self.note_path.is_file()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Held by the one process that fills this entry; the others wait for it."""
        held = contextlib.ExitStack()
        try:
            held.enter_context(locked(self._lock_path, f"fetches {self.file.id}"))
        except OSError as error:
            raise WeightsError(
                f"expected a cache folder that can be written, got {self.path.parent}: {error}",
                "set SRBENCH_CACHE to a folder of your own",
            ) from error
        with held:
            yield

    def note(self) -> LoadedWeights | None:
        """What was recorded at the first load; ``None`` where there was none.

        Raises:
            WeightsError: the note is damaged.
        """
        try:
            text = self.note_path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            known = {field.name for field in fields(LoadedWeights)}
            return LoadedWeights(**{k: str(v) for k, v in json.loads(text).items() if k in known})
        except (ValueError, TypeError, AttributeError) as error:
            raise self._refused(f"the note {self.note_path} is damaged: {error}") from error

    def load(self) -> tuple[dict[str, torch.Tensor], LoadedWeights]:
        """The cached tensors, checked against the recorded and the pinned identity.

        Raises:
            WeightsError: the file is damaged, or is not what was recorded.
        """
        from srbench.errors import ArchiveError
        from srbench.weights.decode import decode
        from srbench.weights.identity import tensors_sha256

        note = self.note()
        if note is None:
            raise WeightsError(f"expected {self.note_path}, got no such file")
        try:
            tensors: dict[str, torch.Tensor] = dict(decode("safetensors", self.path))
        except ArchiveError as error:
            raise self._refused(f"the cached copy is damaged: {error.what}") from error
        measured = tensors_sha256(tensors)
        for what, wanted in (
            ("recorded at the first load", note.tensors_sha256),
            ("pinned", self.file.tensors_sha256 or measured),
        ):
            if measured != wanted:
                raise self._refused(
                    f"tensors_sha256 {wanted} was {what}, got {measured} from {self.path}"
                )
        return tensors, note

    def save(self, tensors: dict[str, torch.Tensor], loaded: LoadedWeights) -> None:
        """Write both files, each under a temporary name first. Call it with the lock held."""
        from safetensors.torch import save_file

        with self._replacing(self.path) as temporary:
            save_file(tensors, temporary)
            temporary.chmod(0o644)  # safetensors writes 0600, which a shared cache cannot use
        with self._replacing(self.note_path) as temporary:
            # The note comes last: an entry without it does not exist.
            temporary.write_text(json.dumps(asdict(loaded), indent=1) + "\n", encoding="utf-8")

    def _refused(self, reason: str) -> WeightsError:
        return WeightsError(
            f"expected the weights {self.file.id!r} as they were recorded: {reason}",
            f"srbench weights pull {self.file.id} --refresh",
        )

    @staticmethod
    @contextlib.contextmanager
    def _replacing(path: Path) -> Iterator[Path]:
        with temporary_file(path.parent, path.suffix) as temporary:
            yield temporary
            temporary.replace(path)


@contextlib.contextmanager
def temporary_file(folder: Path, suffix: str = "") -> Iterator[Path]:
    """An empty file in ``folder``, removed at the end unless it was renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    handle, name = tempfile.mkstemp(prefix=_PART, suffix=suffix, dir=folder)
    os.close(handle)
    path = Path(name)
    path.chmod(0o644)  # mkstemp's 0600 would lock the others out of a shared cache
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _remove_abandoned(folder: Path) -> None:
    """Half-written files of processes that were killed; no download takes a day."""
    for path in folder.glob(f"{_PART}*"):
        with contextlib.suppress(OSError):  # somebody else removed it, or owns it
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                path.unlink()
