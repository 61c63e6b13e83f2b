"""Generators on disk: what is written is what is read, and the published files still open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from srbench.errors import UserError
from srbench.files import file_sha256
from srbench.models.files import GENERATOR_FORMAT, load_generator, save_generator
from srbench.models.plugin import builtin_generator

PUBLISHED = Path(__file__).parents[2] / "leaderboard" / "generators"


def identity(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        assert list(file.metadata()) == [GENERATOR_FORMAT]
        return dict(json.loads(file.metadata()[GENERATOR_FORMAT]))


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("srresnet", {"blocks": 1, "channels": 4}),
        ("msrresnet", {"blocks": 1, "channels": 4}),
        ("rrdb", {"blocks": 1, "channels": 4, "growth": 2}),
        ("span", {"channels": 4, "norm": False}),
    ],
)
def test_a_generator_comes_back_as_it_was_saved(
    name: str, params: dict[str, Any], tmp_path: Path
) -> None:
    generator = builtin_generator(name, params, 2)
    network = generator.build(seed=3).eval()
    digest = save_generator(network, generator, tmp_path / "a.safetensors")
    found = load_generator(tmp_path / "a.safetensors")
    assert found.generator == generator
    assert not found.network.training
    lr = torch.rand(1, 3, 9, 7)
    assert torch.equal(found.network(lr), network(lr))
    assert save_generator(found.network, generator, tmp_path / "b.safetensors") == digest


def test_the_file_names_what_differs_from_the_defaults(tmp_path: Path) -> None:
    """A parameter that a later version adds leaves the bytes of older choices as they are."""
    generator = builtin_generator("msrresnet", {"blocks": 1, "channels": 64}, 2)
    save_generator(generator.build(seed=1), generator, tmp_path / "a.safetensors")
    assert identity(tmp_path / "a.safetensors") == {"blocks": 1, "name": "msrresnet", "scale": 2}


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.safetensors")), ids=lambda p: p.stem[:8])
def test_published_generators_load_and_keep_their_hash(path: Path, tmp_path: Path) -> None:
    assert file_sha256(path) == path.stem
    found = load_generator(path)
    assert found.generator.identity == identity(path)
    assert save_generator(found.network, found.generator, tmp_path / "again") == path.stem


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 1, got version 2"),
        ({"scale": 7}, "knows the scales"),
        ({"colour": "red"}, "unknown parameter 'colour'"),
        ({"channels": 8}, "size mismatch"),
    ],
)
def test_files_of_another_generator_are_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    generator = builtin_generator("msrresnet", {"blocks": 1, "channels": 4}, 4)
    metadata = {GENERATOR_FORMAT: json.dumps({**generator.identity, **change})}
    path = tmp_path / "a.safetensors"
    save_file(generator.build(seed=1).state_dict(), path, metadata)
    with pytest.raises(UserError, match=message):
        load_generator(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file at"):
        load_generator(tmp_path / "a.safetensors")
    (tmp_path / "b.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(UserError, match=r"got .*b\.safetensors"):
        load_generator(tmp_path / "b.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "c.safetensors")
    with pytest.raises(UserError, match="format srbench-generator-1"):
        load_generator(tmp_path / "c.safetensors")
