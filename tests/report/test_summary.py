"""What a run ends in: one screen, in any terminal; and which seeds it counts."""

import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console
from synthetic import synthetic_records

from srbench.cli import cli
from srbench.records import write_record
from srbench.report import build_leaderboard, load_records, print_summary, split_by_table
from srbench.report.headline_table import headline_order
from srbench.report.verdict import verdict

LEADERBOARD = Path(__file__).parents[2] / "leaderboard"


def shown(board, width, **options):
    stream = io.StringIO()
    # a terminal, so that lines are broken as on one
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    print_summary(board, console, **options)
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("records", ["three_seeds", "one_seed"])
def test_it_fits_on_a_screen_and_breaks_no_name(request, records, width):
    board = build_leaderboard(request.getfixturevalue(records))
    text = shown(board, width)
    lines = text.splitlines()
    assert len(lines) + 5 <= 40  # the run adds its paths
    assert max(map(len, lines)) <= width
    for row in board.rows:
        assert any(line.split()[1:2] == [row.label] for line in lines), row.label
    assert "…" not in text
    assert ("Interval:" in text) == (" to " in text)


def test_rows_with_curves_are_ranked_as_the_headline_ranks_them():
    """The published study: what stands in its Markdown is what the terminal shows."""
    board = next(
        build_leaderboard(group)
        for group in split_by_table(load_records([LEADERBOARD])).values()
        if group[0].suite.name == "pretext-cpu" and group[0].suite.version == 3
    )
    (headline,) = (h for h in board.headlines if h.primary)
    assert headline.places != {row.label: row.rank for row in board.rows}  # it is another order
    lines = [line.split() for line in shown(board, 100).splitlines()]
    labels = {row.label for row in board.rows if row.trained}
    ranks = {words[1]: words[0] for words in lines if words[1:2] and words[1] in labels}
    assert list(ranks) == headline_order(board, headline)
    assert {n: r for n, r in ranks.items() if r != "-"} == {
        label: f"{place:g}" for label, place in headline.places.items()
    }
    assert "rank: LPIPS at -0.5 dB, at equal distortion" in shown(board, 100)


def test_what_does_not_fit_is_named(one_seed):
    board = build_leaderboard(one_seed)
    narrow = shown(board, 50)
    assert "For want of columns not shown: " in narrow
    assert "NIQE" in narrow.partition("not shown:")[2]
    assert "LPIPS ↓" in narrow
    assert "Interval:" not in narrow


def test_a_long_table_ends(one_seed):
    labels = [f"loss-{number:02}" for number in range(40)]
    records = synthetic_records(labels=labels, seeds=[1], datasets=["photos-test"], images=3)
    text = shown(build_leaderboard(records), 100)
    assert len(text.splitlines()) + 5 <= 40
    assert "more rows" in text


def test_the_verdict_names_the_metric_that_ranks(one_seed, three_seeds):
    one = build_leaderboard(one_seed)
    assert verdict(one).startswith(f"First by LPIPS on photos-test: {one.rows[0].label} (0.")
    assert verdict(one).endswith(
        "With one seed, no difference between rows can be told from chance."
    )
    three = build_leaderboard(three_seeds)
    first = three.rows[0]
    said = verdict(three)
    assert said.startswith(
        f"First by mean LPIPS rank on set14, bsd100, weighted by number of images: {first.label} ("
    )
    dataset = three.lead_dataset()
    groups = {row.label: row.cells[dataset, "lpips"].group for row in three.rows[:4]}
    alike = {label for label, group in groups.items() if set(group) & set(groups[first.label])}
    assert {label for label in groups if label in said} == alike | {first.label}
    assert ("It differs from all other compared rows" in said) == (alike == {first.label})


def test_a_seed_tried_on_one_row_makes_no_other_incomplete(one_seed):
    tried = synthetic_records(
        labels=["alexnet"], seeds=[3], datasets=["photos-test"], images=6, random_state=5
    )
    row = next(r for r in tried if r.loss.label == "alexnet")
    row = row.model_copy(update={"suite": one_seed[0].suite})
    board = build_leaderboard([*one_seed, row])
    assert board.seeds == (1,)
    assert {r.status for r in board.rows} == {"finished"}
    assert any("records of seed 3, which this table does not count" in note for note in board.notes)
    asked = build_leaderboard([*one_seed, row], seeds=[3])
    assert asked.seeds == (3,)
    assert [r.label for r in asked.rows if r.trained] == ["alexnet"]


def test_where_only_other_seeds_ran_they_count(one_seed):
    others = [
        r.model_copy(update={"seed": 7}) if r.loss.kind.generated else r for r in one_seed
    ]  # fmt: skip
    assert build_leaderboard(others).seeds == (7,)


def test_report_tells_what_run_does_and_full_the_rest(one_seed, tmp_path):
    for record in one_seed:
        write_record(record, tmp_path / "records")
    brief = CliRunner().invoke(cli, ["report", str(tmp_path)])
    full = CliRunner().invoke(cli, ["report", str(tmp_path), "--full"])
    assert "First by LPIPS" in brief.stdout
    assert "Do the metrics order" not in brief.stdout
    assert "Do the metrics order" in full.stdout
    unknown = CliRunner().invoke(cli, ["report", str(tmp_path), "--seed", "9"])
    assert unknown.exit_code == 2
    assert "expected the name of a seed of these records, got '9'" in unknown.output
