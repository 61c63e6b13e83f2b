"""The site in a real browser: served and from the disk, in light and dark, wide and narrow."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium, needs_chromium

from srbench.report.render.site import publish

pytestmark = [pytest.mark.slow, needs_chromium]
IMAGE = "synthetic/images/bsd100/bsd100-001.html"
KINDS = (
    "index.html", "synthetic/how-to-read.html", "synthetic/losses/hed-conv5_3.html",
    "pages/study.html", "synthetic/cite.html",
)  # fmt: skip
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


STUDY = "# A study\n\nOf [two](leaderboard.csv).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


@pytest.fixture(scope="module")
def site(out_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published") / "leaderboard"
    root.mkdir()
    (root / "STUDY.md").write_text(STUDY)
    publish([out_folder], root, images=3)
    return root


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["http", "file"])
def base(request: pytest.FixtureRequest, site: Path) -> str:
    """The site's address, once from a server and once from the disk."""
    if request.param == "http":
        return request.getfixturevalue("served")
    return f"{site.as_uri()}/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@dataclass
class Visit:
    """A page with everything that it asked for and complained about."""

    page: Any
    base: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, name: str) -> Any:
        self.page.goto(self.base + name)
        return self.page

    def note_failure(self, request: Any) -> None:
        # What was still loading when a link was followed is called off, which is no failure.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")

    def check(self) -> None:
        assert self.requests
        strangers = [u for u in self.requests if not u.startswith((self.base, "data:"))]
        assert strangers == []
        assert self.complaints == []


@pytest.fixture
def visit(browser: Any, base: str) -> Iterator[Any]:
    contexts = []

    def make(**options: Any) -> Visit:
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(240_000)
        found = Visit(page, base)
        page.on("request", lambda request: found.requests.append(request.url))
        page.on("requestfailed", found.note_failure)
        page.on("console", lambda message: found.complaints.append(message.text))
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        return found

    yield make
    for context in contexts:
        context.close()


def column(page: Any, index: int) -> list[str]:
    """Visible cells of a column in the table of the data set that is shown."""
    cells = page.locator(f".dataset:not([hidden]) tbody tr:not([hidden]) > *:nth-child({index})")
    return [text.strip().split("\n")[0] for text in cells.all_inner_texts()]


def values(page: Any, index: int) -> list[float]:
    cells = page.locator(f".dataset:not([hidden]) tbody tr:not([hidden]) > *:nth-child({index})")
    found = [cell.get_attribute("data-v") for cell in cells.all()]
    return [float(value) for value in found if value]


def test_any_column_sorts_both_ways(visit: Any) -> None:
    found = visit()
    page = found.open("index.html")
    page.locator("#dataset-filter button", has_text="bsd100").click()
    heads = page.locator(".dataset:not([hidden]) table.scores thead th")
    for index in range(heads.count()):
        head = heads.nth(index)
        head.locator("button").click()
        first = head.get_attribute("aria-sort")
        head.locator("button").click()
        assert {first, head.get_attribute("aria-sort")} == {"ascending", "descending"}
    psnr = heads.filter(has_text="PSNR")
    psnr.locator("button").click()  # the best first: higher is better
    assert psnr.get_attribute("aria-sort") == "descending"
    titles = heads.all_inner_texts()
    psnr_column, lpips_column = (
        next(i for i, title in enumerate(titles, start=1) if name in title)
        for name in ("PSNR", "LPIPS ↓")
    )
    assert values(page, psnr_column) == sorted(values(page, psnr_column), reverse=True)
    assert column(page, 2)[-1] == "hr"  # it has no PSNR
    lpips = heads.filter(has_text="LPIPS ↓").locator("button")
    lpips.focus()
    page.keyboard.press("Enter")
    assert values(page, lpips_column) == sorted(values(page, lpips_column))
    heads.nth(1).locator("button").click()
    assert column(page, 2) == sorted(column(page, 2))
    found.check()


def test_filters_by_data_set_task_and_backbone(visit: Any) -> None:
    found = visit()
    page = found.open("index.html")
    assert page.locator(".dataset table.scores:visible").count() == 1
    page.locator("#dataset-filter button", has_text="all").click()
    assert page.locator(".dataset table.scores:visible").count() == 2
    page.locator("#dataset-filter button", has_text="bsd100").click()
    assert page.locator("h3:visible", has_text="bsd100").count() == 1
    assert page.locator(".gallery li:visible").count() == 3
    page.select_option("#task-filter", "classification")
    assert set(column(page, 2)) == {"mobilenet-v2", "vgg16-conv2_2", "vgg16-conv5_3"}
    assert page.locator(".plane:visible .spot:visible").count() == 3
    page.select_option("#backbone-filter", "mobilenet_v2")
    assert column(page, 2) == ["mobilenet-v2"]
    assert page.locator("#shown-count").inner_text() == "1 of 10 rows"
    page.select_option("#task-filter", "")
    page.select_option("#backbone-filter", "")
    page.uncheck("#reference-filter")
    assert len(column(page, 2)) == 5
    page.fill("#text-filter", "VGG16")  # in labels, tasks and backbones
    assert set(column(page, 2)) == {
        "craft-conv5_2", "hed-conv5_3", "vgg16-conv2_2", "vgg16-conv5_3",
    }  # fmt: skip
    page.fill("#text-filter", "")
    forbid = "all => all.forEach((row) => delete row.dataset.commercial)"
    page.eval_on_selector_all("tr[data-row='hed-conv5_3']", forbid)
    page.check("#commercial-filter")
    assert len(column(page, 2)) == 4
    found.check()


@pytest.mark.parametrize("width", [360, 800, 1300, 1920])
@pytest.mark.parametrize("base", ["http"], indirect=True)
def test_no_column_is_cut_off(visit: Any, width: int) -> None:
    """On wide windows the table fits; on narrow ones it scrolls in its own box, to its end."""
    found = visit(viewport={"width": width, "height": 900})
    page = found.open("index.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".dataset:not([hidden]) .scroll").first
    wide, seen = box.evaluate("(e) => [e.scrollWidth, e.clientWidth]")
    assert wide <= seen or width < 1300
    box.evaluate("(e) => { e.scrollLeft = e.scrollWidth; }")
    last = box.locator("tbody tr").first.locator("td, th").last.bounding_box()
    assert last["x"] + last["width"] <= width
    found.check()


def test_pages_of_text_and_how_to_cite(visit: Any) -> None:
    found = visit()
    page = found.open("index.html")
    page.click("nav >> text=Study")
    assert page.locator("h1").inner_text() == "A study"
    page.click("nav >> text=Cite")
    assert page.locator("pre").inner_text().startswith("@misc{srbench-synthetic-v1,\n  author")
    found.check()


def test_the_plane_names_a_point_and_opens_its_page(visit: Any) -> None:
    found = visit()
    page = found.open("index.html")
    spot = page.locator(".wide .plane:visible .spot[data-row='hed-conv5_3']")
    spot.locator(".point").hover()
    assert page.locator(".tip:visible").inner_text().startswith("hed-conv5_3: PSNR ")
    assert page.locator(".dataset tr.marked:visible").get_attribute("data-row") == "hed-conv5_3"
    spot.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/losses/hed-conv5_3.html")
    page.go_back()
    page.locator(".wide .plane:visible .spot[data-row='pixel'] .point").click()
    page.wait_for_url("**/losses/pixel.html")
    found.check()


def cut(page: Any) -> float:
    """How far from the left the left picture reaches, in percent."""
    style = page.locator(".compare .left").evaluate("e => e.style.clipPath")
    return 100.0 - float(style.split()[1].rstrip("%"))


def test_the_slider_by_mouse(visit: Any) -> None:
    found = visit()
    page = found.open(IMAGE)
    box = page.locator("#slider").bounding_box()
    assert cut(page) == pytest.approx(50, abs=0.1)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 60, steps=5)
    page.mouse.up()
    assert cut(page) == pytest.approx(25, abs=0.5)
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60)
    assert cut(page) == pytest.approx(25, abs=0.5)  # it was let go
    assert page.locator(".handle").get_attribute("aria-valuenow") == "25"
    found.check()


def test_the_slider_by_keyboard(visit: Any) -> None:
    found = visit()
    page = found.open(IMAGE)
    page.locator(".handle").focus()
    for key, value in (("ArrowRight", 52), ("ArrowLeft", 50), ("PageUp", 60), ("Home", 0),
                       ("ArrowUp", 2), ("End", 100), ("ArrowDown", 98)):  # fmt: skip
        page.keyboard.press(key)
        assert cut(page) == pytest.approx(value, abs=0.1)
        assert page.locator(".handle").get_attribute("aria-valuenow") == str(value)
    found.check()


def test_the_slider_by_touch(visit: Any) -> None:
    found = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    page = found.open(IMAGE)
    page.locator("#slider").scroll_into_view_if_needed()
    box = page.locator("#slider").bounding_box()
    client = page.context.new_cdp_session(page)

    def touch(kind: str, share: float | None) -> None:
        y = box["y"] + 40
        points = [] if share is None else [{"x": box["x"] + share * box["width"], "y": y}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.5)
    for share in (0.6, 0.7, 0.8):
        touch("touchMove", share)
    touch("touchEnd", None)
    assert cut(page) == pytest.approx(80, abs=1)
    found.check()


def test_zoom_moves_both_pictures_together(visit: Any) -> None:
    found = visit()
    page = found.open(IMAGE)
    page.locator("[data-zoom='4']").click()
    left, right = (page.locator(f".compare .{side}").bounding_box() for side in ("left", "right"))
    assert left == right
    box = page.locator("#slider").bounding_box()
    assert left["width"] == pytest.approx(4 * box["width"], rel=0.01)
    handle = page.locator(".handle").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 70, steps=3)
    page.mouse.up()
    moved = page.locator(".compare .left").bounding_box()
    assert moved["x"] - left["x"] == pytest.approx(60, abs=1)
    assert moved["y"] - left["y"] == pytest.approx(30, abs=1)
    assert page.locator(".compare .right").bounding_box() == moved
    assert page.locator(".handle").bounding_box() == handle  # the divider stays in the window
    edge = moved["x"] + moved["width"] * cut(page) / 100
    assert edge == pytest.approx(handle["x"] + handle["width"] / 2, abs=1)
    page.locator("[data-zoom='1']").click()
    assert page.locator(".compare .left").bounding_box()["x"] == pytest.approx(box["x"], abs=0.5)
    found.check()


def test_any_two_rows_are_compared(visit: Any) -> None:
    found = visit()
    page = found.open(IMAGE)
    names = page.locator("#pick-left option").evaluate_all("all => all.map(o => o.value)")
    assert {"bicubic", "warm-start", "hed-conv5_3", "hr"} <= set(names)
    source = page.locator("#pick-right option[value='hr']").get_attribute("data-src")
    page.select_option("#pick-right", "hr")
    assert page.locator(".compare .right").get_attribute("src") == source
    assert page.locator(".side.on-right").inner_text() == "HR, the truth"
    page.locator("#swap").click()
    assert page.locator(".side.on-left").inner_text() == "HR, the truth"
    page.locator("[data-pick='pixel']").click()
    assert page.locator("#pick-right").input_value() == "pixel"
    assert page.locator("tr.marked").count() == 2
    loaded = page.locator(".compare img").evaluate_all(
        "async all => { await Promise.all(all.map(i => i.decode()));"
        " return all.map(i => i.naturalWidth); }"
    )
    assert loaded == [192, 192]
    found.check()


def test_every_kind_of_page_opens_without_a_complaint(visit: Any) -> None:
    found = visit()
    for name in (*KINDS, IMAGE):
        page = found.open(name)
        pictures = "document.querySelectorAll('img').forEach(i => { i.loading = 'eager'; })"
        page.evaluate(pictures)
        page.wait_for_load_state("networkidle")
        broken = "Array.from(document.images).filter(i => !i.complete || !i.naturalWidth).length"
        assert page.evaluate(broken) == 0
    found.check()


@pytest.mark.parametrize("base", ["http"], indirect=True)
def test_pages_can_be_read_without_scripts(visit: Any) -> None:
    found = visit(java_script_enabled=False)
    page = found.open("index.html")
    assert page.locator(".dataset table.scores:visible").count() == 2
    assert page.locator(".plane:visible").count() == 2
    assert page.locator(".toolbar:visible").count() == 0
    page = found.open(IMAGE)
    assert page.locator(".compare img:visible").count() == 2
    assert page.locator(".pickers:visible").count() == 0


@pytest.mark.parametrize("base", ["http"], indirect=True)
@pytest.mark.parametrize("name", [*KINDS, IMAGE])
def test_a_phone_never_scrolls_sideways(visit: Any, name: str) -> None:
    found = visit(viewport=PHONE)
    page = found.open(name)
    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]
    found.check()


@pytest.mark.parametrize("base", ["http"], indirect=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", [*KINDS, IMAGE])
def test_axe_finds_nothing_serious(
    visit: Any, name: str, viewport: dict[str, int], scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # axe is put into the page by the test, which the page's own policy would refuse.
    found = visit(viewport=viewport, color_scheme=scheme, bypass_csp=True)
    results = Axe().run(found.open(name)).response
    serious = [
        (violation["id"], node["target"], node["failureSummary"])
        for violation in results["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    assert serious == []
    assert len(results["passes"]) > 10
