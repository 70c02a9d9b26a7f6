"""The list: what is due first first, in words, for everybody's eyes."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.model import SHANGHAI
from ledger.flush import flush
from tests.ledger.cases import reported, rulebook
from tests.web.house import BOATS, DONE, DRILL, EVIL, LATE, NOW, PERSONAL, QUIET, services
from web.app import create_app


def numbers(page: httpx.Response) -> list[str]:
    assert page.status_code == 200, page.text
    return re.findall(r'<tr id="clue-([^"]+)">', page.text)


def row(page: httpx.Response, clue_no: str) -> str:
    found = re.search(rf'<tr id="clue-{clue_no}">.*?</tr>', page.text, re.DOTALL)
    assert found, clue_no
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


async def test_open_clues_come_by_what_is_due_next(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert numbers(page) == [LATE, DRILL, EVIL, QUIET, BOATS]
    assert re.findall(r'<tbody class="band-(\w+)">', page.text) == ["late", "today", "later"]


async def test_a_line_says_whose_turn_it_is_and_how_much_time_is_left(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert "还剩 15 天" in row(page, BOATS)
    for said in (
        "立案审查",
        "约定",
        "2024-04-23 24:00",
        "属地办理",
        "上海市青浦区生态环境局",
        "5 天",
        "建筑垃圾",
    ):
        assert said in row(page, BOATS)
    assert "推定" in row(page, QUIET)
    assert "演练" in row(page, DRILL)
    assert "演练" not in row(page, BOATS)


async def test_rows_are_ticked_to_now(client: httpx.AsyncClient) -> None:
    """Nothing was flushed of that clue since the third of April."""
    late = row(await client.get("/"), LATE)
    assert "已超期 9 天 21 小时" in late
    assert "通报约谈" in late


async def test_clues_are_counted_by_level_without_drills(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    tabs = re.search(r'<nav class="levels".*?</nav>', page.text, re.DOTALL)
    assert tabs
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", tabs[0])).strip()
    assert words == "全部 5 未升级 3 催办 0 督办 0 通报约谈 1 问责 0 演练 1"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stage=handling", [BOATS]),
        ("stage=属地办理", [BOATS]),
        ("stage=withdrawn&all=1", [DONE]),
        ("matter=wastewater", [LATE]),
        ("level=3", [LATE]),
        ("level=0&drill=0", [EVIL, QUIET, BOATS]),
        ("level_at_least=1", [LATE]),
        ("drill=1", [DRILL]),
        ("q=两船", [BOATS]),
        ("q=xs-330421", [DRILL]),
        ("q=%25", []),
        ("agency=苏州市昆山生态环境局", [EVIL, BOATS]),
        ("agency=320000.eco", [LATE, DRILL, EVIL, BOATS]),  # a superior has a part in what is below it
        ("agency=310118.eco&turn=1", [LATE, EVIL, QUIET, BOATS]),
        ("finder=330421.eco", [DRILL]),
        ("due_before=2024-04-08T14:05%2B08:00", [LATE, DRILL]),
    ],
)
async def test_filters(client: httpx.AsyncClient, query: str, expected: list[str]) -> None:
    assert numbers(await client.get("/?" + query)) == expected


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("stage=handlin", "是否想写 handling"),
        ("stag=handling", "是否想写 stage"),
        ("agency=上海市青浦区生态环境", "是否想写“上海市青浦区生态环境局”"),
        ("level=9", "应为 0 到 4 的整数"),
        ("due_before=2024-04-08", "没有时区"),
        ("after=nonsense", "从第一页重新开始"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_answered_in_words(
    client: httpx.AsyncClient, query: str, said: str
) -> None:
    page = await client.get("/?" + query, headers={"Accept": "text/html"})
    assert page.status_code in (400, 422)
    assert said in page.text


async def test_pages_follow_each_other_without_gap_or_repetition(engine: AsyncEngine) -> None:
    at = datetime(2024, 4, 8, 9, 0, tzinfo=SHANGHAI)
    for n in range(7):
        await flush(engine, reported(f"XS-{n}", at + timedelta(minutes=n % 3)).sealed, rulebook())
    transport = httpx.ASGITransport(create_app(services(engine)))
    async with httpx.AsyncClient(transport=transport, base_url="http://clueflow.test") as client:
        seen, address = [], "/?limit=3"
        while address:
            page = await client.get(address)
            seen.append(numbers(page))
            following = re.search(r'href="([^"]+)" rel="next"', page.text)
            address = following[1].replace("&amp;", "&") if following else ""
    assert [len(page) for page in seen] == [3, 3, 1]
    assert [number for page in seen for number in page] == [
        "XS-0",
        "XS-3",
        "XS-6",
        "XS-1",
        "XS-4",
        "XS-2",
        "XS-5",
    ]


async def test_an_empty_list_says_so(engine: AsyncEngine, client: httpx.AsyncClient) -> None:
    assert "没有符合条件的线索" in (await client.get("/?q=没有这样的题目")).text
    assert numbers(await client.get("/?q=没有这样的题目")) == []


async def test_a_house_without_clues(engine: AsyncEngine) -> None:
    transport = httpx.ASGITransport(create_app(services(engine)))
    async with httpx.AsyncClient(transport=transport, base_url="http://clueflow.test") as client:
        assert "眼下没有待办线索" in (await client.get("/")).text


async def test_a_title_is_text_and_nobody_is_named(client: httpx.AsyncClient) -> None:
    page = await client.get("/?all=1")
    assert "&lt;script&gt;document.body" in page.text
    assert "<script>document.body" not in page.text
    assert not [word for word in PERSONAL if word in page.text]
    assert NOW.strftime("%Y-%m-%d %H:%M") in page.text


async def test_a_calendar_that_runs_out_is_said_above_the_list(filled: AsyncEngine) -> None:
    for day, said in (
        (datetime(2026, 11, 1, 12, tzinfo=SHANGHAI), False),
        (datetime(2026, 11, 2, tzinfo=SHANGHAI), True),
    ):
        app = create_app(services(filled, now=lambda day=day: day))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://house"
        ) as asker:
            page = await asker.get("/")
        assert ("用完" in page.text) is said
