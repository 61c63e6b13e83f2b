"""What must not share a table, and what counts as a copy."""

from __future__ import annotations

import pytest
from synthetic import synthetic_records

from srbench.errors import MixedRecords, RecordError
from srbench.records import write_record
from srbench.report import build_leaderboard
from srbench.report.selection import load_records, select_records, split_by_table


def _set(path, value):
    def change(document):
        *parents, leaf = path
        for part in parents:
            document = document[part]
        document[leaf] = value

    return change


MIXTURES = [
    (("protocol",), "rgb4-v2", "protocol"),
    (("suite", "version"), 2, "suite version"),
    (("suite", "document", "warm_start"), {"iterations": 7}, "suite hash"),
    (("suite", "track"), "raw", "track"),
    (("suite", "name"), "other", "suite"),
    (("scores", "set14", "manifest_sha256"), "0" * 64, "images"),
    (("scores", "set14", "metrics", "psnr", "version"), 2, "metric"),
]


@pytest.mark.parametrize(("path", "value", "named"), MIXTURES)
def test_mixtures_are_refused_with_the_reason(three_seeds, edited, path, value, named):
    last = three_seeds[-1].key
    records = edited(three_seeds, _set(path, value), lambda r: r.key == last)
    with pytest.raises(MixedRecords, match=named) as caught:
        build_leaderboard(records)
    assert caught.value.fix
    assert caught.value.exit_status == 2


def test_no_records_are_refused():
    with pytest.raises(MixedRecords, match="got none"):
        build_leaderboard([])


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(RecordError, match="found none"):
        build_leaderboard(tmp_path)


def test_several_folders_make_one_table(three_seeds, tmp_path):
    for record in three_seeds:
        write_record(record, tmp_path / f"machine-{record.seed % 2}" / "records")
    together = build_leaderboard([tmp_path / "machine-0", tmp_path / "machine-1"])
    assert together.rows == build_leaderboard(three_seeds).rows


def test_exact_copies_are_dropped(three_seeds):
    assert len(select_records([*three_seeds, *three_seeds])) == len(three_seeds)


def test_order_of_records_does_not_matter(three_seeds):
    assert build_leaderboard(three_seeds[::-1]) == build_leaderboard(three_seeds)


def test_a_finished_run_supersedes_a_failed_one(three_seeds, failing):
    failed = failing(three_seeds, "alexnet", 2)
    for records in ([*failed, *three_seeds], [*three_seeds, *failed]):
        assert build_leaderboard(records).row("alexnet").status == "finished"


def test_two_runs_that_disagree_are_refused(three_seeds):
    other = [r for r in synthetic_records(random_state=1) if r.loss.label == "alexnet"]
    with pytest.raises(MixedRecords, match="two that disagree"):
        select_records([*three_seeds, *other])


def _of_another_machine(document):
    """The same images; the scores differ in their last digits."""
    for scores in document["scores"].values():
        for metric in scores["metrics"].values():
            moved = {name: value + 1e-9 for name, value in metric["per_image"].items()}
            metric.update(per_image=moved, mean=sum(moved.values()) / len(moved))


def _with_hashes(image):
    def change(document):
        for scores in document["scores"].values():
            scores["pixels_sha256"] = dict.fromkeys(scores["images"], image * 64)

    return change


def test_of_images_that_two_machines_scored_the_first_record_counts(one_seed, edited):
    published = edited(one_seed, _with_hashes("a"))
    mine = edited(published, _of_another_machine)
    assert select_records([*published, *mine]) == select_records(published)
    assert select_records([*mine, *published]) == select_records(mine)
    # Other images, or images without hashes, may be of another run.
    other = edited(mine, _with_hashes("b"), lambda r: r.loss.label == "bicubic")
    with pytest.raises(MixedRecords, match=r"'bicubic'.* two that disagree.*"):
        select_records([*published, *other])
    with pytest.raises(MixedRecords, match="two that disagree") as told:
        select_records([*one_seed, *edited(one_seed, _of_another_machine)])
    assert "--starts" in str(told.value)


def test_seed_independent_rows_of_several_seeds_are_one(three_seeds, edited):
    again = edited(
        [r for r in three_seeds if r.loss.label == "bicubic"],
        lambda d: d.update(seed=3, key="f" * 64),
    )
    assert len(select_records([*three_seeds, *again])) == len(three_seeds)


@pytest.mark.parametrize(("path", "value", "named"), MIXTURES[:5])
def test_tables_are_split_in_order(three_seeds, one_seed, edited, path, value, named):
    other = edited(one_seed, _set(path, value))
    groups = split_by_table(load_records([*other, *three_seeds]))
    assert list(groups) == sorted(groups)
    assert list(groups.values()) in ([other, three_seeds], [three_seeds, other])
