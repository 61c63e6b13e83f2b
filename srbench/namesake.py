"""What pip calls srbench, and the stranger on the package index that has the package's name."""

from __future__ import annotations

import importlib.metadata

from srbench.errors import UserError

DISTRIBUTION = "srbench-core"
"""The distribution that provides the package ``srbench``, its command and its own losses."""

NAMESAKE = "srbench"
"""A distribution of somebody else: it provides a package ``srbench`` too."""


def refuse_namesake() -> None:
    """Raise where the stranger is installed beside srbench; one look-up by name, no torch.

    The two write into the same folder: whichever pip installed last has overwritten the other.

    Raises:
        UserError: one line that names both.
    """
    try:
        version = importlib.metadata.version(NAMESAKE)
    except importlib.metadata.PackageNotFoundError:
        return
    raise UserError(
        f"expected {DISTRIBUTION} alone to provide the package srbench, got the distribution "
        f"{NAMESAKE} {version} as well, which is another project and overwrites its files: "
        f"run `pip uninstall {NAMESAKE}`, then install {DISTRIBUTION} again"
    )
