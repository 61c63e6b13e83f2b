"""Who sees what: balance, repeats, checks; all without torch."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from srbench.study.design import Design, block_count, rater_trials, rounds


@pytest.mark.parametrize("rows", range(2, 12))
def test_rounds_are_a_tournament(rows: int) -> None:
    found = rounds(rows)
    assert sorted(map(tuple, map(sorted, itertools.chain(*found)))) == list(
        itertools.combinations(range(rows), 2)
    )
    for played in found:
        assert max(Counter(itertools.chain(*played)).values()) == 1


@pytest.mark.parametrize(
    ("rows", "images", "trials"), [(6, 20, 60), (5, 7, 21), (2, 3, 2), (9, 4, 30)]
)
@pytest.mark.parametrize("pairs", [True, False])
def test_rows_and_images_come_equally_often(
    pairs: bool, rows: int, images: int, trials: int
) -> None:
    design = Design(
        pairs=pairs, rows=rows, images=images, blocks=block_count(pairs, rows, images, trials)
    )
    sheet = design.sheet(0)
    assert len(set(sheet)) == len(sheet)
    turns = len(rounds(rows)) if pairs else 1
    cycle = images * turns
    asked = Counter(cell for number in range(cycle) for cell in design.sheet(number))
    assert len(set(asked.values())) == 1  # every question of the design equally often
    assert len(asked) == images * (rows * (rows - 1) // 2 if pairs else rows)
    for number in range(cycle):
        cells = design.sheet(number)
        by_image = Counter(image for image, _, _ in cells)
        per_block = rows // 2 if pairs else rows
        assert max(by_image.values()) - min(by_image.values()) <= per_block
        by_row = Counter(row for _, *both in cells for row in both if row is not None)
        assert max(by_row.values()) - min(by_row.get(row, 0) for row in range(rows)) <= max(
            2, turns // images + 2
        )


def test_a_rater_s_trials(make_study) -> None:
    study = make_study(trials=24, repeats=4, checks=6).study
    seen = set()
    for number in range(20):
        trials = rater_trials(study, number)
        assert trials == rater_trials(study, number)
        seen.add(tuple(trials))
        kinds = Counter(trial.kind for trial in trials)
        assert kinds == {"main": 24, "repeat": 4, "check": 6}
        for place, trial in enumerate(trials):
            if trial.kind == "repeat":
                swapped = (trial.content, trial.second, trial.first)
                before = [t for t in trials[:place] if t.kind == "main"]
                assert swapped in [(t.content, t.first, t.second) for t in before]
            if trial.kind == "check":
                assert {trial.first, trial.second} == {"(hr)", "(bicubic)"}
        checks = [trial.first for trial in trials if trial.kind == "check"]
        assert Counter(checks) == {"(hr)": 3, "(bicubic)": 3}
    assert len(seen) == 20


def test_acr_shows_hr_and_bicubic_for_each_check(make_study) -> None:
    study = make_study(design="acr", crops=2, trials=8, checks=5).study
    trials = rater_trials(study, 0)
    checks = Counter((t.content, t.first) for t in trials if t.kind == "check")
    places = {content for content, _ in checks}
    assert checks == {(c, role): 1 for c in places for role in ("(hr)", "(bicubic)")}
    assert len(places) == 5
    assert all(trial.second is None for trial in trials)
