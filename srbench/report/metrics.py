"""What is known of each metric of a table: its own record's word, else this srbench's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from srbench.metrics.plugin import METRICS
from srbench.records import MetricInfo, Record, metric_info

_OURS = {spec.name: spec for spec in METRICS}


def metric_infos(records: Iterable[Record]) -> dict[str, MetricInfo]:
    """Every metric that scored something, in order of appearance.

    The first records do not describe their metrics: those of this srbench are filled in by name,
    with the record's own version and direction; of a stranger's no more is known than its name.
    """
    found: dict[str, MetricInfo] = {}
    for record in records:
        for scores in record.scores.values():
            for name, metric in scores.metrics.items():
                if name in record.metrics:
                    found[name] = record.metrics[name]
                elif name not in found:
                    spec = _OURS.get(name)
                    stated = {"version": metric.version, "lower_is_better": metric.lower_is_better}
                    found[name] = (
                        MetricInfo(name=name, title=name, **stated)
                        if spec is None
                        else metric_info(spec).model_copy(update=stated)
                    )
    return found


def plane_metrics(metrics: Sequence[MetricInfo]) -> tuple[MetricInfo, MetricInfo] | None:
    """The (distortion, perception) metrics of the plane: the first of each axis, if both exist.

    Of perception a metric that compares with HR comes first: one that looks at SR alone cannot
    tell invented detail from true detail.
    """
    distortion = next((m for m in metrics if m.axis == "distortion"), None)
    perceptual = [m for m in metrics if m.axis == "perception"]
    perceptual.sort(key=lambda m: m.reference != "full")
    return None if distortion is None or not perceptual else (distortion, perceptual[0])
