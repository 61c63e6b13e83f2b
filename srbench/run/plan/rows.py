"""Rows of a suite with their losses resolved: what the table will have, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from srbench.contract import WeightFile
from srbench.errors import PluginError, SuiteError, UnknownName, unknown_name
from srbench.host import Registry, ResolvedLoss, resolve_loss
from srbench.namesake import DISTRIBUTION
from srbench.records import LossInfo, RowKind, TermInfo
from srbench.settings import LossRow, LossTerm, Suite, expand_losses
from srbench.settings.expand import derived_label
from srbench.settings.loss_text import parse_loss

NO_CONTENT = "no content loss: what the discriminator and the pixel term do alone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """One resolved loss of a row and its weight in the row's sum."""

    qualified_name: str
    loss: ResolvedLoss
    weight: float

    @property
    def weight_files(self) -> tuple[WeightFile, ...]:
        """Pretrained weights that the loss declares."""
        return self.loss.spec.weights


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of the table, for all seeds and content scales."""

    label: str
    kind: RowKind
    reference: bool
    terms: tuple[Term, ...] = ()
    objective: Mapping[str, float] = field(default_factory=dict)


def plan_rows(
    suite: Suite, registry: Registry, only: Sequence[str] = (), *, references: bool = True
) -> tuple[Row, ...]:
    """All rows to compute: reference rows first, then the suite's, or those of ``--loss``.

    Args:
        only: labels of the suite, or installed losses, which are added; with parameters as in
            ``vgg16,tap=conv4_3``. Reference rows are always there.

    Raises:
        SuiteError, UnknownName, PluginError: a loss that is not there or does not fit.
    """
    listed = expand_losses(suite)
    chosen = _choose(listed, registry, only)
    rows = [Row(label=kind, kind=kind, reference=True) for kind in _untrained(suite)]
    for row in (*(reference_rows(suite) if references else ()), *chosen):
        terms = tuple(resolve_term(registry, term) for term in row.terms)
        rows.append(
            Row(
                label=row.label,
                kind=RowKind.TRAINED,
                reference=row.reference,
                terms=terms,
                objective=row.objective,
            )
        )
    return tuple(rows)


def calibration_terms(suite: Suite, registry: Registry) -> tuple[Term, ...]:
    """The reference loss of track ``calibrated``; empty in track ``raw``.

    Raises:
        UnknownName, PluginError: it is not there; the message says why it is needed.
    """
    if suite.calibration is None:
        return ()
    wanted = suite.calibration.reference
    row = next(row for row in expand_losses(suite) if row.label == wanted)
    try:
        return tuple(resolve_term(registry, term) for term in row.terms)
    except (PluginError, UnknownName) as error:
        why = f"suite {suite.name!r} calibrates all losses to its row {wanted!r}"
        raise type(error)(f"{error.what} ({why})", error.fix) from error


def reference_rows(suite: Suite) -> tuple[LossRow, ...]:
    """``pixel`` and ``vgg16-random``, calibrated like any other loss, and the suite's controls.

    Where the suite is calibrated to a VGG16 loss, the random network is tapped where that one is:
    the two rows then differ in the weights alone.
    """
    params: dict[str, Any] = {}
    if suite.calibration is not None:
        wanted = suite.calibration.reference
        terms = next(row for row in expand_losses(suite) if row.label == wanted).terms
        if len(terms) == 1 and terms[0].name.rpartition(":")[2] == "vgg16":
            params = dict(terms[0].params)
    random = LossTerm(name=f"{DISTRIBUTION}:vgg16-random", params=params)
    pixel = LossTerm(name=f"{DISTRIBUTION}:l1")
    controls = (
        LossRow(label=control, terms=(), reference=True, objective={"content_weight": 0.0})
        for control in suite.controls
    )
    return (
        LossRow(label="pixel", terms=(pixel,), reference=True),
        LossRow(label="vgg16-random", terms=(random,), reference=True),
        *controls,
    )


def resolve_term(registry: Registry, term: LossTerm) -> Term:
    """Look a term's loss up and settle its parameters."""
    registered = registry.loss(term.name)
    return Term(
        qualified_name=f"{registered.distribution}:{registered.spec.name}",
        loss=resolve_loss(registered, term.params),
        weight=term.weight,
    )


def loss_info(row: Row) -> LossInfo:
    """The row as a record describes it; weights are added from the training result."""
    if not row.terms:
        return LossInfo(
            label=row.label, reference=True, terms=(), summary=row.kind.summary or NO_CONTENT,
            task="none", backbone="none", pretrained_on="", license="Apache-2.0", paper="",
            row_kind=row.kind,
        )  # fmt: skip
    specs = [term.loss.spec for term in row.terms]
    return LossInfo(
        label=row.label,
        reference=row.reference,
        terms=tuple(_term_info(term) for term in row.terms),
        summary=_join(spec.summary for spec in specs),
        task=_join(spec.task for spec in specs),
        backbone=_join(spec.backbone for spec in specs),
        pretrained_on=_join(spec.pretrained_on for spec in specs),
        license=_join(spec.license for spec in specs),
        paper=_join(spec.paper for spec in specs),
        saw_test_images=_union(spec.saw_test_images for spec in specs),
        trains_on_metrics=_union(spec.trains_on_metrics for spec in specs),
        shares_network_with=_union(spec.shares_network_with for spec in specs),
        row_kind=row.kind,
    )


def _term_info(term: Term) -> TermInfo:
    return TermInfo(
        name=term.loss.spec.name,
        version=term.loss.spec.version,
        params=term.loss.canonical_params,
        weight=term.weight,
        distribution=term.loss.distribution,
        distribution_version=term.loss.version,
    )


def _untrained(suite: Suite) -> list[RowKind]:
    # Without a warm start there is only a random generator, which is no reference for anything.
    warm_start = [RowKind.WARM_START] if suite.warm_start.given else []
    return [RowKind.HR, RowKind.BICUBIC, *warm_start]


def _choose(listed: Sequence[LossRow], registry: Registry, only: Sequence[str]) -> list[LossRow]:
    if not only:
        return list(listed)
    by_label = {row.label: row for row in listed}
    chosen: dict[str, LossRow] = {}
    for text in only:
        row = by_label.get(text) or _added(text, by_label, registry)
        chosen[row.label] = row
    return list(chosen.values())


def _added(text: str, by_label: Mapping[str, LossRow], registry: Registry) -> LossRow:
    """An installed loss as a row; the suite's own row where that is the same."""
    name, params = parse_loss(text)
    try:
        registry.loss(name)
    except UnknownName:
        raise unknown_name(
            "loss", name, [*by_label, *registry.losses], "`srbench losses` lists them"
        ) from None
    term = LossTerm(name=name, params=params)
    same = [resolve_term(registry, term)]
    for row in by_label.values():
        if params and [resolve_term(registry, t) for t in row.terms] == same:
            return row
    short = derived_label(name, params).replace(":", ".")
    written = {f"{key}={value}": f"{key}={value}" for key, value in params.items()}
    for label in (short, derived_label(name, written).replace(":", ".")):
        if label not in by_label:
            return LossRow(label=label, terms=(term,))
    raise SuiteError(f"label {short!r} is already one of the suite's")


def _join(values: Iterable[str]) -> str:
    return " + ".join(dict.fromkeys(value for value in values if value))


def _union(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for group in groups for value in group))
