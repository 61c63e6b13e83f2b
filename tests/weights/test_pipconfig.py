from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from srbench.errors import WeightsError
from srbench.weights.pipconfig import PipConfig, read_pip_config


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_DIRS": str(tmp_path / "xdg"),
        "XDG_CONFIG_HOME": str(tmp_path / "home" / ".config"),
        **more,
    }


def test_nothing_configured_is_nothing(tmp_path: Path) -> None:
    assert read_pip_config({"PIP_CONFIG_FILE": os.devnull}) == PipConfig()


def test_variables_beat_files_and_download_beats_global(tmp_path: Path) -> None:
    named = _write(
        tmp_path / "named.conf",
        "[global]\nindex-url = https://global.example/simple\nextra_index_url = https://a.example\n"
        "  https://b.example\ntimeout = 7\n[download]\nindex-url = https://download.example\n"
        "[freeze]\nfind-links = /never\n",
    )
    config = read_pip_config(
        _environment(tmp_path, PIP_CONFIG_FILE=str(named), PIP_FIND_LINKS="/w1 /w2")
    )
    assert config.index_url == "https://download.example"
    assert config.extra_index_urls == ("https://a.example", "https://b.example")
    assert config.find_links == ("/w1", "/w2")
    assert config.timeout == 7.0
    override = read_pip_config(
        _environment(tmp_path, PIP_CONFIG_FILE=str(named), PIP_INDEX_URL="https://env.example")
    )
    assert override.index_url == "https://env.example"


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("true", True), ("0", False)])
def test_no_index(value: str, expected: bool) -> None:
    env = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": value}
    assert read_pip_config(env).no_index is expected


def test_certificate_comes_from_pip_and_then_from_requests_variables() -> None:
    env = {"PIP_CONFIG_FILE": os.devnull, "REQUESTS_CA_BUNDLE": "/bundle.pem"}
    assert read_pip_config(env).cert == "/bundle.pem"
    assert read_pip_config({**env, "PIP_CERT": "/pip.pem"}).cert == "/pip.pem"


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    named = _write(tmp_path / "named.conf", "index-url without a section\n")
    with pytest.raises(WeightsError, match=r"named\.conf"):
        read_pip_config({"PIP_CONFIG_FILE": str(named)})


def test_a_timeout_that_is_no_number_is_refused() -> None:
    with pytest.raises(WeightsError, match="got 'soon'"):
        read_pip_config({"PIP_CONFIG_FILE": os.devnull, "PIP_TIMEOUT": "soon"})


@pytest.mark.skipif(sys.platform != "linux", reason="lays out pip's Linux folders")
@pytest.mark.parametrize("with_named", [True, False])
def test_the_same_values_as_pip_itself(tmp_path: Path, with_named: bool) -> None:
    """Every layer sets something; ``pip config list`` is the reference."""
    pytest.importorskip("pip")
    _write(
        tmp_path / "xdg/pip/pip.conf",
        "[global]\nindex-url = https://xdg.example\nproxy = http://proxy.example:1\n"
        "find-links = /xdg\n",
    )
    _write(tmp_path / "home/.pip/pip.conf", "[global]\nfind-links = /legacy\ntrusted-host = h\n")
    _write(tmp_path / "home/.config/pip/pip.conf", "[global]\ntrusted-host = user.example\n")
    named = _write(tmp_path / "named.conf", "[global]\nextra-index-url = https://n.example\n")
    env = _environment(tmp_path, PIP_CERT="/cert.pem")
    if with_named:
        env["PIP_CONFIG_FILE"] = str(named)
    result = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"],
        env={**env, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    pip: dict[str, str] = {}
    # pip lists :env: before global, although it is the stronger one.
    for line in sorted(result.stdout.splitlines(), reverse=True):
        key, _, value = line.partition("=")
        pip[key.removeprefix("global.").removeprefix(":env:.")] = ast.literal_eval(value)
    mine = read_pip_config(env)
    assert pip["index-url"] == mine.index_url
    assert pip["proxy"] == mine.proxy
    assert pip["find-links"].split() == list(mine.find_links)
    assert pip.get("trusted-host", "").split() == list(mine.trusted_hosts)
    assert pip.get("extra-index-url", "").split() == list(mine.extra_index_urls)
    assert mine.cert == pip["cert"] == "/cert.pem"
