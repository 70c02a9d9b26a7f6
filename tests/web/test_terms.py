"""An agency's calendar over HTTP, and on a clue's page who was told by what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from icalendar import Calendar
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.model import Json
from domain.view import view
from ledger import database, delivery
from ledger.delivery import Planned, Went
from ledger.inbox import inbox, mark
from tests.ledger.cases import ADDRESSEE, rulebook
from tests.web.house import BOATS, NOW, PERSONAL, boats, services
from web.app import create_app

FEED = f"/api/v1/agencies/{ADDRESSEE}/terms.ics"


async def test_the_calendar_can_be_subscribed_to(client: httpx.AsyncClient) -> None:
    answer = await client.get(FEED)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["last-modified"].endswith("GMT")
    events = Calendar.from_ical(answer.content).walk("VEVENT")
    assert any(BOATS in str(event["uid"]) for event in events)
    assert not [word for word in PERSONAL if word in answer.text.replace("\r\n ", "")]


async def test_an_unchanged_calendar_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get(FEED)
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}'):
        again = await client.get(FEED, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    other = await client.get(FEED, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


@pytest.mark.parametrize("agency", ["999999.eco", "nonsense", "310118.nobody"])
async def test_an_unknown_agency_has_no_calendar(client: httpx.AsyncClient, agency: str) -> None:
    answer = await client.get(f"/api/v1/agencies/{agency}/terms.ics")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_agency")


async def test_the_page_shows_who_was_told_and_what_did_not_arrive(
    client: httpx.AsyncClient, filled: AsyncEngine
) -> None:
    page = (await client.get(f"/clues/{BOATS}")).text
    assert "进入收件箱" in page
    assert "没有送到" not in page
    notice = (await inbox(filled, ADDRESSEE, clue_no=BOATS)).notices[-1]
    now = datetime.now(UTC)
    row = Planned(notice.id, "王局手机", "wecom", ADDRESSEE, BOATS, "head", False, now)
    await delivery.plan(filled, [row], now)
    await delivery.lease(filled, ["王局手机"], now, now + timedelta(minutes=1), each=1)
    went = Went(notice.id, "王局手机", 1, now, now, "refused", 200, "93000", "invalid webhook url")
    await delivery.record(filled, [went], now)
    await mark(filled, notice.id, "read", NOW)
    page = (await client.get(f"/clues/{BOATS}")).text
    assert "企业微信（负责人）：没有送到" in page
    assert "有通知没有送到，只在收件箱" in page
    assert "已读" in page
    assert "王局手机" not in page


async def test_with_the_ledger_away_the_page_comes_from_the_workflow_all_the_same() -> None:
    class Live:
        async def query(self, clue_no: str, as_of: datetime, days: bool = False) -> Json:
            return view(boats().state, as_of, rulebook(), days=days)

    nowhere = database.create("postgresql://nobody@127.0.0.1:9/nothing")
    transport = httpx.ASGITransport(create_app(services(nowhere, live=Live())), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://clueflow.test") as visitor:
        page = await visitor.get(f"/clues/{BOATS}")
    await nowhere.dispose()
    assert page.status_code == 200
    assert "轮到 上海市青浦区生态环境局" in page.text
    assert "台账暂时没有应答，查不到" in page.text
