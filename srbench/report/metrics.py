"""What is known of each metric of a table: this srbench's word, else that of its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from srbench.metrics.plugin import METRICS
from srbench.records import MetricInfo, Record, metric_info

_OURS = {spec.name: spec for spec in METRICS}


def metric_infos(records: Iterable[Record]) -> dict[str, MetricInfo]:
    """Every metric that scored something, in order of appearance.

    Of srbench's own metrics what is known is this srbench's word; of a stranger's what most records
    say of it, and of one that no record describes no more than its name.
    """
    said: dict[str, Counter[MetricInfo]] = {}
    for record in records:
        for scores in record.scores.values():
            for name, metric in scores.metrics.items():
                found = said.setdefault(name, Counter())
                if (described := record.metrics.get(name)) is not None:
                    found[described] += 1
                elif not found:
                    stated = {"version": metric.version, "lower_is_better": metric.lower_is_better}
                    found[MetricInfo(name=name, title=name, **stated)] = 0
    return {name: _known(found.most_common(1)[0][0]) for name, found in said.items()}


def _known(info: MetricInfo) -> MetricInfo:
    """This srbench's own word of its own metric; an earlier version keeps its number."""
    spec = _OURS.get(info.name)
    if spec is None or spec.lower_is_better != info.lower_is_better:
        return info
    return metric_info(spec).model_copy(update={"version": info.version})


def plane_metrics(metrics: Sequence[MetricInfo]) -> tuple[MetricInfo, MetricInfo] | None:
    """The (distortion, perception) metrics of the plane: the first of each axis, if both exist.

    Of perception a metric that compares with HR comes first: one that looks at SR alone cannot
    tell invented detail from true detail.
    """
    distortion = next((m for m in metrics if m.axis == "distortion"), None)
    perceptual = [m for m in metrics if m.axis == "perception"]
    perceptual.sort(key=lambda m: m.reference != "full")
    return None if distortion is None or not perceptual else (distortion, perceptual[0])
