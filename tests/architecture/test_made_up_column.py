"""A table column is one entry in one tuple: every output shows it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from synthetic import synthetic_records

from srbench.records import write_record
from srbench.report import build_leaderboard, columns, print_leaderboard, write_leaderboard
from srbench.report.columns import Column
from srbench.report.render.site import publish

MADE_UP = Column(
    name="worst_image",
    heading="worst image, dB",
    value=lambda entry: (
        min(
            score
            for record in entry.board.records
            if record.loss.label == entry.row.label and entry.row.label != "hr"
            for scores in record.scores.values()
            for score in scores.metrics["psnr"].per_image.values()
        )
        if entry.row.label != "hr"
        else None
    ),
    text=lambda entry: "" if MADE_UP.value(entry) is None else f"{MADE_UP.value(entry):.1f}",
    numeric=True,
)


def test_every_output_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = synthetic_records(labels=("alexnet",), seeds=(1, 2), datasets=("set14",), images=4)
    for record in records:
        write_record(record, tmp_path / "out" / "records")
    monkeypatch.setattr(columns, "COLUMNS", (*columns.COLUMNS, MADE_UP))
    board = build_leaderboard(tmp_path / "out")
    expected = min(
        score
        for record in records
        if record.loss.label == "alexnet"
        for score in record.scores["set14"].metrics["psnr"].per_image.values()
    )

    shown = io.StringIO()
    print_leaderboard(board, Console(file=shown, width=300))
    assert f"{expected:.1f}" in shown.getvalue()
    assert "worst" in shown.getvalue()

    csv_file, json_file, markdown = write_leaderboard(board, tmp_path)
    lines = csv.DictReader(csv_file.read_text().splitlines())
    line = next(x for x in lines if x["label"] == "alexnet")
    assert float(line["worst_image"]) == pytest.approx(expected, rel=1e-7)
    rows = {row["label"]: row for row in json.loads(json_file.read_text())["rows"]}
    assert rows["alexnet"]["worst_image"] == pytest.approx(expected, rel=1e-7)
    assert rows["hr"]["worst_image"] is None
    assert "| worst image, dB |" in markdown.read_text()
    assert f"| {expected:.1f} |" in markdown.read_text()

    page = publish([tmp_path / "out"], tmp_path / "site").index.read_text()
    assert "Worst image, dB" in page
    assert f'data-v="{expected}">{expected:.1f}</td>' in page
