"""What stands around the code: workflows, forms, the oldest dependencies, how to cite."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from shown import MAKE_TARGETS, parse, words

import srbench
from srbench.cli import cli

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
MAKEFILE = (ROOT / "Makefile").read_text()
OURS = r"(?:\.venv/(?:bin|Scripts)/)"


def project(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(file.read_text())["project"]
    return found


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def run_lines() -> list[tuple[str, str]]:
    """Every line of every ``run``, with the workflow that it stands in."""
    return [
        (file.name, line)
        for file in WORKFLOWS
        for step in steps(file)
        for line in step.get("run", "").replace("\\\n", " ").splitlines()
    ]


@pytest.mark.parametrize(("name", "line"), run_lines())
def test_what_a_workflow_runs_exists(name: str, line: str) -> None:
    program = re.sub(f"^{OURS}", "", line.strip())
    for ours in re.findall(r"(?:^| )srbench (?!-core)(.+)$", program):
        given = ["SUBMISSION"] if program.startswith("xargs ") else []
        parse(cli, [*words(ours.split(" < ")[0]), *given])
    if program.startswith("make "):
        _, *args = shlex.split(program)
        assert {arg for arg in args if "=" not in arg} <= MAKE_TARGETS
        variables = {arg.partition("=")[0] for arg in args if "=" in arg}
        assert variables <= set(re.findall(r"^([A-Z]+) \??:?=", MAKEFILE, re.MULTILINE))
    for path in re.findall(r"[\w./-]+\.(?:txt|toml|yml)\b", program):
        assert (ROOT / path).exists(), path
    if " pytest " in program:
        assert '-m "not slow"' in program


def test_linux_macos_and_windows_are_tested_and_a_release_waits_for_it() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    systems = {job["runs-on"] for job in jobs.values()}
    systems |= {row["os"] for row in jobs["fast"]["strategy"]["matrix"]["include"]}
    assert {"ubuntu-latest", "macos-latest", "windows-latest"} <= systems
    assert [step["run"] for step in jobs["all"]["steps"] if "run" in step] == ["make test"]
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    assert release["publish"]["needs"] == ["tests", "build"]
    assert release["publish"]["permissions"] == {"id-token": "write"}


def test_workflows_read_only_and_keep_no_credentials() -> None:
    for file in WORKFLOWS:
        workflow = yaml.safe_load(file.read_text())
        assert workflow["permissions"] == {"contents": "read"}, file.name
        assert all("timeout-minutes" in job or "uses" in job for job in workflow["jobs"].values())
        for step in steps(file):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
        assert "${{" not in "".join(step.get("run", "") for step in steps(file)), file.name


def oldest() -> dict[str, Version]:
    lines = (ROOT / ".github/oldest.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(p.name): Version(next(iter(p.specifier)).version) for p in pins}


def stated() -> dict[str, Version]:
    """The newest of the lower bounds that any of our projects states for a distribution."""
    found: dict[str, Version] = {}
    for file in PROJECTS:
        about = project(file)
        extras = about.get("optional-dependencies", {}).values()
        for line in (*about["dependencies"], *(line for extra in extras for line in extra)):
            need = Requirement(line)
            lower = [Version(s.version) for s in need.specifier if s.operator == ">="]
            if lower:
                name = canonicalize_name(need.name)
                found[name] = max(found.get(name, lower[0]), *lower)
    return found


def test_the_oldest_dependencies_are_the_stated_ones() -> None:
    pins = oldest()
    for name, version in stated().items():
        # The same series: a bound of 8.1 may have no release of that very number.
        assert pins[name].release[: len(version.release)] == version.release, name


def test_every_dependency_states_its_oldest_version() -> None:
    for file in PROJECTS:
        for line in project(file)["dependencies"]:
            need = Requirement(line)
            assert need.name == "srbench-core" or ">=" in str(need.specifier), (file, line)


def test_citation_is_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == srbench.__version__
    assert cited["license"] == project(PROJECTS[0])["license"]
    for key in ("cff-version", "message", "title", "authors"):
        assert cited[key]


def test_addresses_stand_in_one_place_and_are_one_projects() -> None:
    addresses = project(PROJECTS[0]).get("urls", {})
    repository = addresses.get("Repository", "")
    assert not addresses or repository.startswith("https://")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited.get("repository-code", repository) == repository
    assert (ROOT / "srbench/py.typed").exists()


def test_the_form_offers_every_suite() -> None:
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/run-this-loss.yml").read_text())
    (suites,) = [field for field in form["body"] if field.get("id") == "suite"]
    offered = set(suites["attributes"]["options"])
    assert offered == {file.stem for file in (ROOT / "benchmarks").glob("*.toml")}


@pytest.mark.parametrize("file", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml")))
def test_forms_are_forms(file: Path) -> None:
    form = yaml.safe_load(file.read_text())
    assert form["name"]
    assert form["description"]
    kinds = {"markdown", "input", "textarea", "dropdown", "checkboxes"}
    assert {field["type"] for field in form["body"]} <= kinds
    ids = [field["id"] for field in form["body"] if "id" in field]
    assert len(ids) == len(set(ids))


def test_links_of_the_pages_at_the_root_lead_somewhere() -> None:
    for page in ("CONTRIBUTING.md", "SECURITY.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text()):
            assert (ROOT / target).exists(), (page, target)
