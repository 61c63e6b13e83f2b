import pytest

from srbench.run.work.collapse import CollapseRule
from srbench.train import Point


def log(*values: float) -> list[Point]:
    return [(10 * (i + 1), {"discriminator": v}) for i, v in enumerate(values)]


def validation(*values: float) -> list[Point]:
    return [(10 * (i + 1), {"psnr": v}) for i, v in enumerate(values)]


def discriminator(points: list[Point]) -> str | None:
    return CollapseRule(patience=30, discriminator_below=0.01)(points, [])


def psnr(points: list[Point]) -> str | None:
    return CollapseRule(patience=30, psnr_below=20.0)([], points)


def test_a_discriminator_at_zero_for_the_whole_patience() -> None:
    assert discriminator(log(0.5, 0.0, 0.0)) is None
    reason = discriminator(log(0.5, 0.0, 0.0, 0.0))
    assert reason is not None
    assert "from iteration 10 to 40" in reason  # the mean of 11..20 is the first below


def test_one_good_point_starts_the_count_anew() -> None:
    assert discriminator(log(0.0, 0.0, 0.5, 0.0, 0.0)) is None


def test_psnr_below_bicubic() -> None:
    assert psnr(validation(25.0, 19.0, 19.0, 19.0)) is None  # seen from 20 on: 20 iterations
    reason = psnr(validation(25.0, 19.0, 19.0, 19.0, 19.0))
    assert reason is not None
    assert "below 20.00 dB from iteration 20 to 50" in reason


def test_no_points_and_other_terms_are_no_sign() -> None:
    assert discriminator([]) is None
    assert discriminator([(100, {"pixel": 0.0})]) is None
    assert psnr([(100, {})]) is None


@pytest.mark.parametrize("count", [3, 4, 9])
def test_a_resumed_run_judges_alike(count: int) -> None:
    points = log(*[0.0] * count)
    assert discriminator(points) == discriminator([*points])
    assert (discriminator(points) is None) == (count < 3)
