"""The distributions as wheels: none asks the index for ``srbench``, which is somebody else's."""

import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from srbench.checks.generate import write_plugin
from srbench.errors import UserError
from srbench.namesake import DISTRIBUTION, refuse_namesake

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """Every distribution of the repository and one fresh from ``srbench new-plugin``, by name."""
    built = tmp_path_factory.mktemp("wheels")
    fresh = tmp_path_factory.mktemp("fresh")
    write_plugin("fresh", fresh)
    for folder in (ROOT, fresh, *(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))):
        hatchling = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
        subprocess.run(hatchling, cwd=folder, check=True, capture_output=True)
    return {metadata(path)["Name"]: path for path in built.glob("*.whl")}


def metadata(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def requirements(wheel: Path) -> set[str]:
    """Names that pip would look up for the wheel, extras included."""
    lines = metadata(wheel).get_all("Requires-Dist", [])
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_no_wheel_asks_for_a_distribution_that_is_not_ours(wheels):
    plugins = {path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")} | {"fresh"}
    assert set(wheels) == {DISTRIBUTION, *(f"srbench-{name}" for name in plugins)}
    for name, wheel in wheels.items():
        ours = {needed for needed in requirements(wheel) if needed.startswith("srbench")}
        assert ours == (set() if name == DISTRIBUTION else {DISTRIBUTION}), name


def test_the_host_is_refused_beside_its_namesake(wheels, tmp_path):
    """Even where the stranger came last, as pip would leave it: its __init__ over srbench's."""
    for wheel in (wheels[DISTRIBUTION], write_stranger(tmp_path)):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path / "site")
    start = "from srbench.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, "losses", "--json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"expected {DISTRIBUTION} alone" in line
    assert "the distribution srbench 0.0.7 as well" in line
    assert "pip uninstall srbench" in line


def write_stranger(folder: Path) -> Path:
    path = folder / "srbench-0.0.7-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("srbench/__init__.py", "print('a stranger')\n")
        about = "Metadata-Version: 2.1\nName: srbench\nVersion: 0.0.7\n"
        archive.writestr("srbench-0.0.7.dist-info/METADATA", about)
    return path


def test_the_api_is_refused_too(tmp_path, monkeypatch):
    import srbench

    assert callable(srbench.load_loss)
    with zipfile.ZipFile(write_stranger(tmp_path)) as archive:
        archive.extractall(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=r"the distribution srbench 0\.0\.7 as well"):
        refuse_namesake()
    with pytest.raises(UserError, match="pip uninstall srbench"):
        _ = srbench.load_loss


def test_this_environment_has_the_host_under_its_own_name():
    refuse_namesake()
    points = importlib.metadata.distribution(DISTRIBUTION).entry_points
    assert "controls" in {point.name for point in points if point.group == "srbench"}


def test_a_second_distribution_of_our_name_earlier_on_the_path_is_refused(tmp_path, monkeypatch):
    """It provided `srbench losses` in the place of the built-in ones, without a word."""
    info = tmp_path / "srbench_core-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 9.9\n")
    (info / "entry_points.txt").write_text("[srbench]\ncontrols = evil\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match="expected one distribution") as refused:
        refuse_namesake()
    assert "9.9 at " in str(refused.value)
    assert importlib.metadata.version(DISTRIBUTION) == "9.9"  # what would have been taken


def test_nothing_tells_anyone_to_install_the_stranger():
    """Not from the index either under our own name, which nobody has registered there yet."""
    root = Path(__file__).parents[1]
    texts = [*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("srbench/**/*.py"),
             *root.glob("plugins/*/README.md"), *root.glob("leaderboard/*.md")]  # fmt: skip
    command = re.compile(
        r"(pip|pipx|uv) (pip )?(install|add)\b[^`\n\\;]*['\" ]srbench(-core)?(\[|['\"`= ]|$)"
    )
    found = [
        (path.name, line.strip())
        for path in texts
        for line in path.read_text().splitlines()
        if command.search(line.partition("  #")[0])
    ]
    assert [f for f in found if "is another" not in f[1]] == []
