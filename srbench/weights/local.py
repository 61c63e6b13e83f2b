"""Files that are already on this machine: the user's own folders, torch hub's and HF's caches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from srbench.contract import HubSource, PyPISource, Source, UrlSource, WeightFile


def own_folders() -> list[Path]:
    """The folders in ``SRBENCH_WEIGHTS``, separated like ``PATH``."""
    named = os.environ.get("SRBENCH_WEIGHTS", "")
    return [Path(os.path.expanduser(part)) for part in named.split(os.pathsep) if part]


def url_file_name(source: UrlSource) -> str:
    """The last part of the URL's path: ``vgg16-397923af.pth``."""
    return Path(urlsplit(source.url).path).name


def accepted_names(file: WeightFile) -> list[str]:
    """File names under which a folder of ``SRBENCH_WEIGHTS`` may hold ``file``, for messages."""
    names = [f"{file.id}.safetensors"]
    for source in file.sources:
        if isinstance(source, UrlSource):
            names.append(url_file_name(source))
        elif isinstance(source, HubSource):
            names.append(Path(source.filename).name)
        else:
            names.append(f"the {source.package} {source.version} archive")
    return list(dict.fromkeys(names))


def in_folder(file: WeightFile, folder: Path) -> Iterator[tuple[Path, Source | None]]:
    """Candidates in one of the user's folders, best first.

    The source says how to read the file; ``None`` stands for srbench's own canonical
    ``<id>.safetensors``.
    """
    own = folder / f"{file.id}.safetensors"
    if own.is_file():
        yield own, None
    for source in file.sources:
        if isinstance(source, PyPISource):
            for path in _archives(source, folder):
                yield path, source
            continue
        name = url_file_name(source) if isinstance(source, UrlSource) else source.filename
        for path in dict.fromkeys((folder / name, folder / Path(name).name)):
            if path.is_file():
                yield path, source


def _archives(source: PyPISource, folder: Path) -> Iterator[Path]:
    wanted = canonicalize_name(f"{source.package}-{source.version}")
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.endswith((".whl", ".tar.gz", ".zip")) and canonicalize_name(
            path.name
        ).startswith(wanted):
            yield path


def in_torch_hub(source: UrlSource) -> Path:
    """Where ``torch.hub`` keeps the file of this URL, whether or not it is there."""
    home = os.environ.get("TORCH_HOME")
    if not home:
        home = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints" / url_file_name(source)


def in_hub_cache(source: HubSource) -> Path:
    """Where ``huggingface_hub`` keeps this file, whether or not it is there."""
    root = _hub_cache() / f"models--{source.repo.replace('/', '--')}"
    reference = root / "refs" / source.revision
    commit = reference.read_text().strip() if reference.is_file() else source.revision
    return root / "snapshots" / commit / source.filename


def _hub_cache() -> Path:
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(os.path.expanduser(named))
    home = os.environ.get("HF_HOME")
    if not home:
        home = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(os.path.expanduser(home)) / "hub"
