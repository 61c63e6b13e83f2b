"""What the rest of srbench uses: get, pull and verify weights by their definition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from srbench.contract import WeightFile
from srbench.errors import ContractError, WeightsError
from srbench.files import cache_folder
from srbench.weights.cache import CacheEntry, LoadedWeights

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What :func:`verify` saw.

    Attributes:
        id: of the weight file.
        state: ``ok``, ``damaged``, or ``missing`` from the cache.
        detail: the identity, or what is wrong.
    """

    id: str
    state: Literal["ok", "damaged", "missing"]
    detail: str


class WeightStore:
    """Gives losses and metrics the weights that they declare; a ``contract.WeightResolver``.

    Args:
        files: the definitions that may be asked for.
        cache: the cache folder; default :func:`srbench.files.cache_folder`.

    Raises:
        ContractError: two different definitions of one id.

    Example:
        >>> from srbench.contract.known_weights import VGG16_IMAGENET
        >>> store = WeightStore([VGG16_IMAGENET])
        >>> store.state_dict("vgg16-imagenet")["features.0.weight"].shape  # doctest: +SKIP
        torch.Size([64, 3, 3, 3])
    """

    def __init__(self, files: Iterable[WeightFile], *, cache: Path | None = None) -> None:
        self._cache = cache
        self._files: dict[str, WeightFile] = {}
        for file in files:
            if self._files.setdefault(file.id, file) != file:
                raise ContractError(
                    f"expected one definition of the weights {file.id!r}, got two that differ",
                    "give one of them another id",
                )
        self.used: dict[str, LoadedWeights] = {}

    def state_dict(self, weight_id: str) -> dict[str, torch.Tensor]:
        """The canonical state dict, new tensors on the CPU at every call; noted in ``used``.

        Raises:
            ContractError: the id is not among the declared files.
            WeightsError: no source had it, or it is not what was pinned or recorded.
        """
        file = self._files.get(weight_id)
        if file is None:
            raise ContractError(
                f"expected one of the declared weights ({', '.join(sorted(self._files)) or 'none'})"
                f", got {weight_id!r}",
                "add its WeightFile to the spec's `weights`",
            )
        tensors, loaded = _get(file, self._cache)
        self.used[weight_id] = loaded
        return tensors


def pull(file: WeightFile, *, cache: Path | None = None, refresh: bool = False) -> LoadedWeights:
    """Make sure that ``file`` is in the cache and is what was pinned.

    Args:
        file: the definition.
        cache: the cache folder.
        refresh: fetch it anew and forget what was recorded; what is pinned still holds.

    Raises:
        WeightsError: no source had it, or it is not what was pinned or recorded.
    """
    return _get(file, cache, refresh=refresh)[1]


def verify(file: WeightFile, *, cache: Path | None = None) -> Verification:
    """Read the cached copy and compare it with what was recorded and pinned. Fetches nothing."""
    entry = CacheEntry(file, cache)
    if not entry.exists():
        return Verification(id=file.id, state="missing", detail="not in the cache")
    try:
        _, loaded = entry.load()
    except WeightsError as error:
        return Verification(id=file.id, state="damaged", detail=error.what)
    return Verification(id=file.id, state="ok", detail=loaded.tensors_sha256)


def _get(
    file: WeightFile, cache: Path | None, *, refresh: bool = False
) -> tuple[dict[str, torch.Tensor], LoadedWeights]:
    from srbench.weights.sources import Search

    entry = CacheEntry(file, cache)
    if entry.exists() and not refresh:
        return entry.load()
    with entry.lock():
        if entry.exists() and not refresh:
            return entry.load()  # another process was faster
        found = Search(file, cache or cache_folder()).run()
        before = None if refresh else entry.note()
        if before is not None and before.tensors_sha256 != found.tensors_sha256:
            raise WeightsError(
                f"expected the weights {file.id!r} with the tensors_sha256 that was recorded at "
                f"the first load, {before.tensors_sha256}, got {found.tensors_sha256} from "
                f"{found.source}",
                f"if the change is wanted: srbench weights pull {file.id} --refresh",
            )
        loaded = LoadedWeights(
            id=file.id,
            tensors_sha256=found.tensors_sha256,
            source=found.source,
            license=file.license,
        )
        entry.save(found.tensors, loaded)
    return found.tensors, loaded
