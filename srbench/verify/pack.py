"""``srbench submit``: records, generators and suite of a run in one archive; same run, same bytes.

Everything is stored uncompressed under a fixed date: the bytes then depend on no version of zlib.
Only weights travel (safetensors), never checkpoints, which are pickles.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from srbench import __version__
from srbench.errors import UserError, unknown_name
from srbench.files import sha256_hex, write_atomic
from srbench.records import Record, RowKind, read_records, record_text
from srbench.settings import Suite
from srbench.settings.load import validate_suite
from srbench.verify.manifest import (
    Manifest,
    SubmittedFile,
    SubmittedImage,
    SubmittedSuite,
    manifest_bytes,
)
from srbench.verify.names import MANIFEST, SUITE
from srbench.verify.tensors import host_generator, load_checked

Locate = Callable[[Record, str, str], Path]
"""(record, data set, image) -> where the run has the SR image."""

_DATE: Final = (1980, 1, 1, 0, 0, 0)
_REGULAR_0644: Final = 0o100644 << 16
_UNIX: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """What was packed.

    Attributes:
        path: the archive.
        bytes: its size.
        records, generators, images: how many of each.
        by_hash: labels and seeds whose generator is not there and goes by its hash alone.
    """

    path: Path
    bytes: int
    records: int
    generators: int
    images: int
    by_hash: tuple[str, ...]


def pack_submission(
    out: Path,
    target: Path,
    *,
    only: Collection[str] = (),
    locate: Locate | None = None,
    with_generators: bool = True,
) -> Packed:
    """Pack the finished run in ``out``.

    Args:
        out: out folder of ``srbench run``.
        target: the archive to write, atomically.
        only: labels of rows, see :func:`chosen_rows`.
        locate: where SR images lie; ``None`` packs none. HR is never packed.
        with_generators: leave out the generators where they must not be published; their rows
            can then be scored from images only.

    Raises:
        UserError: a label that no row has, records of several suites, a generator or image that is
            missing or was changed.
        RecordError: no records, or a damaged one.
    """
    records = sorted(chosen_rows(read_records([out]), only), key=lambda record: record.key)
    document = _one_suite(out, records)
    suite = validate_suite(document, f"the suite of {out}")
    files = {f"records/{record.key}.json": record_text(record).encode() for record in records}
    files[SUITE] = _json(document)
    generators, by_hash = _generators(out, records, suite) if with_generators else ({}, ())
    files |= generators
    images: list[SubmittedImage] = []
    if locate is not None:
        found = _images(records, locate)
        images = [item for item, _ in found]
        files |= {f"images/{item.sha256}.png": data for item, data in found}
    manifest = Manifest(
        srbench=__version__,
        suite=SubmittedSuite(name=suite.name, version=suite.version, sha256=suite.conditions),
        files=tuple(
            SubmittedFile(path=name, bytes=len(data), sha256=sha256_hex(data))
            for name, data in sorted(files.items())
        ),
        images=tuple(images),
    )
    data = _archive({**files, MANIFEST: manifest_bytes(manifest)})
    write_atomic(target, data)
    return Packed(
        path=target,
        bytes=len(data),
        records=len(records),
        generators=len(generators),
        images=len(images),
        by_hash=by_hash,
    )


def chosen_rows(records: Iterable[Record], only: Collection[str]) -> list[Record]:
    """The rows with these labels, and those that nobody trained: curves begin at a warm start.

    Args:
        only: empty for all rows.

    Raises:
        UnknownName: a label that no trained row has.
    """
    found = list(records)
    trained = {r.loss.label for r in found if r.loss.kind is RowKind.TRAINED}
    for label in only:
        if label not in trained:
            raise unknown_name("row", label, trained)
    return [r for r in found if not only or r.loss.label not in trained - set(only)]


def _one_suite(out: Path, records: list[Record]) -> dict[str, Any]:
    identities = {(r.suite.name, r.suite.version, r.suite.conditions) for r in records}
    if len(identities) != 1:
        shown = ", ".join(f"{name} {version} ({sha[:8]})" for name, version, sha in identities)
        raise UserError(
            f"expected records of one suite in {out}, got {shown}", "submit each run by itself"
        )
    # The longest list of losses: a record may be older than a loss that was added to the suite.
    documents = [record.suite.document for record in records]
    return max(documents, key=lambda d: (len(d.get("loss", ())), json.dumps(d, sort_keys=True)))


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _generators(
    out: Path, records: list[Record], suite: Suite
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    generator = host_generator(suite)
    files: dict[str, bytes] = {}
    by_hash = []
    for record, artifact in ((r, a) for r in records for a in r.generators):
        path = out / artifact.path
        if generator is None or not path.is_file():  # a plugin's would be built by nobody
            by_hash.append(f"{record.loss.label} seed {record.seed}")
            continue
        name = f"generators/{artifact.sha256}.safetensors"
        if name in files:
            continue  # the warm start of many curves
        data = path.read_bytes()
        if sha256_hex(data) != artifact.sha256:
            raise UserError(
                f"expected {path} as the record {record.key[:12]} knows it, its bytes are others",
                "run the suite again: srbench run",
            )
        load_checked(data, generator)  # what the verifier would refuse is not packed
        files[name] = data
    return files, tuple(dict.fromkeys(by_hash))


def _images(records: list[Record], locate: Locate) -> list[tuple[SubmittedImage, bytes]]:
    found = []
    for record in records:
        if record.loss.kind is RowKind.HR:
            continue  # the data set itself is not ours to pass on
        for dataset, scores in sorted(record.scores.items()):
            for image in scores.images:
                path = locate(record, dataset, image)
                if not path.is_file():
                    raise UserError(
                        f"expected the SR image {path}, found none",
                        "run the suite again to make it, or leave out --images",
                    )
                data = path.read_bytes()
                item = SubmittedImage(
                    record=record.key, dataset=dataset, image=image, sha256=sha256_hex(data)
                )
                found.append((item, data))
    return found


def _archive(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = _REGULAR_0644
            entry.create_system = _UNIX
            archive.writestr(entry, data)
    return stream.getvalue()
