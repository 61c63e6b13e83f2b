"""The process that runs the checks of one loss for ``srbench check``.

``python -m srbench.checks.worker REQUEST`` writes one JSON object per line to what was its stdout;
what plugins print goes to stderr. The parent, :mod:`srbench.checks.runner`, watches the clock.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import SrbenchError

if TYPE_CHECKING:
    from srbench.checks.catalog import Check


def main() -> None:
    """Run the requested checks, announcing each before it starts."""
    channel = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    request = json.loads(Path(sys.argv[1]).read_text())

    def tell(**message: Any) -> None:
        channel.write(json.dumps(message) + "\n")

    try:
        checks = _checks(request)
    except SrbenchError as error:
        tell(event="error", what=error.what, fix=error.fix, status=error.exit_status)
        return
    subject = checks[0].subject
    tell(
        event="plan",
        checks=[check.name for check in checks],
        weights=subject.kind_of_weights,
        known=dict(subject.spec.known_failures),
    )
    subject.unbuildable = request["unbuildable"]
    if subject.unbuildable is None:
        tell(event="weights")  # they may have to be downloaded first, which no limit is set for
        _ = subject.weights_problem
    for check in checks:
        if check.name in request["done"]:
            continue
        tell(event="start", check=check.name)
        tell(event="done", **asdict(check.result()))


def _checks(request: dict[str, Any]) -> list[Check]:
    from srbench.checks.catalog import loss_checks

    return loss_checks(
        request["loss"],
        params=request["params"],
        weights="seeded" if request["seeded"] else None,
        only=request["only"],
        time_limit=request["time_limit"],
    )


if __name__ == "__main__":
    main()
