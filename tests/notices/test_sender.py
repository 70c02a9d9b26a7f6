"""Notices leave the house over real sockets, and what goes wrong on the way is seen, retried or passed on."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest

from ledger import delivery
from ledger.inbox import inbox
from ledger.rebuild import rebuild
from notices.message import Message
from notices.outcome import Outcome
from notices.sender import LEASE, MOST_ATTEMPTS, PAUSES, TRIES_BEFORE_NEXT, next_try
from tests.ledger.cases import ADDRESSEE, FINDER, rulebook
from tests.notices.ground import PAGE, Ground, hook, route, until
from tests.notices.receivers import Answer, gateway, post_office

ROBOTS = {"wecom": {"key": "k-1"}, "dingtalk": {"token": "t1"}, "feishu": {"token": "t-1"}}


def robot(kind: str, base: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "base": base, "timeout": 1, **ROBOTS[kind], **more}


async def test_a_notice_goes_out_once_and_its_link_opens_the_clue(ground: Ground) -> None:
    async with gateway() as there:
        await ground.told()
        sender = ground.sender({"channels": {"a": hook(there.base)}, "routes": [route("a")]})
        await sender.drain()
        await sender.drain()
        await ground.sender({"channels": {"a": hook(there.base)}, "routes": [route("a")]}).drain()
    (heard,) = there.heard
    (notice,) = (await inbox(ground.engine, ADDRESSEE)).notices
    assert heard.headers["Idempotency-Key"] == heard.body["id"] == notice.id
    (item,) = heard.body["notices"]
    assert item["link"] == f"{PAGE}/clues/{notice.clue_no}"
    assert item["due_name"] == "接收确认"
    assert "周" in item["due"]
    (row,) = await ground.rows()
    assert (row["state"], row["attempts"], row["http_status"]) == ("accepted", 1, 200)
    assert [a["outcome"] for a in await ground.rows("delivery_attempt")] == ["accepted"]


@pytest.mark.parametrize("kind", ROBOTS)
async def test_a_robot_takes_the_message(ground: Ground, kind: str) -> None:
    said = {"code": 0, "msg": "success"} if kind == "feishu" else {"errcode": 0, "errmsg": "ok"}
    async with gateway(Answer(body=said)) as there:
        await ground.told()
        secret = {} if kind == "wecom" else {"secret": "SEC1"}
        content = {"channels": {"a": robot(kind, there.base, **secret)}, "routes": [route("a")]}
        await ground.sender(content).drain()
    (heard,) = there.heard
    assert await ground.states() == {"a": "accepted"}
    assert "线索通知" in str(heard.body)
    assert f"[打开这条线索]({PAGE}/clues/" in str(heard.body)
    assert ("sign" in heard.path) == (kind == "dingtalk")
    assert ("sign" in heard.body) == (kind == "feishu")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url, key: k-1"}),
        ("dingtalk", {"errcode": 300005, "errmsg": "token is not exist: t1"}),
        ("feishu", {"code": 19001, "msg": "param invalid: t-1"}),
    ],
)
async def test_200_but_refused_is_no_success_and_passes_on_at_once(
    ground: Ground, kind: str, body: dict[str, Any]
) -> None:
    async with gateway(Answer(body=body)) as bad, gateway() as good:
        await ground.told()
        content = {
            "channels": {"a": robot(kind, bad.base), "b": hook(good.base)},
            "routes": [route("a", "b")],
        }
        await ground.sender(content).drain()
    assert (len(bad.heard), len(good.heard)) == (1, 1)
    first, second = await ground.rows()
    assert (first["state"], second["state"]) == ("failed", "accepted")
    assert first["code"] == str(body.get("errcode", body.get("code")))
    assert first["http_status"] == 200
    assert "***" in first["said"]
    assert not any(secret in first["said"] for secret in ("k-1", "t1", "t-1"))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=500, body=b"oops"),
        Answer(status=429, body=b"slow down"),
        Answer(delay=3),
        Answer(drip=0.3),
        Answer(cut=True),
        Answer(body={"errcode": 45009, "errmsg": "api freq out of limit"}),
        Answer(body=b"<html>captive portal</html>"),
    ],
    ids=["500", "429", "silent", "dripping", "cut", "too often", "no JSON"],
)
async def test_what_may_pass_is_tried_again_and_then_passed_on(ground: Ground, answer: Answer) -> None:
    async with gateway(answer) as bad, gateway() as good:
        await ground.told()
        content = {
            "channels": {"a": robot("wecom", bad.base), "b": hook(good.base)},
            "routes": [route("a", "b")],
        }
        sender = ground.sender(content)
        for n in range(1, TRIES_BEFORE_NEXT + 1):
            await sender.drain()
            assert len(bad.heard) == n
            ground.clock.forward(seconds=PAUSES[n - 1].total_seconds() * 1.3)
        await sender.drain()
    assert await ground.states() == {"a": "failed", "b": "accepted"}
    outcomes = [(a["channel"], a["outcome"]) for a in await ground.rows("delivery_attempt")]
    assert outcomes == [("a", "retry")] * TRIES_BEFORE_NEXT + [("b", "accepted")]


@pytest.mark.parametrize("status", [301, 400, 401, 404])
async def test_a_refusal_by_status_passes_on_at_once(ground: Ground, status: int) -> None:
    async with gateway(Answer(status=status, headers={"Location": "/elsewhere"})) as bad, gateway() as good:
        await ground.told()
        content = {"channels": {"a": hook(bad.base), "b": hook(good.base)}, "routes": [route("a", "b")]}
        await ground.sender(content).drain()
    assert len(bad.heard) == 1
    assert await ground.states() == {"a": "failed", "b": "accepted"}


async def test_retry_after_is_honoured(ground: Ground) -> None:
    async with gateway(Answer(status=429, headers={"Retry-After": "600"}), Answer()) as there:
        await ground.told()
        sender = ground.sender({"channels": {"a": hook(there.base)}, "routes": [route("a")]})
        await sender.drain()
        ground.clock.forward(seconds=590)
        await sender.drain()
        assert len(there.heard) == 1
        ground.clock.forward(seconds=15)
        await sender.drain()
    assert len(there.heard) == 2
    assert await ground.states() == {"a": "accepted"}


async def test_a_webhook_that_says_no_in_words_is_heard(ground: Ground) -> None:
    async with gateway(
        Answer(body={"success": False, "message": "暂停服务"}), Answer(body=b"thanks")
    ) as there:
        await ground.told()
        sender = ground.sender({"channels": {"a": hook(there.base)}, "routes": [route("a")]})
        await sender.drain()
        (row,) = await ground.rows()
        assert (row["state"], row["said"]) == ("queued", "暂停服务")
        ground.clock.forward(seconds=30)
        await sender.drain()
    assert await ground.states() == {"a": "accepted"}


async def test_when_every_channel_fails_the_inbox_stands_and_somebody_is_told(ground: Ground) -> None:
    async with gateway(Answer(status=404)) as one, gateway(Answer(status=403)) as two:
        await ground.told()
        content = {"channels": {"a": hook(one.base), "b": hook(two.base)}, "routes": [route("a", "b")]}
        await ground.sender(content).drain()
    assert await ground.states() == {"a": "failed", "b": "failed"}
    assert [row["channel"] for row in await ground.rows() if row["exhausted_at"]] == ["b"]
    now = ground.clock()
    found = await delivery.health(ground.engine, now, now - timedelta(days=1))
    assert (found.overdue, found.exhausted) == (0, 1)
    assert len((await inbox(ground.engine, ADDRESSEE)).notices) == 1


def test_pauses_grow_and_end() -> None:
    from datetime import UTC, datetime

    now = datetime(2024, 4, 8, tzinfo=UTC)
    found = [next_try("ffff" + "0" * 20, n, now, None, last=True) for n in range(1, len(PAUSES) + 2)]
    waits = [at - now for at in found if at is not None]
    assert found[-1] is None
    assert waits == sorted(waits)
    assert all(pause <= wait <= pause * 1.2 for pause, wait in zip(PAUSES, waits, strict=True))
    assert next_try("00" * 12, TRIES_BEFORE_NEXT, now, None, last=False) is None


# --- several workers, and workers that die ------------------------------------------------------------


async def test_several_senders_at_once_send_each_notice_once(ground: Ground) -> None:
    async with gateway(Answer(delay=0.02)) as there:
        for n in range(30):
            await ground.told(f"XS-320583-20240403-{n:04}")
        content = {"channels": {"a": hook(there.base)}, "routes": [route("a")]}
        senders = [ground.sender(content) for _ in range(4)]
        await asyncio.gather(*(sender.drain() for sender in senders))
        await senders[0].drain()
    ids = [heard.body["id"] for heard in there.heard]
    assert len(ids) == len(set(ids)) == 30
    assert {row["attempts"] for row in await ground.rows()} == {1}


async def test_what_a_killed_worker_had_in_hand_is_sent_when_its_lease_runs_out(ground: Ground) -> None:
    async with gateway() as there:
        await ground.told()
        content = {"channels": {"a": hook(there.base)}, "routes": [route("a")]}
        killed = ground.sender(content)
        await killed.plan()
        now = ground.clock()
        (row,) = await delivery.lease(ground.engine, ["a"], now, now + LEASE, each=4)  # and then: SIGKILL
        assert row.attempts == 1
        other = ground.sender(content)
        await other.drain()
        assert there.heard == []
        ground.clock.forward(seconds=LEASE.total_seconds() + 1)
        await other.drain()
    assert len(there.heard) == 1
    outcomes = [(a["n"], a["outcome"]) for a in await ground.rows("delivery_attempt")]
    assert outcomes == [(1, "lost"), (2, "accepted")]


async def test_who_lost_the_lease_changes_nothing_unless_the_gateway_took_it(ground: Ground) -> None:
    await ground.told()
    sender = ground.sender({"channels": {"a": hook("http://127.0.0.1:9")}, "routes": [route("a")]})
    await sender.plan()
    now = ground.clock()
    (first,) = await delivery.lease(ground.engine, ["a"], now, now + LEASE, each=1)
    later = now + LEASE
    (second,) = await delivery.lease(ground.engine, ["a"], later, later + LEASE, each=1)
    slow = delivery.Went(first.notice_id, "a", first.attempts, now, later, "refused", said="晚到")
    assert await delivery.record(ground.engine, [slow], later) == ()
    assert await ground.states() == {"a": "queued"}
    took = delivery.Went(first.notice_id, "a", first.attempts, now, later, "accepted", 200)
    await delivery.record(ground.engine, [took], later)
    assert await ground.states() == {"a": "accepted"}
    late = delivery.Went(second.notice_id, "a", second.attempts, later, later, "refused", said="晚到")
    await delivery.record(ground.engine, [late], later)
    assert await ground.states() == {"a": "accepted"}


async def test_a_slow_gateway_holds_up_nobody_else(ground: Ground) -> None:
    async with gateway(Answer(delay=0.9)) as slow, gateway() as quick:
        for n in range(12):
            await ground.told(f"XS-320583-20240403-{n:04}")
            await ground.told(f"XS-320583-20240404-{n:04}", to_agency="320509.eco")
        content = {
            "channels": {"slow": hook(slow.base), "quick": hook(quick.base)},
            "routes": [route("slow"), route("quick", agency="320509.eco")],
        }
        sender = ground.sender(content)
        running = asyncio.create_task(sender.run())
        began = time.monotonic()
        await until(lambda: len(quick.heard) == 12)
        assert time.monotonic() - began < 2.5  # the slow ones alone take 2.7 s
        assert len(slow.heard) < 12
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert slow.most <= 8


async def test_the_loop_stays_free_while_gateways_are_silent(ground: Ground) -> None:
    async with gateway(Answer(delay=0.9)) as there:
        await ground.told()
        sender = ground.sender({"channels": {"a": hook(there.base)}, "routes": [route("a")]})
        sending = asyncio.create_task(sender.drain())
        gaps = []
        while not sending.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - before)
    assert max(gaps) < 0.5


async def test_a_stopped_sender_lets_arrive_what_is_on_its_way(ground: Ground) -> None:
    async with gateway(Answer(delay=0.4)) as there:
        await ground.told()
        sender = ground.sender({"channels": {"a": hook(there.base)}, "routes": [route("a")]})
        running = asyncio.create_task(sender.run())
        await until(lambda: there.heard)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert await ground.states() == {"a": "accepted"}


# --- what was there before ----------------------------------------------------------------------------


async def test_a_rebuild_sends_nothing_twice(ground: Ground) -> None:
    async with gateway() as there:
        await ground.told()
        content = {"channels": {"a": hook(there.base)}, "routes": [route("a")]}
        await ground.sender(content).drain()
        await rebuild(ground.engine, rulebook())
        await ground.sender(content).drain()
    assert len(there.heard) == 1


async def test_another_channel_in_the_file_gets_nothing_that_went_out_already(ground: Ground) -> None:
    async with gateway() as first, gateway() as second:
        await ground.told()
        await ground.sender({"channels": {"a": hook(first.base)}, "routes": [route("a")]}).drain()
        await ground.sender({"channels": {"b": hook(second.base)}, "routes": [route("b")]}).drain()
    assert (len(first.heard), len(second.heard)) == (1, 0)


async def test_old_notices_are_not_sent_when_channels_are_switched_on(ground: Ground) -> None:
    async with gateway() as there:
        await ground.told()
        ground.clock.forward(days=2)
        await ground.sender({"channels": {"a": hook(there.base)}, "routes": [route("a")]}).drain()
    assert there.heard == []


async def test_an_agency_without_channels_keeps_its_inbox_alone(ground: Ground) -> None:
    async with gateway() as there:
        await ground.told()
        content = {"channels": {"a": hook(there.base)}, "routes": [route("a", agency="330421.eco")]}
        await ground.sender(content).drain()
    assert there.heard == []
    assert await ground.rows() == []


async def test_a_channel_taken_out_of_the_file_hands_its_rows_over(ground: Ground) -> None:
    async with gateway(Answer(status=500)) as old, gateway() as new:
        await ground.told()
        await ground.sender({"channels": {"old": hook(old.base)}, "routes": [route("old")]}).drain()
        ground.clock.forward(minutes=15)
        await ground.sender({"channels": {"new": hook(new.base)}, "routes": [route("new")]}).drain()
    assert await ground.states() == {"old": "failed", "new": "accepted"}


# --- mail ---------------------------------------------------------------------------------------------


def mail(port: int, *to: str, **more: Any) -> dict[str, Any]:
    to = to or ("duty@example.org",)
    return {"kind": "mail", "host": "127.0.0.1", "port": port, "security": "none", "timeout": 2,
            "from": "clueflow@example.org", "to": list(to), **more}  # fmt: skip


async def test_mail_arrives_with_both_bodies_and_a_steady_id(ground: Ground) -> None:
    with post_office() as office:
        await ground.told()
        await ground.sender({"channels": {"m": mail(office.port)}, "routes": [route("m")]}).drain()
    ((to, letter),) = office.taken
    (notice,) = (await inbox(ground.engine, ADDRESSEE)).notices
    assert to == ["duty@example.org"]
    assert letter["Message-ID"] == f"<{notice.id}@example.org>"
    assert letter["Subject"].startswith("线索通知：")
    plain, html = (letter.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    for body in (plain, html):
        assert f"{PAGE}/clues/{notice.clue_no}" in body.get_content()
        assert "接收确认" in body.get_content()


async def test_a_greylisted_recipient_gets_it_the_second_time(ground: Ground) -> None:
    with post_office(says={"duty@example.org": ["451 4.7.1 greylisted, come back", "250 OK"]}) as office:
        await ground.told()
        sender = ground.sender({"channels": {"m": mail(office.port)}, "routes": [route("m")]})
        await sender.drain()
        (row,) = await ground.rows()
        assert (row["state"], row["code"]) == ("queued", "451")
        ground.clock.forward(seconds=30)
        await sender.drain()
    assert len(office.taken) == 1
    assert await ground.states() == {"m": "accepted"}


@pytest.mark.parametrize(
    "says", [{"says": {"duty@example.org": ["550 no such user"]}}, {"data": "554 refused"}]
)
async def test_a_refused_recipient_passes_on_at_once(ground: Ground, says: dict[str, Any]) -> None:
    with post_office(**says) as office:
        async with gateway() as there:
            await ground.told()
            content = {
                "channels": {"m": mail(office.port), "b": hook(there.base)},
                "routes": [route("m", "b")],
            }
            await ground.sender(content).drain()
    assert office.taken == []
    assert await ground.states() == {"m": "failed", "b": "accepted"}


async def test_who_was_not_reached_among_several_is_said(ground: Ground) -> None:
    with post_office(says={"gone@example.org": ["550 no such user"]}) as office:
        await ground.told()
        content = {
            "channels": {"m": mail(office.port, "duty@example.org", "gone@example.org")},
            "routes": [route("m")],
        }
        await ground.sender(content).drain()
    (row,) = await ground.rows()
    assert row["state"] == "accepted"
    assert "2 个收件人中 1 个没有收下" in row["said"]


async def test_a_mail_server_that_is_away_is_tried_again(ground: Ground) -> None:
    await ground.told()
    await ground.sender({"channels": {"m": mail(9)}, "routes": [route("m")]}).drain()
    (row,) = await ground.rows()
    assert (row["state"], row["attempts"]) == ("queued", 1)
    assert "连不上" in row["said"]


# --- lanes --------------------------------------------------------------------------------------------


async def test_a_drill_goes_to_drill_channels_alone_and_says_so(ground: Ground) -> None:
    async with gateway() as real, gateway() as rehearsal:
        await ground.told(drill=True)
        content = {
            "channels": {"real": hook(real.base), "drill": hook(rehearsal.base)},
            "routes": [route("real", drill=["drill"])],
        }
        await ground.sender(content).drain()
    assert real.heard == []
    (heard,) = rehearsal.heard
    assert heard.body["subject"].count("演练") == 1
    assert heard.body["drill"] is True


async def test_a_drill_without_a_drill_channel_goes_nowhere(ground: Ground) -> None:
    async with gateway() as real:
        await ground.told(drill=True)
        await ground.sender({"channels": {"real": hook(real.base)}, "routes": [route("real")]}).drain()
    assert real.heard == []
    assert len((await inbox(ground.engine, ADDRESSEE)).notices) == 1


async def test_the_head_is_told_at_level_one(ground: Ground) -> None:
    async with gateway() as office, gateway() as head:
        case = await ground.told()
        content = {
            "channels": {"office": hook(office.base), "head": hook(head.base)},
            "routes": [route("office", head=["head"])],
        }
        sender = ground.sender(content)
        await sender.drain()
        assert head.heard == []
        await _late(ground, case)
        await sender.drain()
    kinds = [item["kind"] for heard in head.heard for item in heard.body["notices"]]
    assert kinds == ["escalation"]
    assert "escalation" in [item["kind"] for heard in office.heard for item in heard.body["notices"]]


async def test_a_channel_that_failed_in_one_lane_is_no_way_out_for_another(ground: Ground) -> None:
    async with gateway(Answer(status=404, delay=0.3)) as one, gateway(Answer(status=404)) as two:
        case = await ground.told()
        content = {
            "channels": {"a": hook(one.base), "b": hook(two.base)},
            "routes": [route("a", "b", head=["b"])],
        }
        sender = ground.sender(content)
        await _late(ground, case)
        await sender.drain()
    late = [row for row in await ground.rows() if row["lane"] == "head"]
    (notice,) = {row["notice_id"] for row in late}
    rows = {row["channel"]: row for row in await ground.rows() if row["notice_id"] == notice}
    assert {row["state"] for row in rows.values()} == {"failed"}
    assert all(row["exhausted_at"] for row in rows.values())
    asked = [heard.body["id"] for heard in two.heard]
    assert asked.count(notice) == 1  # though two lanes name it


async def _late(ground: Ground, case: Any) -> None:
    """`ack` (4 hours) runs out."""
    from ledger.flush import flush

    ground.clock.forward(hours=5)
    await flush(ground.engine, case.wait(timedelta(hours=5)), rulebook())


# --- waiting ------------------------------------------------------------------------------------------


def waiting(base: str, **more: Any) -> dict[str, Any]:
    at = {"agency": FINDER, "usual": ["a"], "wait": ["other", "ended", "dispute"], **more}
    return {"channels": {"a": hook(base)}, "routes": [at]}


async def test_what_may_wait_comes_as_one_digest(ground: Ground) -> None:
    from domain.calendar import SHANGHAI

    async with gateway() as there:
        cases = [await ground.told(f"XS-320583-20240403-{n:04}") for n in range(3)]
        for case in cases:
            await ground.then(case, "acknowledge", ADDRESSEE)  # tells the finder: `other`
        soon = (ground.clock().astimezone(SHANGHAI) + timedelta(hours=2)).strftime("%H:%M")
        sender = ground.sender(waiting(there.base, digest=[soon]))
        await sender.drain()
        assert there.heard == []
        assert {(row["state"], row["digest"]) for row in await ground.rows()} == {("queued", True)}
        ground.clock.forward(hours=2, minutes=1)
        await sender.drain()
    (heard,) = there.heard
    assert len(heard.body["notices"]) == 3
    assert "3 条通知待阅" in heard.body["subject"]
    assert {row["state"] for row in await ground.rows()} == {"accepted"}


async def test_an_emergency_waits_for_no_digest_also_once_it_is_amended(ground: Ground) -> None:
    from domain.calendar import SHANGHAI

    async with gateway() as there:
        urgent = await ground.told("XS-320583-20240403-0001", emergency=True)
        plain = await ground.told("XS-320583-20240403-0002")
        soon = (ground.clock().astimezone(SHANGHAI) + timedelta(hours=2)).strftime("%H:%M")
        sender = ground.sender(waiting(there.base, digest=[soon]))
        for case in (urgent, plain):
            await ground.then(case, "acknowledge", ADDRESSEE)
        await sender.drain()
        assert [heard.body["notices"][0]["clue_no"] for heard in there.heard] == [urgent.clue_no]
        await ground.then(plain, "amend_clue", FINDER, changes={"emergency": True})
        await ground.then(plain, "dispute_jurisdiction", ADDRESSEE, reason="不在辖区")
        await sender.drain()
    assert [heard.body["notices"][0]["clue_no"] for heard in there.heard] == [urgent.clue_no, plain.clue_no]


async def test_two_senders_send_one_digest_once(ground: Ground) -> None:
    from domain.calendar import SHANGHAI

    async with gateway(Answer(delay=0.05)) as there:
        for n in range(4):
            await ground.then(await ground.told(f"XS-320583-20240403-{n:04}"), "acknowledge", ADDRESSEE)
        soon = (ground.clock().astimezone(SHANGHAI) + timedelta(hours=2)).strftime("%H:%M")
        senders = [ground.sender(waiting(there.base, digest=[soon])) for _ in range(3)]
        for sender in senders:
            await sender.plan()
        ground.clock.forward(hours=2, minutes=1)
        await asyncio.gather(*(sender.drain() for sender in senders))
    (heard,) = there.heard
    assert len({item["id"] for item in heard.body["notices"]}) == 4


# --- secrets and people -------------------------------------------------------------------------------


async def test_no_secret_is_kept_or_logged(ground: Ground, capfd: pytest.CaptureFixture[str]) -> None:
    secret = "s3cr3t-in-the-url"
    async with gateway(Answer(status=404, body=f"no hook {secret}".encode())) as there:
        await ground.told()
        content = {
            "channels": {"a": {"kind": "webhook", "url": there.base + "/${HOOK}", "timeout": 1}},
            "routes": [route("a")],
        }
        await ground.sender(content, HOOK=secret).drain()
    assert there.heard[0].path == f"/{secret}"
    out, err = capfd.readouterr()
    assert secret not in out + err + str(await ground.rows()) + str(await ground.rows("delivery_attempt"))


async def test_nothing_that_names_a_suspect_or_reporter_leaves(ground: Ground) -> None:
    async with gateway() as there:
        await ground.told(
            title="张三丰的船，电话13800138000",
            suspects=[{"kind": "person", "name": "张三丰", "phone": "13800138000"}],
            reporter={"name": "赵六儿", "phone": "13911112222"},
        )
        case = await ground.told("XS-320583-20240403-0002", vehicles=[{"kind": "vessel", "driver": "李四光"}],
                                 responsible_persons=["王五郎"])  # fmt: skip
        await ground.then(case, "flag_evidence_at_risk", reason="李四光要开船，王五郎在船上")
        await ground.sender({"channels": {"a": hook(there.base)}, "routes": [route("a")]}).drain()
    said = str([heard.body for heard in there.heard])
    assert len(there.heard) == 3
    assert "某人要开船" in said
    for word in ("张三丰", "13800138000", "赵六儿", "李四光", "王五郎"):
        assert word not in said


async def test_a_robot_acts_on_nothing_that_people_wrote(ground: Ground) -> None:
    async with gateway() as there:
        await ground.told(title="<@all> [点这里](http://evil.example) **急**")
        content = {"channels": {"a": robot("wecom", there.base)}, "routes": [route("a")]}
        await ground.sender(content).drain()
    text = there.heard[0].body["markdown"]["content"]
    assert "<@all>" not in text
    assert "](http://evil" not in text


async def test_a_notice_that_cannot_be_written_is_a_failure_that_is_seen(ground: Ground) -> None:
    def carry(channel: Any, message: Message) -> Outcome:
        raise ValueError("never")

    await ground.told()
    sender = ground.sender({"channels": {"a": hook("http://x")}, "routes": [route("a")]}, carry=carry)
    await sender.drain()
    (row,) = await ground.rows()
    assert (row["state"], row["said"]) == ("failed", "通知写不出来（ValueError）")
    assert row["exhausted_at"] is not None


async def test_a_notice_that_kills_its_workers_ends_too(ground: Ground) -> None:
    async with gateway() as there:
        await ground.told()
        sender = ground.sender({"channels": {"a": hook(there.base)}, "routes": [route("a")]})
        await sender.plan()
        for _ in range(MOST_ATTEMPTS):
            now = ground.clock()
            assert await delivery.lease(ground.engine, ["a"], now, now + LEASE, each=1)
            ground.clock.forward(seconds=LEASE.total_seconds() + 1)
        await sender.drain()
    assert there.heard == []
    assert await ground.states() == {"a": "failed"}
