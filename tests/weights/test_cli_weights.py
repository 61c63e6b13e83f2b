from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

import srbench.host
from srbench.cli import cli
from srbench.contract import LossSpec, MetricSpec, UrlSource, WeightFile
from srbench.host.registry import PluginInfo, RegisteredLoss, RegisteredMetric, Registry
from srbench.weights.cache import CacheEntry

Command = Callable[..., Result]


@pytest.fixture
def files(server: Any, checkpoint: bytes) -> dict[str, WeightFile]:
    server.serve("/net.pth", checkpoint)
    return {
        name: WeightFile(
            id=f"{name}-weights",
            license="MIT",
            size=2**20,
            sources=(UrlSource(url=f"{server.url}/{path}"),),
        )
        for name, path in {"shared": "net.pth", "gone": "missing.pth"}.items()
    }


@pytest.fixture
def command(files: dict[str, WeightFile], monkeypatch: pytest.MonkeyPatch) -> Command:
    """``srbench weights`` on a host with one loss per file and one metric."""
    owner = {"distribution": "d", "version": "1", "plugin": "p"}
    losses = [
        RegisteredLoss(
            spec=LossSpec(
                name=f"{name}-loss", version=1, summary="", task="none", backbone="none",
                build=lambda ctx, params: None, license="MIT", weights=(file,),
            ),
            **owner,
        )
        for name, file in files.items()
    ]  # fmt: skip
    metric = MetricSpec(
        name="shared-metric", version=1, lower_is_better=True, reference="full",
        build=lambda ctx: None, license="MIT", weights=(files["shared"],),
    )  # fmt: skip
    plugin = PluginInfo(name="p", distribution="d", version="1", state="ok")
    registry = Registry([plugin], losses, [RegisteredMetric(spec=metric, **owner)])
    monkeypatch.setattr(srbench.host, "discover", lambda *args, **kwargs: registry)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["weights", *arguments])

    return run


def test_list_says_what_uses_what_and_what_is_cached(command: Command) -> None:
    rows = json.loads(command("list", "--json").stdout)
    assert [row["id"] for row in rows] == ["gone-weights", "shared-weights"]
    assert rows[1]["used_by"] == ["shared-loss", "shared-metric"]
    assert rows[1]["cached"] is False
    command("pull", "shared-metric")
    assert json.loads(command("list", "--json").stdout)[1]["cached"] is True
    table = command("list").stdout
    assert "shared-weights" in table
    assert "1.0 MB" in table
    assert "shared-loss, shared-metric" in table


@pytest.mark.parametrize("name", ["shared-weights", "shared-loss", "shared-metric"])
def test_pull_takes_ids_losses_and_metrics(
    command: Command, files: dict[str, WeightFile], name: str
) -> None:
    result = command("pull", name)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("shared-weights  ")
    assert CacheEntry(files["shared"]).exists()


def test_pull_all_goes_on_past_a_failure_and_then_reports_it(
    command: Command, files: dict[str, WeightFile]
) -> None:
    result = command("pull", "--all")
    assert CacheEntry(files["shared"]).exists()
    assert "error: expected the weights 'gone-weights'" in result.stderr
    assert result.exit_code == 2


def test_a_misspelt_name_gets_the_nearest_one(command: Command) -> None:
    result = command("pull", "shared-wieghts")
    assert "did you mean 'shared-weights'" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("--all", "shared-weights")])
def test_pull_wants_either_names_or_all(command: Command, arguments: tuple[str, ...]) -> None:
    result = command("pull", *arguments)
    assert result.exit_code == 2
    assert "either NAMEs or --all" in result.output


def test_verify_reports_missing_whole_and_damaged(
    command: Command, files: dict[str, WeightFile]
) -> None:
    assert command("verify").exit_code == 0  # nothing cached is nothing wrong
    assert "are not" in command("verify", "shared-weights").stderr
    command("pull", "shared-weights")
    assert command("verify", "shared-weights").exit_code == 0
    path = CacheEntry(files["shared"]).path
    path.write_bytes(path.read_bytes()[:-1])
    result = command("verify", "--json")
    states = {row["id"]: row["state"] for row in json.loads(result.stdout)}
    assert states == {"gone-weights": "missing", "shared-weights": "damaged"}
    assert "srbench weights pull shared-weights --refresh" in result.stderr


def test_help_names_the_commands_and_the_order_of_sources() -> None:
    result = CliRunner().invoke(cli, ["weights", "--help"])
    assert result.exit_code == 0
    for word in ("list", "pull", "verify", "SRBENCH_CACHE", "SRBENCH_WEIGHTS", "SRBENCH_OFFLINE"):
        assert word in result.stdout
