"""Names and headers from anywhere: refused with our own error, or exactly what they must be."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srbench.data import find_dataset
from srbench.errors import SubmissionError
from srbench.imaging import bicubic_image
from srbench.verify.difference import TOLERANCES, score_difference
from srbench.verify.names import board_kind, file_kind, refuse_duplicates
from srbench.verify.regenerate import TestImages

SAFE = re.compile(
    r"manifest\.json|suite\.json|records/[0-9a-f]{64}\.json|generators/[0-9a-f]{64}\.safetensors"
    r"|images/[0-9a-f]{64}\.png"
)
HEX = st.text("0123456789abcdef", min_size=63, max_size=65)
PARTS = st.sampled_from(
    ["..", ".", "", "/", "\\", "C:", "records", "generators", "images", "manifest.json", "x.pt",
     ".json", ".safetensors", ".png", "\0", "\n", "é", "~", "suite.json"]
)  # fmt: skip
NAMES = st.one_of(
    st.text(max_size=250),
    st.lists(st.one_of(PARTS, HEX), max_size=5).map("/".join),
    st.lists(st.one_of(PARTS, HEX), max_size=5).map("".join),
    st.builds(lambda key: f"records/{key}.json", HEX),
    st.builds(lambda key: f"generators/{key}.safetensors", HEX),
)


@given(NAMES)
def test_a_name_is_refused_or_safe(name: str) -> None:
    try:
        file_kind(name)
    except SubmissionError as error:
        refusal = str(error)
    else:
        refusal = ""
    assert refusal.replace("\n", "").isprintable()
    assert bool(refusal) != bool(SAFE.fullmatch(name))
    if refusal:
        return
    assert SAFE.fullmatch(name)
    root = Path("/some/root")
    assert (root / name).resolve().is_relative_to(root)


@given(NAMES)
def test_names_of_a_published_folder_stay_inside_it_too(name: str) -> None:
    try:
        kind = board_kind(name)
    except SubmissionError:
        return
    assert kind == "generator" or SAFE.fullmatch(name)
    assert re.fullmatch(r"[A-Za-z0-9._+=/-]+", name)
    assert ".." not in name.split("/")


@given(st.lists(NAMES, unique=True, max_size=6))
def test_duplicates_are_found_whatever_their_case(names: list[str]) -> None:
    folded = [name.casefold() for name in names]
    if len(set(folded)) == len(folded):
        refuse_duplicates(names)
    else:
        with pytest.raises(SubmissionError, match="is there twice"):
            refuse_duplicates(names)


@pytest.mark.parametrize(
    ("metric", "tolerance"),
    [("psnr", 1e-3), ("ssim", 1e-5), ("lpips", 1e-4), ("lpips-vgg", 1e-4), ("dists", 1e-4),
     ("niqe", 1e-2), ("grid", 1e-2), ("topiq-fr-pipal", 1e-3), ("maniqa-pipal", 1e-3),
     ("musiq", 1e-3), ("clipiqa-plus", 1e-3)],
)  # fmt: skip
def test_the_published_tolerances(metric: str, tolerance: float) -> None:
    def differs(by: float) -> bool:
        common: dict[str, Any] = {"dataset": "d", "metric": metric, "image": "i"}
        return score_difference(**common, stated=5.0, recomputed=5.0 + by) is not None

    assert not differs(0.99 * tolerance)
    assert not differs(-0.99 * tolerance)
    assert differs(1.01 * tolerance)
    assert differs(-1.01 * tolerance)
    assert len(TOLERANCES) == 11


def test_images_are_made_on_one_thread_each_as_scoring_makes_them() -> None:
    tests = TestImages(dataset=find_dataset("photos-test"), scale=4)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen = []
        images = tests.made_by(
            lambda lr: seen.append(torch.get_num_threads()) or bicubic_image(lr, 4), 2
        )
        assert seen == [1] * len(tests.lr)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert list(images) == list(tests.lr)
    assert all((images[name] == tests.bicubic[name]).all() for name in images)
