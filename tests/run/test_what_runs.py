"""What changes of a finished suite compute: first said by the plan, then done by real workers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from srbench.app.execute import execute_plan
from srbench.app.overview import plan_overview
from srbench.host import Registry, discover
from srbench.records.layout import OutFolder
from srbench.run.exec.local import LocalBackend
from srbench.run.plan.planning import make_plan
from srbench.settings import parse_suite

from .conftest import Watcher

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

THIRD = '\n[[loss]]\nlabel = "third"\nname = "charbonnier"\nparams = { epsilon = 0.01 }\n'


class Starts(Watcher):
    def __init__(self) -> None:
        super().__init__()
        self.started: set[str] = set()

    def job_started(self, job: Any) -> None:
        self.started.add(job.label)


def newer(name: str) -> Registry:
    """The installed losses, with the spec version of one raised."""
    registry = discover()
    loss = registry.loss(name)
    raised = replace(loss, spec=replace(loss.spec, version=loss.spec.version + 1))
    others = [other for key, other in registry.losses.items() if key != name]
    return Registry(
        registry.plugins, [*others, raised], registry.metrics.values(), registry.generators.values()
    )


def compute(
    out: OutFolder,
    where: LocalBackend,
    text: str,
    *overrides: str,
    registry: Registry | None = None,
) -> tuple[set[str], int]:
    """Labels that were trained and scores that were computed, as the plan had said."""
    suite = parse_suite(text, overrides=("seeds=[1]", *overrides))
    plan = make_plan(suite, registry or discover(), device="cpu")
    before = plan_overview(plan, out, parallel=2)
    planned = {job["label"] for job in before["jobs"] if job["state"] == "run"}
    scored = set(out.root.glob("scores/*.json"))
    watcher = Starts()
    done = execute_plan(plan, out, watcher, where)
    assert not done.failed
    assert watcher.started - {"scores"} == planned
    new = len(set(out.root.glob("scores/*.json")) - scored)
    # A generator that comes out the same, bit for bit, is not scored again.
    assert new == before["scores"]["to_compute"] or (new == 0 and planned)
    assert plan_overview(plan, out, parallel=2)["scores"]["to_compute"] == 0
    return planned, new


def test_a_change_computes_what_it_changes(suite_text: str, tmp_path: Path) -> None:
    out = OutFolder(tmp_path / "out")
    where = LocalBackend(out=out, slots=2)
    with where.kept():
        everything = {"warm-start", "first", "second", "pixel", "vgg16-random"}
        assert compute(out, where, suite_text) == (everything, 6)  # and bicubic
        head, first, second = suite_text.split("[[loss]]")
        turned = f"# a comment\n{head}[[loss]]{second}\n[[loss]]{first}"
        assert compute(out, where, turned) == (set(), 0)
        assert compute(out, where, turned + THIRD) == ({"third"}, 1)
        # Only the number was raised: the generator, and with it its scores, are the same.
        raised = newer("charbonnier")
        assert compute(out, where, suite_text, registry=raised) == ({"second"}, 0)
        more = ('metrics=["psnr", "ssim"]', 'data.test=["photos-test", "photos"]')
        assert compute(out, where, suite_text, *more, registry=raised) == (set(), 3 * 6)
