"""A warm start that is not trained: the published generator whose file the suite names by hash."""

from __future__ import annotations

from typing import Any

from srbench.contract import GeneratorSpec
from srbench.errors import UserError
from srbench.files import sha256_hex, write_atomic
from srbench.models.files import load_generator
from srbench.models.resolve import ResolvedGenerator
from srbench.run.plan.tasks import WarmStartTask
from srbench.run.work.generators import generator_of
from srbench.run.work.result import file_document
from srbench.run.work.stage import Stage
from srbench.run.work.stage_data import validator_of
from srbench.weights.published import published_file


def published_start(stage: Stage[WarmStartTask]) -> dict[str, Any]:
    """Put the file in the warm start's place, byte for byte, and score the held-out images.

    Raises:
        WeightsError: the file is not to be had, or has another hash.
        UserError: it holds another generator than the suite's.
    """
    published, key = stage.task.published, stage.job.key
    assert published is not None
    data = published_file(*published).read_bytes()
    write_atomic(stage.out.generator(key), data)
    wanted = generator_of(stage.task)
    # The job says whose generator it is; the file knows the bare name only.
    found = load_generator(stage.out.generator(key), lambda name: _spec(name, wanted))
    if found.generator.identity != wanted.identity:
        raise _another(found.generator.identity, wanted)
    document = file_document(stage, sha256_hex(data))
    validator = validator_of(stage.task, stage.fit)
    scores = {} if validator is None else validator(found.network.to(stage.task.device))
    return {
        **document,
        "validation": [{"iteration": 0, "scores": scores}] if scores else [],
        "notes": [
            "the warm start is a published generator, named in the suite by its sha256"
            if stage.task.start is None
            else "the warm start is the one that is published for this suite and seed"
        ],
    }


def _spec(name: str, wanted: ResolvedGenerator) -> GeneratorSpec:
    if name != wanted.spec.name:
        raise _another(name, wanted)
    return wanted.spec


def _another(found: object, wanted: ResolvedGenerator) -> UserError:
    return UserError(
        f"expected a published generator of the suite's kind, {wanted.identity}, got {found}",
        "set [generator] to that one, or name another file in warm_start.checkpoint",
    )
