"""The text of the pull request that a submission comes with, from its records."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from srbench.namesake import DISTRIBUTION
from srbench.records import Record
from srbench.report.text import markdown_text


def request_text(records: Iterable[Record], archive: Path, size: int) -> str:
    """Markdown: what is submitted, and where each loss is to be had. Records' strings are escaped.

    Args:
        records: of the run.
        archive: the file that the request adds.
        size: its bytes.
    """
    rows: dict[str, list[Record]] = {}
    for record in records:
        if not record.loss.reference:
            rows.setdefault(record.loss.label, []).append(record)
    first = next(record for found in rows.values() for record in found)
    suite = f"{first.suite.name} v{first.suite.version}"
    lines = [
        f"# {markdown_text(suite)}: {', '.join(map(markdown_text, rows))}",
        "",
        f"Adds `submissions/{archive.name}` ({size / 2**20:.1f} MiB) and nothing else.",
        "",
        "| row | seeds | loss | to be had by | licence | paper |",
        "|---|---|---|---|---|---|",
    ]
    for label, found in rows.items():
        loss = found[0].loss
        plugins = {(term.distribution, term.distribution_version) for term in loss.terms}
        cells = [
            label,
            ", ".join(str(seed) for seed in sorted(record.seed for record in found)),
            " + ".join(f"{term.name} version {term.version}" for term in loss.terms),
            "; ".join(_source(name, version) for name, version in sorted(plugins)),
            loss.license or "not stated",
            loss.paper or "none",
        ]
        lines.append("| " + " | ".join(map(markdown_text, cells)) + " |")
    devices = sorted({r.cost.device for found in rows.values() for r in found if r.cost})
    trained = f"Trained on {', '.join(map(markdown_text, devices))}.\n" if devices else ""
    return "\n".join(lines) + f"\n\n{trained}- [ ] `srbench verify {archive.name}` passes here\n"


def _source(name: str, version: str) -> str:
    """How others install it: PEP 610 says where pip had it from, if not from an index."""
    if name == DISTRIBUTION:
        return "srbench itself"
    try:
        origin = json.loads(distribution(name).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:  # the run was made elsewhere
        origin = {}
    if commit := origin.get("vcs_info", {}).get("commit_id"):
        vcs = origin["vcs_info"]["vcs"]
        return f"pip install '{name} @ {vcs}+{origin['url']}@{commit}'"
    if origin:
        return (
            f"{name} {version}, which was installed from a file or folder here: SAY WHERE TO GET IT"
        )
    return f"pip install {name}=={version}"
