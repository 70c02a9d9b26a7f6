"""Times, terms and names, as they are said."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from domain.model import SHANGHAI
from runtime.rules import load_rules
from web.board import left, urgency
from web.words import marks, moment, named, size, span, term

NOW = datetime(2024, 4, 8, 10, 30, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (timedelta(seconds=20), "不到 1 分钟"),
        (timedelta(minutes=12), "12 分钟"),
        (timedelta(hours=2, minutes=10), "2 小时 10 分"),
        (timedelta(hours=2), "2 小时"),
        (timedelta(days=3, hours=4, minutes=59), "3 天 4 小时"),
        (timedelta(days=15, hours=13), "15 天"),
        (-timedelta(hours=5), "5 小时"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(time: timedelta, said: str) -> None:
    assert span(time) == said


def test_a_midnight_deadline_is_the_end_of_the_day_before() -> None:
    assert moment("2024-04-10T00:00:00+08:00") == "2024-04-09 24:00"
    assert moment("2024-04-09T12:20:00Z") == "2024-04-09 20:20"


def test_a_term_names_its_unit_and_its_basis() -> None:
    basis = {"term": 3, "unit": "workday", "unit_basis": "assumption"}
    assert term(basis) == "3 个工作日"
    assert term({"term": 0, "unit": "day"}) == "当日内"
    assert marks("assumption", True) == ("推定", "暂定")
    assert marks("agreed", False) == ("约定",)
    assert marks("explicit", False) == ()


def test_ids_of_agencies_give_way_to_names() -> None:
    said = named("310118.eco 的“签收”已履行，另通知 group.qwj、000000.eco", load_rules())
    assert said == "上海市青浦区生态环境局的“签收”已履行，另通知青吴嘉统一执法工作协调联络组、生态环境部"
    assert named("比例 123456.789 与 a310118.eco", load_rules()) == "比例 123456.789 与 a310118.eco"


@pytest.mark.parametrize(
    ("due", "legal", "what", "how"),
    [
        (
            timedelta(hours=-9),
            timedelta(0),
            "late",
            "已超期 不到 1 分钟",
        ),  # at exactly the legal date it is late
        (timedelta(hours=-9), timedelta(hours=2), "past", "距最迟期限 2 小时"),
        (timedelta(hours=2), timedelta(hours=2), "today", "还剩 2 小时"),
        (
            timedelta(hours=13, minutes=30),
            timedelta(days=2),
            "today",
            "还剩 13 小时 30 分",
        ),  # 24:00 of this day
        (timedelta(hours=14), timedelta(days=2), "soon", "还剩 14 小时"),
        (timedelta(days=9), timedelta(days=9), "later", "还剩 9 天"),
    ],
)
def test_urgency_and_time_left(due: timedelta, legal: timedelta, what: str, how: str) -> None:
    assert urgency(NOW + due, NOW + legal, NOW) == what
    assert left(NOW + due, NOW + legal, NOW) == how


def test_bytes_are_said_in_the_unit_that_fits() -> None:
    assert [size(n) for n in (0, 1023, 183204, 5 * 1024**3)] == ["0 B", "1023 B", "178.9 KB", "5.0 GB"]
