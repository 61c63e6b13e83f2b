"""The documentation's snippet recomputes every number of the table; its claims are the code's."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import documented_snippets
from synthetic import synthetic_records

from srbench.records import write_record
from srbench.report import build_leaderboard
from srbench.report.conventions import FLAGS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(params=[(1.0,), (0.33, 1.0, 3.0)], ids=["one scale", "three scales"])
def documented(request, tmp_path):
    records = synthetic_records(scales=request.param, datasets=("photos-test", "bsd100"))
    for record in records:
        write_record(record, tmp_path / "records")
    return build_leaderboard(records), documented_snippets(tmp_path)


def test_snippet_recomputes_the_table(documented):
    board, names = documented
    count = 0
    for row in board.rows:
        for (dataset, metric), cell in row.cells.items():
            line = names["table"].loc[row.label, dataset, metric]
            assert line["mean"] == pytest.approx(cell.mean, rel=1e-12)
            assert line["count"] == cell.seeds
            if cell.low is not None:
                assert (line["low"], line["high"]) == pytest.approx((cell.low, cell.high))
            count += 1
    assert count == len(names["table"]) == 8 * 8 + 2


def test_snippet_recomputes_tukey(documented):
    board, names = documented
    for (dataset, metric), family in board.families.items():
        threshold, detectable = names["tukey"](dataset, metric)
        assert threshold == pytest.approx(family.tukey.threshold, rel=1e-9)
        assert detectable == pytest.approx(family.tukey.detectable, rel=1e-6)


def test_snippet_recomputes_ranks(documented):
    board, names = documented
    for row in board.rows:
        if not row.trained:
            continue
        assert names["mean_rank"][row.label] == row.mean_rank
        for (dataset, metric), cell in row.cells.items():
            if cell.rank is not None:
                assert names["ranks"].loc[(dataset, metric), row.label] == cell.rank


def test_snippet_recomputes_agreement_and_cost(documented):
    board, names = documented
    for table in board.correlations:
        for method, values in (("spearman", table.spearman), ("kendall", table.kendall)):
            found = names["agreement"](table.dataset, method).loc[
                list(table.metrics), list(table.metrics)
            ]
            for line, expected in zip(found.to_numpy(), values, strict=True):
                assert line.tolist() == pytest.approx(list(expected))
    for line in board.costs:
        found = names["cost"].loc[line.device, line.label]
        assert found["iterations_per_second"] == pytest.approx(line.iterations_per_second)
        assert found["loss_gflops_per_step"] == pytest.approx(line.loss_gflops_per_step)


def test_snippet_recomputes_the_bootstrap(tmp_path):
    records = synthetic_records(seeds=[1], datasets=("photos-test",), images=6)
    for record in records:
        write_record(record, tmp_path / "records")
    board = build_leaderboard(records)
    names = documented_snippets(tmp_path, blocks=4)
    for row in board.rows:
        for key, cell in row.cells.items():
            low, high = names["image_intervals"][row.label, *key]
            assert (low, high) == pytest.approx((cell.low, cell.high), rel=1e-12)


def test_every_flag_is_explained():
    text = (DOCS / "reading-the-table.md").read_text(encoding="utf-8")
    for flag, (code, _) in FLAGS.items():
        assert f"| {code} | `{flag}` |" in text
