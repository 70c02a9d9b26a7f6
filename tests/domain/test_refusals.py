"""Where two things are wrong at once, the first check in the contract's order answers; packs' own checks."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from domain.model import Officer
from tests.domain.story import ADDRESSEE as A
from tests.domain.story import (
    DIGEST,
    EVIDENCE,
    OTHER_DIGEST,
    Story,
    fed_back,
    inspected,
    received,
    reported,
    sent,
)
from tests.domain.story import FINDER as F

NOW = "2026-05-21 09:00"
COMMON = "000000.eco"


def _ruled() -> Story:
    ruling = {"agency": A, "reason": "行为地"}
    return reported().do("2026-05-11 10:00", "rule_jurisdiction", "group.qwj approver", **ruling)


def _rerouted() -> Story:
    return reported().do("2026-05-11 10:00", "reroute", f"{F} officer", to_agency="330421.eco", reason="派错")


def _ended() -> Story:
    return reported().do("2026-05-11 10:00", "withdraw", f"{F} officer", reason="误报")


REROUTE = {"to_agency": "330421.eco", "reason": "派错"}
ORDER: list[tuple[str, Any, str, str, dict[str, Any], str]] = [
    ("shape before the clue", Story, "acknowledge", f"{A} officer", {"eta": "x"}, "invalid_input"),
    ("the clue before agencies", Story, "notify", f"{F} officer", {"to_agency": "999999.eco"}, "unknown_clue"),
    ("unknown before dissolved", reported, "commend", f"{COMMON} approver",
     {"units": ["320584.eco", "999999.eco"], "persons": [], "facts": "x"}, "unknown_agency"),
    ("dissolved before parties", reported, "notify", "420100.eco officer", {"to_agency": "320584.eco"},
     "not_in_force"),
    ("parties before reroutes", _rerouted, "reroute", "420100.eco officer", REROUTE, "not_a_party"),
    ("reroutes before powers", _rerouted, "reroute", f"{F} auditor", REROUTE, "retransfer_forbidden"),
    ("the addressee's reroute before its end", lambda: _ended(), "reroute", f"{A} officer", REROUTE,
     "retransfer_forbidden"),
    ("powers before the end", _ended, "amend_clue", f"{A} officer", {"changes": {"title": "x"}}, "not_permitted"),
    ("the end before feedback", _ended, "close", f"{F} officer", {}, "wrong_stage"),
    ("the end before duties", _ended, "suspend_duty", f"{COMMON} approver", {"duty": "ack", "reason": "x"},
     "wrong_stage"),
    ("a ruling before stages", lambda: received(sent(inspected(_ruled()))), "reroute", f"{F} officer", REROUTE,
     "ruling_binds"),
    ("a ruling before a dispute's stage", lambda: fed_back(received(sent(inspected(_ruled())))),
     "dispute_jurisdiction", f"{A} officer", {"reason": "x"}, "ruling_binds"),
    ("feedback before closing anywhere", reported, "close", f"{F} officer", {}, "feedback_missing"),
    ("duties before their time", reported, "request_extension", f"{A} officer",
     {"duty": "receipt", "days": 1, "reason": "x"}, "unknown_duty"),
    ("stages before contents", reported, "send_transfer", f"{F} officer", {"manifest": [DIGEST]}, "wrong_stage"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("story", "name", "who", "data", "code"), [o[1:] for o in ORDER], ids=[o[0] for o in ORDER]
)
def test_the_first_check_that_fails_answers(
    story: Any, name: str, who: str, data: dict[str, Any], code: str
) -> None:
    assert story().refused(NOW, name, who, **data) == code


# --- what the packs ask for ------------------------------------------------------------------------


def _convene(mode: str, *team: str, day: str = "2026-05-12") -> dict[str, Any]:
    return {"mode": mode, "at": f"{day}T14:00+08:00", "leader": team[0], "members": list(team), "invited": []}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (_convene("joint", "WJ-01", "QP-01"), "accepted"),
        (_convene("joint", "WJ-01", "NOBODY"), "officer_not_authorised"),
        (_convene("joint", "OLD-1", "WJ-01"), "officer_not_authorised"),  # no longer on the list
        (_convene("joint", "WJ-01", "QP-01", day="2029-01-01"), "officer_not_authorised"),
        (_convene("joint", "WJ-01"), "quorum_missing"),  # two at least
        (_convene("spot_check", "WJ-01"), "quorum_missing"),
        (_convene("joint", "WJ-01", "WJ-02"), "quorum_missing"),  # no local officer
        (_convene("spot_check", "WJ-01", "WJ-02"), "accepted"),  # a spot check needs none
        (_convene("joint", "QP-01", "WJ-01"), "leader_must_be_visiting"),
        (_convene("spot_check", "QP-01", "WJ-01"), "accepted"),
    ],
)
def test_qwj_asks_for_lists_two_officers_a_local_one_and_a_visiting_leader(
    data: dict[str, Any], code: str
) -> None:
    assert reported().refused("2026-05-11 10:00", "convene_inspection", f"{F} officer", **data) == code


@pytest.mark.parametrize(
    ("regions", "matters"), [(("330421",), ("wastewater",)), (("310118",), ("waste_gas",))]
)
def test_an_officer_outside_the_scope_list_is_not_authorised(
    regions: tuple[str, ...], matters: tuple[str, ...]
) -> None:
    line = Officer("WJ-01", "某", F, date(2020, 1, 1), date(2030, 1, 1), regions, matters)
    story = reported()
    story.officers = (
        line,
        Officer("WJ-02", "某", F, date(2020, 1, 1), date(2030, 1, 1), ("310118",), ("wastewater",)),
    )
    data = _convene("spot_check", "WJ-01", "WJ-02")
    assert (
        story.refused("2026-05-11 10:00", "convene_inspection", f"{F} officer", **data)
        == "officer_not_authorised"
    )


def test_without_a_pack_that_asks_neither_lists_nor_quorum_are_checked() -> None:
    data = _convene("joint", "LP-01")
    assert (
        reported(packs=()).refused("2026-05-11 10:00", "convene_inspection", f"{F} officer", **data)
        == "accepted"
    )


FULL = {
    "seizure": "查获两船",
    "suspects": [{"kind": "company", "name": "某公司"}],
    "waste": {"type": "污泥", "origin": "青浦", "quantity_t": 12, "destination": "泰兴"},
}


def _ready(packs: tuple[str, ...], **clue: Any) -> Story:
    story = reported(packs=packs, **clue).do("2026-05-11 10:00", "start_transfer", f"{F} approver")
    return story.do("2026-05-11 10:10", "add_evidence", f"{F} officer", items=[EVIDENCE])


@pytest.mark.parametrize("left_out", ["seizure", "suspects", "type", "origin", "quantity_t", "destination"])
def test_yrd_asks_for_its_mandatory_fields(left_out: str) -> None:
    waste = {k: v for k, v in FULL["waste"].items() if k != left_out}  # type: ignore[attr-defined]
    clue = {k: v for k, v in FULL.items() if k != left_out} | {"waste": waste}
    story = _ready(("yrd-solid-waste-trial",), **clue)
    send = {"manifest": []}
    assert story.refused("2026-05-11 11:00", "send_transfer", f"{F} officer", **send) == "incomplete_transfer"
    changes = (
        {left_out: FULL.get(left_out)} if left_out in FULL else {"waste": {left_out: FULL["waste"][left_out]}}
    )  # type: ignore[index]
    story.do("2026-05-11 11:10", "amend_clue", f"{F} officer", changes=changes)
    assert story.refused("2026-05-11 11:20", "send_transfer", f"{F} officer", **send) == "accepted"


@pytest.mark.parametrize(
    ("packs", "manifest", "code"),
    [
        (("qwj-2020",), [], "incomplete_transfer"),
        (("qwj-2020",), [DIGEST], "accepted"),
        (("qwj-2020",), [OTHER_DIGEST], "manifest_mismatch"),
        ((), [], "accepted"),  # no pack asks for evidence
        ((), [DIGEST, OTHER_DIGEST], "manifest_mismatch"),
    ],
)
def test_evidence_is_asked_for_by_qwj_and_every_digest_must_have_been_added(
    packs: tuple[str, ...], manifest: list[str], code: str
) -> None:
    story = _ready(packs)
    assert story.refused("2026-05-11 11:00", "send_transfer", f"{F} officer", manifest=manifest) == code


def test_monitoring_material_is_no_evidence_until_it_is_reviewed() -> None:
    item = {**EVIDENCE, "sha256": OTHER_DIGEST, "kind": "monitor"}
    story = _ready(()).do("2026-05-11 10:20", "add_evidence", f"{F} officer", items=[item])
    send = {"manifest": [OTHER_DIGEST]}
    assert story.refused("2026-05-11 11:00", "send_transfer", f"{F} officer", **send) == "incomplete_transfer"
    story.do("2026-05-11 11:10", "add_evidence", f"{F} officer", items=[{**item, "monitor_reviewed": True}])
    assert story.refused("2026-05-11 11:20", "send_transfer", f"{F} officer", **send) == "accepted"


@pytest.mark.parametrize(
    ("manifest", "code"),
    [([DIGEST], "accepted"), ([], "manifest_mismatch"), ([OTHER_DIGEST], "manifest_mismatch")],
)
def test_what_is_received_must_be_what_was_sent(manifest: list[str], code: str) -> None:
    story = sent(inspected(reported()))
    assert story.refused("2026-05-13 09:00", "receive_transfer", f"{A} registrar", manifest=manifest) == code


def test_only_the_arbiter_or_the_nearest_common_superior_rules() -> None:
    data = {"agency": A, "reason": "行为地"}
    for who, code in [
        ("group.qwj", "accepted"),
        (COMMON, "accepted"),
        ("310000.eco", "not_permitted"),
        ("000000.gov", "not_permitted"),
    ]:
        assert reported().refused("2026-05-11 10:00", "rule_jurisdiction", f"{who} approver", **data) == code
    plain = reported(packs=())  # a group rules only where its pack is in use
    for who, code in [(COMMON, "accepted"), ("000000.gov", "not_permitted"), ("group.qwj", "not_a_party")]:
        assert plain.refused("2026-05-11 10:00", "rule_jurisdiction", f"{who} approver", **data) == code


def test_a_finder_reroutes_once() -> None:
    story = _rerouted()
    again = {"to_agency": A, "reason": "再派"}
    assert story.refused("2026-05-11 11:00", "reroute", f"{F} officer", **again) == "retransfer_forbidden"
    assert (
        story.refused("2026-05-11 11:00", "reroute", "330421.eco officer", **again) == "retransfer_forbidden"
    )
