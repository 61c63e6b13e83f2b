"""The hash of a loss's code: what an edit does to it, on packages as people write them."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from srbench.errors import PluginError
from srbench.host import discover, source_sha256

PLUGIN = '''
"""Words."""

from pydantic import BaseModel, Field
from srbench.contract import LossSpec


class Params(BaseModel):
    weight: float = Field(1.0, description="words")


def build(ctx, params):
    from {package}.loss import Mine
    return Mine(params.weight)


SPEC = LossSpec(name="mine", version=1, summary="s", task="none", backbone="none",
                params=Params, build=build, license="MIT")
'''
LOSS = """
from .helpers import distance


class Mine:
    def __init__(self, weight):
        self.weight = weight

    def forward(self, sr, hr):
        return self.weight * distance(sr, hr)
"""
HELPERS = "def distance(a, b):\n    return (a - b).abs().mean()\n"

Hash = Callable[[], str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Hash]]:
    """A package of four files, and the hash of its loss as the files are now."""
    name = f"stranger_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "plugin.py").write_text(PLUGIN.format(package=name))
    (folder / "loss.py").write_text(LOSS)
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "unused.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    build = importlib.import_module(f"{name}.plugin").build
    yield folder, lambda: source_sha256(build)
    for module in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[module]


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("loss.py", "self.weight * distance", "2 * self.weight * distance"),
        ("helpers.py", ".abs()", ".square()"),
        ("plugin.py", "Field(1.0", "Field(0.5"),
        ("plugin.py", "Mine(params.weight)", "Mine(1 - params.weight)"),
        ("__init__.py", "", "import torch"),
    ],
)
def test_an_edit_that_computes_otherwise_counts(
    package: tuple[Path, Hash], name: str, before: str, after: str
) -> None:
    folder, hashed = package
    first = hashed()
    assert len(first) == 64
    edit(folder / name, before, after)
    assert hashed() != first


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("loss.py", "        return", "        # why\n\n        return"),
        ("helpers.py", "    return", '    """Says what it does."""\n    return'),
        ("helpers.py", "(a - b).abs().mean()", "(\n        (a - b).abs()\n        .mean()\n    )"),
        ("plugin.py", '"""Words."""', '"""Other words."""'),
        ("plugin.py", 'summary="s"', 'summary="better said"'),
        ("plugin.py", 'description="words"', 'description="better said"'),
        ("plugin.py", 'license="MIT"', 'license="MIT", min_size=8'),
        ("unused.py", "x = 1", "x = 2"),
    ],
)
def test_comments_words_and_files_that_it_does_not_import_do_not(
    package: tuple[Path, Hash], name: str, before: str, after: str
) -> None:
    folder, hashed = package
    first = hashed()
    edit(folder / name, before, after)
    assert hashed() == first


def test_a_file_in_the_middle_of_an_edit_is_told(package: tuple[Path, Hash]) -> None:
    folder, hashed = package
    edit(folder / "loss.py", "return self.weight *", "return self.weight * (")
    with pytest.raises(PluginError, match=r"expected Python in .*loss.py, got line"):
        hashed()


def test_every_installed_loss_has_one_and_no_torch_is_imported_for_it() -> None:
    had_torch = "torch" in sys.modules
    losses = discover().losses
    found = {name: source_sha256(loss.spec.build) for name, loss in losses.items()}
    assert all(len(value) == 64 for value in found.values())
    assert found["gram"] != found["vgg16"]
    assert ("torch" in sys.modules) == had_torch
