"""A small house of clues for the pages' tests: real lives, made by the core, flushed into a real ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.chain import Sealed
from domain.model import SHANGHAI
from geo.atlas import load
from ledger.flush import flush
from runtime.rules import load_rules
from tests.ledger.cases import ADDRESSEE, DIGEST, FINDER, Case, reported, rulebook
from web.services import LiveClues, Services

NOW: Final = datetime(2024, 4, 8, 10, 30, tzinfo=SHANGHAI)
BOATS, LATE, DRILL, EVIL, QUIET, DONE = (
    "XS-320583-20240403-0001",
    "XS-320509-20240329-0002",
    "XS-330421-20240408-0003",
    "XS-320583-20240408-0004",
    "XS-310118-20240408-0005",
    "XS-320583-20240301-0006",
)
SCRIPT: Final = "<script>document.body.dataset.broken = 'yes'</script>"
# What must never be shown: each is a part of some clue below.
PERSONAL: Final = (
    "13800138000",
    "13911112222",
    "320583199001011234",
    "张三丰",
    "李四光",
    "王五郎",
    "赵六儿",
    "钱七妹",
)


def boats() -> Case:
    """Two vessels of Zhouzhuang, up to the receipt of the transfer, with everything personal that a clue can hold."""
    case = reported(
        BOATS,
        datetime(2024, 4, 3, 16, 20, tzinfo=SHANGHAI),
        title="两船疑似跨省转移建筑垃圾",
        description="船主电话13800138000，身份证320583199001011234",
        place={
            "lon": 120.845,
            "lat": 31.115,
            "crs": "wgs84",
            "address": "昆山市周庄镇水域",
            "region": "320583",
        },
        seizure="两艘船装载约1000吨建筑垃圾，船员未能提供跨省转移审批或备案手续",
        suspects=[
            {
                "kind": "company",
                "name": "上海某渣土运输公司",
                "id_no": "320583199001011234",
                "phone": "13800138000",
            },
            {"kind": "person", "name": "张三丰", "id_no": "320583199001011234"},
        ],
        vehicles=[{"kind": "vessel", "name": "甲船", "driver": "李四光", "driver_phone": "13911112222"}],
        responsible_persons=["王五郎"],
        reporter={"name": "赵六儿", "phone": "13911112222", "confidential": True},
        waste={
            "type": "建筑垃圾",
            "origin": "上海市青浦区",
            "quantity_t": 1000,
            "destination": "江苏省泰兴市",
        },
    )
    case.do(
        "acknowledge", ADDRESSEE, {"message": "收到，次日到场"}, role="liaison", after=timedelta(minutes=45)
    )
    case.wait(datetime(2024, 4, 4, 9, 20, tzinfo=SHANGHAI) - case.at)
    case.do("flag_evidence_at_risk", FINDER, {"reason": "船舶滞留水域，货物可能灭失"})
    case.do("arrive", ADDRESSEE, {"officers": ["QP-01"]}, after=timedelta(hours=4))
    record = {"name": "勘验笔录.pdf", "sha256": DIGEST, "size": 183204, "media_type": "application/pdf"}
    curve = {"name": "水质自动站曲线.csv", "sha256": "ab" * 32, "size": 9120, "media_type": "text/csv"}
    case.do("add_evidence", FINDER, {"items": [record | {"kind": "record"}, curve | {"kind": "monitor"}]})
    case.wait(datetime(2024, 4, 7, 9, 0, tzinfo=SHANGHAI) - case.at)
    case.do("start_transfer", FINDER, {"note": "材料齐备"}, role="approver")
    case.do("send_transfer", FINDER, {"letter_no": "昆环移〔2024〕3号", "manifest": [DIGEST]})
    case.do(
        "receive_transfer", ADDRESSEE, {"manifest": [DIGEST]}, role="registrar", after=timedelta(hours=23)
    )
    return case


def late() -> Case:
    """Nobody answers: the acknowledgement is long breached."""
    case = reported(
        LATE,
        datetime(2024, 3, 29, 9, 0, tzinfo=SHANGHAI),
        title="太浦河水质异常，疑似上游企业偷排",
        matter="wastewater",
        source="water_network",
        place={"region": "310118"},
        from_agency="320509.eco",
        to_agency=ADDRESSEE,
    )
    case.wait(timedelta(days=5))
    return case


def drill() -> Case:
    return reported(
        DRILL,
        datetime(2024, 4, 8, 9, 50, tzinfo=SHANGHAI),
        title="危险废物跨省倾倒应急联动",
        matter="hazardous_waste",
        place={"region": "320509"},
        from_agency="330421.eco",
        to_agency="320509.eco",
        drill=True,
    )


def evil() -> Case:
    return reported(EVIL, datetime(2024, 4, 8, 10, 0, tzinfo=SHANGHAI), title=SCRIPT)


def quiet() -> Case:
    """A report by the public that nobody has been told of: nothing is owed yet."""
    case = Case(QUIET, datetime(2024, 4, 8, 8, 0, tzinfo=SHANGHAI))
    data: dict[str, Any] = {
        "clue_no": QUIET,
        "source": "hotline",
        "title": "市民反映河道夜间倾倒垃圾",
        "matter": "solid_waste",
        "discovered_at": "2024-04-08T07:30:00+08:00",
        "place": {"region": "320509"},
        "reporter": {"name": "钱七妹", "phone": "13800138000"},
    }
    case.do("report", "310118.eco", data, role="public")
    return case


def done() -> Case:
    case = reported(DONE, datetime(2024, 3, 1, 9, 0, tzinfo=SHANGHAI), title="已撤回的重复线索")
    case.do("withdraw", FINDER, {"reason": "与另一条重复"})
    return case


@cache
def _lives() -> tuple[tuple[Sealed, ...], ...]:
    return tuple(tuple(make().sealed) for make in (boats, late, drill, evil, quiet, done))


async def fill(engine: AsyncEngine) -> None:
    for sealed in _lives():
        await flush(engine, sealed, rulebook())


def services(
    engine: AsyncEngine, *, live: LiveClues | None = None, now: Callable[[], datetime] = lambda: NOW
) -> Services:
    return Services(engine=engine, rules=load_rules(), live=live, now=now, atlas=load)
