"""The rail of stages and the sentence of the turn, over lives that go astray."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.model import SHANGHAI
from domain.view import view
from runtime.rules import load_rules
from tests.ledger.cases import ADDRESSEE, FINDER, Case, reported, rulebook, whole
from web.dossier import NEXT_STEP, RAIL, Dossier, dossier
from web.privacy import public_view

START = datetime(2024, 4, 8, 9, 0, tzinfo=SHANGHAI)


def page(case: Case, later: timedelta = timedelta(0)) -> Dossier:
    now = case.at + later
    return dossier(public_view(view(case.state, now, rulebook(), days=True)), now, load_rules())


def rail(case: Case) -> dict[str, str]:
    return {step.name: step.state for step in page(case).rail}


def test_the_rail_says_where_a_clue_stands() -> None:
    case = reported(at=START)
    assert rail(case) == dict(zip(RAIL, ["done", "current", *["ahead"] * 5], strict=True))
    case.do("start_transfer", FINDER, role="approver")
    assert rail(case)["inspecting"] == "skipped"
    assert rail(case)["transferring"] == "current"


def test_a_closed_clue_has_it_all_behind() -> None:
    assert set(rail(whole()).values()) == {"done", "skipped"}
    assert page(whole()).turn.sentence == "线索已于 2024-04-03 18:00 办结归档，历时 0 天。"


def test_a_rerouted_clue_begins_anew() -> None:
    case = reported(at=START)
    case.do("start_transfer", FINDER, role="approver")
    case.do("reroute", FINDER, {"to_agency": "320509.eco", "reason": "误派"})
    assert rail(case)["notified"] == "current"
    assert rail(case)["transferring"] == "ahead"


def test_a_dispute_stands_beside_the_rail_and_is_the_arbiters_turn() -> None:
    case = reported(at=START)
    case.do("dispute_jurisdiction", ADDRESSEE, {"reason": "不在本地"})
    shown = page(case)
    assert shown.aside == "管辖争议"
    assert "current" not in rail(case).values()
    assert shown.turn.holder == "生态环境部"
    assert "完成“管辖裁定”" in shown.turn.sentence
    assert {card.status for card in shown.owed} == {"中止", "待履行"}
    assert "计时已中止，所列为中止时的期限" in next(c for c in shown.owed if c.status == "中止").notes


def test_a_holder_who_owes_nothing_is_told_the_next_step() -> None:
    case = reported(at=START)
    case.do("acknowledge", ADDRESSEE)
    assert page(case).turn.sentence == f"请{NEXT_STEP['notified']}。"
    assert page(case).turn.others[0].startswith("苏州市昆山生态环境局须在")


def test_between_the_two_dates_the_legal_one_is_named() -> None:
    case = reported(at=datetime(2024, 4, 3, 16, 20, tzinfo=SHANGHAI))
    case.do("acknowledge", ADDRESSEE)
    case.at = datetime(2024, 4, 13, 12, 0, tzinfo=SHANGHAI)
    shown = page(case)
    card = next(c for c in shown.owed if c.name == "启动移送程序")
    assert (card.tone, card.status, card.left) == ("past", "待履行，已过内部期限", "距最迟期限 2 天 12 小时")
    assert any(
        "已过内部期限 2024-04-12 24:00，最迟期限 2024-04-15 24:00（推定）" in o for o in shown.turn.others
    )


def test_extensions_and_late_doings_are_noted() -> None:
    case = whole()
    assert {card.status for card in page(case).settled} == {"已履行"}
    late = reported(at=START)
    late.do("acknowledge", ADDRESSEE, after=timedelta(hours=9))
    card = next(c for c in page(late).settled if c.name == "接收确认")
    assert (card.status, card.notes[-1]) == ("逾期履行", "晚了 5 小时")
