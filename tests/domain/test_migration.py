"""Changed rules on running clues: what moves, what stays, and that going back restores it.

CLUEFLOW_RANDOM_CHANGES=5000 tries more random clues; CLUEFLOW_RANDOM_SEED moves where they begin.
"""

from __future__ import annotations

import contextlib
import os
import random
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from domain.errors import DomainError
from domain.evolve import evolve, fold
from domain.lifecycle import handle, tick, ticked
from domain.model import Actor, ClueState, Command, Duty, Event, blank, shanghai_day
from domain.notices import notices_for
from domain.packs import Rulebook
from domain.simulate import simulate
from runtime.facts import facts_for
from tests.domain.changes import random_change, with_holidays, with_rules, with_terms
from tests.domain.story import ADDRESSEE, BOOK, FINDER, RULES, Story, at, inspected, received, reported, sent
from tests.oracle.cases import OFFICERS, fresh

CHANGES = int(os.environ.get("CLUEFLOW_RANDOM_CHANGES", "300"))
FIRST = int(os.environ.get("CLUEFLOW_RANDOM_SEED", "0"))
LAWYER = Actor("000000.gov", "legal", "法制")


def longer(n: int, *ids: str) -> Rulebook:
    return with_terms(BOOK, f"longer {n}", lambda rule: n if rule.id in ids else 0)


def handling() -> Story:
    """Received on 2026-05-13: `case_filing` 15 days, `written_feedback` 30 days from then."""
    story = reported().do("2026-05-11 09:30", "acknowledge", f"{ADDRESSEE} officer")
    return received(sent(inspected(story)))


# --- what moves ------------------------------------------------------------------------------------


def test_a_duty_still_owed_gets_the_new_terms_date_and_a_done_one_keeps_its_own() -> None:
    story = handling()
    before = story.look("2026-05-14 09:00")
    story.change("2026-05-14 09:00", longer(10, "written_feedback", "receipt", "ack"), "变更-1")
    assert story.legal("written_feedback", "2026-05-14 09:00") == "2026-06-23 00:00"
    assert story.duty("written_feedback", "2026-05-14 09:00")["basis"]["term"] == 40
    done = [d for d in before["duties"] if d["status"] in ("fulfilled", "late", "cancelled")]
    assert done
    after = story.look("2026-05-14 09:00")["duties"]
    assert all(d in after for d in done)
    assert story.legal("case_filing", "2026-05-14 09:00") == "2026-05-29 00:00"


def test_pauses_and_extensions_are_counted_in() -> None:
    ask = {"duty": "written_feedback", "reason": "检测"}
    story = handling()
    story.do("2026-05-14 09:00", "suspend_duty", "310000.eco approver", **ask)
    story.do("2026-05-18 09:00", "resume_duty", "310000.eco approver", **ask)
    story.do("2026-05-18 10:00", "request_extension", f"{ADDRESSEE} officer", days=5, **ask)
    story.do("2026-05-18 11:00", "decide_extension", "310000.eco approver", approved=True, **ask)
    assert story.duty("written_feedback", "2026-05-19 09:00")["due_at"][:10] == "2026-06-19"
    story.change("2026-05-19 09:00", longer(3, "written_feedback"), "变更-1")  # 30 + 3 + 5, and 4 days stood
    assert story.legal("written_feedback", "2026-05-19 09:00") == "2026-06-25 00:00"


def test_a_breach_that_is_no_longer_so_is_taken_back_and_the_peak_stays() -> None:
    story = handling().pass_to("2026-06-03 09:00")
    assert (story.status("case_filing", "2026-06-03 09:00"), story.state.level) == ("breached", 3)
    story.change("2026-06-03 09:00", longer(30, "case_filing"), "变更-1")
    assert story.status("case_filing", "2026-06-03 09:00") == "open"
    assert (story.state.level, story.state.peak_level) == (0, 3)
    assert "逾期撤销" in story.state.timeline[-1].text


def test_what_the_new_date_makes_late_is_breached_at_once_and_climbs_from_that_day() -> None:
    story = handling().change("2026-05-20 09:00", longer(-25, "written_feedback"), "变更-1")
    duty = story.duty("written_feedback", "2026-05-20 09:00")
    assert (duty["status"], duty["level"]) == ("breached", 1)
    assert story.events[-1].type == "duty_breached"
    assert story.duty("written_feedback", "2026-05-21 23:59")["level"] == 1
    assert story.duty("written_feedback", "2026-05-22 00:00")["level"] == 2  # one workday after 05-20


def test_a_ladder_under_way_is_never_pushed_on() -> None:
    story = handling().pass_to("2026-06-01 09:00")  # due 05-29 00:00, level 2 since 05-30 (Saturday: 06-02)
    before = story.duty("case_filing", "2026-06-01 09:00")
    assert before["status"] == "breached"
    story.change("2026-06-01 09:00", longer(-10, "case_filing"), "变更-1")
    after = story.duty("case_filing", "2026-06-01 09:00")
    assert (after["status"], after["level"]) == ("breached", before["level"])
    assert after["legal_due_at"] < before["legal_due_at"]
    same = handling()
    for when in ("2026-06-02 00:00", "2026-06-04 00:00", "2026-06-06 00:00"):
        assert story.duty("case_filing", when)["level"] == same.duty("case_filing", when)["level"]


def test_a_ladder_counts_anew_from_a_later_day_that_has_passed_too() -> None:
    story = handling().pass_to("2026-06-03 09:00")
    assert story.state.level == 3
    story.change("2026-06-03 09:00", longer(4, "case_filing"), "变更-1")  # 06-01, a Monday
    duty = story.duty("case_filing", "2026-06-03 09:00")
    assert (duty["legal_due_at"][:10], duty["status"], duty["level"]) == ("2026-06-02", "breached", 2)
    assert story.duty("case_filing", "2026-06-05 00:00")["level"] == 3


def test_a_suspended_duty_stays_suspended_and_resumes_under_the_new_term() -> None:
    ask = {"duty": "written_feedback", "reason": "鉴定"}
    story = handling().do("2026-05-14 09:00", "suspend_duty", "310000.eco approver", **ask)
    story.change("2026-05-15 09:00", longer(-29, "written_feedback"), "变更-1")
    assert story.status("written_feedback", "2026-05-19 09:00") == "suspended"
    assert story.state.level == 0
    story.do("2026-05-19 09:00", "resume_duty", "310000.eco approver", **ask)
    assert story.status("written_feedback", "2026-05-19 09:00") == "breached"  # 05-14 was its last day
    assert story.state.level == 1
    assert story.duty("written_feedback", "2026-05-20 23:59")["level"] == 1


def test_a_duty_without_a_rule_in_the_new_edition_keeps_what_it_had_and_says_so() -> None:
    gone = with_rules(BOOK, "gone", lambda rule: None if rule.id == "written_feedback" else rule)
    story = handling()
    before = story.duty("written_feedback", "2026-05-14 09:00")
    story.change("2026-05-14 09:00", gone, "变更-1")
    assert story.duty("written_feedback", "2026-05-14 09:00") == before
    assert "“书面反馈”新规则没有规定，仍按原期限" in story.state.timeline[-1].text


def test_a_supervision_order_keeps_its_own_number_of_days() -> None:
    story = reported().do(
        "2026-05-11 11:00", "supervise", "000000.eco supervisor", order_no="督1", agency=ADDRESSEE,
        demand="办理", days=9,
    )  # fmt: skip
    story.change("2026-05-12 09:00", with_holidays(BOOK, "holiday", [date(2026, 5, 20)]), "变更-1")
    duty = story.duty("supervision_reply", "2026-05-12 09:00")
    assert (duty["basis"]["term"], duty["due_at"][:10]) == (9, "2026-05-20")
    assert duty["legal_due_at"][:10] == "2026-05-22"  # its last day is a rest day now


def test_a_holiday_added_moves_working_days() -> None:
    story = inspected(reported())
    assert story.legal("evidence_transfer", "2026-05-12 09:00") == "2026-05-15 00:00"
    story.change("2026-05-12 09:00", with_holidays(BOOK, "holiday", [date(2026, 5, 13)]), "变更-1")
    assert story.legal("evidence_transfer", "2026-05-12 09:00") == "2026-05-16 00:00"
    days = story.look("2026-05-12 09:00")
    assert [d["provisional"] for d in days["duties"] if d["id"] == "evidence_transfer"] == [False]


def test_packs_in_use_stay_and_must_be_there() -> None:
    story = inspected(reported())
    without = replace(BOOK, version="x", packs=tuple(p for p in BOOK.packs if p.id != "qwj-2020"))
    story.coming = without
    data = {"change_id": "变更-1", "reason": "x", "approver": "x", "version": "x"}
    assert story.refused("2026-05-12 09:00", "change_rules", "000000.eco legal", **data) == "not_in_force"
    story.coming = BOOK
    assert story.refused("2026-05-12 09:00", "change_rules", "000000.eco legal", **data) == "invalid_input"


def test_new_duties_and_the_clocks_go_by_the_new_rules() -> None:
    story = sent(inspected(reported())).change("2026-05-12 10:00", longer(10, "case_filing"), "变更-1")
    received(story)
    assert story.legal("case_filing", "2026-05-13 09:00") == "2026-06-09 00:00"  # 06-07 is a Sunday


# --- who is told, and what is said -----------------------------------------------------------------


def test_whoever_owes_what_moved_is_told_and_nobody_else() -> None:
    story = handling()
    before = story.state
    story.change("2026-05-14 09:00", longer(10, "written_feedback"), "变更-1")
    told = notices_for(before, story.events[-1], story.state, BOOK)
    assert [(n.to, n.kind) for n in told] == [(ADDRESSEE, "rules")]
    assert "“书面反馈”由 2026-06-12 24:00 改为 2026-06-22 24:00" in told[0].text
    assert "批准人 某人" in told[0].text
    assert "办法修订" in told[0].text


def test_rules_that_move_nothing_tell_nobody() -> None:
    story = handling()
    before = story.state
    story.change("2026-05-14 09:00", replace(BOOK, version="same"), "变更-1")
    assert story.state.duties == before.duties
    assert notices_for(before, story.events[-1], story.state, BOOK) == ()
    assert story.state.timeline[-1].text.endswith("各项期限不变")


def test_the_same_command_again_changes_nothing_and_brings_no_rules() -> None:
    story, new = handling(), longer(10, "written_feedback")
    now, later = at("2026-05-14 09:00"), at("2026-05-15 09:00")
    first = handle(story.state, change("A", new), now, BOOK, new)
    again = handle(first.state, change("A", new), later, new, new)
    assert (again.events, again.rules, again.answer) == ((), None, first.answer)
    with pytest.raises(DomainError, match="invalid_input"):
        handle(first.state, replace(change("A", BOOK), id="A:XS-1"), later, new, BOOK)


# --- back ------------------------------------------------------------------------------------------


def codes(story: Story, when: str, rules: Rulebook, id: str, undoes: str | None = None) -> str:
    data = {"change_id": id, "reason": "x", "approver": "x", "version": rules.version}
    data |= {"undoes": undoes} if undoes else {}
    story.coming = rules
    return story.refused(when, "change_rules", "000000.eco legal", **data)


def test_only_the_last_change_that_stands_can_be_undone_and_only_once() -> None:
    first, second = longer(10, "written_feedback"), longer(5, "case_filing")
    story = handling()
    assert codes(story, "2026-05-14 09:00", BOOK, "U0", undoes="A") == "nothing_to_undo"
    story.change("2026-05-14 09:00", first, "A")
    story.change("2026-05-14 09:10", second, "B")
    assert codes(story, "2026-05-14 09:20", BOOK, "U1", undoes="A") == "nothing_to_undo"
    assert codes(story, "2026-05-14 09:20", BOOK, "U1", undoes="B") == "nothing_to_undo"  # not those before B
    story.change("2026-05-14 09:30", first, "U1", undoes="B")
    assert codes(story, "2026-05-14 09:40", second, "U2", undoes="U1") == "nothing_to_undo"
    assert codes(story, "2026-05-14 09:40", first, "U2", undoes="B") == "nothing_to_undo"
    assert codes(story, "2026-05-14 09:40", BOOK, "A") == "nothing_to_undo"  # an id is used once
    story.change("2026-05-14 09:50", BOOK, "U2", undoes="A")
    assert story.state.duties == handling().pass_to("2026-05-14 09:50").state.duties


def test_undo_leaves_what_was_done_meanwhile() -> None:
    story = handling().change("2026-05-14 09:00", longer(10, "written_feedback", "case_filing"), "A")
    story.do("2026-05-15 09:00", "file_case", f"{ADDRESSEE} approver", decision="filed")
    done = story.duty("case_filing", "2026-05-15 09:00")
    story.change("2026-05-16 09:00", BOOK, "U", undoes="A")
    assert story.duty("case_filing", "2026-05-16 09:00") == done
    assert story.legal("written_feedback", "2026-05-16 09:00") == "2026-06-13 00:00"


def test_undo_counts_what_was_paused_meanwhile() -> None:
    ask = {"duty": "written_feedback", "reason": "鉴定"}
    story = handling().change("2026-05-14 09:00", longer(10, "written_feedback"), "A")
    story.do("2026-05-14 10:00", "suspend_duty", "310000.eco approver", **ask)
    story.do("2026-05-18 09:00", "resume_duty", "310000.eco approver", **ask)
    story.change("2026-05-18 10:00", BOOK, "U", undoes="A")
    assert story.legal("written_feedback", "2026-05-18 10:00") == "2026-06-17 00:00"  # four days later


def test_undo_moves_what_was_opened_under_the_new_rules() -> None:
    story = sent(inspected(reported())).change("2026-05-12 10:00", longer(10, "case_filing"), "A")
    received(story).change("2026-05-13 10:00", BOOK, "U", undoes="A")
    assert story.legal("case_filing", "2026-05-13 10:00") == "2026-05-29 00:00"


def test_what_would_have_been_late_meanwhile_is_late_from_the_undo_on() -> None:
    story = handling().change("2026-05-14 09:00", longer(60, "case_filing"), "A")
    story.change("2026-06-10 09:00", BOOK, "U", undoes="A")  # due 05-29 by the old rules
    duty = story.duty("case_filing", "2026-06-10 09:00")
    assert (duty["status"], duty["level"]) == ("breached", 1)


def test_a_breach_taken_back_stands_again_as_it_stood() -> None:
    story = handling().pass_to("2026-06-02 09:00")
    before = story.state.duties
    story.change("2026-06-02 09:00", longer(60, "case_filing"), "A")
    assert story.state.level == 0
    story.change("2026-06-02 09:30", BOOK, "U", undoes="A")
    assert story.state.duties == before
    assert "恢复逾期" in story.state.timeline[-1].text


def test_a_duty_done_late_and_sent_back_is_not_taken_for_the_breach_it_was() -> None:
    story = handling().pass_to("2026-06-20 09:00")
    assert story.status("written_feedback", "2026-06-20 09:00") == "breached"
    story.change("2026-06-20 09:00", with_terms(BOOK, "v", lambda rule: 60), "A")
    story.do(
        "2026-06-20 10:00",
        "give_feedback",
        f"{ADDRESSEE} approver",
        letter_no="1",
        outcome="penalty",
        details="罚",
    )
    story.do("2026-06-20 11:00", "return_feedback", f"{FINDER} officer", reason="不清")
    story.change("2026-06-20 12:00", BOOK, "U", undoes="A")
    duty = story.duty("written_feedback", "2026-06-20 12:00")
    assert (duty["status"], duty["level"]) == ("breached", 1)


# --- random clues, random changes ------------------------------------------------------------------


def random_clue(seed: int, length: int) -> tuple[ClueState, datetime, random.Random]:
    """A clue of `length` commands, many refused, and an instant at which it still runs (or its last)."""
    maker = fresh(seed)
    state = blank("XS-1", maker.setup.packs)
    for n in range(length):
        step = maker.report() if n == 0 else maker.draw(state)
        if state.exists and step.name in ("withdraw", "merge_into", "close"):
            continue
        someone = Actor(**step.actor)
        facts = facts_for(RULES, step.name, step.data, someone, shanghai_day(step.at), OFFICERS)
        command = Command(step.id, step.name, someone, step.data, facts)
        try:
            state = handle(state, command, step.at, BOOK).state
        except DomainError:
            continue
        finally:
            maker.later(state)
    return state, max(maker.now, state.updated_at or maker.now), maker.rng


def change(id: str, rules: Rulebook, undoes: str | None = None) -> Command:
    data = {"change_id": id, "reason": "修订", "approver": "某人", "version": rules.version}
    return Command(f"{id}:XS-1", "change_rules", LAWYER, data | ({"undoes": undoes} if undoes else {}))


def folded(state: ClueState, events: tuple[Event, ...]) -> ClueState:
    for event in events:
        state = evolve(state, event)
    return state


SEEDS = range(FIRST, FIRST + CHANGES)


@pytest.fixture(scope="module")
def clues() -> list[tuple[int, ClueState, datetime, Rulebook, random.Random]]:
    out = []
    for seed in SEEDS:
        state, now, rng = random_clue(seed, 8 + seed % 20)
        if state.exists and not state.ended:
            out.append((seed, state, now, random_change(BOOK, rng, shanghai_day(now)), rng))
    return out


Clues = list[tuple[int, ClueState, datetime, Rulebook, random.Random]]


def test_the_random_changes_do_all_that_a_change_can(clues: Clues) -> None:
    """Else the properties below would hold of nothing."""
    assert len(clues) > 0.8 * CHANGES
    found = [simulate(state, BOOK, new, now) for _, state, now, new, _ in clues]
    moves = [m for s in found for m in s.plan.moves]
    assert sum(m.redated for m in moves) > CHANGES / 3
    assert sum(m.before.suspended for m in moves) > 3
    assert sum(m.before.extended > 0 for m in moves) > 3
    assert [s for s in found if s.late]
    assert [s for s in found if s.taken_back]
    assert [s for s in found if s.plan.kept]
    assert [m for m in moves if m.before.breached_at and m.after.breached_at and m.redated]


def test_simulate_says_what_the_change_then_does(clues: Clues) -> None:
    for seed, state, now, new, _ in clues:
        said = simulate(state, BOOK, new, now)
        done = handle(state, change("A", new), now, BOOK, new)
        assert done.state.duties == said.after.duties, seed
        assert (done.state.level, len(done.state.cases)) == (said.after.level, len(said.after.cases)), seed
        assert done.rules is new
        assert folded(state, done.events) == done.state
        assert tick(done.state, now, new) == ()
        for duty in said.late:
            assert (duty.status, duty.level) == ("breached", 1 if duty.escalates else 0), seed
            assert said.before.duties[duty.n].status == "open", seed
        for duty in said.taken_back:
            assert duty.status in ("open", "suspended"), seed
            assert said.before.duties[duty.n].breached_at is not None, seed


def test_a_change_touches_nothing_but_what_is_owed(clues: Clues) -> None:
    for seed, state, now, new, _ in clues:
        before = ticked(state, now, BOOK)
        after = handle(state, change("A", new), now, BOOK, new).state
        for old, made in zip(before.duties, after.duties, strict=True):
            same = (
                old.id,
                old.obliged,
                old.opened_at,
                old.trigger_at,
                old.pauses,
                old.extended,
                old.order_no,
            )
            assert same == (
                made.id, made.obliged, made.opened_at, made.trigger_at, made.pauses, made.extended, made.order_no,
            )  # fmt: skip
            if not old.owed:
                assert made == old, seed
            assert made.owed == old.owed
        kept = (
            "stage",
            "to_agency",
            "packs",
            "requests",
            "orders",
            "evidence",
            "answers",
            "sent",
            "feedback",
        )
        for name in kept:
            if name != "answers":
                assert getattr(after, name) == getattr(before, name), (seed, name)
        assert after.peak_level >= before.peak_level


def test_undone_at_once_every_duty_is_as_it_was(clues: Clues) -> None:
    for seed, state, now, new, _ in clues:
        before = ticked(state, now, BOOK)
        there = handle(state, change("A", new), now, BOOK, new)
        back = handle(there.state, change("U", BOOK, "A"), now, new, BOOK)
        assert back.state.duties == before.duties, seed
        assert back.state.level == before.level
        assert back.rules is BOOK


def _dates(duty: Duty) -> tuple[object, ...]:
    return (
        duty.due_at,
        duty.legal_due_at,
        duty.provisional,
        duty.term,
        duty.pack,
        duty.article,
        duty.unit_basis,
    )


def test_undone_later_every_date_is_back_and_every_status_that_time_alone_would_give(clues: Clues) -> None:
    for seed, state, now, new, rng in clues:
        there = handle(state, change("A", new), now, BOOK, new).state
        later = now + timedelta(hours=rng.choice([1, 20, 100, 500, 2000]))
        back = handle(there, change("U", BOOK, "A"), later, new, BOOK).state
        never = ticked(state, later, BOOK)
        for ours, theirs in zip(back.duties, never.duties, strict=True):
            assert _dates(ours) == _dates(theirs), seed
            assert ours.status == theirs.status, seed
            assert ours.active_level <= theirs.active_level, seed
        assert tick(back, later, BOOK) == ()


def test_undone_after_other_commands_what_they_did_not_touch_is_back(clues: Clues) -> None:
    touched = 0
    for seed, state, now, new, _ in clues:
        there = handle(state, change("A", new), now, BOOK, new).state
        middle, later = there, now
        maker = fresh(seed)
        maker.now = now
        for n in range(4):
            step = maker.draw(middle)
            someone = Actor(**step.actor)
            facts = facts_for(RULES, step.name, step.data, someone, shanghai_day(step.at), OFFICERS)
            command = Command(f"m{n}", step.name, someone, step.data, facts)
            with contextlib.suppress(DomainError):
                middle = handle(middle, command, step.at, new).state
            later = max(later, step.at)
            maker.later(middle)
        if middle.ended:
            continue
        back = handle(middle, change("U", BOOK, "A"), later, new, BOOK).state
        never = ticked(state, later, BOOK)
        for ours, was, theirs in zip(back.duties, there.duties, never.duties, strict=False):
            if not ours.owed:
                continue
            if (ours.pauses, ours.extended) != (was.pauses, was.extended) or not was.owed:
                touched += 1
                continue
            assert _dates(ours) == _dates(theirs), seed
            assert ours.status == theirs.status, seed
    assert touched > 3


def test_there_and_back_folds_to_the_same_state(clues: Clues) -> None:
    for seed, state, now, new, _ in clues[:60]:
        first = handle(state, change("A", new), now, BOOK, new)
        back = handle(first.state, change("U", BOOK, "A"), now, new, BOOK)
        assert folded(state, (*first.events, *back.events)) == back.state, seed


def test_fold_from_nothing_gives_the_state_of_a_changed_clue() -> None:
    story = handling().change("2026-05-14 09:00", longer(-25, "written_feedback"), "A")
    story.change("2026-05-14 10:00", BOOK, "U", undoes="A")
    assert fold("XS-1", story.events) == story.state
