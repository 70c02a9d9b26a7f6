"""The pages in a real browser: what is drawn, what is loaded, and that they live."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from geo.placer import AtlasPlacer
from ledger import database
from ledger.flush import flush
from runtime.rules import load_rules
from runtime.settings import Settings
from tests.ledger.cases import ADDRESSEE, Case, rulebook
from tests.web.house import BOATS, EVIL, LATE, NOW, QUIET, boats, fill, quiet, services
from web.app import create_app

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 780}
SOON = 20_000  # ms: for a machine that is busy with other tests

pytestmark = pytest.mark.timeout(180)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class House:
    """The pages on a port of their own, over a filled ledger, with a clock that a test may move."""

    url: str
    engine: AsyncEngine
    clock: Clock = field(default_factory=Clock)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    engine, clock = database.create(database_url), Clock()
    await fill(engine)
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(services(engine, now=clock)), log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[door]))
    yield House(f"http://127.0.0.1:{door.getsockname()[1]}", engine, clock)
    server.should_exit = True
    await serving
    await engine.dispose()


def chromium() -> str | None:
    """`CLUEFLOW_CHROMIUM`, the one on the path, or None: Playwright's own."""
    return os.environ.get("CLUEFLOW_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield browser
        await browser.close()


@dataclass
class Watched:
    """A page with everything that it asked for and complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


async def opened(browser: Browser, size: dict[str, int]) -> Watched:
    page = await browser.new_page(viewport=size, locale="zh-CN")  # type: ignore[arg-type]
    watched = Watched(page)
    page.set_default_timeout(SOON)
    page.on("request", lambda request: watched.requests.append(request.url))
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.on("console", lambda said: watched.complaints.append(said.text) if said.type == "error" else None)
    return watched


async def shot(page: Page, name: str, folder: Path) -> None:
    """A picture of the whole page; kept in CLUEFLOW_SCREENSHOTS where that is set, for people to look at."""
    keep = Path(os.environ.get("CLUEFLOW_SCREENSHOTS") or folder)
    picture = await page.screenshot(path=keep / f"{name}.png", full_page=True)
    assert picture.startswith(b"\x89PNG")


async def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.mark.parametrize(("device", "size"), [("desktop", DESKTOP), ("phone", PHONE)])
async def test_both_pages_open_and_nothing_leaves_the_host(
    house: House, browser: Browser, tmp_path: Path, device: str, size: dict[str, int]
) -> None:
    seen = await opened(browser, size)
    await seen.page.goto(house.url)
    await expect(seen.page.locator("#status")).to_contain_text("已更新", timeout=SOON)
    await expect(seen.page.locator("h1")).to_have_text("待办线索")
    await shot(seen.page, f"list-{device}", tmp_path)
    assert await overflow(seen.page) <= 0

    await seen.page.get_by_role("link", name="两船疑似跨省转移建筑垃圾").click()
    await expect(seen.page.locator("#turn")).to_have_text("轮到 上海市青浦区生态环境局")
    why = seen.page.locator("#owed ~ table summary").first
    await why.focus()
    await seen.page.keyboard.press("Enter")
    await expect(seen.page.locator("#owed ~ table .days").first).to_contain_text("触发日")
    await shot(seen.page, f"clue-{device}", tmp_path)
    assert await overflow(seen.page) <= 0

    assert {request.split("/")[2] for request in seen.requests} == {house.url.removeprefix("http://")}
    assert seen.complaints == []  # the policy of the headers blocks nothing of ours


async def test_a_flush_arrives_without_a_reload_and_leaves_open_what_was_open(
    house: House, browser: Browser
) -> None:
    seen = await opened(browser, DESKTOP)
    page = seen.page
    await page.goto(f"{house.url}/clues/{BOATS}")
    await expect(page.locator("#status")).to_contain_text("已更新", timeout=SOON)
    await page.evaluate("window.never_reloaded = true")
    await page.locator("#settled > summary").click()

    case = boats()
    before = len(case.sealed)
    case.do("file_case", ADDRESSEE, {"decision": "filed", "case_no": "青环罚立〔2024〕17号"}, role="approver")
    house.clock.now = case.at
    await flush(house.engine, case.sealed[before:], rulebook())

    arrived = page.locator(".timeline .entry.fresh", has_text="青环罚立〔2024〕17号")
    await expect(arrived).to_be_visible(timeout=SOON)
    await expect(page.locator(".turn .why")).to_contain_text("书面反馈")
    await expect(page.locator("#settled")).to_have_attribute("open", "")
    assert await page.evaluate("window.never_reloaded") is True
    assert seen.complaints == []


CIRCLE = "XS-330421-20240408-0007"


def circle() -> Case:
    """A satellite's spot of 4 km, over three counties of three provinces."""
    case = Case(CIRCLE, NOW)
    case.placer = AtlasPlacer(load_rules(), Settings())
    place = {"lon": 120.90, "lat": 31.04, "radius_m": 4000}
    clue = {"clue_no": CIRCLE, "source": "satellite", "title": "疑似堆存点", "matter": "solid_waste"}
    case.do("report", "330421.eco", clue | {"place": place, "discovered_at": "2024-04-08T09:00:00+08:00"})
    return case


@pytest.mark.parametrize(("device", "size"), [("desktop", DESKTOP), ("phone", PHONE)])
async def test_the_map_shows_where_it_is_and_says_it_too(
    house: House, browser: Browser, tmp_path: Path, device: str, size: dict[str, int]
) -> None:
    await flush(house.engine, circle().sealed, rulebook())
    house.clock.now = NOW + timedelta(hours=1)
    seen = await opened(browser, size)
    page = seen.page
    await page.goto(f"{house.url}/clues/{CIRCLE}")
    drawn = page.get_by_role("img", name="位置：青浦区")
    await expect(drawn).to_be_visible(timeout=SOON)
    box, window = await drawn.bounding_box(), size["width"]
    assert box is not None
    assert box["width"] > min(300, window * 0.8) * 0.9
    assert box["x"] + box["width"] <= window
    await expect(drawn.locator(".reach")).to_have_count(1)
    await expect(drawn.locator(".region-name.candidate")).to_have_count(3)
    for tint in ("5", "4", "2"):  # 52, 40 and 8 %
        await expect(drawn.locator(f".tint-{tint}")).to_have_count(1)
    await expect(page.locator(".shares li")).to_have_text(["青浦区 52%", "吴江区 40%", "嘉善县 8%"])
    await expect(page.locator(".placing .says")).to_contain_text("联合检查")
    colours = await page.evaluate(
        "['.tint-5', '.tint-2'].map((c) => getComputedStyle(document.querySelector(c)).fill)"
    )
    assert len({*colours, "rgb(0, 0, 0)"}) == 3  # the stylesheet reaches into the drawing
    await shot(page, f"map-{device}", tmp_path)
    assert await overflow(page) <= 0
    assert seen.complaints == []


async def test_a_region_alone_has_a_map_too(house: House, browser: Browser) -> None:
    seen = await opened(browser, PHONE)
    await seen.page.goto(f"{house.url}/clues/{QUIET}")
    drawn = seen.page.get_by_role("img", name="吴江区的位置")
    await expect(drawn).to_be_visible(timeout=SOON)
    await expect(drawn.locator(".spot")).to_have_count(0)
    await expect(drawn.locator(".main")).to_have_count(1)
    assert seen.complaints == []


async def test_the_list_lives_too(house: House, browser: Browser) -> None:
    seen = await opened(browser, DESKTOP)
    await seen.page.goto(house.url)
    await expect(seen.page.locator("#status")).to_contain_text("已更新", timeout=SOON)
    await expect(seen.page.locator(f"#clue-{QUIET} .stage")).to_have_text("已登记")

    case = quiet()
    before = len(case.sealed)
    case.do("notify", ADDRESSEE, {"to_agency": "320509.eco"}, role="registrar")
    await flush(house.engine, case.sealed[before:], rulebook())
    await expect(seen.page.locator(f"#clue-{QUIET} .stage")).to_have_text("已通知属地", timeout=SOON)


async def test_what_people_wrote_is_never_run(house: House, browser: Browser) -> None:
    seen = await opened(browser, DESKTOP)
    for address in ("/", f"/clues/{EVIL}"):
        await seen.page.goto(house.url + address)
        await expect(seen.page.locator("body")).to_contain_text("<script>")
        assert await seen.page.evaluate("document.body.dataset.broken ?? null") is None


async def test_filters_work_by_keyboard_and_without_scripts(house: House, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = await context.new_page()
    await page.goto(house.url)
    await page.get_by_label("标题或编号").fill("太浦河")
    await page.keyboard.press("Enter")
    await expect(page.locator(".board tbody tr[id]")).to_have_count(1)
    await expect(page.locator(f"#clue-{LATE} .badge")).to_contain_text("通报约谈")
    await context.close()


async def test_every_field_and_table_says_what_it_is(house: House, browser: Browser) -> None:
    """Names for fields, headers for tables, one h1, headings without gaps: what a screen reader goes by."""
    seen = await opened(browser, DESKTOP)
    for address in ("/", f"/clues/{BOATS}"):
        await seen.page.goto(house.url + address)
        faults = await seen.page.evaluate(
            """() => {
              const faults = [];
              const levels = [...document.querySelectorAll("h1,h2,h3")].map((h) => Number(h.tagName[1]));
              if (levels.filter((n) => n === 1).length !== 1) faults.push("h1");
              levels.forEach((n, i) => { if (i && n > levels[i - 1] + 1) faults.push("heading gap " + i); });
              for (const field of document.querySelectorAll("input:not([type=hidden]),select"))
                if (!field.labels.length) faults.push("no label: " + field.name);
              for (const table of document.querySelectorAll("table")) {
                if (!table.caption) faults.push("no caption");
                if (!table.querySelector("thead th[scope=col]")) faults.push("no column headers");
              }
              for (const image of document.images) if (!image.hasAttribute("alt")) faults.push("no alt");
              if (document.documentElement.lang !== "zh-CN") faults.push("lang");
              const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
              if (new Set(ids).size !== ids.length) faults.push("ids twice");
              return faults;
            }"""
        )
        assert faults == [], address


async def test_text_is_dark_enough(house: House, browser: Browser) -> None:
    """WCAG's 4.5 to 1, of every text on both pages against what lies behind it."""
    seen = await opened(browser, DESKTOP)
    for address in ("/", f"/clues/{LATE}", f"/clues/{BOATS}"):
        await seen.page.goto(house.url + address)
        faint = await seen.page.evaluate(CONTRAST)
        assert faint == [], address


CONTRAST = """() => {
  const rgb = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement;
    if (!n.data.trim() || !e.checkVisibility() || ["SCRIPT", "OPTION"].includes(e.tagName)) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(n.data.trim() + " " + ratio.toFixed(2));
  }
  return faint;
}"""


async def test_a_clue_prints(house: House, browser: Browser, tmp_path: Path) -> None:
    seen = await opened(browser, DESKTOP)
    await seen.page.goto(f"{house.url}/clues/{BOATS}")
    printed = await seen.page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    await seen.page.emulate_media(media="print")
    await expect(seen.page.locator(".crumbs")).to_be_hidden()
    await expect(seen.page.locator(".timeline")).to_be_visible()
