"""The contract's table of commands, row by row: who may and may not, in which stages, and what follows."""

from __future__ import annotations

from typing import Any

import pytest

from domain.commands import SHAPES
from domain.errors import DomainError
from domain.labels import ROLES, STAGES
from domain.lifecycle import Outcome, handle, ticked
from domain.model import Actor, Command, Facts, Merged, Survivor
from tests.domain.story import (
    BOOK,
    DIGEST,
    EVIDENCE,
    Story,
    at,
    fed_back,
    inspected,
    received,
    reported,
    sent,
)
from tests.domain.strategies import EXAMPLES

F, A = "320509.eco", "310118.eco"
ABOVE_F, ABOVE_A, COMMON, GROUP = "320500.eco", "310000.eco", "000000.eco", "group.qwj"
INVITED, OUTSIDER, FORMER = "310118.msa", "420100.eco", "330421.eco"
USUAL = {"officer", "registrar", "approver", "legal", "liaison", "commander"}
HIGH = {"approver", "supervisor", "commander"}


def _inspecting() -> Story:
    return reported().do(
        "2026-05-11 10:00", "convene_inspection", f"{F} officer WJ-01", mode="joint",
        at="2026-05-11T14:00+08:00", leader="WJ-01", members=["WJ-01", "QP-01"], invited=[INVITED],
    )  # fmt: skip


def _started() -> Story:
    story = inspected(reported()).do("2026-05-12 09:00", "add_evidence", f"{F} officer", items=[EVIDENCE])
    return story.do("2026-05-12 09:10", "start_transfer", f"{F} approver")


def _accepted() -> Story:
    return fed_back(received(sent(inspected(reported())))).do(
        "2026-05-20 10:00", "accept_feedback", f"{F} officer"
    )


def _disputed() -> Story:
    return reported().do("2026-05-11 10:00", "dispute_jurisdiction", f"{A} legal", reason="不在辖区")


IN = {
    "discovered": lambda: reported(place={"region": "320509"}, to_agency=None),
    "notified": reported,
    "inspecting": _inspecting,
    "inspected": lambda: inspected(reported()),
    "started": _started,
    "sent": lambda: sent(inspected(reported())),
    "handling": lambda: received(sent(inspected(reported()))),
    "feedback": lambda: fed_back(received(sent(inspected(reported())))),
    "accepted": _accepted,
    "disputed": _disputed,
    "closed": lambda: _accepted().do("2026-05-20 11:00", "close", f"{F} officer"),
    "withdrawn": lambda: reported().do("2026-05-11 10:00", "withdraw", f"{F} officer", reason="误报"),
}
NOW = "2026-05-20 12:00"


def data_for(name: str) -> dict[str, Any]:
    out = {k: v for k, v in EXAMPLES[name].items() if k not in ("suggested_region", "undoes")}
    if name == "convene_inspection":
        out |= {"members": ["WJ-01", "QP-01"]}
    if name in ("request_extension", "decide_extension", "suspend_duty", "resume_duty"):
        out |= {"duty": "supervision_reply"}
    return out


# name: a stage in which it goes; who may, by agency and roles. Everybody else among the parties may not.
EITHER, FINDER, ADDRESSEE = {F: USUAL, A: USUAL}, {F: USUAL}, {A: USUAL}
COMMANDERS = {a: {"commander"} for a in (ABOVE_F, ABOVE_A, COMMON)}
ABOVE = dict.fromkeys((ABOVE_F, ABOVE_A, COMMON), HIGH)
SUPERVISOR = {a: {"supervisor"} for a in (F, A, INVITED)}
LEADER = {f"{F} WJ-01": USUAL}
INSPECTORS = {f"{F} WJ-01": USUAL, f"{A} QP-01": USUAL}
WHO: dict[str, tuple[str, dict[str, set[str]]]] = {
    "notify": ("inspecting", FINDER | COMMANDERS),
    "acknowledge": ("inspecting", ADDRESSEE),
    "flag_evidence_at_risk": ("inspecting", FINDER | INSPECTORS),
    "arrive": ("inspecting", ADDRESSEE),
    "convene_inspection": ("inspecting", EITHER | COMMANDERS),
    "respond_invitation": ("inspecting", {INVITED: USUAL}),
    "record_inspection": ("inspecting", LEADER),
    "sign_record": ("inspected", LEADER),
    "amend_clue": ("inspecting", FINDER),
    "add_evidence": ("inspecting", EITHER),
    "start_transfer": ("inspecting", {F: {"approver"}}),
    "send_transfer": ("started", FINDER),
    "send_supplement": ("sent", FINDER),
    "receive_transfer": ("sent", ADDRESSEE),
    "return_transfer": ("sent", ADDRESSEE),
    "dispute_jurisdiction": ("inspecting", ADDRESSEE),
    "rule_jurisdiction": ("disputed", {GROUP: HIGH, COMMON: HIGH}),
    "reroute": ("inspecting", FINDER | COMMANDERS),
    "file_case": ("handling", ADDRESSEE),
    "give_feedback": ("handling", ADDRESSEE),
    "return_feedback": ("feedback", FINDER),
    "accept_feedback": ("feedback", FINDER),
    "request_extension": ("ordered", ADDRESSEE),
    "decide_extension": ("asked", {ABOVE_A: HIGH}),
    "suspend_duty": ("ordered", {ABOVE_A: HIGH, COMMON: HIGH}),
    "resume_duty": ("ordered", {ABOVE_A: HIGH, COMMON: HIGH}),
    "suspend_region": ("inspecting", {ABOVE_A: HIGH, COMMON: HIGH}),
    "resume_region": ("halted", {ABOVE_A: HIGH, COMMON: HIGH}),
    "supervise": ("inspecting", ABOVE | SUPERVISOR | {GROUP: USUAL | HIGH}),
    "reply_supervision": ("ordered", ADDRESSEE),
    "open_accountability": ("inspecting", ABOVE),
    "decide_accountability": ("tried", ABOVE),
    "commend": ("inspecting", ABOVE | {GROUP: USUAL | HIGH}),
    "notify_damage": ("inspecting", FINDER),
    "start_damage_investigation": ("inspecting", ADDRESSEE),
    "change_rules": (
        "inspecting",
        {key: {"legal", "approver", "supervisor"} for key in (ABOVE_F, ABOVE_A, COMMON)},
    ),
    "merge_into": ("inspecting", FINDER | COMMANDERS),
    "withdraw": ("inspecting", FINDER),
    "close": ("accepted", FINDER | COMMANDERS),
}


def _ordered() -> Story:
    order = {"order_no": "督1", "agency": A, "demand": "办理", "days": 30}
    return _inspecting().do("2026-05-11 11:00", "supervise", f"{COMMON} supervisor", **order)


def _asked() -> Story:
    return _ordered().do(
        "2026-05-11 12:00", "request_extension", f"{A} officer", duty="supervision_reply", days=2, reason="x"
    )


def _halted() -> Story:
    return _inspecting().do(
        "2026-05-11 12:00", "suspend_region", f"{ABOVE_A} approver", order_no="环中1", region="31", reason="x"
    )


def _tried() -> Story:
    return _inspecting().do(
        "2026-05-11 12:00", "open_accountability", f"{COMMON} approver", units=[A], persons=[], facts="推诿"
    )


@pytest.mark.parametrize("name", [n for n in SHAPES if n not in ("report", "take_in")])
def test_only_those_of_the_row_may_in_their_roles(name: str) -> None:
    stage, table = WHO[name]
    story = {"ordered": _ordered, "asked": _asked, "halted": _halted, "tried": _tried, **IN}[stage]()
    for agency in (F, A, ABOVE_F, ABOVE_A, COMMON, GROUP, INVITED, OUTSIDER, f"{F} WJ-01", f"{A} QP-01"):
        if agency == INVITED and stage not in ("inspecting", "ordered", "asked", "halted", "tried"):
            continue
        region, _, person = agency.partition(" ")
        may = table.get(agency, set()) | table.get(region, set())
        for role in ROLES:
            code = story.refused(NOW, name, f"{region} {role} {person}".strip(), **data_for(name))
            if region == OUTSIDER:
                expected = "not_a_party"
            elif name == "reroute" and region == A:
                expected = "retransfer_forbidden"  # any by the addressee, whoever sends it
            else:
                expected = "accepted" if role in may else "not_permitted"
            assert code == expected, f"{name} by {agency} {role}"


@pytest.mark.parametrize("role", ROLES)
def test_report_is_open_to_four_roles_of_any_agency_and_to_the_public(role: str) -> None:
    allowed = role in ("officer", "registrar", "liaison", "commander", "public")
    code = Story().refused("2026-05-12 09:00", "report", f"{F} {role}", **EXAMPLES["report"])
    assert code == ("accepted" if allowed else "not_permitted")


UNDER_WAY = {"notified", "inspecting", "inspected", "started", "sent"}
# The contract's "Allowed in", by the stages of IN; what is missing goes wherever the clue has not ended.
ALLOWED = {
    **dict.fromkeys(
        ["acknowledge", "flag_evidence_at_risk", "arrive", "convene_inspection", "reroute"], UNDER_WAY
    ),
    "record_inspection": {"inspecting", "inspected"},
    "start_transfer": {"notified", "inspecting", "inspected"},
    "send_transfer": {"started"},
    "receive_transfer": {"sent"},
    "return_transfer": {"sent"},
    "dispute_jurisdiction": UNDER_WAY | {"handling"},
    "rule_jurisdiction": UNDER_WAY | {"handling", "disputed"},
    "file_case": {"handling"},
    "give_feedback": {"handling"},
    "return_feedback": {"feedback", "accepted"},
    "accept_feedback": {"feedback", "accepted"},
}
AFTER_END = {"open_accountability", "decide_accountability", "commend"}


@pytest.mark.parametrize("stage", IN)
def test_a_command_goes_in_its_stages_and_nowhere_else(stage: str) -> None:
    story = IN[stage]()
    for name in SHAPES:
        if name in ("report", "take_in") or (name in ADDRESSEE_ACTS and story.state.to_agency is None):
            continue
        right = next(iter(WHO[name][1]))
        region, _, person = right.partition(" ")
        role = "approver" if "approver" in WHO[name][1][right] else min(WHO[name][1][right])
        code = story.refused(NOW, name, f"{region} {role} {person}".strip(), **data_for(name))
        if story.state.ended:
            assert name in AFTER_END or code in ("wrong_stage", "not_permitted", "not_a_party")
        elif code not in ("not_permitted", "not_a_party"):  # nobody to do it yet: no leader, no arbiter
            goes = stage in ALLOWED.get(name, set(IN))
            assert (code != "wrong_stage") == goes or name == "decide_accountability", f"{name}: {code}"


ADDRESSEE_ACTS = {n for n, (_, who) in WHO.items() if A in who and F not in who}


@pytest.mark.parametrize("stage", ["closed", "withdrawn"])
def test_after_the_end_only_side_tracks_go_on(stage: str) -> None:
    story = IN[stage]()
    assert story.refused(NOW, "amend_clue", f"{F} officer", **data_for("amend_clue")) == "wrong_stage"
    assert story.refused(NOW, "close", f"{F} officer") == "wrong_stage"
    for name in ("open_accountability", "commend"):
        story.do(NOW, name, f"{COMMON} approver", **data_for(name))
    story.do(NOW, "decide_accountability", f"{COMMON} approver", **data_for("decide_accountability"))
    assert story.look(NOW)["stage"] == stage


# name: (in which stage, by whom, what opens, what is fulfilled)
FOLLOWS: dict[str, tuple[str, str, set[str], set[str]]] = {
    "acknowledge": ("notified", f"{A} officer", set(), {"ack", "first_contact"}),
    "flag_evidence_at_risk": ("notified", f"{F} officer", {"on_scene"}, set()),
    "record_inspection": ("inspecting", f"{F} officer WJ-01", {"evidence_transfer"}, set()),
    "send_transfer": ("started", f"{F} officer", {"receipt"}, {"evidence_transfer"}),
    "receive_transfer": ("sent", f"{A} officer", {"case_filing", "written_feedback"}, {"receipt"}),
    "return_transfer": ("sent", f"{A} officer", set(), {"receipt"}),
    "dispute_jurisdiction": ("notified", f"{A} officer", {"dispute_ruling"}, {"ack", "first_contact"}),
    "rule_jurisdiction": ("disputed", f"{GROUP} approver", {"ack", "first_contact"}, {"dispute_ruling"}),
    "reroute": ("notified", f"{F} officer", {"ack", "first_contact"}, set()),
    "file_case": ("handling", f"{A} officer", set(), {"case_filing"}),
    "give_feedback": ("handling", f"{A} officer", set(), {"written_feedback"}),
    "supervise": ("notified", f"{COMMON} supervisor", {"supervision_reply"}, set()),
    "notify_damage": ("notified", f"{F} officer", {"damage_investigation"}, set()),
}


@pytest.mark.parametrize("name", FOLLOWS)
def test_what_a_command_opens_and_fulfils(name: str) -> None:
    stage, who, opens, fulfils = FOLLOWS[name]
    story = IN[stage]()
    known = len(story.events)
    story.do("2026-05-20 12:00", name, who, **data_for(name))
    new = story.events[known:]
    assert {e.data["id"] for e in new if e.type == "duty_opened"} == opens
    done = {story.state.duties[e.data["n"]].id for e in new if e.type == "duty_fulfilled"}
    assert done == fulfils


def test_report_opens_the_first_clocks_and_the_packs_transfer_duties() -> None:
    story = reported(matter="solid_waste")
    assert {d["id"] for d in story.look(NOW)["duties"]} == {
        "ack", "first_contact", "start_transfer", "complete_transfer",
    }  # fmt: skip
    assert "yrd-solid-waste-trial" in story.look(NOW)["packs"]


def test_damage_found_opens_its_notice_only_where_a_pack_gives_it_a_term() -> None:
    assert "damage_notice" not in {
        d["id"] for d in inspected(reported(), damage_found=True).look(NOW)["duties"]
    }
    given = inspected(reported(packs=("jx-2021-11",)), damage_found=True)
    assert given.status("damage_notice", "2026-05-12 09:00") == "open"


def test_a_clue_of_the_finders_own_region_stays_until_a_notice_names_somebody() -> None:
    story = IN["discovered"]()
    assert (story.look(NOW)["stage"], story.look(NOW)["holder"]) == ("discovered", F)
    story.do("2026-05-11 10:00", "notify", f"{F} registrar", to_agency=A)
    assert (story.look(NOW)["stage"], story.look(NOW)["holder"]) == ("notified", A)
    assert story.legal("ack", "2026-05-11 10:00") == "2026-05-11 14:00"


def test_a_report_by_the_public_belongs_to_the_agency_that_took_it_in() -> None:
    story = Story().do(
        "2026-05-11 09:00", "report", f"{F} public", source="hotline", title="臭味", matter="waste_gas",
        discovered_at="2026-05-11T08:00+08:00", place={"region": "310118"},
    )  # fmt: skip
    assert (story.state.stage, story.state.from_agency) == ("discovered", F)
    assert story.refused("2026-05-11 10:00", "notify", f"{F} public", to_agency=A) == "not_permitted"
    story.do("2026-05-11 10:00", "notify", f"{F} registrar", to_agency=A)
    assert story.state.to_agency == A


def test_a_repeated_command_gives_the_first_answer_and_changes_nothing() -> None:
    story = reported().do("2026-05-11 10:00", "acknowledge", f"{A} officer", id="once", message="收到")
    before, first = story.state, story.state.answers["once"]
    story.do("2026-05-11 18:00", "acknowledge", f"{A} officer", id="once", message="收到")
    assert story.state is before
    assert story.state.answers["once"] == first


@pytest.mark.parametrize(
    ("who", "message"), [(f"{A} legal", "收到"), (f"{A} officer", "另一句"), (f"{F} officer", "收到")]
)
def test_another_command_under_a_used_id_is_invalid_input(who: str, message: str) -> None:
    story = reported().do("2026-05-11 10:00", "acknowledge", f"{A} officer", id="once", message="收到")
    with pytest.raises(Exception, match="invalid_input"):
        story.do("2026-05-11 10:01", "acknowledge", who, id="once", message=message)


def test_a_refused_command_is_judged_afresh() -> None:
    story = reported()
    with pytest.raises(Exception, match="wrong_stage"):
        story.do("2026-05-11 10:00", "send_transfer", f"{F} officer", id="again", manifest=[])
    inspected(story)
    story.do("2026-05-12 09:00", "add_evidence", f"{F} officer", items=[EVIDENCE])
    story.do("2026-05-12 09:10", "start_transfer", f"{F} approver")
    story.do("2026-05-12 10:00", "send_transfer", f"{F} officer", id="again", manifest=[DIGEST])
    assert story.state.sent is not None


def test_a_former_addressee_and_one_only_notified_have_no_part() -> None:
    story = reported().do("2026-05-11 09:30", "notify", f"{F} officer", to_agency=FORMER)
    assert story.refused("2026-05-11 09:40", "acknowledge", f"{FORMER} officer") == "not_a_party"
    story.do("2026-05-11 10:00", "reroute", f"{F} officer", to_agency=FORMER, reason="派错")
    assert story.refused("2026-05-11 10:10", "acknowledge", f"{A} officer") == "not_a_party"


def test_the_stages_of_this_table_are_all_there_are() -> None:
    reached = {IN[s]().state.stage for s in IN} | {"merged", "none"}
    assert reached == set(STAGES)


def _told(story: Story, who: Actor, merged: Merged | None) -> Outcome:
    command = Command("told", "take_in", who, {"clue_no": "XS-2"}, Facts(merged=merged))
    return handle(story.state, command, at(NOW), BOOK)


@pytest.mark.parametrize("stage", IN)
def test_the_clue_that_stays_learns_of_a_merging_in_every_stage_from_whoever_merged(stage: str) -> None:
    """Also after its end, and from an agency that has no part in it: that of the other clue's finder."""
    story = IN[stage]()
    merged = Merged("XS-2", story.state.clue_no, "同一船", 2)
    outcome = _told(story, Actor(OUTSIDER, "officer", "甲"), merged)
    (event,) = [e for e in outcome.events if e.type == "taken_in"]
    assert outcome.state.merged_from == ("XS-2",)
    assert (outcome.state.stage, outcome.state.duties) == (
        story.state.stage,
        ticked(story.state, at(NOW), BOOK).duties,
    )
    assert "XS-2 并入本线索" in outcome.state.timeline[-1].text
    assert event.data["evidence"] == 2
    assert (
        handle(
            outcome.state,
            Command("told", "take_in", Actor(OUTSIDER, "officer", "甲"), {"clue_no": "XS-2"}),
            at(NOW),
            BOOK,
        ).events
        == ()
    )


@pytest.mark.parametrize("merged", [None, Merged("XS-3", "XS-1", "x", 0), Merged("XS-2", "XS-9", "x", 0)])
def test_what_was_not_merged_into_this_clue_is_not_taken_in(merged: Merged | None) -> None:
    with pytest.raises(DomainError, match="没有并入本线索") as refused:
        _told(_inspecting(), Actor(F, "officer", "甲"), merged)
    assert refused.value.code == "wrong_stage"


@pytest.mark.parametrize(
    ("survivor", "code", "said"),
    [
        (Survivor("XS-2", "merged", False, "XS-3"), "wrong_stage", "并入 XS-3"),
        (Survivor("XS-2", "withdrawn", False), "wrong_stage", "已撤回"),
        (Survivor("XS-2", "notified", True), "invalid_input", "演练"),
    ],
)
def test_a_clue_is_merged_only_into_one_that_goes_on(survivor: Survivor, code: str, said: str) -> None:
    with pytest.raises(DomainError, match=said) as refused:
        _merging(_inspecting(), survivor)
    assert refused.value.code == code


@pytest.mark.parametrize("stage", ["notified", "closed"])
def test_a_clue_may_be_merged_into_one_open_or_closed(stage: str) -> None:
    assert _merging(_inspecting(), Survivor("XS-2", stage, False)).state.stage == "merged"


def test_a_clue_is_not_merged_into_one_that_it_took_in() -> None:
    story = _inspecting()
    taken = _told(story, Actor(F, "officer", "甲"), Merged("XS-2", story.state.clue_no, "同一船", 0)).state
    command = Command("m", "merge_into", Actor(F, "officer", "甲"), {"clue_no": "XS-2", "reason": "同"})
    with pytest.raises(DomainError, match="已并入本线索"):
        handle(taken, command, at(NOW), BOOK)


def _merging(story: Story, survivor: Survivor) -> Outcome:
    data = {"clue_no": "XS-2", "reason": "同一案"}
    command = Command("m", "merge_into", Actor(F, "officer", "甲"), data, Facts(survivor=survivor))
    return handle(story.state, command, at(NOW), BOOK)
