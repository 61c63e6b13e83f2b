"""float16: gradients are scaled, steps whose gradients overflow are skipped, counted and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from stepping import SETTINGS, Wrong, placement
from torch import Tensor

from srbench.errors import NonFiniteLoss, UserError
from srbench.run.work.result import _skipped_notes
from srbench.train import (
    AdversarialSettings,
    CheckpointFolder,
    RuntimeSettings,
    run_adversarial,
)
from srbench.train.adversarial import AdversarialStep
from srbench.train.runtime import session

HALF = RuntimeSettings(device="cpu", threads=1, precision="float16")


def named(step: AdversarialStep, values: Tensor) -> dict[str, float]:
    return dict(zip(step.terms, values.tolist(), strict=True))


def test_values_and_norms_are_those_of_float32(
    make_networks: Any, make_sampler: Any, make_content: Any
) -> None:
    """Norms are told unscaled, up to half a precision; networks compute in half of it."""
    found = []
    for precision in ("float32", "float16"):
        g, d = make_networks()
        widths: list[torch.dtype] = []
        d.features[0].register_forward_hook(lambda _m, _i, out, w=widths: w.append(out.dtype))
        step = AdversarialStep(g, d, make_content(), SETTINGS, placement(precision=precision))
        found.append(named(step, step(*make_sampler(batch_size=4, patch_size=32).next(), 0)))
        assert set(widths) == {getattr(torch, precision)}
        assert all(p.grad.dtype == torch.float32 for p in g.parameters())
    exact, half = found
    skipped = half.pop("skipped")
    assert skipped in (0.0, 1.0)
    assert half == pytest.approx(exact, rel=2e-2)


def test_an_overflow_skips_the_step_and_lowers_the_scale(
    make_networks: Any, make_sampler: Any
) -> None:
    """The sum's gradient is 1 at each value: scaled by 2**16 that is more than float16 has."""
    g, d = make_networks()
    settings = SETTINGS.but(adversarial_weight=0.0, pixel_weight=0.0, content_weight=1.0)
    step = AdversarialStep(
        g, d, Wrong(lambda sr: sr.sum()), settings, placement(precision="float16")
    )
    sampler = make_sampler()
    before = [p.detach().clone() for p in g.parameters()]
    for iteration in range(20):
        values = named(step, step(*sampler.next(), iteration))
        moved = any(not torch.equal(p, q) for p, q in zip(g.parameters(), before, strict=True))
        assert moved is (values["skipped"] == 0)
        if moved:
            break
    assert 2 <= iteration <= 16  # 2**16 and 2**15 are too much, 1 is not
    assert step.state_dict()["scaling"]["scale"] == 2.0 ** (16 - iteration)
    assert values["content_gradient"] == pytest.approx((2 * 3 * 16 * 16) ** 0.5, rel=1e-3)
    assert all(p.isfinite().all() for p in g.parameters())


def test_the_log_has_the_share_of_skipped_steps(
    make_networks: Any, make_sampler: Any, tmp_path: Path
) -> None:
    def train(precision: Any) -> list[dict[str, float]]:
        settings = AdversarialSettings(iterations=8, log_every=4, adversarial_weight=0.0)
        result = run_adversarial(
            *make_networks(), Wrong(lambda sr: sr.sum()), make_sampler(), settings,
            HALF.but(precision=precision), seed=1,
            checkpoints=CheckpointFolder(tmp_path / precision),
        )  # fmt: skip
        return [values for _, values in result.log]

    shares = [values["skipped"] for values in train("float16")]
    assert shares[0] >= 0.5
    assert all(share * 4 == int(share * 4) for share in shares)
    (note,) = _skipped_notes([(4 * (i + 1), {"skipped": share}) for i, share in enumerate(shares)])
    assert note.startswith(f"{4 * sum(shares):.0f} of 8 steps were skipped")
    assert not _skipped_notes([(4, {"skipped": 0.0}), (8, {"pixel": 1.0})])
    assert not any("skipped" in values for values in train("bf16"))


def test_a_gradient_that_no_scale_mends_ends_the_training(
    make_networks: Any, make_sampler: Any, tmp_path: Path
) -> None:
    """Not steps that are skipped for ever: where the scale has come down to 1 it is the loss."""
    settings = AdversarialSettings(iterations=30, adversarial_weight=0.0)
    zero = Wrong(lambda sr: (sr * 0).square().sum().sqrt())  # 0, and its gradient is 0 / 0
    with pytest.raises(NonFiniteLoss, match="content_gradient") as error:
        run_adversarial(
            *make_networks(), zero, make_sampler(), settings, HALF, seed=1,
            checkpoints=CheckpointFolder(tmp_path),
        )  # fmt: skip
    assert "iteration 16" in str(error.value)


def test_a_precision_that_would_be_left_out_with_a_warning_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As torch does on Apple's GPUs before macOS 14: the suite would train in float32."""

    def autocast(kind: str, dtype: torch.dtype) -> None:
        import warnings

        warnings.warn(f"In {kind} autocast, but {dtype} is not supported. Disabling", stacklevel=2)

    monkeypatch.setattr(torch, "autocast", autocast)
    with (
        pytest.raises(UserError, match="with bf16, got cpu"),
        session(RuntimeSettings(device="cpu", precision="bf16"), seed=0),
    ):
        pass
