import pickle
from typing import Any

import pytest
import torch
from pydantic import BaseModel, ConfigDict

from srbench.contract import BuildContext, LossSpec
from srbench.errors import ContractError, SuiteError
from srbench.host import RegisteredLoss, build_loss, resolve_loss


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    factor: float = 2.0


class Scaled(torch.nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        return self.factor * (sr - hr).abs().mean()


def build(ctx: BuildContext, params: Params) -> torch.nn.Module:
    return Scaled(params.factor)


def build_nothing(ctx: BuildContext, params: Params) -> Any:
    return "not a module"


def build_raising(ctx: BuildContext, params: Params) -> Any:
    raise RuntimeError("no luck")


class NoWeights:
    def state_dict(self, weight_id: str) -> dict[str, torch.Tensor]:
        raise AssertionError("declares no weights")


def registered(**fields: Any) -> RegisteredLoss:
    defaults: dict[str, Any] = {
        "name": "scaled", "version": 1, "summary": "", "task": "none", "backbone": "none",
        "license": "MIT", "build": build, "params": Params,
    }  # fmt: skip
    spec = LossSpec(**{**defaults, **fields})
    return RegisteredLoss(spec=spec, distribution="test-dist", version="1", plugin="p")


def test_defaults_are_part_of_the_canonical_parameters() -> None:
    assert resolve_loss(registered(), {}).canonical_params == {"factor": 2.0}
    assert resolve_loss(registered(), {"factor": 3}).canonical_params == {"factor": 3.0}


@pytest.mark.parametrize("params", [{"factr": 1.0}, {"factor": "many"}])
def test_parameters_that_do_not_fit_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(SuiteError, match=next(iter(params))):
        resolve_loss(registered(), params)


def test_a_loss_without_parameters_refuses_them() -> None:
    with pytest.raises(SuiteError, match="takes no parameters"):
        resolve_loss(registered(params=None), {"tap": "x"})


def test_the_built_module_is_frozen() -> None:
    module = build_loss(resolve_loss(registered(), {}), BuildContext(weights=NoWeights()))
    assert not module.training
    assert not any(p.requires_grad for p in module.parameters())


@pytest.mark.parametrize("wrong", [build_nothing, build_raising])
def test_a_factory_that_misbehaves_names_its_distribution(wrong: Any) -> None:
    loss = resolve_loss(registered(build=wrong), {})
    with pytest.raises(ContractError, match="test-dist"):
        build_loss(loss, BuildContext(weights=NoWeights()))


def test_patches_below_the_minimum_are_refused() -> None:
    loss = resolve_loss(registered(min_size=75), {})
    with pytest.raises(SuiteError, match="at least 75 px"):
        build_loss(loss, BuildContext(weights=NoWeights(), patch_size=64))


def test_resolve_may_change_the_spec_and_must_return_one() -> None:
    def resolve(params: Params) -> Any:
        return registered(summary=f"factor {params.factor}").spec

    assert resolve_loss(registered(resolve=resolve), {}).spec.summary == "factor 2.0"
    with pytest.raises(ContractError, match="LossSpec"):
        resolve_loss(registered(resolve=lambda params: None), {})


def test_specs_pickle() -> None:
    spec = registered().spec
    assert pickle.loads(pickle.dumps(spec)) == spec
