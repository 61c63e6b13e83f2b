"""``srbench report``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from synthetic import synthetic_records

from srbench.cli import cli
from srbench.records import write_record


@pytest.fixture
def out(one_seed, tmp_path):
    for record in one_seed:
        write_record(record, tmp_path / "out" / "records")
    return tmp_path / "out"


@pytest.fixture
def invoke():
    def call(*arguments):
        return CliRunner().invoke(cli, ["report", *map(str, arguments)])

    return call


def test_prints_and_writes(out, invoke):
    result = invoke(out)
    assert result.exit_code == 0
    assert "photos-test" in result.stdout
    assert "Synthetic scores: nothing was trained." in result.stdout
    assert "\x1b" not in result.stdout
    for kind in ("csv", "json", "md"):
        assert (out / f"leaderboard.{kind}").is_file()
    assert not (out / "plots").exists()


def test_json_is_alone_on_stdout_and_writes_nothing(out, invoke):
    result = invoke(out, "--json")
    assert json.loads(result.stdout)["suite"]["name"] == "synthetic"
    assert not (out / "leaderboard.json").exists()


@pytest.mark.slow
def test_plots(out, invoke):
    assert invoke(out, "--plots").exit_code == 0
    assert (out / "plots" / "plane-photos-test.svg").is_file()


def test_compare_two_rows(out, invoke):
    result = invoke(out, "--compare", "alexnet", "pixel")
    assert result.exit_code == 0
    assert (out / "plots" / "images-photos-test-alexnet-minus-pixel.png").is_file()
    result = invoke(out, "--compare", "alexnet", "pixle")
    assert result.exit_code == 2
    assert "'pixel'" in result.stderr


def test_unknown_data_set_suggests_the_nearest(out, invoke):
    result = invoke(out, "--dataset", "photo-test")
    assert result.exit_code == 2
    assert "photos-test" in result.stderr


def test_damaged_record_exits_2(out, invoke):
    path = next((out / "records").iterdir())
    path.write_text(path.read_text().replace('"seed": 1', '"seed": NaN'))
    result = invoke(out)
    assert result.exit_code == 2
    assert path.name in result.stderr


def test_empty_folder_exits_2(tmp_path, invoke):
    result = invoke(tmp_path)
    assert result.exit_code == 2
    assert "found none" in result.stderr


def test_suites_have_tables_of_their_own(out, tmp_path, invoke):
    other = tmp_path / "other"
    for record in synthetic_records(suite="another", seeds=[1, 2], images=4):
        write_record(record, other / "records")
    result = invoke(out, other)
    assert result.exit_code == 0
    assert "synthetic v1" in result.stdout
    assert "another v1" in result.stdout
    assert "--to DIR" in result.stderr
    result = invoke(out, other, "--to", tmp_path / "to")
    written = json.loads((tmp_path / "to" / "leaderboard.json").read_text())
    assert [document["suite"]["name"] for document in written] == ["another", "synthetic"]
    assert (tmp_path / "to" / "leaderboard.csv").read_text().startswith("suite,loss,")
    assert len(json.loads(invoke(out, other, "--json").stdout)) == 2
    only = json.loads(invoke(out, other, "--json", "--suite", "another").stdout)
    assert only["suite"]["name"] == "another"
    assert invoke(out, "--suite", "anothr").exit_code == 2


def test_two_versions_in_one_folder_are_two_tables_and_one_can_be_chosen(
    out, edited, one_seed, invoke
):
    """As a published folder holds them, and as `publish` shows them."""

    def newer(document):
        document["suite"]["version"] = document["suite"]["document"]["version"] = 2
        document["key"] = document["key"][::-1]

    changed = edited(one_seed, newer)
    for record in changed:
        write_record(record, out / "records")
    result = invoke(out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.index("synthetic v1") < result.stdout.index("synthetic v2")
    written = json.loads((out / "leaderboard.json").read_text())
    assert [document["suite"]["version"] for document in written] == [1, 2]
    for document in written:
        assert {row["label"] for row in document["rows"]} == {r.loss.label for r in one_seed}
    chosen = invoke(out, "--json", "--suite", changed[0].suite.conditions[:8])
    assert json.loads(chosen.stdout)["suite"]["version"] == 2
    stated = one_seed[0].suite.sha256[:12]  # what the title of the table shows
    assert invoke(out, "--json", "--suite", stated).exit_code == 0


@pytest.mark.slow
def test_report_never_imports_torch(out):
    code = (
        "import sys\n"
        "from srbench.cli import cli\n"
        f"cli(['report', {str(out)!r}, '--plots'], standalone_mode=False)\n"
        "assert not {'torch', 'torchvision', 'srbench.run', 'srbench.train'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
