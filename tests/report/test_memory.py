"""Memory of a table grows linearly with its records."""

from __future__ import annotations

import tracemalloc

import pytest
from synthetic import synthetic_records

from srbench.records import write_record
from srbench.report import build_leaderboard, leaderboard_csv


@pytest.mark.slow
def test_memory_grows_linearly(tmp_path):
    peaks = []
    for losses in (10, 20, 40):
        folder = tmp_path / str(losses)
        labels = [f"loss-{i}" for i in range(losses - 2)]
        for record in synthetic_records(labels=labels, images=30):
            write_record(record, folder / "records")
        tracemalloc.start()
        leaderboard_csv(build_leaderboard(folder))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Twice the records, about twice the memory: a quadratic part would show as a growing ratio.
    assert peaks[1] / peaks[0] < 2.3
    assert peaks[2] / peaks[1] < 2.3
