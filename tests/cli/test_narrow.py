"""Listings on a narrow terminal: what is there to be copied is whole, and nothing is too wide."""

import json
import shutil
from pathlib import Path

import pytest

from srbench.files import file_sha256

from .conftest import Cli

LEADERBOARD = Path(__file__).parents[2] / "leaderboard"


def names_of(cli: Cli, *command: str) -> set[str]:
    listed = json.loads(cli(*command, "--json").stdout)
    return {item.get("name") or item["id"] for item in listed}


@pytest.mark.parametrize("command", [("losses",), ("weights", "list"), ("data", "list")])
def test_every_name_is_whole_on_eighty_columns(cli: Cli, command: tuple[str, ...]) -> None:
    done = cli(*command, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    first = {line.split()[0].rstrip(":") for line in done.stdout.splitlines() if line.strip()}
    assert names_of(cli, *command) <= first


def widest(table: str) -> int:
    """Of the lines of tables, which begin with a space; sentences are not cut into lines."""
    lines = [line for line in table.splitlines() if line.startswith(" ")]
    assert len(lines) > 4
    return max(map(len, lines))


@pytest.mark.parametrize("command", ["losses", "plugins"])
def test_tables_keep_within_eighty_columns(cli: Cli, command: str) -> None:
    done = cli(command, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert widest(done.stdout) <= 80


def test_a_probe_shows_all_its_figures(cli: Cli) -> None:
    shown = cli("probe", "l1", "wavelet-l1", COLUMNS="80").stdout
    (found, _) = json.loads(cli("probe", "l1", "wavelet-l1", "--json").stdout)
    assert widest(shown) <= 80
    assert f"{found['gradient_norm']:.3g}" in shown
    for name in ("gradient", "high freq.", "checkers", *found["sensitivity"], "GFLOPs", "weights"):
        assert f" {name} " in shown


def test_who_looks_at_a_published_folder_changes_nothing_in_it(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "board"
    shutil.copytree(LEADERBOARD / "records", folder / "records")
    for name in ("starts.json", "leaderboard.md"):
        shutil.copy(LEADERBOARD / name, folder / name)
    before = {path: file_sha256(path) for path in folder.rglob("*") if path.is_file()}
    for named in (folder, folder / "records"):
        done = cli("report", str(named), "--suite", "pretext-cpu")
        assert done.returncode == 0, done.stderr
        assert "no file is written into a published folder; give --to DIR" in done.stderr
    assert {path: file_sha256(path) for path in folder.rglob("*") if path.is_file()} == before
    elsewhere = tmp_path / "elsewhere"
    assert cli("report", str(folder), "--to", str(elsewhere)).returncode == 0
    assert (elsewhere / "leaderboard.md").is_file()
