"""The calendar of an agency's terms, read back by the library that phones' makers read it with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from domain.calendar import SHANGHAI, last_day_of
from ledger import codec
from ledger.flush import flush
from ledger.terms import TermRow, Terms, terms
from notices.ical import DONE_KEPT, feed, uid
from runtime.rules import load_rules
from tests.ledger.cases import ADDRESSEE, FINDER, MOVES, Case, played, reported, rulebook
from tests.notices.ground import PAGE, Ground
from tests.notices.test_when import at

START = datetime(2024, 4, 3, 16, 20, tzinfo=SHANGHAI)


def rows(case: Case, agency: str) -> Terms:
    """What the ledger would give for one clue."""
    state = codec.encode(case.state)
    found = tuple(
        TermRow(
            case.clue_no, d.n, d.id, d.opened_at, d.due_at, d.legal_due_at, d.provisional, d.article, d.term.n,
            d.term.unit, d.unit_basis, d.opened_at if d.suspended else None, d.fulfilled_at, d.was_late,
            case.state.clue["title"], case.state.drill, state,
        )
        for d in case.state.duties
        if d.obliged == agency and d.cancelled_at is None
    )  # fmt: skip
    return Terms(found, None)


def read(found: Terms, now: datetime, agency: str = ADDRESSEE) -> dict[str, Any]:
    parsed = Calendar.from_ical(feed(agency, found, now, load_rules(), PAGE).body)
    return {str(event["uid"]): event for event in parsed.walk("VEVENT")}


async def test_it_is_what_the_ledger_holds(ground: Ground) -> None:
    case = reported()
    await flush(ground.engine, case.sealed, rulebook())
    found = await terms(ground.engine, ADDRESSEE, START - DONE_KEPT)
    wanted = {d.id for d in case.state.duties if d.obliged == ADDRESSEE}
    assert {row.id for row in found.rows} == wanted
    assert found.changed_at is not None
    events = read(found, case.at)
    assert set(events) == {f"{case.clue_no}-{row.n}@clueflow" for row in found.rows}


async def test_what_is_no_longer_owed_vanishes_and_what_was_done_goes_after_a_month(ground: Ground) -> None:
    case = reported()
    case.do("acknowledge", ADDRESSEE, role="liaison")
    await flush(ground.engine, case.sealed, rulebook())
    (done,) = [r for r in (await terms(ground.engine, ADDRESSEE, START - DONE_KEPT)).rows if r.id == "ack"]
    assert "✓ 已办" in str(read(Terms((done,), None), case.at)[uid(done)]["summary"])
    assert "ack" not in {r.id for r in (await terms(ground.engine, ADDRESSEE, case.at)).rows}
    await flush(ground.engine, case.do("withdraw", FINDER, {"reason": "重复"}), rulebook())
    left = await terms(ground.engine, FINDER, START - DONE_KEPT)
    assert [r for r in left.rows if r.fulfilled_at is None] == []


def one(case: Case, duty: str, agency: str = ADDRESSEE, now: datetime | None = None) -> Any:
    found = rows(case, agency)
    (row,) = [row for row in found.rows if row.id == duty]
    return read(found, now or case.at, agency)[uid(row)]


def handling() -> Case:
    case = reported()
    case.do("start_transfer", FINDER, role="approver")
    case.do("add_evidence", FINDER, MOVES[1][3])
    case.do("send_transfer", FINDER, MOVES[3][3])
    case.do("receive_transfer", ADDRESSEE, MOVES[4][3])
    return case


def test_a_term_in_days_lies_on_its_last_day() -> None:
    """24:00 of the last day is written as 00:00 of the next one; a phone must show the last day."""
    case = handling()
    event = one(case, "case_filing")  # 15 days from the receipt on 3 April: 18 April
    assert event["dtstart"].dt == date(2024, 4, 18)
    assert event["dtend"].dt == date(2024, 4, 19)
    assert "〔约定〕" in str(event["summary"])
    (alarm,) = event.walk("VALARM")
    assert alarm["trigger"].dt == at("2024-04-17 09:00").astimezone(UTC)


def test_a_term_in_hours_ends_at_its_instant_with_its_zone() -> None:
    case = reported()
    event = one(case, "ack")
    due = next(d.due_at for d in case.state.duties if d.id == "ack")
    assert event["dtend"].dt == due
    assert event["dtend"].params["TZID"] == "Asia/Shanghai"
    body = feed(ADDRESSEE, rows(case, ADDRESSEE), case.at, load_rules()).body
    assert body.count(b"BEGIN:VTIMEZONE") == 1
    (alarm,) = event.walk("VALARM")
    assert alarm["trigger"].dt == -timedelta(hours=1)


def test_an_alarm_rings_on_the_working_day_before_a_holiday() -> None:
    case = reported(at=at("2024-03-27 10:00"))
    (row,) = [r for r in rows(case, ADDRESSEE).rows if r.id == "ack"]
    from dataclasses import replace

    day = replace(row, term_unit="day", due_at=at("2024-04-08 00:00"))  # the last day: Sunday 7, made working
    (event,) = read(Terms((day,), None), case.at).values()
    (alarm,) = event.walk("VALARM")
    assert alarm["trigger"].dt == at("2024-04-03 09:00").astimezone(UTC)


def test_late_suspended_and_provisional_ones_say_so() -> None:
    case = reported()
    assert "已逾期" in str(one(case, "ack", now=case.at + timedelta(days=2))["summary"])
    later = handling()
    later.do("suspend_duty", "310000.eco", {"duty": "case_filing", "reason": "鉴定"}, role="supervisor")
    event = one(later, "case_filing")
    assert "〔中止〕" in str(event["summary"])
    assert event.walk("VALARM") == []
    far = reported(at=at("2030-05-06 10:00"))
    provisional = [r for r in rows(far, FINDER).rows if r.provisional]
    assert provisional
    assert "暂定" in str(read(rows(far, FINDER), far.at, FINDER)[uid(provisional[0])]["summary"])


def test_nothing_personal_is_in_a_feed_that_anybody_may_read() -> None:
    case = reported(
        title="张三丰的船 13800138000", suspects=[{"kind": "person", "name": "张三丰"}], drill=True
    )
    body = feed(ADDRESSEE, rows(case, ADDRESSEE), case.at, load_rules()).body.decode()
    unfolded = body.replace("\r\n ", "")
    assert "某人的船 ***" in unfolded
    assert "【演练】" in unfolded
    assert "张三丰" not in unfolded


def test_the_same_terms_are_the_same_bytes() -> None:
    case = handling()
    first, again = (
        feed(ADDRESSEE, rows(case, ADDRESSEE), case.at + timedelta(minutes=n), load_rules()) for n in (0, 5)
    )
    assert (first.body, first.etag) == (again.body, again.etag)


MOVE = st.tuples(st.integers(0, 200), st.integers(0, len(MOVES) - 1))


@settings(max_examples=40)
@given(st.lists(MOVE, max_size=8), st.sampled_from([ADDRESSEE, FINDER, "310000.eco"]))
def test_every_life_reads_back_as_what_is_owed(moves: list[tuple[int, int]], agency: str) -> None:
    case = played("XS-320583-20240403-0001", moves)
    found = rows(case, agency)
    events = read(found, case.at, agency)
    assert set(events) == {uid(row) for row in found.rows}
    for row in found.rows:
        event = events[uid(row)]
        if row.term_unit == "hour":
            assert event["dtend"].dt == row.due_at
        else:
            assert event["dtstart"].dt == last_day_of(row.due_at)
            assert event["dtend"].dt - event["dtstart"].dt == timedelta(days=1)
        assert bool(event.walk("VALARM")) == (row.fulfilled_at is None and row.suspended_at is None)


@pytest.mark.parametrize("agency", [ADDRESSEE, "group.qwj"])
def test_an_agency_that_owes_nothing_has_an_empty_calendar(agency: str) -> None:
    assert read(Terms((), None), START, agency) == {}
