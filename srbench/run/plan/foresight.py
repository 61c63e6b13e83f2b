"""What can be known before training is said before training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from srbench.contract import MetricSpec
from srbench.errors import DataError, SuiteError
from srbench.run.plan.inputs import Inputs
from srbench.run.plan.rows import Row, Term
from srbench.settings import Suite
from srbench.settings.sections import LEAST_PATCH

LARGEST_SEED = 2**32 - 1


def check_settings(
    suite: Suite, rows: Sequence[Row], reference: Sequence[Term], seeds: Iterable[int]
) -> Iterator[str]:
    """Refuse what cannot be trained; yields what is no mistake for certain.

    Raises:
        SuiteError: seeds out of range, nothing to minimise, a loss that needs larger patches.
    """
    for seed in seeds:
        if not 0 <= seed <= LARGEST_SEED:
            raise SuiteError(f"expected seeds from 0 to {LARGEST_SEED}, got {seed}")
    side = suite.data.patch_size - suite.adversarial.random_offset
    if side < LEAST_PATCH:
        raise SuiteError(
            f"expected adversarial.random_offset to leave {LEAST_PATCH} px of data.patch_size, "
            f"{suite.data.patch_size}, got {suite.adversarial.random_offset}"
        )
    for row in rows:
        _check_minimised(suite, row)
        for term in row.terms:
            _check_side(row.label, term, side, "data.patch_size - adversarial.random_offset")
    for term in reference:
        _check_side("calibration.reference", term, suite.data.patch_size, "data.patch_size")
    yield from _without_effect(suite)


def _check_minimised(suite: Suite, row: Row) -> None:
    if not row.kind.generated or row.label == row.kind:
        return
    section = suite.adversarial.but(**row.objective)
    content = section.content_weight if row.terms else 0.0
    if not content and not section.pixel_weight and not section.adversarial_weight:
        raise SuiteError(
            f"row {row.label!r}: expected something to minimise, got content_weight, pixel_weight "
            "and adversarial_weight of 0",
            "set one of them in [adversarial] above 0",
        )


def _check_side(label: str, term: Term, side: int, what: str) -> None:
    least = term.loss.spec.min_size
    if least > side:
        raise SuiteError(
            f"{label}: loss {term.loss.spec.name!r} needs patches of at least {least} px, "
            f"got {side} ({what})",
            "set data.patch_size higher, or choose an earlier tap",
        )


def _without_effect(suite: Suite) -> Iterator[str]:
    if not suite.adversarial.content_weight:
        yield "adversarial.content_weight is 0: the losses of this suite have no effect"
    for name in ("warm_start", "adversarial"):
        section = getattr(suite, name)
        late = [m for m in section.milestones if m >= section.iterations]
        if late and section.iterations:
            yield (
                f"{name}.milestones {', '.join(map(str, late))} are never reached: "
                f"{name}.iterations is {section.iterations}"
            )


def check_metrics(
    suite: Suite, metrics: Sequence[MetricSpec], validation: Sequence[MetricSpec], inputs: Inputs
) -> None:
    """Compare what metrics need with the sizes of the images; notes it in ``inputs``.

    A metric that cannot score a test set is left out there, and a warning says so; a test set that
    no metric can score, and validation that would fail, are problems.

    Raises:
        SuiteError: a metric is named twice.
    """
    for what, specs in (("metrics", metrics), ("validation.metrics", validation)):
        names = [spec.name for spec in specs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SuiteError(f"{what} must name a metric once, got twice: {', '.join(twice)}")
    for dataset, (side, image) in inputs.smallest.items():
        if dataset == "val":
            continue
        for spec in metrics:
            need = least_side(spec, suite.scale)
            if side < need:
                inputs.unscorable[dataset, spec.name] = reason = (
                    f"it needs {need} px a side, and {image} has {side}"
                )
                inputs.warnings.append(f"{spec.name} cannot score {dataset}: {reason}")
        if metrics and all((dataset, spec.name) in inputs.unscorable for spec in metrics):
            inputs.problems.append(
                DataError(
                    f"expected test images that a metric can score, got {dataset!r}, where "
                    f"{image} is {side} px: too small for {', '.join(s.name for s in metrics)}",
                    "leave the image or the test set out, or name other metrics",
                )
            )
    side, image = inputs.smallest.get("val", (0, ""))
    small = [spec for spec in validation if side < least_side(spec, suite.scale)]
    if image and small:
        inputs.problems.append(
            DataError(
                f"expected held-out images that validation.metrics can score, got {image} of "
                f"{side} px: {small[0].name} needs {least_side(small[0], suite.scale)}",
                "set validation.metrics to others, or data.val to 0",
            )
        )


def least_side(spec: MetricSpec, scale: int) -> int:
    """Smallest side of an image, in pixels, that the metric scores, its border counted."""
    return spec.min_size + (2 * scale if spec.without_border else 0)
