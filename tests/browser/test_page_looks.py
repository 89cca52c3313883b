"""How the page looks and behaves in every state, in Chromium: to axe, to those who enlarge text, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .pages import CLIENT
from .uploads_page import (
    MIB,
    begin_slowly,
    delete_everything,
    details,
    finish,
    mend,
    press,
    ready,
    row,
    state,
    stored,
    waiting,
)

pytestmark = pytest.mark.browser

MakeFile = Callable[..., Path]
LONG_NAME = "Quarterly-results-and-appendices-of-the-international-conference (copy 2).txt"


@pytest.fixture
def axe() -> Path:
    script = CLIENT / "node_modules/axe-core/axe.min.js"
    if not script.exists():
        pytest.skip("needs Node.js 20 or later and npm; then make test installs the rest")
    return script


def check(page: Page, axe: Path, where: str) -> None:
    """Nothing is found by axe, and nothing scrolls sideways."""
    page.evaluate(axe.read_text())
    violations = page.evaluate("() => axe.run().then(({violations}) => violations)")
    found = [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations]
    assert found == [], where
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), f"{where} scrolls sideways"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_axe_finds_nothing_in_any_state(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, context: BrowserContext, axe: Path, scheme: Any, width: int
) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    delete_everything(page)
    check(page, axe, "empty")
    small = [make_file(9, LONG_NAME), make_file(9, "שלום עולם מסמך ארוך מאוד עם שם (copy 2).txt")]
    for path in small:
        path.write_text("some words")
    page.set_input_files("#files", small)
    finish(page, LONG_NAME)
    details(page, LONG_NAME)
    check(page, axe, "stored, with details")
    press(page, f"Delete {LONG_NAME}")
    check(page, axe, "deleted")
    press(page, f"Undo: {LONG_NAME}")
    begin_slowly(page, proxy, make_file(10 * MIB, "looked-at.bin"), make_file(9, "refused.html"))
    expect(state(page, "refused.html")).to_contain_text("not accepted")
    check(page, axe, "uploading and failed")
    details(page, "looked-at.bin", "#uploading")
    check(page, axe, "uploading, with details")
    press(page, "Pause looked-at.bin")
    check(page, axe, "paused")
    page.reload()
    expect(waiting(page, "looked-at.bin")).to_be_visible()
    check(page, axe, "waiting")
    press(page, "Discard looked-at.bin")
    check(page, axe, "discarded")
    mend(proxy)
    page.route("**/api/v1/upload/?*", lambda route: route.fulfill(status=503, body="{}"))
    page.reload()
    expect(page.locator("#stored .failure")).to_be_visible()
    check(page, axe, "unlisted")
    page.unroute("**/api/v1/upload/?*")
    page.reload()
    ready(page)
    context.clear_cookies()
    page.set_input_files("#files", make_file(3 * MIB, "late.bin"))
    expect(page.locator("#login-banner")).to_be_visible()
    check(page, axe, "logged out")
    page.goto(f"{proxy.base_url}/login/")
    check(page, axe, "login")
    page.goto(f"{proxy.base_url}/nothing/")
    check(page, axe, "unknown address")


@pytest.mark.parametrize("width", [390, 1280])
def test_text_of_twice_the_size_fits(page: Page, make_file: MakeFile, proxy: FlakyProxy, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("() => { document.documentElement.style.fontSize = '200%'; }")
    make_file(9, LONG_NAME).write_text("some words")
    page.set_input_files("#files", make_file(9, LONG_NAME).with_name(LONG_NAME))
    begin_slowly(page, proxy, make_file(10 * MIB, "enlarged-for-those-who-see-less.bin"), make_file(9, "refused.html"))
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    cut = page.evaluate(
        """() => [...document.querySelectorAll('button, .button, h1, h2')].filter((element) => {
          const {left, right, width} = element.getBoundingClientRect();
          return width > 0 && (left < 0 || right > innerWidth);
        }).map((element) => element.outerHTML)"""
    )
    assert cut == []
    mend(proxy)


def test_turning_the_device_leaves_nothing_to_scroll_sideways(page: Page, make_file: MakeFile) -> None:
    delete_everything(page)
    path = make_file(9, LONG_NAME)
    path.write_text("some words")
    page.set_input_files("#files", path)
    finish(page, LONG_NAME)
    for width, height in ((844, 390), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_long_names_keep_their_end(page: Page, make_file: MakeFile) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    delete_everything(page)
    for name in (LONG_NAME, "שלום עולם מסמך ארוך מאוד ועוד מילים רבות של שם (copy 2).txt"):
        path = make_file(9, name)
        path.write_text("some words")
        page.set_input_files("#files", path)
        finish(page, name)
        tail = stored(page, name).locator(".name bdi")
        assert name.endswith(tail.inner_text())
        assert tail.inner_text().endswith("(copy 2).txt")
        fits = tail.evaluate(
            """(element) => {
              const row = element.closest('.what').getBoundingClientRect();
              const own = element.getBoundingClientRect();
              return own.left >= row.left - 1 && own.right <= row.right + 1 && own.width > 0;
            }"""
        )
        assert fits, name


def test_rows_have_one_height_in_all_states_and_nothing_jumps(
    page: Page, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    delete_everything(page)
    page.set_input_files("#files", make_file(9, "before.bin"))
    finish(page, "before.bin")
    page.evaluate(
        """() => {
          window.shifts = [];
          new PerformanceObserver((list) => {
            for (const {value, sources} of list.getEntries())
              window.shifts.push([value, sources.map(({node}) => node?.outerHTML?.slice(0, 80))]);
          }).observe({type: 'layout-shift'});
        }"""
    )
    begin_slowly(page, proxy, make_file(8 * MIB, "still.bin"), make_file(9, "wrong.html"))
    page.wait_for_function("() => Number(document.querySelector('#uploading .map').getAttribute('aria-valuenow')) > 9")
    page.evaluate("() => { window.shifts = []; }")
    heights = [_height(page, "still.bin"), _height(page, "wrong.html")]
    press(page, "Pause still.bin")
    expect(state(page, "still.bin")).to_contain_text("Paused")
    heights.append(_height(page, "still.bin"))
    press(page, "Resume still.bin")
    page.context.set_offline(True)
    proxy.cut()
    expect(state(page, "still.bin")).to_contain_text("Offline")
    heights.append(_height(page, "still.bin"))
    page.context.set_offline(False)
    expect(state(page, "still.bin")).to_contain_text("%")
    press(page, "Cancel still.bin")
    expect(state(page, "still.bin")).to_have_text("Cancelled")
    heights.append(_height(page, "still.bin"))
    press(page, "Undo: still.bin")
    expect(state(page, "still.bin")).to_contain_text("%")
    # A row's own buttons are others in other states; nothing else has moved.
    moved = [node for _, nodes in page.evaluate("() => window.shifts") for node in nodes]
    assert [node for node in moved if 'class="actions"' not in node] == []
    assert max(heights) - min(heights) <= 1, heights
    assert 56 <= min(heights) <= max(heights) <= 65, heights
    mend(proxy)
    finish(page, "still.bin")
    expect(row(page, "still.bin")).to_have_count(0)


def _height(page: Page, name: str) -> float:
    box = row(page, name).bounding_box()
    assert box
    return box["height"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_damage_is_told_by_shape_and_by_more_than_its_hue(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    ratios = page.evaluate(
        """() => {
          const pen = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
          const style = getComputedStyle(document.documentElement);
          const light = (name) => {
            pen.fillStyle = style.getPropertyValue(name);
            pen.fillRect(0, 0, 1, 1);
            const linear = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
            const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((value) => linear(value / 255));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const contrast = (one, two) => {
            const [low, high] = [light(one), light(two)].sort((a, b) => a - b);
            return (high + 0.05) / (low + 0.05);
          };
          return [contrast('--stored', '--damaged'), contrast('--stored', '--missing')];
        }"""
    )
    assert min(ratios) >= 2.5, ratios


def test_buttons_are_large_enough_for_fingers(context: BrowserContext, browser: Any, open_uploads: Any) -> None:
    touching = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    try:
        page = open_uploads(touching)
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, .button, summary, #search')].filter((element) => {
              const {width, height} = element.getBoundingClientRect();
              return width > 0 && (width < 44 || height < 44);
            }).map((element) => element.outerHTML)"""
        )
        assert small == []
    finally:
        touching.close()


def test_motion_is_for_those_who_do_not_mind_it(page: Page, make_file: MakeFile) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.set_input_files("#files", make_file(9, "calm.bin"))
    finish(page, "calm.bin")
    moving = "() => getComputedStyle(document.querySelector('#stored .row.arriving')).animationName"
    assert page.evaluate(moving) == "none"
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moving) == "arrive"


def test_the_page_speaks_german_to_those_who_do(browser: Any, open_uploads: Any, make_file: MakeFile) -> None:
    german = browser.new_context(locale="de-DE")
    try:
        page = open_uploads(german)
        assert page.evaluate("() => document.documentElement.lang") == "de"
        expect(page.get_by_role("heading", name="Dateien oder Ordner hierher ziehen")).to_be_visible()
        page.set_input_files("#files", [make_file(1500, "deutsch.bin"), make_file(9, "falsch.html")])
        expect(stored(page, "deutsch.bin").locator(".verified")).to_have_text("✓ Geprüft")
        expect(stored(page, "deutsch.bin").locator(".facts")).to_contain_text("1,5 kB · jetzt")
        expect(state(page, "falsch.html")).to_contain_text(".html-Dateien werden nicht angenommen")
    finally:
        german.close()


def test_it_works_from_right_to_left(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
    begin_slowly(page, proxy, make_file(10 * MIB, "mirrored.bin"))
    thumb, actions = (row(page, "mirrored.bin").locator(selector).bounding_box() for selector in (".thumb", ".actions"))
    assert thumb
    assert actions
    assert thumb["x"] > actions["x"]
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    mend(proxy)


def test_nothing_comes_from_elsewhere(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    origins: set[str] = set()
    page.on("request", lambda request: origins.add("/".join(request.url.split("/")[:3])))
    page.reload()
    ready(page)
    page.set_input_files("#files", make_file(2 * MIB, "own.bin"))
    finish(page, "own.bin")
    assert origins == {proxy.base_url}


def test_the_login_and_unknown_addresses_belong_to_the_page(context: BrowserContext, server: ServerProcess) -> None:
    page = context.new_page()
    for address in ("/login/", "/nothing/"):
        page.goto(server.base_url + address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("() => getComputedStyle(document.body).maxWidth") == "736px"
