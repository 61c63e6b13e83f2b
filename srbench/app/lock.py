"""A record's versions as a requirements file: a stranger's words, of which pip acts on every line.

Written are packages of a fixed list, their versions as PEP 440 has them, one line each, and nothing
is built from source. What else the record says of its environment is for a reader, not for pip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from packaging.version import InvalidVersion, Version

from srbench.namesake import DISTRIBUTION
from srbench.records import Record
from srbench.run.plan.environment import PACKAGES

Hashes = Callable[[str, str], Sequence[str]]
"""(package, version) -> sha256 of its archives as an index announces them; empty: it has none."""

_HEAD: Final = "# the packages of record {}\n# pip install --no-deps -r FILE\n--only-binary :all:\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """A requirements file.

    Attributes:
        text: of the file.
        others: what the record says besides, which the file does not hold.
        hashed: whether every line has hashes; pip wants them of all or of none.
    """

    text: str
    others: tuple[str, ...]
    hashed: bool


def lock_file(record: Record, hashes: Hashes) -> Lock:
    """What ``srbench reproduce --lock`` writes."""
    environment = record.environment
    commit = environment.git_commit or "of no checkout"
    others = [
        f"Python {environment.python}, {environment.platform}",
        f"{DISTRIBUTION} {environment.srbench}, commit {commit}"
        f"{' with changes' if environment.git_dirty else ''}: install it from its repository",
    ]
    others += [
        f"{term.distribution} {term.distribution_version}, of the loss {term.name}"
        for term in record.loss.terms
    ]
    pinned: dict[str, str] = {}
    for name, stated in sorted(environment.packages.items()):
        version = _version(stated)
        if name in PACKAGES and version is not None:
            pinned[name] = version
        elif stated != "not installed":
            others.append(f"{name} {stated}")
    known = {name: sorted(set(hashes(name, version))) for name, version in pinned.items()}
    hashed = bool(known) and all(known.values())
    lines = [
        " ".join([f"{name}=={version}", *(f"--hash=sha256:{h}" for h in known[name] if hashed)])
        for name, version in pinned.items()
    ]
    text = _HEAD.format(record.key) + "".join(f"{line}\n" for line in lines)
    return Lock(text=text, others=tuple(dict.fromkeys(others)), hashed=hashed)


def _version(stated: str) -> str | None:
    try:
        return str(Version(stated)) if len(stated) < 100 else None
    except InvalidVersion:
        return None
