"""CSV, JSON, Markdown and the terminal: their shape, and hostile strings from records."""

from __future__ import annotations

import csv
import io
import json

import pytest
from markdown_it import MarkdownIt
from rich.console import Console
from synthetic import relabelled

from srbench.errors import plain
from srbench.metrics.plugin import METRICS
from srbench.report import build_leaderboard, leaderboard_csv, print_leaderboard, write_leaderboard
from srbench.report.conventions import FLAGS
from srbench.report.render.document import leaderboard_document
from srbench.report.render.markdown import leaderboard_markdown, leading_table
from srbench.report.text import csv_text, markdown_text, meant

HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+2",
    "@SUM(A1)",
    "[bold red]markup[/]",
    "<script>alert(1)</script>",
    "a|b `c` *d* _e_ ![x](http://x)",
    "\x1b[31mred\x1b[0m\x07",
    "right\u202eto-left",
    "two\nlines",
]


def _printed(board, width=160, **options):
    stream = io.StringIO()
    print_leaderboard(board, Console(file=stream, width=width), **options)
    return stream.getvalue()


@pytest.fixture(params=HOSTILE)
def hostile(request, three_seeds, edited):
    """The table with a hostile string in every free text of one row."""

    def change(document):
        loss = document["loss"]
        for name in ("summary", "task", "backbone", "pretrained_on", "license", "paper"):
            loss[name] = request.param
        loss["terms"][0]["name"] = request.param
        document["cost"]["device"] = request.param

    records = edited(three_seeds, change, lambda r: r.loss.label == "alexnet")
    records = edited(records, lambda d: d["suite"]["document"].update(summary=request.param))
    return request.param, build_leaderboard(relabelled(records, "alexnet", request.param))


def test_csv_has_the_documented_columns(three_seeds):
    lines = list(csv.reader(io.StringIO(leaderboard_csv(build_leaderboard(three_seeds)))))
    assert lines[0] == [
        "loss",
        "label",
        "dataset",
        "seeds",
        "status",
        "psnr",
        "psnr_low",
        "psnr_high",
        "ssim",
        "ssim_low",
        "ssim_high",
        "lpips",
        "lpips_low",
        "lpips_high",
        "niqe",
        "niqe_low",
        "niqe_high",
    ]
    pairs = {(line[1], line[2]) for line in lines[1:]}
    labels = {"bicubic", "warm-start", "pixel", "vgg16-random", "hr", "alexnet"}
    assert {(label, d) for label in labels for d in ("set14", "bsd100")} <= pairs
    assert len(pairs) == len(lines) - 1 == 18


def test_csv_numbers_are_those_of_the_table(three_seeds):
    board = build_leaderboard(three_seeds)
    for line in csv.DictReader(io.StringIO(leaderboard_csv(board))):
        row = board.row(line["label"])
        assert line["seeds"] == str(len(row.seeds))
        for metric in ("psnr", "ssim", "lpips", "niqe"):
            cell = row.cells.get((line["dataset"], metric))
            if cell is None:
                assert line[metric] == line[f"{metric}_low"] == ""
                continue
            assert float(line[metric]) == meant(cell.mean) == pytest.approx(cell.mean, rel=5e-8)
            low = line[f"{metric}_low"]
            assert (float(low) if low else None) == meant(cell.low)


def test_csv_never_starts_a_cell_with_a_formula(hostile):
    text, board = hostile
    for line in csv.reader(io.StringIO(leaderboard_csv(board))):
        for cell in line[:3]:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert all(len(cell.splitlines()) <= 1 for cell in line)
    assert csv_text(text) in leaderboard_csv(board).replace('""', '"')


def test_terminal_prints_strings_as_they_are(hostile):
    text, board = hostile
    shown = _printed(board)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\x07" not in shown
    assert plain(text) in shown


def test_markdown_escapes(hostile):
    text, board = hostile
    written = leaderboard_markdown(board)
    assert "<script" not in written
    assert "![x]" not in written
    assert "\x1b" not in written
    assert markdown_text(text) in written
    table = [line for line in written.splitlines() if line.startswith("|")]
    header = next(line for line in table if line.startswith("| rank"))
    for line in table[1:11]:
        assert line.replace("\\|", "").count("|") == header.count("|")


BEACON = "![x](https://evil.example/x.png) <!-- @user www.evil.example"


def test_names_in_a_suite_and_in_its_metrics_stay_text_in_markdown(one_seed, edited):
    """Read by another library: no image, no link of theirs, no HTML but our own."""

    def change(document):
        carried = document["suite"]["document"]
        carried["summary"] = BEACON
        carried["metrics"] = [*carried["metrics"], BEACON]
        carried["data"]["test"] = [*carried["data"]["test"], BEACON]
        carried["report"] = {"rank_metric": BEACON, "rank_datasets": [BEACON]}
        (scores,) = document["scores"].values()
        scores["metrics"][BEACON] = {**scores["metrics"]["niqe"], "version": 1}
        scores["metrics"][f"left out {BEACON}"] = scores["metrics"][BEACON]  # named in a note
        document["scores"][BEACON] = scores
        url = "https://a.b/)![x](https://evil.example"
        agreement = {"finding": BEACON, "source": BEACON, "url": url}
        described = {"name": BEACON, "version": 1, "lower_is_better": True, "title": BEACON}
        document["metrics"] = {BEACON: {**described, "agreement": agreement}}

    board = build_leaderboard(edited(one_seed, change))
    assert board.rank_metric == BEACON
    assert BEACON in {metric.title for metric in board.metrics}
    for text in (leaderboard_markdown(board), leading_table(board)):
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        inner = [child for token in tokens for child in (token, *(token.children or ()))]
        assert not [token for token in inner if token.type == "image"]
        targets = [token.attrs["href"] for token in inner if token.type == "link_open"]
        theirs = [
            t for t in targets if not t.startswith(("https://arxiv.org/", "https://doi.org/"))
        ]
        assert all(t.startswith("https://a.b/%29!%5Bx%5D%28") for t in theirs), theirs
        html = {token.content for token in inner if token.type.startswith("html")}
        ours = ("<br>", "<!-- -->", "</details>", "<details><summary>")
        assert all(h.startswith(ours) and "<!-- @" not in h for h in html), html
        for bare in ("https://evil", "www.evil", "@user"):
            assert bare not in text.replace("(https://a.b/%29!%5Bx%5D%28https://evil", "")


def test_json_is_strict_and_complete(three_seeds, tmp_path):
    board = build_leaderboard(three_seeds)
    paths = write_leaderboard(board, tmp_path / "out")
    assert [p.name for p in paths] == ["leaderboard.csv", "leaderboard.json", "leaderboard.md"]

    def refuse(constant):
        raise AssertionError(constant)

    document = json.loads(paths[1].read_text(), parse_constant=refuse)
    assert document == json.loads(json.dumps(leaderboard_document(board)))
    assert document["protocol"] == "y4-v2"
    row = next(r for r in document["rows"] if r["label"] == "alexnet")
    assert row["scores"]["set14"]["lpips"]["flags"] == ["shares-network"]
    mean = board.row("alexnet").cells["set14", "lpips"].mean
    assert row["scores"]["set14"]["lpips"]["mean"] == meant(mean)
    family = next(f for f in document["families"] if f["metric"] == "psnr")
    assert family["power"] == 0.8
    assert family["tukey"]["detectable"] > 0
    assert {v["about"] for v in document["second_view"]} == {"these trained networks only"}


def test_files_are_the_same_bytes_each_time(three_seeds, tmp_path):
    first = write_leaderboard(build_leaderboard(three_seeds), tmp_path / "a")
    second = write_leaderboard(build_leaderboard(three_seeds[::-1]), tmp_path / "b")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_terminal_says_what_its_numbers_mean(three_seeds):
    board = build_leaderboard(three_seeds)
    shown = _printed(board)
    assert "Synthetic scores: nothing was trained." in shown
    assert "95 % t interval" in shown
    assert "Tukey" in shown
    assert "detectable" in shown
    assert "80 % power" in shown
    detectable = board.families["set14", "psnr"].tukey.detectable
    assert f"{detectable:.2f}" in shown
    assert "(N) shares-network" in shown
    assert "(T) trained-on" not in shown
    assert "Spearman" in shown
    assert "Zhang et al." in shown
    assert "Cost on Synthetic CPU" in shown
    assert "commercial use allowed" in shown
    assert "Second view, these trained networks only: LPIPS on the 14 images of set14" in shown


def test_terminal_with_one_seed_says_why_there_are_no_groups(one_seed):
    shown = _printed(build_leaderboard(one_seed))
    assert "these trained networks only" in shown
    assert "No tie groups" in shown
    assert "detectable" not in shown


def test_terminal_says_why_a_row_has_no_rank(three_seeds, failing):
    shown = _printed(build_leaderboard(failing(three_seeds, "alexnet", 2)))
    assert "alexnet (incomplete): missing seed 2; seed 2, content scale 1: NonFiniteLoss" in shown


def test_narrow_terminals_keep_labels_whole(three_seeds):
    board = build_leaderboard(three_seeds)
    wide, narrow = _printed(board), _printed(board, width=62)
    for shown in (wide, narrow):
        assert "24.64 to 25.26" in shown
    # The table comes in parts, each with the labels.
    tables = [text.split("Interval:")[0] for text in (wide, narrow)]
    wide_labels, narrow_labels = (table.count("vgg16-relu2_2") for table in tables)
    assert wide_labels == 2  # two data sets
    assert narrow_labels in (4, 6)
    assert max(len(line) for line in tables[1].splitlines() if "─" in line) <= 62


def test_one_dataset_can_be_shown(three_seeds):
    shown = _printed(build_leaderboard(three_seeds), datasets=["bsd100"])
    table = shown.split("Interval:")[0]
    assert "bsd100" in table
    assert not [line for line in table.splitlines() if line.startswith("set14")]


def test_every_published_line_has_a_source():
    lines = [spec.agreement for spec in METRICS if spec.agreement is not None]
    assert len(lines) >= 6
    for line in lines:
        assert line.finding
        assert line.source
        assert line.url.startswith("https://")
    assert len({code for code, _ in FLAGS.values()}) == len(FLAGS)
