"""The small pieces: names, links, TOML, ticks, placement, choice of images."""

from __future__ import annotations

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import synthetic_records

from srbench.report import build_leaderboard
from srbench.report.figures.drawing import round_ticks, tick_text
from srbench.report.figures.placement import place_names
from srbench.report.render.site.names import slugs
from srbench.report.render.site.pictures import choose_images
from srbench.report.render.site.svg import element
from srbench.report.text import web_link
from srbench.settings.toml_text import toml_text


@given(st.lists(st.text(max_size=40), max_size=12))
def test_slugs_are_safe_and_never_collide(names: list[str]) -> None:
    found = slugs(names)
    assert set(found) == set(names)
    assert len({slug.casefold() for slug in found.values()}) == len(found)
    for slug in found.values():
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", slug)


def test_a_slug_does_not_depend_on_its_neighbours() -> None:
    assert slugs(["a/b"])["a/b"] == slugs(["c", "a/b", "a-b"])["a/b"]
    assert slugs(["vgg16-relu2_2"]) == {"vgg16-relu2_2": "vgg16-relu2_2"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://arxiv.org/abs/1409.1556", True),
        ("http://example.org/a?b=c", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("https://", False),
        ("https://a b", False),
        ("https://a\u202eb", False),
        ("file:///etc/passwd", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_web_addresses_become_links(text: str, kept: bool) -> None:
    assert web_link(text) == (text if kept else None)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALAR = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), TEXT
)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, VALUE, max_size=5))
def test_toml_reads_back_as_it_was(document: dict[str, object]) -> None:
    assert tomllib.loads(toml_text(document)) == document


def test_toml_leaves_out_what_it_cannot_say() -> None:
    document = {"a": None, "loss": [{"label": "x", "params": {"tap": None, "k": 1}}], "b": [1.5]}
    assert tomllib.loads(toml_text(document)) == {
        "loss": [{"label": "x", "params": {"k": 1}}],
        "b": [1.5],
    }


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 10))
def test_ticks_are_round_and_inside(low: float, length: float, about: int) -> None:
    high = low + length
    if high - low < 1e-9 * max(abs(low), abs(high)):
        return
    ticks = round_ticks(low, high, about)
    assert len(ticks) <= about + 1
    slack = 1e-6 * (high - low)
    assert all(low - slack <= tick <= high + slack for tick in ticks)


def test_tick_texts_tell_ticks_apart() -> None:
    ticks = round_ticks(0.218, 0.332, 6)
    assert [tick_text(t, ticks) for t in ticks] == ["0.22", "0.24", "0.26", "0.28", "0.30", "0.32"]


def test_names_do_not_cover_each_other_where_there_is_room() -> None:
    points = [(100.0, 100.0), (104.0, 101.0), (102.0, 98.0)]
    placed = place_names(points, [(60.0, 14.0)] * 3, (0, 0, 400, 300), points)
    boxes = [box for box, _ in placed]
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert (
                one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            )


def test_elements_escape() -> None:
    assert element("a", {"href": '"><x'}, ["<b>&"]) == '<a href="&#34;&gt;&lt;x">&lt;b&gt;&amp;</a>'


def test_images_are_spread_over_their_difficulty() -> None:
    board = build_leaderboard(synthetic_records(images=21, datasets=["bsd100"]))
    chosen = choose_images(board, "bsd100", 5)
    assert chosen == choose_images(board, "bsd100", 5) == sorted(chosen)
    scores = {}
    for record in board.records:
        if record.loss.terms:
            for name, value in record.scores["bsd100"].metrics["lpips"].per_image.items():
                scores[name] = scores.get(name, 0.0) + value
    order = sorted(scores, key=lambda name: scores[name])
    assert sorted(order.index(name) for name in chosen) == [0, 5, 10, 15, 20]
    assert len(choose_images(board, "bsd100", 50)) == 21
    assert choose_images(board, "bsd100", 0) == []
