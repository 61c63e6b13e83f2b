"""`make certify`: the tests of a real device, and the certificate that they leave.

They are collected where ``SRBENCH_CERTIFY`` names a device. On the CPU those run that have meaning
there; the others are skipped, and the certificate says why.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from srbench.run.plan.environment import describe_environment, device_name

DEVICE = os.environ.get("SRBENCH_CERTIFY", "")
collect_ignore_glob = [] if DEVICE else ["test_*.py"]

Cli = Callable[..., subprocess.CompletedProcess[str]]
_results = pytest.StashKey[dict[str, dict[str, Any]]]()


@pytest.fixture
def device() -> str:
    return DEVICE


@pytest.fixture
def gpu(device: str) -> str:
    """The device, where it is not the CPU."""
    if device == "cpu":
        pytest.skip("has no meaning on the CPU")
    return device


@pytest.fixture
def cuda(device: str) -> str:
    """The device, where it is CUDA's (or ROCm's)."""
    if not device.startswith("cuda"):
        pytest.skip("is a matter of CUDA alone")
    return device


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """``srbench`` in a process of its own, in a folder of the test's."""

    def call(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from srbench.cli import main; main()", *args],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_results] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: Any = yield
    results = item.config.stash[_results]
    found = results.setdefault(item.nodeid.split("::", 1)[1], {"outcome": "passed", "seconds": 0.0})
    found["seconds"] = round(found["seconds"] + report.duration, 2)
    if report.outcome != "passed":
        found |= {"outcome": report.outcome, "reason": _reason(report)}
    if report.user_properties:
        found["figures"] = dict(report.user_properties)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    target = os.environ.get("SRBENCH_CERTIFICATE")
    if DEVICE and target:
        document = {"certificate": 1, **_machine(), "results": session.config.stash[_results]}
        Path(target).write_text(json.dumps(document, indent=1) + "\n")


def _reason(report: Any) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)[:1000]


def _machine() -> dict[str, Any]:
    kind = DEVICE.partition(":")[0]
    environment = describe_environment(threads=torch.get_num_threads(), gpu=None)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": DEVICE,
        "name": device_name(DEVICE),
        "driver": _driver(kind),
        "torch": torch.__version__,
        "built_for": torch.version.cuda or torch.version.hip or "cpu",
        "python": platform.python_version(),
        "system": platform.platform(),
        "srbench": environment.srbench,
        "commit": environment.git_commit,
    }


def _driver(kind: str) -> str | None:
    """What the vendor's tool says; ``None`` where there is none."""
    tools = {"cuda": ["rocm-smi", "--showdriverversion"] if torch.version.hip else ["nvidia-smi"]}
    if kind not in tools:
        return None
    try:
        text = subprocess.run(tools[kind], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"[Dd]river [Vv]ersion:\s*([\w.]+)", text)
    return found[1] if found else None
