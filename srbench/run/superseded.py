"""Records that no longer belong in a suite's table, and the images that say so."""

from __future__ import annotations

from collections.abc import Iterable

from srbench.errors import RecordError
from srbench.records import Manifest, read_record
from srbench.records.layout import OutFolder
from srbench.run.plan.planning import Plan
from srbench.settings import expand_losses

ADDED = "added with --loss; not in the suite file"


def supersede(plan: Plan, out: OutFolder, current: set[str]) -> None:
    """Move records of this suite aside that no longer belong in its table.

    That is: made under other conditions or of other images, or of a label that is no longer in the
    suite file.
    """
    images = _identities(manifests_of(plan))
    labels = {row.label for row in expand_losses(plan.suite)}
    for path in sorted(out.records.glob("*.json")):
        if path.stem in current:
            continue
        try:
            record = read_record(path)
        except RecordError:
            continue  # a foreign file in records/: the report names it, nothing here removes it
        if record.suite.name != plan.suite.name:
            continue
        known = record.loss.reference or record.loss.label in labels or ADDED in record.notes
        same = record.suite.conditions == plan.suite.conditions and all(
            images.get(key, sha256) == sha256 for key, sha256 in _identities(record.data).items()
        )
        if not same or not known:
            out.superseded.mkdir(parents=True, exist_ok=True)
            path.replace(out.superseded / path.name)


def _identities(manifests: Iterable[Manifest]) -> dict[tuple[str, str], str]:
    return {(manifest.role, manifest.name): manifest.sha256 for manifest in manifests}


def manifests_of(plan: Plan) -> tuple[Manifest, ...]:
    """What the plan trains, validates and scores on."""
    inputs, data = plan.inputs, plan.suite.data
    counts = inputs.counts
    found = [Manifest(name=data.train, role="train", count=counts["train"], sha256=inputs.train)]
    if inputs.val is not None:
        found.append(Manifest(name=data.train, role="val", count=counts["val"], sha256=inputs.val))
    for name in data.test:
        found.append(Manifest(name=name, role="test", count=counts[name], sha256=inputs.test[name]))
    return tuple(found)
