"""``srbench new-plugin``: what it writes is complete, installs for real, and passes its tests."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
from click.testing import CliRunner

from srbench.checks import check_names
from srbench.checks.generate import plugin_files, write_plugin
from srbench.cli.new_plugin import command
from srbench.errors import UserError

EXAMPLE = Path(__file__).parents[2] / "plugins" / "example"


def test_the_example_in_the_repository_is_what_the_command_writes():
    ignored = {"__pycache__", ".pytest_cache"}
    committed = {
        str(path.relative_to(EXAMPLE)): path.read_text()
        for path in EXAMPLE.rglob("*")
        if path.is_file() and not ignored & set(path.parts)
    }
    assert committed == plugin_files("example")


def test_names_go_where_they_belong():
    texts = plugin_files("sharp-edges2")
    project = tomllib.loads(texts["pyproject.toml"])
    assert project["project"]["name"] == "srbench-sharp-edges2"
    points = project["project"]["entry-points"]["srbench"]
    assert points == {"sharp-edges2": "srbench_sharp_edges2.plugin"}
    assert "class SharpEdges2Loss(nn.Module)" in texts["src/srbench_sharp_edges2/loss.py"]
    assert 'name="sharp-edges2"' in texts["src/srbench_sharp_edges2/plugin.py"]
    assert not any("$" in text for text in texts.values())
    assert "class TinyLoss(nn.Module)" in plugin_files("tiny-loss")["src/srbench_tiny_loss/loss.py"]


@pytest.mark.parametrize("name", ["My-Loss", "my_loss", "2x", "", "-a", "a--b", "a/b", "../a", "ä"])
def test_names_that_do_not_fit_are_refused(name, tmp_path):
    with pytest.raises(UserError, match="expected a kebab-case name"):
        write_plugin(name, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["srbench-edges", "class", "core"])
def test_names_that_would_mislead_are_refused(name, tmp_path):
    with pytest.raises(UserError, match="expected the name of a loss"):
        write_plugin(name, tmp_path / "new")


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match="a new or empty folder"):
        write_plugin("edges", tmp_path)
    with pytest.raises(UserError, match="a new or empty folder"):
        write_plugin("edges", tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_names_the_files_and_warns_of_a_taken_name(tmp_path):
    result = CliRunner().invoke(command, ["l1", "--out", str(tmp_path / "new")])
    assert result.exit_code == 0
    written = [Path(line) for line in result.stdout.split()]
    assert set(written) == {path for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert "already installed, from srbench-core" in result.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment that sees this one's packages but has a site folder of its own."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    here = sysconfig.get_path("purelib")
    Path(purelib, "outer.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    return python


def run(python, *arguments, **options):
    environment = {key: value for key, value in os.environ.items() if key != "SRBENCH_PLUGINS"}
    return subprocess.run(
        [str(python), *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env={**environment, "OMP_NUM_THREADS": "1"},
        **options,
    )


@pytest.mark.slow
def test_the_generated_plugin_installs_and_passes_its_own_tests(environment, tmp_path):
    folder = tmp_path / "plugin"
    write_plugin("fresh-from-the-generator", folder)
    pip = [sys.executable, "-m", "pip", "--python", str(environment), "install", "-q", "-e"]
    flags = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, str(folder), *flags], check=True, capture_output=True, text=True)

    script = "from srbench.cli import main; main()"
    listed = run(environment, "-c", script, "losses", "--json", cwd=tmp_path)
    assert '"fresh-from-the-generator"' in listed.stdout, listed.stderr

    tests = run(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".", cwd=folder)
    assert tests.returncode == 0, tests.stdout + tests.stderr
    passed = tests.stdout.strip().splitlines()[-1]
    assert passed.startswith(f"{len(check_names()) + 2} passed"), passed
