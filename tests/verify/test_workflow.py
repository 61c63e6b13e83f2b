"""The CI job for submissions: no secrets, no rights, no code from the pull request."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from srbench.data.recipes import RECIPES

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/verify-submission.yml"


@pytest.fixture(scope="module")
def text() -> str:
    """Without comments, which may name what the job must not do."""
    return re.sub(r"^\s*#.*$", "", WORKFLOW.read_text(), flags=re.MULTILINE)


@pytest.fixture(scope="module")
def workflow(text: str) -> Any:
    return yaml.safe_load(text)


@pytest.fixture(scope="module")
def steps(workflow: Any) -> list[Any]:
    (job,) = workflow["jobs"].values()
    return list(job["steps"])


def test_it_runs_on_pull_requests_with_archives_only(workflow: Any, text: str) -> None:
    assert workflow[True] == {"pull_request": {"paths": ["submissions/*.zip"]}}  # YAML 1.1: on
    assert "pull_request_target" not in text
    assert "workflow_run" not in text


def test_it_has_read_rights_and_no_secrets(workflow: Any, text: str) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    assert "secrets" not in text
    assert "github.token" not in text.lower()
    assert "GITHUB_TOKEN" not in text
    assert {job["runs-on"] for job in workflow["jobs"].values()} == {"ubuntu-latest"}
    assert all(job["timeout-minutes"] <= 120 for job in workflow["jobs"].values())


def checkouts(steps: list[Any]) -> dict[str, Any]:
    found = [step["with"] for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    return {item["path"]: item for item in found}


def test_srbench_comes_from_the_base_branch(steps: list[Any]) -> None:
    base = checkouts(steps)["base"]
    assert base["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert "repository" not in base
    installs = [s["run"] for s in steps if "pip install" in s.get("run", "")]
    assert installs == ["python -m pip install ./base"]


def test_of_the_pull_request_only_the_archives_are_taken(steps: list[Any]) -> None:
    assert set(checkouts(steps)) == {"base", "submission"}
    head = checkouts(steps)["submission"]
    assert head["sparse-checkout"] == "submissions"
    assert (head["submodules"], head["lfs"]) == (False, False)
    for checkout in checkouts(steps).values():
        assert checkout["persist-credentials"] is False


def test_nothing_of_the_submission_is_run(steps: list[Any]) -> None:
    assert all("uses" not in s or not s["uses"].startswith(".") for s in steps)
    used = {s["uses"].split("@")[0] for s in steps if "uses" in s}
    assert used == {"actions/checkout", "actions/setup-python", "actions/cache/restore"}
    (verify,) = [s for s in steps if "srbench verify" in s.get("run", "")]
    assert verify["working-directory"] == "base"  # python would import from the folder it is in
    runs = [s["run"] for s in steps if "run" in s]
    assert all("${{" not in run for run in runs)  # no text of the pull request in a shell line
    assert [line for line in verify["run"].splitlines() if "submission/" in line] == [
        "find ../submission/submissions -maxdepth 1 -type f -name '*.zip' -print0 | sort -z "
        '> "$found"'
    ]
    assert "xargs -0 -n 1 srbench verify --against leaderboard" in verify["run"]
    assert verify["env"] == {"BASE": "${{ github.event.pull_request.base.sha }}"}
    assert '--sample-seed "$BASE"' in verify["run"]  # not drawn by anything that is submitted


def test_the_cache_of_test_images_is_written_by_a_job_of_the_default_branch(
    steps: list[Any],
) -> None:
    writer = yaml.safe_load((ROOT / ".github/workflows/test-images.yml").read_text())
    assert set(writer[True]) == {"schedule", "workflow_dispatch"}
    (job,) = writer["jobs"].values()
    (save,) = [s for s in job["steps"] if s.get("uses", "").startswith("actions/cache/save@")]
    (restore,) = [s for s in steps if s.get("uses", "").startswith("actions/cache/restore@")]
    assert save["with"] == restore["with"]
    assert job["env"]["SRBENCH_DATA"].endswith("/" + save["with"]["path"])
    (get,) = [s["run"] for s in job["steps"] if "srbench data get" in s.get("run", "")]
    names = [word for word in get.split()[3:] if not word.startswith("-")]
    for name in names:  # what comes into the cache is pinned, and its owners were asked
        recipe = RECIPES[name]
        assert recipe.pixels_sha256, name
        assert recipe.origin is not None
        assert recipe.origin.url, name


def test_outsiders_are_told_how_to_submit_and_what_the_marks_mean() -> None:
    page = (ROOT / "leaderboard/README.md").read_text()
    for word in ("srbench submit", "srbench verify", "pull request", "submissions/"):
        assert word in page
    for mark in ("`scores-verified`", "`reproduced`", "`not-recomputed`", "`differs`"):
        assert f"| {mark} |" in page
