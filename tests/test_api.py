"""The Python API's own parameters and those of a loss do not get in each other's way."""

import pytest

import srbench
from srbench.errors import SuiteError, UserError


def test_parameters_called_like_an_argument_reach_the_loss(tmp_path, monkeypatch):
    info = tmp_path / "greedy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greedy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[srbench]\nmain = greedy\n")
    (tmp_path / "greedy.py").write_text(
        """
from pydantic import BaseModel
from srbench.contract import LossSpec, hookimpl

class Params(BaseModel):
    seed: int = 1
    patch_size: int = 2
    plain: int = 3

def build(ctx, params):
    import torch
    loss = torch.nn.L1Loss()
    loss.seen = (params.seed, params.patch_size, params.plain, ctx.seed)
    return loss

@hookimpl
def srbench_losses():
    return [LossSpec(name="greedy", version=1, summary="s", task="none", backbone="none",
                     params=Params, build=build, license="MIT")]
"""
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SRBENCH_PLUGINS", "greedy")
    assert srbench.load_loss("greedy", seed=7).seen == (1, 2, 3, 7)
    chosen = {"seed": 5, "patch_size": 6}
    assert srbench.load_loss("greedy", params=chosen, plain=4, seed=7).seen == (5, 6, 4, 7)
    with pytest.raises(UserError, match="each parameter once, got plain"):
        srbench.load_loss("greedy", params={"plain": 1}, plain=2)


def test_a_misspelt_parameter_is_no_argument_either():
    with pytest.raises(SuiteError, match=r"charbonnier.*unknown parameter 'epsilonn'"):
        srbench.load_loss("charbonnier", params={"epsilonn": 0.1})
