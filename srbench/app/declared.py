"""What a record says of its loss beside what the loss says of itself where it is installed.

``srbench verify`` loads no plugin; a reviewer who asks for this (``--against``) has them loaded.
"""

from __future__ import annotations

from collections.abc import Iterator

from srbench.errors import PluginError, SuiteError, UnknownName
from srbench.host import Registry
from srbench.namesake import DISTRIBUTION, NAMESAKE
from srbench.records import Record, RowKind
from srbench.run.plan.rows import Row, loss_info, reference_rows, resolve_term
from srbench.settings import LossTerm
from srbench.verify.against import FLAGS
from srbench.verify.difference import Difference
from srbench.verify.identity import suite_of


def declared_differences(record: Record, registry: Registry) -> Iterator[Difference]:
    """Flags that contradict the installed losses, and reference rows of another loss.

    A loss that is not here, or here in another version, says nothing.
    """
    if record.loss.kind is not RowKind.TRAINED:
        return
    try:
        suite = suite_of(record)
        reference = next((r for r in reference_rows(suite) if r.label == record.loss.label), None)
    except SuiteError:
        return  # said of its identity
    stated = [term.name for term in record.loss.terms]
    if reference is not None:
        wanted = [term.name.rpartition(":")[2] for term in reference.terms]
        if stated != wanted:
            yield _about(
                f"the reference row {reference.label} is of {wanted}, not of {stated!r:.80}"
            )
            return
    yield from _flags(record, registry)


def _flags(record: Record, registry: Registry) -> Iterator[Difference]:
    terms = []
    for said in record.loss.terms:
        distribution = DISTRIBUTION if said.distribution == NAMESAKE else said.distribution
        term = LossTerm(name=f"{distribution}:{said.name}", params=said.params, weight=said.weight)
        try:
            found = resolve_term(registry, term)
        except (UnknownName, PluginError, SuiteError):
            return
        if found.loss.spec.version != said.version:
            return
        terms.append(found)
    here = loss_info(
        Row(
            label=record.loss.label,
            kind=RowKind.TRAINED,
            reference=record.loss.reference,
            terms=tuple(terms),
        )
    )
    if not terms:
        return
    for name in (*FLAGS, "pretrained_on", "license", "paper"):
        says, found_here = getattr(record.loss, name), getattr(here, name)
        if says != found_here:
            yield _about(
                f"it says {name} = {says!r:.80}; the installed loss has {found_here!r:.80}"
            )


def _about(message: str) -> Difference:
    return Difference(what="record", message=message)
