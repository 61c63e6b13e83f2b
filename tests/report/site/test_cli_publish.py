"""``srbench publish``."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from srbench.cli import cli


def invoke(*arguments: object):
    return CliRunner().invoke(cli, ["publish", *map(str, arguments)])


def test_publishes_and_says_where(out_folder: Path, tmp_path: Path) -> None:
    result = invoke(out_folder, "--to", tmp_path / "to", "--images", 1)
    assert result.exit_code == 0
    assert f"{tmp_path}/to/index.html" in result.stdout
    assert "26 records" in result.stdout
    assert len(list((tmp_path / "to/synthetic/images/set14").iterdir())) == 1


def test_json_is_alone_on_stdout(out_folder: Path, tmp_path: Path) -> None:
    result = invoke(out_folder, "--to", tmp_path / "to", "--images", 0, "--json")
    found = json.loads(result.stdout)
    files = [p for p in (tmp_path / "to").rglob("*") if p.is_file()]
    assert found["records"] == 26
    assert found["files"] == len(files) - 1  # the listing does not list itself
    assert found["bytes"] == sum(p.stat().st_size for p in files if p.name != "published.json")


def test_mistakes_exit_2(out_folder: Path, tmp_path: Path) -> None:
    result = invoke(tmp_path, "--to", tmp_path / "to")
    assert (result.exit_code, "found none" in result.stderr) == (2, True)
    assert invoke(out_folder).exit_code == 2
    result = invoke(out_folder, "--to", tmp_path / "to", "--readme", tmp_path / "none.md")
    assert not (tmp_path / "to").exists()  # told before anything is written
    assert (result.exit_code, "README" in result.stderr) == (2, True)


def test_links_show_the_plane_where_the_address_is_known(out_folder: Path, tmp_path: Path) -> None:
    told = (out_folder, "--to", tmp_path / "to", "--images", 0)
    assert invoke(*told, "--url", "example.org/board").exit_code == 2
    assert invoke(*told, "--url", "https://example.org/board").exit_code == 0
    page = (tmp_path / "to/index.html").read_text()
    meta = dict(re.findall(r'<meta property="(og:\w+)" content="([^"]+)">', page))
    assert meta["og:url"] == "https://example.org/board/index.html"
    assert meta["og:image"] == "https://example.org/board/synthetic/card.png"
    with Image.open(tmp_path / "to/synthetic/card.png", formats=["PNG"]) as card:
        assert card.width >= 1200  # as wide as the field's previews ask for
        assert len(card.convert("L").getcolors() or ()) > 50  # axes, points, words
    assert invoke(*told).exit_code == 0
    assert "og:image" not in (tmp_path / "to/index.html").read_text()
    assert not (tmp_path / "to/synthetic/card.png").exists()


@pytest.mark.slow
def test_time_and_memory_stay_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "perf")
    bench = importlib.import_module("bench_publish")
    small, large = (
        bench.measure(bench.write_suites(tmp_path / str(n), n), tmp_path / f"to-{n}")
        for n in (1, 3)
    )
    per_record = (large["busy"] - small["busy"]) / (large["records"] - small["records"])
    growth = (large["peak"] - small["peak"]) / (large["records"] - small["records"])
    # Processor time, which other work on the machine does not stretch.
    assert 5000 * per_record < bench.TARGET_SECONDS
    assert small["peak"] + 5000 * growth < bench.TARGET_BYTES
