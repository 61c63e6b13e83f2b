"""The order of rows over the last third of training, on curves whose answer is known."""

from __future__ import annotations

import pytest
from scipy import stats

from srbench.report import build_leaderboard
from srbench.report.render.document import leaderboard_document
from srbench.report.render.markdown import leaderboard_markdown
from srbench.report.stability import order_stability, stability_line

POINTS = (0, 300, 600, 900)
# At 600, the last third's first point, b and c have changed places.
CURVES = {
    "vgg16-conv5_3": (0.4, 0.3, 0.20, 0.10),
    "vgg16-relu2_2": (0.4, 0.1, 0.32, 0.20),
    "alexnet": (0.4, 0.2, 0.31, 0.30),
    "mobilenet": (0.4, 0.4, 0.40, 0.40),
    "pixel": (0.4, 0.5, 0.50, 0.50),
    "vgg16-random": (0.4, 0.6, 0.60, 0.60),
}


@pytest.fixture
def with_curves(three_seeds, edited):
    def make(curves=CURVES, metric="lpips"):
        def change(document):
            values = curves[document["loss"]["label"]]
            shift = 0.001 * document["seed"]  # the same for all: no order changes
            document["validation"] = [
                {"iteration": i, "scores": {metric: v + shift}}
                for i, v in zip(POINTS, values, strict=False)
            ]

        return build_leaderboard(edited(three_seeds, change, lambda r: bool(r.validation)))

    return make


def test_orders_of_the_last_third(with_curves):
    board = with_curves()
    found = order_stability(board)
    assert found.iterations == (600, 900)
    assert found.labels == tuple(CURVES)
    assert found.ranks == ((1, 3, 2, 4, 5, 6), (1, 2, 3, 4, 5, 6))
    expected = stats.kendalltau([1, 3, 2, 4, 5, 6], [1, 2, 3, 4, 5, 6]).statistic
    assert found.kendall == (pytest.approx(expected), 1.0)
    assert f"is {expected:.2f} at 600; 1 is the same order" in stability_line(board, found)


def test_the_order_before_the_rate_decays_is_read_too(with_curves, edited):
    late = list(with_curves().records)
    decaying = edited(
        late, lambda d: d["suite"]["document"]["adversarial"].update(milestones=[450, 800])
    )
    board = build_leaderboard(decaying)
    found = order_stability(board)
    assert found.iterations == (300, 600, 900)
    assert found.decays
    assert found.ranks[0] == (3, 1, 2, 4, 5, 6)
    assert stability_line(board, found).startswith("Order before the rate decays and over")


def test_an_order_that_stays(with_curves):
    still = {label: (0.9, values[3], values[3], values[3]) for label, values in CURVES.items()}
    board = with_curves(still)
    found = order_stability(board)
    assert found.kendall == (1.0, 1.0)
    assert "is 1.00 at 600; the order did not change" in stability_line(board, found)


def test_rows_that_are_all_equal_have_no_correlation(with_curves):
    board = with_curves(dict.fromkeys(CURVES, (0.5, 0.5, 0.5, 0.5)))
    found = order_stability(board)
    assert found.kendall == (None, None)
    assert "is - at 600" in stability_line(board, found)


def test_no_statement_without_validation_by_the_rank_metric(with_curves):
    board = with_curves(metric="psnr")
    assert order_stability(board) is None
    assert leaderboard_document(board)["order_stability"] is None


def test_no_statement_where_one_row_has_no_curve(with_curves):
    assert order_stability(with_curves({**CURVES, "pixel": ()})) is None


def test_it_is_in_the_outputs(with_curves):
    board = with_curves()
    found = order_stability(board)
    assert stability_line(board, found) in leaderboard_markdown(board).replace("\\", "")
    document = leaderboard_document(board)["order_stability"]
    assert list(document["iterations"]) == [600, 900]
    assert document["kendall"][1] == 1.0
