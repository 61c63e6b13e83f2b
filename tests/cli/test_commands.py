import json
import subprocess
import sys

import pytest

from srbench.cli import COMMANDS
from srbench.contract.licences import allows_commercial_use

from .conftest import Cli


def test_help_lists_every_command(cli: Cli) -> None:
    done = cli("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(cli: Cli, name: str) -> None:
    done = cli(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_misspelt_command_suggests_the_nearest(cli: Cli) -> None:
    done = cli("reprot")
    assert done.returncode == 2
    assert "did you mean 'report'" in done.stderr


@pytest.mark.parametrize("args", [["--help"], ["losses"], ["losses", "--json"], ["plugins"]])
def test_listing_imports_no_torch(args: list[str]) -> None:
    code = (
        "import sys\n"
        "from srbench.cli import cli\n"
        f"cli({args!r}, standalone_mode=False)\n"
        "heavy = {'torch', 'torchvision', 'pyiqa', 'timm', 'pandas'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_losses_json_has_the_published_shape(cli: Cli) -> None:
    done = cli("losses", "--json")
    losses = {loss["name"]: loss for loss in json.loads(done.stdout)}
    vgg = losses["vgg16"]
    assert vgg["distribution"] == "srbench-classification"
    assert (vgg["task"], vgg["backbone"]) == ("classification", "vgg16")
    assert {"id", "license", "cached"} <= vgg["weights"][0].keys()
    assert {"plugin", "summary", "license"} <= vgg.keys()


def test_losses_filters(cli: Cli) -> None:
    names = [loss["name"] for loss in json.loads(cli("losses", "--task", "pixel", "--json").stdout)]
    assert {"l1", "l2"} <= set(names)
    assert "vgg16" not in names


def test_losses_for_commercial_use_are_those_that_say_so(cli: Cli) -> None:
    losses = {loss["name"]: loss["license"] for loss in json.loads(cli("losses", "--json").stdout)}
    kept = {loss["name"] for loss in json.loads(cli("losses", "--commercial", "--json").stdout)}
    assert {"l1", "vgg16"} <= kept < set(losses)
    forbidden = ("no commercial use", "is not implied", "NC", "research only", "each model's own")
    told = {name for name, text in losses.items() if any(word in text for word in forbidden)}
    assert told
    assert kept == set(losses) - told


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("MIT", True),
        ("MIT code, BSD weights; commercial use allowed", True),
        ("CC-BY-NC-4.0", False),
        ("PolyForm; no commercial use", False),
        ("no commercial use allowed", False),
        ("Ask us", False),
        ("", False),
    ],
)
def test_silence_on_commercial_use_counts_as_no(text: str, allowed: bool) -> None:
    assert allows_commercial_use(text) is allowed


def test_plugins_json_has_the_published_shape(cli: Cli) -> None:
    plugins = json.loads(cli("plugins", "--json").stdout)
    metrics = next(p for p in plugins if p["name"] == "metrics")
    assert metrics["distribution"] == "srbench-core"
    assert metrics["state"] == "ok"
    assert metrics["error"] is None
    assert "psnr" in metrics["metrics"]


def test_a_blocked_plugin_is_shown_and_its_losses_are_gone(cli: Cli) -> None:
    done = cli("-p", "no:srbench-classification", "plugins", "--json")
    states = {p["distribution"]: p["state"] for p in json.loads(done.stdout)}
    assert states["srbench-classification"] == "blocked"
    names = cli("-p", "no:srbench-classification", "losses", "--json").stdout
    assert "vgg16" not in {loss["name"] for loss in json.loads(names)}


def test_tables_are_plain_where_there_is_no_terminal(cli: Cli) -> None:
    assert "\x1b" not in cli("losses").stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run", "qick"], "did you mean 'quick'"),
        (["run", "absent.toml"], "found none at 'absent.toml'"),
        (["run", "quick", "--loss", "vgg61"], "'vgg16'"),
        (["run", "quick", "--set", "data.batchsize=4"], "did you mean 'batch_size'"),
        (["run", "quick", "--set", "data.batch_size=none"], "data.batch_size"),
        (["run", "quick", "--set", "nonsense"], "KEY=VALUE"),
        (["run", "quick", "--set", 'data.test=["set99"]'], "did you mean 'set"),
        (["run", "quick", "--set", 'protocol="y4"'], "y4-v2"),
        (["run", "quick", "--set", 'metrics=["lpip"]'], "did you mean 'lpips'"),
        (["-p", "quick", "losses"], "no:NAME"),
        (["upscale", "absent.safetensors", "x.png"], "absent.safetensors"),
    ],
)
def test_mistakes_give_one_clear_error_and_status_2(cli: Cli, args: list[str], said: str) -> None:
    done = cli(*args)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_data_set_says_where_it_looked_and_how_to_get_it(cli: Cli) -> None:
    done = cli("run", "quick", "--set", 'data.test=["set5"]', SRBENCH_DATA="/nowhere/at/all")
    assert done.returncode == 2
    assert "/nowhere/at/all" in done.stderr
    assert "SRBENCH_DATA" in done.stderr


@pytest.mark.parametrize(
    "suite", ["seed-classification", "seed-classification-common", "srgan-classification"]
)
def test_the_cuda_suites_resolve_anywhere(cli: Cli, suite: str) -> None:
    done = cli("run", suite, "--dry-run", "--device", "cuda", SRBENCH_DATA="/nowhere")
    assert done.returncode == 0, done.stderr
    assert "resnext101-32x8d" in done.stdout
