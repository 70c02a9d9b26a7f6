"""Draws the README's pictures anew: `python -m tests.e2e.pictures` writes docs/images/list.png, clue.png and map.png."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn
from playwright.async_api import async_playwright

from domain.chain import Sealed, seal
from domain.lifecycle import handle
from domain.model import SHANGHAI, Actor, Command
from geo.placer import AtlasPlacer
from ledger import database
from ledger.flush import flush
from ledger.migrate import upgrade
from runtime.embedded.postgres import EmbeddedPostgres
from runtime.facts import facts_for
from runtime.rules import load_rules
from runtime.settings import Settings
from tests.e2e.test_page import FLAGS, chromium
from tests.ledger.cases import DIGEST, Case, rulebook
from tests.web.house import boats, drill, late, quiet, services
from web.app import create_app

NOW = datetime(2024, 4, 8, 10, 30, tzinfo=SHANGHAI)
PLACER = AtlasPlacer(load_rules(), Settings())
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
RIVER = "XS-320509-20240403-0012"
WJ, QP, JS = "320509.eco", "310118.eco", "330421.eco"


class Told(Case):
    """A case told with its instants and its people."""

    def tell(
        self, at: str, name: str, agency: str, data: Mapping[str, Any] | None = None, role: str = "officer",
        officer: str | None = None,
    ) -> tuple[Sealed, ...]:  # fmt: skip
        self.at = datetime.fromisoformat(f"2024-{at}:00+08:00")
        self._commands += 1
        actor, given = Actor(agency, role, "甲", officer), dict(data or {})
        facts = facts_for(load_rules(), name, given, actor, self.at.date(), placer=PLACER)
        command = Command(f"{self.clue_no}-{self._commands}", name, actor, given, facts)
        outcome = handle(self.state, command, self.at, rulebook())
        return self._keep(outcome.state, seal(self.clue_no, len(self.sealed), self.hash, outcome.events))

    def told(self, at: str, title: str, finder: str, addressee: str, matter: str, source: str) -> Told:
        clue = {"clue_no": self.clue_no, "title": title, "matter": matter, "source": source}
        place = {"region": addressee[:6], "lon": 120.90, "lat": 31.04, "address": "太浦河汾湖段"}
        place |= {"radius_m": 4000}
        clue |= {"discovered_at": f"2024-{at}:00+08:00", "to_agency": addressee, "place": place}
        self.tell(at, "report", finder, clue, officer=None)
        return self


def river() -> Case:
    """Wujiang finds, Qingpu comes, the inspection confirms; three working days for the evidence over 清明."""
    case = Told(RIVER).told(
        "04-03T13:20", "太浦河汾湖段夜间偷排，水质异常", WJ, QP, "wastewater", "water_network"
    )
    case.tell("04-03T13:50", "acknowledge", QP, {"message": "已派员，当日下午到场"}, role="liaison")
    inspection = {"mode": "joint", "at": "2024-04-03T14:30:00+08:00", "leader": "WJ-01"}
    inspection |= {"members": ["WJ-01", "WJ-02", "QP-01"], "invited": [QP]}
    case.tell("04-03T14:00", "convene_inspection", WJ, inspection)
    record = {
        "finding": "confirmed",
        "record": "发现暗管一处，已采样封存",
        "started_at": "2024-04-03T14:30:00+08:00",
    }
    case.tell(
        "04-03T16:40",
        "record_inspection",
        WJ,
        record | {"ended_at": "2024-04-03T16:20:00+08:00"},
        officer="WJ-01",
    )
    photo = {
        "name": "暗管现场照片.jpg",
        "sha256": DIGEST,
        "size": 2411724,
        "media_type": "image/jpeg",
        "kind": "photo",
    }
    case.tell("04-03T17:30", "add_evidence", WJ, {"items": [photo]})
    return case


def others() -> Iterator[Case]:
    yield river()
    yield boats()
    yield late()
    yield drill()
    yield quiet()
    disputed = Told("XS-330421-20240402-0003").told(
        "04-02T09:10", "省界芦墟塘固体废物堆存点", JS, WJ, "solid_waste", "drone"
    )
    disputed.tell("04-02T11:00", "acknowledge", WJ, role="liaison")
    disputed.tell("04-03T10:00", "dispute_jurisdiction", WJ, {"reason": "堆存点在嘉善一侧"}, role="approver")
    yield disputed
    reminded = Told("XS-310118-20240408-0021").told(
        "04-08T05:40", "元荡湖面漂浮油污", QP, WJ, "wastewater", "patrol"
    )
    yield reminded
    answered = Told("XS-320583-20240402-0007")
    answered.told("04-02T08:00", "千灯浦码头渣土夜间外运", "320583.eco", QP, "construction_waste", "grid")
    answered.tell("04-02T09:30", "acknowledge", QP, role="liaison")
    yield answered


async def draw(url: str) -> None:
    await upgrade(url)
    engine = database.create(url)
    for case in others():
        await flush(engine, case.sealed, rulebook())
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    app = create_app(services(engine, now=lambda: NOW))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[door]))
    await photograph(f"http://127.0.0.1:{door.getsockname()[1]}")
    server.should_exit = True
    await serving
    await engine.dispose()


async def photograph(address: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = await browser.new_page(viewport={"width": 1180, "height": 1000}, locale="zh-CN")
        for path, name in (("/", "list"), (f"/clues/{RIVER}", "clue")):
            await page.goto(address + path)
            await page.get_by_text("已更新").wait_for()
            if name == "clue":
                await page.locator("tr", has_text="证据材料移送").locator("+ tr summary").first.click()
            await page.screenshot(path=FOLDER / f"{name}.png")
            if name == "clue":
                await page.locator("section.place").screenshot(path=FOLDER / "map.png")
        await browser.close()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="clueflow-pictures-") as folder:
        server = EmbeddedPostgres(Path(folder) / "pg", durable=False)
        server.start()
        try:
            asyncio.run(draw(server.url()))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
