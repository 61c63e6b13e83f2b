"""A stage kind and an executor backend that srbench does not have, as their authors write them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from srbench.run.exec.backends import Place
from srbench.run.exec.local import LocalBackend
from srbench.run.exec.starting import NewInterpreter
from srbench.run.plan.chain import Chain
from srbench.run.plan.jobs import Job, StageKind
from srbench.run.plan.kinds import KINDS
from srbench.run.plan.tasks import TrainingTask


class FadeTask(TrainingTask):
    start: str
    share: float = 0.5


def plan(chain: Chain) -> Job | None:
    """Every trained row's generator, faded; the warm start stays as it is."""
    if chain.row.kind == "warm-start":
        return None
    return chain.job(
        "fade", FadeTask, label=chain.row.label, content_scale=chain.content_scale,
        start=chain.before["adversarial"].key,
    )  # fmt: skip


def run(stage: Any) -> dict[str, Any]:
    from srbench.run.work.result import generator_document
    from srbench.run.work.stage import trained

    generator = trained(stage, stage.task.start)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(stage.task.share)
    return generator_document(stage, generator)


FADE = StageKind(
    name="fade", task=FadeTask, plan=plan, run="made_up_parts:run", makes_generator=True
)


def backend(place: Place) -> LocalBackend:
    """Workers that know the made-up kind."""
    starter = NewInterpreter([sys.executable, str(Path(__file__).resolve())])
    return LocalBackend(out=place.out, slots=place.at_once or 2, starter=starter)


if __name__ == "__main__":
    from srbench.run.work.worker import main

    KINDS["fade"] = FADE
    sys.exit(main(sys.argv[1:]))
