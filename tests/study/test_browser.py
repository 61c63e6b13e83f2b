"""A rater's session in headless Chromium: keys and touch, phone and desktop, lost networks."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chromium import chromium, needs_chromium
from serving import Served, served

from srbench.study.document import StudyFolder

pytestmark = [pytest.mark.slow, needs_chromium]
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "has_touch": True,
    "is_mobile": True, "color_scheme": "dark",
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


class Person:
    """Someone in front of a browser window; errors of the page are errors of the test."""

    def __init__(self, browser: Any, server: Served, how: str, shape: dict[str, Any]) -> None:
        self.context = browser.new_context(**shape)
        self.page = self.context.new_page()
        self.touch = how == "touch"
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.set_default_timeout(240_000)
        self.page.goto(server.url)
        self.page.wait_for_selector("section:not([hidden])")

    def until(self, expression: str) -> None:
        """Wait for it, asking from outside: the page's own policy lets no string be evaluated."""
        for _ in range(4800):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never became true: {expression}")

    def press(self, selector: str, key: str) -> None:
        if self.touch:
            self.page.tap(selector)
        else:
            self.page.keyboard.press(key)

    def begin(self) -> None:
        """Consent and the training's examples."""
        self.page.focus("#agree")
        self.press("#agree", "Space")
        self.page.focus("#start")
        self.press("#start", "Enter")
        self.page.wait_for_selector("#training:not([hidden])")
        self.page.focus("#to-examples")
        self.press("#to-examples", "Enter")
        self.examples()

    def examples(self) -> None:
        """All three of the training's examples."""
        for _ in range(3):
            self.page.wait_for_selector('#answers [data-key="ArrowLeft"]')
            self.drawn()
            self.press('#answers [data-key="ArrowLeft"]', "ArrowLeft")
            self.page.wait_for_selector('#answers [data-key="Enter"]')
            assert self.page.text_content("#feedback")
            self.press('#answers [data-key="Enter"]', "Enter")
        self.until("document.querySelector('#count').textContent.startsWith('0 ')")

    def answer(self, place: int, total: int, key: str = "ArrowLeft") -> None:
        self.ready()
        self.press(f'#answers [data-key="{key}"]', key)
        if place + 1 < total:
            self.until(f"document.querySelector('#count').textContent.startsWith('{place + 1} of')")

    def ready(self) -> None:
        """The next trial's pictures are on the screen."""
        self.page.wait_for_selector("#answers[data-of=trial]")
        self.drawn()

    def drawn(self) -> None:
        """What is asked can be answered: before, a press is left alone."""
        self.page.wait_for_selector("#stage[aria-busy=false]")
        self.until(
            "[...document.querySelectorAll('#pictures img')].length > 0 && "
            "[...document.querySelectorAll('#pictures img')].every((i) => i.complete)"
        )

    def sent(self) -> None:
        """The server has every answer: what is still in this browser's box, no other one knows."""
        self.until("Object.values(localStorage).every((v) => JSON.parse(v).unsent.length === 0)")

    def finished(self) -> None:
        self.page.wait_for_selector("#end:not([hidden])")
        self.until("document.querySelector('#end-text').textContent.startsWith('All your')")
        assert self.problems == []
        self.context.close()


def stored(folder: StudyFolder) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder.votes) as connection:
        return connection.execute(
            "SELECT rater, trial, answer, pixel_ratio, pixels_each, width, shown_ms FROM votes"
        ).fetchall()


@pytest.fixture
def brief(make_study: Callable[..., StudyFolder]) -> StudyFolder:
    return make_study(trials=4, repeats=1, checks=5)


TOTAL = 10


@pytest.mark.parametrize(("how", "shape"), [("keys", DESKTOP), ("touch", PHONE)])
def test_a_whole_session(browser: Any, brief: StudyFolder, how: str, shape: dict[str, Any]) -> None:
    with served(brief) as server:
        person = Person(browser, server, how, shape)
        person.begin()
        ratio = shape.get("device_scale_factor", 1)
        for place in range(TOTAL):
            person.ready()
            sides = person.page.eval_on_selector_all(
                "#pictures img", "all => all.map((i) => i.getBoundingClientRect().width)"
            )
            assert len(sides) == 3
            assert all(
                side * ratio / 64 == pytest.approx(round(side * ratio / 64)) for side in sides
            )
            wide = "document.documentElement.scrollWidth <= innerWidth"
            assert person.page.evaluate(wide)
            person.answer(place, TOTAL, "ArrowLeft" if place % 2 else "ArrowRight")
        person.finished()
    votes = stored(brief)
    assert sorted(vote[1] for vote in votes) == list(range(TOTAL))
    assert {vote[2] for vote in votes} == {"first", "second"}
    assert {(vote[3], vote[5]) for vote in votes} == {(ratio, shape["viewport"]["width"])}
    assert all(vote[4] >= 1 and vote[6] >= 0 for vote in votes)


def test_rating_one_at_a_time(browser: Any, make_study: Callable[..., StudyFolder]) -> None:
    folder = make_study(design="acr", crops=2, trials=4, repeats=0, checks=5)
    total = 4 + 2 * 5  # HR and bicubic for each check
    with served(folder) as server:
        person = Person(browser, server, "keys", DESKTOP)
        person.begin()
        for place in range(total):
            person.answer(place, total, str(place % 5 + 1))
        person.finished()
    assert sorted(int(vote[2]) for vote in stored(folder)) == sorted(
        p % 5 + 1 for p in range(total)
    )


def test_leaving_and_coming_back(browser: Any, brief: StudyFolder) -> None:
    with served(brief) as server:
        person = Person(browser, server, "keys", DESKTOP)
        person.begin()
        for place in range(4):
            person.answer(place, TOTAL)
        person.page.click("#leave")
        code = person.page.text_content("#pause-code")
        person.page.close()
        # The same browser knows where it was.
        person.page = person.context.new_page()
        person.page.goto(server.url)
        person.page.click("#to-examples")
        person.answer(4, TOTAL)
        person.sent()
        person.context.close()
        # Another one, with the code.
        other = Person(browser, server, "touch", PHONE)
        other.page.click("summary")
        other.page.fill("#code", code)
        other.page.click("#return button")
        other.page.wait_for_selector("#training:not([hidden])")
        other.page.click("#to-examples")
        for place in range(5, TOTAL):
            other.answer(place, TOTAL)
        other.finished()
    votes = stored(brief)
    assert {vote[0] for vote in votes} == {0}
    assert sorted(vote[1] for vote in votes) == list(range(TOTAL))


def test_pressing_twice_answers_once(browser: Any, brief: StudyFolder) -> None:
    with served(brief) as server:
        person = Person(browser, server, "keys", DESKTOP)
        person.begin()
        sent = []
        person.page.on(
            "request", lambda r: sent.append(r.post_data) if r.url.endswith("vote") else None
        )
        person.ready()
        person.page.evaluate(
            "() => { const b = document.querySelector('#answers button');"
            " b.click(); b.click(); b.click(); }"
        )
        person.until("document.querySelector('#count').textContent.startsWith('1 of')")
        for place in range(1, TOTAL):
            person.answer(place, TOTAL)
        person.finished()
    trials = [json.loads(body)["trial"] for body in sent]
    assert len(trials) == len(set(trials)) == len(stored(brief)) == TOTAL


def test_a_press_before_the_pictures_answers_nothing(browser: Any, brief: StudyFolder) -> None:
    """On a slow line: nothing is counted, framed or broken by keys pressed at an empty screen."""
    with served(brief) as server:
        person = Person(browser, server, "keys", DESKTOP)
        held: list[Any] = []

        def slow(route: Any) -> None:
            if len(held) < 1:
                held.append(route)
            else:
                route.continue_()

        person.page.route("**/media/*", slow)
        person.page.focus("#agree")
        person.page.keyboard.press("Space")
        person.page.focus("#start")
        person.page.keyboard.press("Enter")
        person.page.wait_for_selector("#training:not([hidden])")
        person.page.click("#to-examples")
        person.page.wait_for_selector("#stage[aria-busy=true]")
        for key in ("ArrowLeft", "ArrowRight", "Enter"):
            person.page.keyboard.press(key)
        assert person.page.text_content("#feedback") == ""
        assert len(held) == 1
        held[0].continue_()
        person.examples()
        for place in range(TOTAL):
            person.answer(place, TOTAL)
        person.finished()
    assert len(stored(brief)) == TOTAL


def test_a_lost_network_loses_no_vote(browser: Any, brief: StudyFolder) -> None:
    """Offline in the middle; then the page is closed with votes unsent, and opened again."""
    with served(brief) as server:
        person = Person(browser, server, "keys", DESKTOP)
        person.begin()
        for place in range(2):
            person.answer(place, TOTAL)
        person.until("!JSON.parse(Object.values(localStorage)[0]).unsent.length")
        person.context.set_offline(True)
        for place in range(2, 5):
            person.answer(place, TOTAL)
        assert len(stored(brief)) == 2
        assert "not sent" in person.page.text_content("#unsent")
        person.page.close()
        person.context.set_offline(False)
        person.page = person.context.new_page()
        person.page.goto(server.url)
        person.page.click("#to-examples")
        for place in range(5, TOTAL):
            person.answer(place, TOTAL)
        person.finished()
    assert sorted(vote[1] for vote in stored(brief)) == list(range(TOTAL))


def test_a_lost_acknowledgement_stores_one_vote(browser: Any, brief: StudyFolder) -> None:
    """The server has the vote, the browser never hears of it, and sends it again."""
    with served(brief) as server:
        person = Person(browser, server, "keys", DESKTOP)
        person.begin()
        lost = itertools.count()

        def lose(route: Any) -> None:
            if next(lost) < 2:
                route.fetch()
                route.abort()
            else:
                route.continue_()

        person.page.route("**/api/vote", lose)
        for place in range(TOTAL):
            person.answer(place, TOTAL)
        person.finished()
    assert next(lost) > TOTAL
    assert sorted(vote[1] for vote in stored(brief)) == list(range(TOTAL))


@pytest.mark.parametrize("shape", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious(browser: Any, brief: StudyFolder, shape: dict[str, Any]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    def check(place: str) -> None:
        # Axe is run by the browser's debugger, past the page's own policy.
        found = Axe().run(person.page).response["violations"]
        serious = [v["id"] for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], (place, serious)

    with served(brief) as server:
        person = Person(browser, server, "keys", shape)
        check("consent")
        person.begin()
        person.ready()
        check("trial")
        person.page.click("#leave")
        check("paused")
        person.page.click("#resume")
        for place in range(TOTAL):
            person.answer(place, TOTAL)
        person.page.wait_for_selector("#end:not([hidden])")
        check("end")
        person.finished()
