"""What the shell offers after the tab key, asked as bash asks click."""

from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from srbench.cli import cli

LEADERBOARD = str(Path(__file__).parents[2] / "leaderboard")


def offered(monkeypatch: pytest.MonkeyPatch, line: str) -> set[str]:
    """The words for the last one of ``line``, which may be empty."""
    words = line.split(" ")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    completer = BashComplete(cli, {}, "srbench", "_SRBENCH_COMPLETE")
    return {item.partition(",")[2] for item in completer.complete().split("\n")}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("srbench cal", {"calibrate"}),
        ("srbench run qui", {"quick"}),
        ("srbench plan quick --loss vgg16-re", {"vgg16-relu2_2"}),
        ("srbench run quick --loss wave", {"wavelet-l1"}),
        ("srbench run quick --fresh vgg16-c", {"vgg16-conv5_3", "vgg16-caffe"}),
        ("srbench probe charb", {"charbonnier"}),
        ("srbench losses fft", {"fft-l1"}),
        ("srbench check ld", {"ldl"}),
        ("srbench eval --metric ps", {"psnr"}),
        ("srbench suites show pre", {"pretext-cpu"}),
        ("srbench calibrate l1 --reference wave", {"wavelet-l1"}),
        (f"srbench upscale {LEADERBOARD} --row craft", {"craft-conv4_3", "craft-conv5_2"}),
        (f"srbench report {LEADERBOARD} --compare pix", {"pixel"}),
    ],
)
def test_names_are_offered(monkeypatch: pytest.MonkeyPatch, line: str, words: set[str]) -> None:
    assert offered(monkeypatch, line) == words


def test_a_suite_that_is_none_offers_the_installed_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered(monkeypatch, "srbench run nosuch --loss wave") == {"wavelet-l1"}
