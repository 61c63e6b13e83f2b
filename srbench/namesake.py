"""What pip calls srbench, and the stranger on the package index that has the package's name."""

from __future__ import annotations

import importlib.metadata
import os

from srbench.errors import UserError

DISTRIBUTION = "srbench-core"
"""The distribution that provides the package ``srbench``, its command and its own losses."""

NAMESAKE = "srbench"
"""A distribution of somebody else: it provides a package ``srbench`` too."""


def refuse_namesake() -> None:
    """Raise where two distributions provide ``srbench``; two look-ups by name, no torch.

    They write into the same folder, and whichever pip installed last has overwritten the other; or
    the one that comes first on the path provides the losses in the other's place.

    Raises:
        UserError: one line that names both.
    """
    found = {
        os.path.realpath(str(getattr(dist, "_path", dist))): dist
        for name in (DISTRIBUTION, NAMESAKE)
        for dist in importlib.metadata.distributions(name=name)
    }
    stranger = next((d for d in found.values() if d.metadata["Name"] == NAMESAKE), None)
    if stranger is not None:
        raise UserError(
            f"expected {DISTRIBUTION} alone to provide the package srbench, got the distribution "
            f"{NAMESAKE} {stranger.version} as well, which is another project and overwrites its "
            f"files: run `pip uninstall {NAMESAKE}`, then install {DISTRIBUTION} again"
        )
    if len(found) > 1:
        both = " and ".join(f"{dist.version} at {path}" for path, dist in found.items())
        raise UserError(
            f"expected one distribution {DISTRIBUTION}, got {both}: the first on the path provides "
            "the losses in the place of the other: remove one of them"
        )
