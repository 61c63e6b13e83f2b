"""Write the table of checked losses into docs/contract.md; ``test_shipped_losses.py`` runs them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

HERE = Path(__file__).parent
BEGIN, END = "<!-- checked losses: begin -->", "<!-- checked losses: end -->"
NOTE = """
### Checked losses

`tests/checks/test_shipped_losses.py` runs all checks on every loss of this repository, under its
default parameters: with pretrained weights where packages of the index carry them, with seeded
weights (above) elsewhere, for which `falls-towards-truth` is skipped.

| loss | task | weights | expected failures |
|---|---|---|---|
"""


def main() -> None:
    """Replace what is between the two markers."""
    spec = importlib.util.spec_from_file_location("shipped", HERE / "test_shipped_losses.py")
    shipped = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shipped)
    rows = []
    for name, loss in shipped.LOSSES.items():
        if name == "example":
            continue
        resolved = shipped.resolve_loss(loss, {}).spec
        expected = "; ".join(f"`{key}`: {why}" for key, why in resolved.known_failures.items())
        kind = shipped.kind_of_weights(loss)
        rows.append(f"| `{name}` | {resolved.task} | {kind} | {expected} |")
    before, rest = shipped.CONTRACT.read_text().split(BEGIN)
    after = rest.split(END)[1]
    text = f"{before}{BEGIN}\n{NOTE.strip()}\n" + "\n".join(rows) + f"\n{END}{after}"
    shipped.CONTRACT.write_text(text)


if __name__ == "__main__":
    main()
