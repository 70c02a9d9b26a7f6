"""Commands through real workflows on a real Temporal server."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import DomainError
from domain.model import Actor, Answer
from domain.view import view
from runtime.client import ClueClient
from runtime.rules import load_rules
from tests.workflows.shell import ADDRESSEE, FINDER, Desk, FakeLedger, fresh_no
from workflows.messages import CommandMessage


async def refused(code: str, attempt) -> DomainError:
    with pytest.raises(DomainError) as caught:
        await attempt
    assert caught.value.code == code, caught.value
    assert any("一" <= c <= "鿿" for c in caught.value.message)
    return caught.value


async def test_a_whole_life_ends_the_run_with_everything_in_the_ledger(
    desk: Desk, ledger: FakeLedger
) -> None:
    await desk.report()
    await desk.to_the_end()
    await desk.finished()
    state = ledger.state(desk.clue_no)
    assert state.stage == "closed"
    assert state.seq == len(ledger.stored[desk.clue_no])
    assert (await desk.client.state(desk.clue_no)) == state


async def test_the_workflow_answers_as_the_core_says(desk: Desk, ledger: FakeLedger) -> None:
    await desk.report()
    await desk.flushed(ledger)
    as_of = datetime.now(UTC) + timedelta(days=40)
    answer = await desk.client.query(desk.clue_no, as_of, days=True)
    assert answer == view(ledger.state(desk.clue_no), as_of, load_rules().rulebook, days=True)
    assert answer["level"] == 4  # a month later, without any timer having woken


async def test_a_look_back_shows_the_clue_as_it_was(desk: Desk, ledger: FakeLedger) -> None:
    first = await desk.report()
    await desk.do("acknowledge")
    await desk.do("start_transfer", FINDER, "approver")
    await desk.flushed(ledger)
    then = await desk.client.query(desk.clue_no, first.at)
    assert (then["stage"], then["timeline"][-1]["seq"]) == ("notified", first.seq)
    assert (await desk.client.query(desk.clue_no))["stage"] == "transferring"


async def test_commands_on_each_others_heels_reach_the_ledger_together(
    desk: Desk, ledger: FakeLedger
) -> None:
    await desk.report()
    before = len(await desk.events())
    for n in range(40):
        await desk.do("acknowledge", message=str(n))
    await desk.flushed(ledger)
    assert len(await desk.events()) - before < 40 * 7
    assert len(ledger.batches) < 40


async def test_a_refusal_leaves_nothing_in_the_history(desk: Desk, ledger: FakeLedger) -> None:
    await desk.report()
    await desk.flushed(ledger)
    before, tip = await desk.events(), await desk.client.tip(desk.clue_no)
    await refused("not_permitted", desk.do("close"))
    await refused("wrong_stage", desk.do("give_feedback", letter_no="1", outcome="penalty", details="x"))
    await refused("not_a_party", desk.do("acknowledge", "440103.eco"))
    assert await desk.events() == before
    assert await desk.client.tip(desk.clue_no) == tip


async def test_the_same_command_again_gives_the_first_answer(desk: Desk) -> None:
    assert await desk.report() == await desk.report()
    first = await desk.do("acknowledge", id="x", message="收到")
    await desk.do("start_transfer", FINDER, "approver")
    tip = await desk.client.tip(desk.clue_no)
    assert await desk.do("acknowledge", id="x", message="收到") == first  # also where its stage has gone
    assert await desk.client.tip(desk.clue_no) == tip


async def test_another_command_under_a_used_id_is_invalid(desk: Desk) -> None:
    await desk.report()
    await desk.do("acknowledge", id="x", message="收到")
    await refused("invalid_input", desk.do("acknowledge", id="x", message="另一句"))
    await refused("invalid_input", desk.do("start_transfer", FINDER, "approver", id="x"))
    await refused("invalid_input", desk.do("acknowledge", ADDRESSEE, "liaison", id="x", message="收到"))


async def test_a_refused_command_is_judged_afresh(desk: Desk) -> None:
    await desk.report()
    await refused("wrong_stage", desk.do("send_transfer", FINDER, id="x", manifest=[]))
    await desk.do("start_transfer", FINDER, "approver")
    assert (await desk.do("send_transfer", FINDER, id="x", manifest=[])).stage == "transferring"


async def test_two_hundred_commands_at_once_have_one_answer_and_one_effect_each(
    desk: Desk, ledger: FakeLedger
) -> None:
    await desk.report()
    answers = await asyncio.gather(
        *(desk.do("acknowledge", id=f"id-{n % 100}", message=str(n % 100)) for n in range(200))
    )
    assert len({a.seq for a in answers}) == 100
    assert Counter(a.command_id for a in answers) == {f"id-{n}": 2 for n in range(100)}
    await desk.flushed(ledger)
    effects = Counter(e.event for e in ledger.state(desk.clue_no).timeline)
    assert effects["acknowledged"] == 100
    assert effects["duty_fulfilled"] == 2  # ack and first_contact, by the first of them


async def test_a_clue_that_is_not_there_is_unknown(desk: Desk) -> None:
    await refused("unknown_clue", desk.do("acknowledge"))
    await refused("unknown_clue", desk.client.query(desk.clue_no))
    desk.clue_no = "no clue/at all" * 50
    await refused("unknown_clue", desk.do("acknowledge"))


async def test_a_refused_report_starts_nothing(desk: Desk) -> None:
    await refused("invalid_input", desk.report(matter="nonsense"))
    await refused("not_permitted", desk.report(from_agency="330421.eco"))
    await refused("unknown_agency", desk.report(to_agency="999999.eco"))
    assert await desk.client.tip(desk.clue_no) is None


async def test_a_second_report_of_the_same_number_is_refused(desk: Desk) -> None:
    await desk.report()
    await refused("wrong_stage", desk.report("another"))
    await refused("invalid_input", desk.report(title="另一件"))


async def test_a_clue_is_merged_only_into_one_that_is_there(clues: ClueClient) -> None:
    here, there = Desk(clues), Desk(clues)
    await here.report()
    await refused("unknown_clue", here.do("merge_into", FINDER, clue_no=there.clue_no, reason="同一案"))
    await there.report()
    answer = await here.do("merge_into", FINDER, clue_no=there.clue_no, reason="同一案")
    assert answer.stage == "merged"
    seen = await there.client.query(there.clue_no)
    assert seen["merged_from"] == [here.clue_no]
    assert [here.clue_no in e["text"] for e in seen["timeline"] if e["event"] == "taken_in"] == [True]


async def test_no_two_clues_are_merged_into_each_other(clues: ClueClient) -> None:
    here, there, third = Desk(clues), Desk(clues), Desk(clues)
    for desk in (here, there, third):
        await desk.report()
    await here.do("merge_into", FINDER, clue_no=there.clue_no, reason="同一案")
    await refused("wrong_stage", there.do("merge_into", FINDER, clue_no=here.clue_no, reason="同一案"))
    await refused("wrong_stage", third.do("merge_into", FINDER, clue_no=here.clue_no, reason="同一案"))
    assert (await clues.query(there.clue_no))["holder"]
    await third.do("merge_into", FINDER, clue_no=there.clue_no, reason="同一案")
    drill = Desk(clues)
    await drill.report(drill=True)
    await refused("invalid_input", there.do("merge_into", FINDER, clue_no=drill.clue_no, reason="同一案"))
    await drill.do("withdraw", FINDER, reason="误报")


async def test_a_merging_sent_again_after_a_crash_tells_the_other_clue_once(
    clues: ClueClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, actor = Desk(clues), Desk(clues), Actor(FINDER, "officer", "甲")
    await here.report()
    await there.report()
    data, command_id = {"clue_no": there.clue_no, "reason": "同一案"}, fresh_no()
    with monkeypatch.context() as crash:
        crash.setattr(ClueClient, "_tell_of_merging", _crash)
        with pytest.raises(RuntimeError, match="gone"):
            await clues.do(here.clue_no, "merge_into", actor, data, command_id)
    assert (await clues.query(there.clue_no))["merged_from"] == []
    for _ in range(2):
        assert (await clues.do(here.clue_no, "merge_into", actor, data, command_id)).stage == "merged"
    told = [e for e in (await clues.query(there.clue_no))["timeline"] if e["event"] == "taken_in"]
    assert len(told) == 1


@pytest.mark.parametrize("dies", [None, 0, 1], ids=["both senders live", "the first dies", "the second dies"])
async def test_of_two_merged_into_each_other_at_once_the_first_goes_on(
    clues: ClueClient, monkeypatch: pytest.MonkeyPatch, dies: int | None
) -> None:
    """Each sender has seen the other clue open, and merges before anybody is told; one may die right after."""
    both = sorted((Desk(clues), Desk(clues)), key=lambda desk: str(desk.clue_no))
    for desk in both:
        await desk.report()
    look, settle = ClueClient._with_survivor, ClueClient._settle_merging
    looked, merged = asyncio.Barrier(2), asyncio.Barrier(2)

    async def seen(self: ClueClient, message: CommandMessage, into: str) -> CommandMessage:
        found = await look(self, message, into)
        await looked.wait()
        return found

    async def settled(self: ClueClient, clue_no: str, message: CommandMessage, into: str) -> None:
        await merged.wait()
        if dies is not None and clue_no == both[dies].clue_no:
            raise RuntimeError("gone")
        await settle(self, clue_no, message, into)

    monkeypatch.setattr(ClueClient, "_with_survivor", seen)
    monkeypatch.setattr(ClueClient, "_settle_merging", settled)
    first, second = both
    ways = [(first, second), (second, first)]
    answers = await asyncio.gather(
        *(here.do("merge_into", FINDER, clue_no=there.clue_no, reason="同一案") for here, there in ways),
        return_exceptions=True,
    )
    if dies != 0:
        assert isinstance(answers[0], DomainError)
        assert "它的并案已撤销" in answers[0].message
    if dies != 1:
        assert isinstance(answers[1], Answer)
    kept, gone = [await clues.query(str(desk.clue_no)) for desk in both]
    assert (kept["stage"], kept["merged_into"], kept["merged_from"]) == ("notified", None, [second.clue_no])
    assert (gone["stage"], gone["merged_into"]) == ("merged", first.clue_no)
    assert [e["event"] for e in kept["timeline"]].count("merge_undone") == 1
    await first.do("acknowledge")  # it goes on, and so do its clocks
    assert (await clues.query(str(first.clue_no)))["next_wakeup_at"]


async def _crash(*args: object) -> None:
    raise RuntimeError("gone")


async def test_numbers_count_by_finder_and_day_and_the_same_report_keeps_its_own(clues: ClueClient) -> None:
    desk, actor = Desk(clues), Actor("330402.eco", "officer", "甲")
    today, ids = datetime.now(UTC) + timedelta(hours=8), [fresh_no() for _ in range(3)]
    first, second, third = [await clues.report(actor, desk.clue(), i) for i in ids]
    assert first.clue_no.startswith(f"XS-330402-{today:%Y%m%d}-")
    n = int(first.clue_no[-4:])
    assert [a.clue_no[-4:] for a in (second, third)] == [f"{n + 1:04d}", f"{n + 2:04d}"]
    assert await clues.report(actor, desk.clue(), ids[1]) == second


async def test_at_once_no_number_is_given_twice(clues: ClueClient) -> None:
    desk, actor = Desk(clues), Actor("330411.eco", "officer", "甲")
    answers = await asyncio.gather(*(clues.report(actor, desk.clue(), fresh_no(), None) for _ in range(30)))
    assert len({a.clue_no for a in answers}) == 30


async def test_the_search_attributes_follow_the_clue(desk: Desk, ledger: FakeLedger) -> None:
    await desk.report()
    run = desk.client.temporal.get_workflow_handle(f"clue/{desk.clue_no}")

    async def shown() -> dict[str, object]:
        found = (await run.describe()).typed_search_attributes
        return {p.key.name: p.value for p in found.search_attributes if p.key.name.startswith("Clue")}

    first = await shown()
    assert (first["ClueStage"], first["ClueLevel"]) == ("notified", 0)
    assert FINDER in first["ClueParties"]  # type: ignore[operator]
    await desk.do("start_transfer", FINDER, "approver")
    await desk.flushed(ledger)
    async with asyncio.timeout(10):
        while (await shown())["ClueStage"] != "transferring":  # noqa: ASYNC110  a burst is told all at once
            await asyncio.sleep(0.05)
    assert not [e for e in await desk.events() if "UPSERT" in e][1:]  # the start's own came with it
