"""Whether a record is what it says: its key, its suite, its row, its versions. Without any scores.

Keys and suite hashes are computed anew from what the record carries; a suite of a name that this
srbench ships must be that suite, in version and conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from srbench.errors import SuiteError
from srbench.metrics.plugin import ALL_METRICS
from srbench.metrics.protocol import PROTOCOLS
from srbench.records import DatasetScores, Record, RowKind, record_key, states_conditions
from srbench.records.identity import carried_suite, conditions_sha256
from srbench.records.starts import KEY
from srbench.settings import RESERVED_LABELS, LossRow, Suite, expand_losses
from srbench.settings.load import installed_suite
from srbench.verify.difference import Difference, What, printable

SPECS: Final = {spec.name: spec for spec in ALL_METRICS}


def suite_of(record: Record) -> Suite:
    """The suite that the record carries.

    Raises:
        SuiteError: it does not fit the schema.
    """
    return carried_suite(record.suite.document)


def is_past(record: Record) -> bool:
    """Whether its protocol is of before images had hashes: nobody can make its images again."""
    protocol = PROTOCOLS.get(record.protocol)
    return protocol is not None and not protocol.known_bytes


def _present_suite(record: Record) -> Suite | None:
    """The suite of its name and version that srbench ships; rows of past protocols have none."""
    return None if is_past(record) else installed_suite(record.suite.name, record.suite.version)


def identity_differences(record: Record, carried: Mapping[str, Any] | None) -> Iterator[Difference]:
    """Everything about a record that does not fit together.

    Args:
        record: a valid one.
        carried: the document of the submission's own suite.json, where it has one.
    """
    key = record_key(
        suite=record.suite.name,
        version=record.suite.version,
        label=record.loss.label,
        seed=record.seed,
        content_scale=record.content_scale,
    )
    if key != record.key:
        yield _about("record", f"its key is {record.key[:12]}, its row's is {key[:12]}")
    try:
        suite = suite_of(record)
    except SuiteError as error:
        yield _about("suite", printable(error.what))
        return
    yield from _suite(record, suite, carried)
    yield from _row(record, suite)
    yield from _published_start(record, suite)
    yield from _metrics(record, suite)


def stated_versions(record: Record) -> dict[str, Any]:
    """What the record says it was made with, for the report: no plugin is loaded to check it."""
    return {
        "srbench": record.environment.srbench,
        "losses": [
            {
                "name": term.name,
                "version": term.version,
                "distribution": term.distribution,
                "distribution_version": term.distribution_version,
            }
            for term in record.loss.terms
        ],
    }


def _suite(record: Record, suite: Suite, carried: Mapping[str, Any] | None) -> Iterator[Difference]:
    info, conditions = record.suite, record.suite.conditions
    if not states_conditions(info.sha256, info.document):
        yield _about(
            "suite",
            f"the record states the suite hash {info.sha256[:12]}, the suite that it carries has "
            f"{conditions[:12]}",
        )
    for field in ("name", "version", "track"):
        stated, found = getattr(info, field), getattr(suite, field)
        if stated != found:
            yield _about("suite", f"{field} {stated!r:.80} stated, {found!r} in the suite itself")
    if carried is not None and conditions != conditions_sha256(carried):
        yield _about("suite", "the record's suite has other conditions than suite.json")
    installed = _present_suite(record)
    newest = None if installed or is_past(record) else installed_suite(suite.name)
    if newest is not None:
        yield _about(
            "suite",
            f"made with version {suite.version} of the suite {suite.name}; this srbench has "
            f"version {newest.version} and none of that one",
        )
    elif installed is not None and conditions != installed.conditions:
        yield _about(
            "suite",
            f"made under other conditions than the suite {suite.name} version {suite.version} of "
            f"this srbench: hash {conditions[:12]} instead of {installed.conditions[:12]}",
        )
    if record.protocol != suite.protocol:
        yield _about("suite", f"protocol {record.protocol!r:.80}, the suite's is {suite.protocol}")
    if record.protocol not in PROTOCOLS:
        yield _about("suite", f"protocol {record.protocol!r:.80}, which this srbench lacks")


def _row(record: Record, suite: Suite) -> Iterator[Difference]:
    loss, label, kind = record.loss, record.loss.label, record.loss.kind
    seeds = {*suite.seeds} & {*(_present_suite(record) or suite).seeds}
    if record.seed not in seeds:
        yield _about("record", f"seed {record.seed}; the suite's are {sorted(seeds)!s:.80}")
    if loss.reference != (label in RESERVED_LABELS):
        yield _about("record", f"{label!r:.80} is marked as reference: {loss.reference}")
    if bool(loss.terms) != (kind is RowKind.TRAINED and label != "adversarial-only"):
        yield _about("record", f"{label!r:.80} has {len(loss.terms)} losses")
    has = "generator" in record.artifacts
    if has and not kind.generated:
        yield _about("generator", f"{label} has a generator, which it does not need")
    if not has and kind.generated and record.status != "failed":
        yield _about("generator", "the record names no generator")
    scales = suite.adversarial.content_scales
    if kind is RowKind.TRAINED and record.content_scale not in (*scales, 1.0):
        yield _about("record", f"content scale {record.content_scale:g}, the suite's are {scales}")
    # The list of losses is not in the hash of the conditions: a label must mean one loss.
    for source in (suite, _present_suite(record)):
        for row in () if source is None else expand_losses(source):
            if row.label == label and not _same_losses(record, row):
                yield _about(
                    "suite", f"the suite {suite.name} gives the label {label} to another loss"
                )
                return


def _published_start(record: Record, suite: Suite) -> Iterator[Difference]:
    """Where suite or record name the warm start's file, the row is of that one or begins there."""
    pinned = suite.warm_start.checkpoint_sha256 or record.keys.get(KEY)
    name = "generator" if record.loss.kind is RowKind.WARM_START else "warm-start"
    stated = record.artifacts.get(name)
    if pinned is not None and stated is not None and stated.sha256 != pinned:
        yield _about(
            "generator",
            f"its warm start is {stated.sha256[:12]}, named is the published {pinned[:12]}",
        )


def _same_losses(record: Record, row: LossRow) -> bool:
    if len(record.loss.terms) != len(row.terms):
        return False
    for term, wanted in zip(record.loss.terms, row.terms, strict=True):
        same_weight = len(row.terms) == 1 or term.weight == wanted.weight
        if term.name != wanted.name.rpartition(":")[2] or not same_weight:
            return False
        if not _contains(term.params, wanted.params):
            return False
    return True


def _contains(params: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether ``params``, with all defaults filled in, says what the suite asks for."""
    missing = object()
    return all(_plain(params.get(name, missing)) == _plain(value) for name, value in wanted.items())


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def wanted_metrics(record: Record, suite: Suite) -> set[str]:
    """Metrics that the suite asks for; for ``hr`` those alone that need no reference."""
    installed = _present_suite(record)
    wanted = {*suite.metrics, *(installed.metrics if installed else ())}
    if record.loss.kind.has_reference_scores:
        return wanted
    described = record.metrics  # of a stranger's metric: whether HR is scored by it
    return {n for n in wanted if (SPECS[n].reference == "none" if n in SPECS else n in described)}


def wanted_along_curves(record: Record, suite: Suite) -> set[str]:
    """Metrics by which the suite asks for the points of a curve."""
    installed = _present_suite(record)
    asked = (suite, *((installed,) if installed else ()))
    return {name for each in asked for name in each.curve_metrics or each.metrics}


def excused(record: Record, dataset: str, metric: str) -> bool:
    """Whether the record says that this metric gave no finite number; scoring must agree."""
    return any(note.startswith(f"no {metric} on {dataset}: ") for note in record.notes)


def _metrics(record: Record, suite: Suite) -> Iterator[Difference]:
    if record.status == "failed":
        return
    for dataset in sorted(set(suite.data.test) ^ set(record.scores)):
        where = "no scores on it" if dataset in suite.data.test else "not a test set of the suite"
        yield Difference(what="data", dataset=dataset, message=f"{dataset!r:.80}: {where}")
    wanted = wanted_metrics(record, suite)
    for dataset, scores in record.scores.items():
        for metric in sorted(wanted - set(scores.metrics)):
            if not excused(record, dataset, metric):
                message = f"{metric!r:.80} on {dataset!r:.80}: the suite asks for it, no score"
                yield Difference(what="metric", dataset=dataset, metric=metric, message=message)
        yield from _beyond_range(dataset, scores)
        for metric, stated in scores.metrics.items():
            spec = SPECS.get(metric)
            if spec is None or is_past(record):
                continue
            if (stated.version, stated.lower_is_better) != (spec.version, spec.lower_is_better):
                message = f"{metric} version {stated.version}, this srbench has {spec.version}"
                yield Difference(what="metric", dataset=dataset, metric=metric, message=message)


def _beyond_range(dataset: str, scores: DatasetScores) -> Iterator[Difference]:
    """Scores that no image can have."""
    for metric, stated in scores.metrics.items():
        spec = SPECS.get(metric)
        beyond = (
            (image, value)
            for image, value in stated.per_image.items()
            if spec is not None
            and not spec.least - spec.tolerance <= value <= spec.most + spec.tolerance
        )
        for image, value in islice(beyond, 1):
            message = f"{metric} of {image!r:.80} in {dataset!r:.80}: {value:.6g} is out of range"
            yield Difference(what="score", dataset=dataset, metric=metric, message=message)


def _about(what: What, message: str) -> Difference:
    return Difference(what=what, message=message)
