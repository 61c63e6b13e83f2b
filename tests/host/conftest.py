"""Plugins as real distributions: a module and its dist-info in a folder on ``sys.path``."""

import importlib
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Install = Callable[..., None]

GOOD = """
    from srbench.contract import LossSpec, hookimpl

    def build(ctx, params):
        import torch
        return torch.nn.L1Loss()

    @hookimpl
    def srbench_losses():
        return [LossSpec(name={name!r}, version=1, summary="s", task="none", backbone="none",
                         build=build, license="MIT")]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """``install("dist-name", source)``: a distribution with one plugin module."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delenv("SRBENCH_PLUGINS", raising=False)

    def put(name: str, source: str, *, point: str = "plugin", version: str = "1.0") -> None:
        module = name.replace("-", "_") + "_module"
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[srbench]\n{point} = {module}\n")
        sys.modules.pop(module, None)
        importlib.invalidate_caches()

    return put
