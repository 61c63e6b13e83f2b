"""What a job does that walks from the warm start to a trained generator on the held-out images."""

from __future__ import annotations

from typing import Any

from srbench.devices import phase
from srbench.models.interpolate import interpolate
from srbench.run.plan.tasks import ValidationCurveTask
from srbench.run.work.stage import Stage, trained
from srbench.run.work.stage_data import validator_of


@phase("validation")
def validation_curve(stage: Stage[ValidationCurveTask]) -> dict[str, Any] | None:
    """Mean scores of the suite's validation metrics at each coefficient, 0 and 1 among them."""
    task = stage.task
    validate = validator_of(task, stage.fit)
    assert validate is not None  # planned only where images are held out
    start, network = (trained(stage, key) for key in (task.warm, task.training))
    first, last = start.state_dict(), {k: v.clone() for k, v in network.state_dict().items()}
    points = []
    for coefficient in (0.0, *task.coefficients, 1.0):
        if stage.should_stop():
            return None
        network.load_state_dict(interpolate(first, last, coefficient) if coefficient else first)
        points.append({"coefficient": coefficient, "scores": validate(network.eval())})
    return {"key": stage.job.key, "kind": stage.job.kind.name, "points": points}
