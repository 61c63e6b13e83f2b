"""A submission from a GPU whose convolutions use TF32; `tests/e2e/test_submission.py` runs one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import small_run
import tf32
from torch import nn

from srbench.models.images import upscale_image
from srbench.verify import Verification, pack_submission

from .conftest import locate


@pytest.mark.parametrize("exact", [True, False])
def test_images_agree_only_because_they_are_made_in_float64(
    exact: bool,
    tmp_path: Path,
    test_images: Path,
    verify: Callable[..., Verification],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, archive = tmp_path / "run", tmp_path / "run.zip"
    with monkeypatch.context() as gpu:
        gpu.setattr(nn.Conv2d, "_conv_forward", tf32.conv_forward)
        if not exact:
            gpu.setattr(small_run, "published", lambda trained: partial(upscale_image, trained))
        small_run.write_run(run, test_images)
    pack_submission(run, archive, locate=locate(run))
    marks = {row.facts.label: row.mark for row in verify(archive).rows}
    expected = "scores-verified" if exact else "differs"
    networks = dict.fromkeys(small_run.GENERATOR_SEEDS, expected)
    assert marks == {"bicubic": "scores-verified", **networks}
