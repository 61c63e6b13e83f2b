"""GeneratorSpec: what it refuses, and what docs/contract.md says of it and of the hooks."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import BaseModel

from srbench.contract import GeneratorSpec, hookspecs
from srbench.errors import ContractError, SuiteError
from srbench.models.resolve import resolve_generator

DOCS = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")
SECTION = DOCS.split("## `GeneratorSpec`", 1)[1].split("\n## ", 1)[0]


class Params(BaseModel):
    width: int = 4


def build(params: Params, scale: int) -> torch.nn.Module:
    return torch.nn.Conv2d(3, 3 * scale, params.width)


def spec(**changes: Any) -> GeneratorSpec:
    fields = {
        "name": "made-up", "version": 1, "summary": "", "build": build, "receptive_radius": 2,
        "license": "MIT", "params": Params,
    }  # fmt: skip
    return GeneratorSpec(**(fields | changes))


class Named(BaseModel):
    scale: int = 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Made Up"}, "kebab-case generator name"),
        ({"version": 0}, "version of 1 or more"),
        ({"build": None}, r"build\(params, scale\)"),
        ({"params": Named}, "other names than scale"),
    ],
)
def test_what_a_spec_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        spec(**changes)


def test_a_factory_that_fails_is_the_plugins_fault() -> None:
    def raises(params: Params, scale: int) -> torch.nn.Module:
        raise RuntimeError("no such layer")

    with pytest.raises(ContractError, match="'made-up' cannot be built: RuntimeError: no such"):
        resolve_generator(spec(build=raises), {}, 4).build(seed=1)
    with pytest.raises(ContractError, match=r"return a torch\.nn\.Module, got str"):
        resolve_generator(spec(build=lambda params, scale: "net"), {}, 4).build()
    with pytest.raises(SuiteError, match="knows the scales 2, 3, 4, got 8"):
        resolve_generator(spec(), {}, 8)


def test_the_radius_is_a_number_a_function_or_everything() -> None:
    radii = (3, lambda params: 1 + params.width, None)
    found = [resolve_generator(spec(receptive_radius=r), {}, 4).receptive_radius for r in radii]
    assert found == [3, 5, None]


def test_every_hook_is_in_the_docs() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith("srbench_")]
    assert len(hooks) >= 3
    for hook in hooks:
        assert f"| `{hook}()` |" in DOCS


def test_every_field_is_in_the_docs() -> None:
    for field in dataclasses.fields(GeneratorSpec):
        assert f"| `{field.name}` |" in SECTION


def test_the_example_of_the_docs_is_a_generator() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", SECTION, flags=re.S)
    namespace: dict[str, Any] = {"__name__": "example"}
    exec(code, namespace)  # the page's own example
    (example,) = namespace["srbench_generators"]()
    for scale in example.scales:
        generator = resolve_generator(example, {"width": 8}, scale)
        network = generator.build(seed=1)
        assert network(torch.rand(2, 3, 7, 5)).shape == (2, 3, 7 * scale, 5 * scale)
        lr = torch.rand(1, 3, 11, 11, requires_grad=True)
        (gradient,) = torch.autograd.grad(network(lr)[..., 5 * scale, 5 * scale].sum(), lr)
        reached = gradient.abs().sum((0, 1)).nonzero() - 5
        assert int(reached.abs().max()) == generator.receptive_radius


def test_listing_the_built_in_generators_needs_no_torch() -> None:
    code = (
        "import sys; from srbench.models.plugin import srbench_generators; srbench_generators();"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
