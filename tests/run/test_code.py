"""A loss that was edited under one version: a run neither reuses nor recomputes in silence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from srbench.app.prepare import prepare
from srbench.cli import cli
from srbench.records.layout import OutFolder
from srbench.run.code import settle
from srbench.run.writing import write_json

PLUGIN = """
from srbench.contract import LossSpec, hookimpl

def build(ctx, params):
    from edited_loss.loss import make
    return make()

@hookimpl
def srbench_losses():
    return [LossSpec(name="edited", version=1, summary="s", task="none", backbone="none",
                     build=build, license="MIT")]
"""
LOSS = "import torch\n\ndef make():\n    return torch.nn.L1Loss()\n"

Run = Callable[..., Result]


@pytest.fixture
def loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of an installed loss, as after ``pip install -e``."""
    site = tmp_path / "site"
    package, info = site / "edited_loss", site / "edited_loss-1.0.dist-info"
    for folder in (package, info):
        folder.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(PLUGIN)
    (package / "loss.py").write_text(LOSS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edited-loss\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[srbench]\nedited = edited_loss.plugin\n")
    monkeypatch.syspath_prepend(str(site))
    return package / "loss.py"


@pytest.fixture
def finished(loss: Path, suite_text: str, tmp_path: Path) -> OutFolder:
    """An out folder in which everything was trained, as the workers and their starter leave it."""
    file = tmp_path / "small.toml"
    file.write_text(suite_text.replace("seeds = [1, 2]", "seeds = [1]"))
    done = prepare(str(file), out=tmp_path / "out", losses=["edited", "second"])
    for job in done.plan.jobs:
        write_json(done.out.job(job.key) / "job.json", job.document())
        write_json(done.out.result(job.key), {"generator": {"sha256": job.key, "bytes": 1}})
    return done.out


@pytest.fixture
def command(finished: OutFolder, tmp_path: Path) -> Run:
    def call(name: str, *more: str) -> Result:
        where = [str(tmp_path / "small.toml"), "--out", str(finished.root), *more]
        return CliRunner().invoke(cli, [name, *where, "--loss", "edited", "--loss", "second"])

    return call


def test_an_edited_line_stops_the_next_run_and_names_the_ways_on(command: Run, loss: Path) -> None:
    loss.write_text(LOSS.replace("L1Loss", "MSELoss"))
    planned = command("plan", "--no-probe")
    assert "edited: the code of loss 'edited' was edited" in planned.output
    stopped = command("run")
    assert stopped.exit_code == 2
    said = stopped.output
    assert "the code of loss 'edited' was edited, and its version still is 1" in said
    assert "made with the code of before: edited seed 1\n" in said
    assert "raise `version`" in said
    assert "--fresh edited;" in said
    assert "--accept-code-change" in said


def test_a_comment_stops_nothing(command: Run, loss: Path, finished: OutFolder) -> None:
    loss.write_text(f"# as in the paper\n{LOSS}")
    assert "edited:" not in command("plan", "--no-probe").output


def test_fresh_makes_that_row_anew_and_no_other(
    command: Run, loss: Path, finished: OutFolder
) -> None:
    loss.write_text(LOSS.replace("L1Loss", "MSELoss"))
    plan = prepare(str(loss.parents[2] / "small.toml"), losses=["edited", "second"]).plan
    settle(plan, finished, fresh=["edited"])
    left = {job.label for job in plan.jobs if finished.result(job.key).exists()}
    assert left == {"warm-start", "first", "second", "pixel", "vgg16-random"}
    assert "edited:" not in command("plan", "--no-probe").output


def test_what_starts_from_a_fresh_job_is_made_anew_with_it(
    finished: OutFolder, tmp_path: Path
) -> None:
    plan = prepare(str(tmp_path / "small.toml"), losses=["edited", "second"]).plan
    settle(plan, finished, fresh=["first"])  # all rows are calibrated to it
    left = {job.label for job in plan.jobs if finished.result(job.key).exists()}
    assert left == {"warm-start"}


def test_an_accepted_edit_is_not_told_again(command: Run, loss: Path, finished: OutFolder) -> None:
    loss.write_text(LOSS.replace("torch.nn.L1Loss()", "torch.nn.modules.L1Loss()"))
    plan = prepare(str(loss.parents[2] / "small.toml"), losses=["edited", "second"]).plan
    settle(plan, finished, accept=True)
    assert all(finished.result(job.key).exists() for job in plan.jobs)
    assert "edited:" not in command("plan", "--no-probe").output
    settle(plan, finished)


def test_a_misspelt_label_is_told_before_anything_goes(command: Run, finished: OutFolder) -> None:
    kept = sorted(finished.root.rglob("result.json"))
    refused = command("run", "--fresh", "edite")
    assert refused.exit_code == 2
    assert "did you mean 'edited'?" in refused.output
    assert sorted(finished.root.rglob("result.json")) == kept
