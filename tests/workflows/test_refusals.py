"""Every refusal of the contract arrives at the caller as its own code, and leaves nothing behind."""

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from domain.calendar import SHANGHAI
from domain.errors import CODES
from domain.model import Officer
from runtime.client import Rehearsal
from tests.workflows.shell import FINDER, Desk, FakeLedger, shell
from tests.workflows.test_commands import refused

START = datetime(2024, 4, 3, 16, 20, tzinfo=SHANGHAI)
SUPERIOR = "320500.eco"
DIGEST = "ab" * 32


def officer(officer_id: str, agency: str) -> Officer:
    days = date(2024, 1, 1), date(2024, 12, 31)
    return Officer(officer_id, officer_id, agency, *days, ("310118", "320583"), ("construction_waste",))


OFFICERS = (officer("KS-01", FINDER), officer("QP-01", "310118.eco"), officer("QP-02", "310118.eco"))
INSPECTION = {"mode": "joint", "at": "2024-04-04T14:30+08:00", "leader": "QP-01", "invited": []}
FEEDBACK = {"letter_no": "1", "outcome": "penalty", "details": "x"}

# What is refused right after the report, and with which code.
AT_ONCE: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("invalid_input", "acknowledge", "310118.eco", "officer", {"colour": "red"}),
    ("unknown_clue", "merge_into", FINDER, "officer", {"clue_no": "NONE-1", "reason": "x"}),
    ("unknown_agency", "reroute", FINDER, "officer", {"to_agency": "999999.eco", "reason": "x"}),
    ("not_in_force", "reroute", FINDER, "officer", {"to_agency": "320584.eco", "reason": "x"}),
    ("not_a_party", "acknowledge", "440103.eco", "officer", {}),
    ("retransfer_forbidden", "reroute", "310118.eco", "officer", {"to_agency": "310120.eco", "reason": "x"}),
    ("not_permitted", "acknowledge", FINDER, "officer", {}),
    ("feedback_missing", "close", FINDER, "officer", {}),
    ("unknown_duty", "request_extension", "310118.eco", "officer", {"duty": "receipt", "days": 1, "reason": "x"}),
    ("too_late", "request_extension", "310118.eco", "officer", {"duty": "ack", "days": 1, "reason": "x"}),
    ("wrong_stage", "give_feedback", "310118.eco", "officer", FEEDBACK),
    ("officer_not_authorised", "convene_inspection", FINDER, "officer", {**INSPECTION, "members": ["QP-01", "NO-1"]}),
    ("quorum_missing", "convene_inspection", FINDER, "officer", {**INSPECTION, "members": ["QP-01"]}),
    (
        "leader_must_be_visiting", "convene_inspection", FINDER, "officer",
        {**INSPECTION, "leader": "KS-01", "members": ["KS-01", "QP-01"]},
    ),
)  # fmt: skip
LATER = ("nothing_to_undo", "incomplete_transfer", "manifest_mismatch", "ruling_binds")


@pytest.fixture
async def desk(temporal_client: Client, ledger: FakeLedger) -> AsyncIterator[Desk]:
    packs = ("qwj-2020", "yrd-solid-waste-trial")
    case = Rehearsal(packs, START - datetime.now(SHANGHAI), officers=OFFICERS)
    async with shell(temporal_client, ledger, rehearsal=case) as client:
        desk = Desk(client, at=START)
        await desk.report(matter="construction_waste")
        yield desk


def test_no_code_is_left_out() -> None:
    assert {row[0] for row in AT_ONCE} | set(LATER) == set(CODES)


async def test_each_code_arrives_and_nothing_stays(desk: Desk, ledger: FakeLedger) -> None:
    await desk.flushed(ledger)
    desk.at = START + timedelta(hours=5)
    before = await desk.client.tip(desk.clue_no)
    for code, name, agency, role, data in AT_ONCE:
        await refused(code, desk.do(name, agency, role, **data))
    assert await desk.client.tip(desk.clue_no) == before


async def test_codes_that_need_a_history(desk: Desk, ledger: FakeLedger) -> None:
    await desk.do("start_transfer", FINDER, "approver")
    await refused("incomplete_transfer", desk.do("send_transfer", FINDER, manifest=[]))
    waste = {"type": "建筑垃圾", "origin": "青浦", "quantity_t": 1000, "destination": "泰兴"}
    changes = {"seizure": "两船", "suspects": [{"kind": "person", "name": "某"}], "waste": waste}
    await desk.do("amend_clue", FINDER, changes=changes)
    item = {"name": "照片", "sha256": DIGEST, "size": 1, "media_type": "image/jpeg", "kind": "photo"}
    await desk.do("add_evidence", FINDER, items=[item])
    await refused("manifest_mismatch", desk.do("send_transfer", FINDER, manifest=[DIGEST, "cd" * 32]))
    await desk.do("send_transfer", FINDER, manifest=[DIGEST])
    await desk.do("rule_jurisdiction", "000000.eco", "approver", agency="310118.eco", reason="属地")
    await refused("ruling_binds", desk.do("dispute_jurisdiction", reason="不服"))
    await desk.flushed(ledger)
    assert ledger.state(desk.clue_no).ruled
