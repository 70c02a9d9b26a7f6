"""A clue's page: whose turn it is and why, each clock with its reasons, what has happened."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import DomainError
from domain.labels import RULES_LOST
from domain.model import ClueState, Json
from domain.packs import Rulebook
from domain.view import view
from tests.domain.changes import with_holidays
from tests.ledger.cases import rulebook
from tests.web.house import BOATS, DONE, DRILL, EVIL, LATE, NOW, PERSONAL, QUIET, boats, services
from web.app import create_app


def words(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


async def test_it_says_whose_turn_it_is_and_why(client: httpx.AsyncClient) -> None:
    page = words(await client.get(f"/clues/{BOATS}"))
    assert "轮到 上海市青浦区生态环境局" in page
    assert "须在 2024-04-23 24:00 前（约定）完成“立案审查”，还剩 15 天。另有 1 项义务在计时。" in page


async def test_somebody_elses_duties_are_named_too(client: httpx.AsyncClient) -> None:
    page = words(await client.get(f"/clues/{EVIL}"))
    assert "苏州市昆山生态环境局须在 2024-04-18 24:00 前（推定）完成“启动移送程序”" in page


async def test_each_date_has_its_reasons_day_by_day(client: httpx.AsyncClient) -> None:
    page = await client.get(f"/clues/{BOATS}")
    folds = re.findall(r'<ol class="days">.*?</ol>', page.text, re.DOTALL)
    said = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", fold)) for fold in folds]
    receipt = next(fold for fold in said if fold.startswith(" 2024-04-07"))
    assert "2024-04-07 周日 不计 触发日" in receipt
    assert "2024-04-08 周一 计入，第 1 日 工作日 2024-04-09 周二 计入，第 2 日 工作日" in receipt


async def test_both_dates_and_the_basis_of_the_unit_are_shown(client: httpx.AsyncClient) -> None:
    page = words(await client.get(f"/clues/{BOATS}"))
    assert "内部 2024-04-12 24:00 最迟 2024-04-15 24:00 10 日 推定" in page
    assert "2 个工作日 约定" in page


async def test_breaches_and_levels_are_shown(client: httpx.AsyncClient) -> None:
    page = words(await client.get(f"/clues/{LATE}"))
    assert "应在 2024-03-29 13:10 前（约定）完成“接收确认”，已超期 9 天 21 小时。" in page
    assert "上海市青浦区生态环境局的“接收确认”仍未履行，升级至 3 级（通报约谈）" in page


async def test_the_timeline_names_agency_and_role_in_chinese(client: httpx.AsyncClient) -> None:
    page = await client.get(f"/clues/{BOATS}")
    timeline = re.search(r'<ol class="timeline">.*?</ol>', page.text, re.DOTALL)
    assert timeline
    seqs = [int(n) for n in re.findall(r'id="e(\d+)"', timeline[0])]
    assert seqs == list(range(1, len(boats().state.timeline) + 1))
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", timeline[0]))
    assert "苏州市昆山生态环境局 · 审批负责人" in said
    assert not re.search(r"\d{6}\.eco", said)


async def test_evidence_parties_and_packs_are_listed(client: httpx.AsyncClient) -> None:
    page = words(await client.get(f"/clues/{BOATS}"))
    for said in (
        "勘验笔录.pdf 178.9 KB",
        "监测材料，尚未审核，不作证据",
        "ab" * 32,
        "承办方的上级",
        "yrd-solid-waste-trial",
    ):
        assert said in page


async def test_nobody_is_named(client: httpx.AsyncClient) -> None:
    for clue_no in (BOATS, QUIET):
        page = await client.get(f"/clues/{clue_no}")
        assert not [word for word in PERSONAL if word in page.text]
    assert "个人 1 名（姓名不公开）" in (await client.get(f"/clues/{BOATS}")).text


async def test_a_title_is_text(client: httpx.AsyncClient) -> None:
    page = await client.get(f"/clues/{EVIL}")
    assert "<script>document.body" not in page.text
    assert "&lt;script&gt;document.body" in page.text


async def test_a_drill_and_an_ended_clue_say_so(client: httpx.AsyncClient) -> None:
    assert "这是演练" in words(await client.get(f"/clues/{DRILL}"))
    ended = words(await client.get(f"/clues/{DONE}"))
    assert "已经结束" in ended
    assert "线索已于 2024-03-01 09:20 撤回" in ended


async def test_an_unknown_clue_is_a_page_in_chinese(client: httpx.AsyncClient) -> None:
    page = await client.get("/clues/XS-404", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "没有编号为 XS-404 的线索" in page.text
    assert (await client.get("/clues/%00", headers={"Accept": "text/html"})).status_code == 400


class Engine:
    """A live workflow that answers, fails or does not know the clue."""

    def __init__(self, answer: Json | Exception, book: Rulebook | None = None) -> None:
        self.answer, self.book, self.asked = answer, book, 0

    async def rules_behind(self, then: ClueState, newest: ClueState) -> Rulebook | None:
        return self.book

    async def query(self, clue_no: str, as_of: datetime, days: bool = False) -> Json:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def visitor(engine: AsyncEngine, live: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(services(engine, live=live)))
    return httpx.AsyncClient(transport=transport, base_url="http://clueflow.test")


async def test_the_workflow_is_asked_first(filled: AsyncEngine) -> None:
    ahead = boats()
    ahead.do("file_case", "310118.eco", {"decision": "filed", "case_no": "青环罚立〔2024〕17号"})
    live = Engine(view(ahead.state, NOW, rulebook(), days=True))
    async with visitor(filled, live) as client:
        page = await client.get(f"/clues/{BOATS}")
    assert "青环罚立〔2024〕17号" in page.text
    assert "暂时连不上流程引擎" not in page.text


async def test_the_ledger_answers_when_the_workflow_does_not_and_the_page_says_so(
    filled: AsyncEngine,
) -> None:
    live = Engine(OSError("no way"))
    async with visitor(filled, live) as client:
        page = words(await client.get(f"/clues/{BOATS}"))
        await client.get(f"/clues/{BOATS}")
    assert "暂时连不上流程引擎" in page
    assert "轮到 上海市青浦区生态环境局" in page
    assert live.asked == 1  # the second page did not wait for it again


async def test_the_past_is_explained_by_the_clues_own_rules_or_the_page_says_by_which(
    filled: AsyncEngine,
) -> None:
    own = with_holidays(rulebook(), "own", [date(2024, 4, day) for day in range(4, 30)])
    past = {"as_of": "2024-04-08T00:00:00+08:00", "days": "true"}
    for book, lost in ((own, False), (None, True)):
        live = Engine(DomainError("unknown_clue", "没有"), book)
        async with visitor(filled, live) as client:
            page = words(await client.get(f"/clues/{BOATS}"))
            answer = (await client.get(f"/api/v1/clues/{BOATS}", params=past)).text
        assert (RULES_LOST in page) is lost
        assert ("own_rules" in answer) is lost
        assert ("新假" in page) is not lost
        assert ("新假" in answer) is not lost


async def test_the_record_has_the_last_word_on_what_there_is(filled: AsyncEngine) -> None:
    live = Engine(DomainError("unknown_clue", "没有"))
    async with visitor(filled, live) as client:
        assert (await client.get(f"/clues/{BOATS}")).status_code == 200
        assert (await client.get("/clues/XS-404")).status_code == 404
