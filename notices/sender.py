"""Carries notices from the inboxes out of the house; one in each worker process.

A notice without a delivery row is found and given one, so that no crash between inbox and channel loses it.
What a gateway may have taken although nobody heard its answer is sent again: at least once, never silently
not at all. No loop here ends before it is cancelled; what fails is tried again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import delivery
from ledger.delivery import Leased, Planned, Unplanned, Went
from notices.carriers import carry
from notices.config import Channel, Channels, load_channels
from notices.letters import Writer
from notices.message import Message
from notices.outcome import Outcome
from notices.templates import Templates
from notices.when import Told, lanes, send_at
from runtime import metrics
from runtime.logs import get_logger
from runtime.rules import Rules
from runtime.settings import Settings

POLL_SECONDS: Final = 1.0
BREATH_SECONDS: Final = 0.02  # so that one look at the ledger fills several free places
LAST_SECONDS: Final = 20.0  # for what is on its way when the worker is asked to stop
NOTE_SECONDS: Final = 2.0  # between tries to note what became of an attempt
AWAY_SECONDS: Final = 5.0  # how long to leave a ledger alone that doesn't answer
# Between attempts on one channel; agreed.
PAUSES: Final = tuple(timedelta(seconds=s) for s in (15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600))
TRIES_BEFORE_NEXT: Final = 3  # on a channel that has another behind it
MOST_ATTEMPTS: Final = 2 * len(PAUSES)  # those count too of which no worker lived to tell
LEASE: Final = timedelta(seconds=90)  # longer than any attempt, the wait for a thread included
THREADS: Final = 16  # attempts at once in one process
EACH: Final = 4  # attempts that one channel may have at once: a slow gateway must not hold up the others
LOOK_BACK: Final = timedelta(days=1)  # of inbox time, at the start: what a stopped worker left
OLDEST: Final = timedelta(days=7)  # since its event; a rebuild that finds old notices anew sends none of them
OVERLAP: Final = timedelta(seconds=60)  # a flush is seen later than the instant that it wrote
STRAY_AFTER: Final = timedelta(minutes=10)  # for workers whose files differ while they are being changed
STRAY_SECONDS: Final = 60.0

log = get_logger(__name__)

Carry = Callable[[Channel, Message], Outcome]


@dataclass(frozen=True)
class _Flight:
    """One message on its way, for one row or for a digest's."""

    channel: Channel
    rows: tuple[Leased, ...]


class Sender:
    """Sends over `channels` what lies in the inboxes of `engine`. `now` and `carry` are given by tests."""

    def __init__(
        self,
        engine: AsyncEngine,
        channels: Channels,
        writer: Writer,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        carry: Carry = carry,
        poll: float = POLL_SECONDS,
    ) -> None:
        self._engine, self._channels, self._writer = engine, channels, writer
        self._now, self._carry, self._poll = now, carry, poll
        self._calendar = writer.rules.rulebook.calendar
        self._seen: datetime | None = None
        self._strays_at = 0.0
        self._flying: set[asyncio.Task[None]] = set()
        self._busy: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="notices")

    async def run(self) -> None:
        """Until cancelled; then what is on its way is let arrive, and noted."""
        try:
            while True:
                await self._round()
        finally:
            await self._land(LAST_SECONDS)
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _round(self) -> None:
        try:
            busy = await self.once()
        except (SQLAlchemyError, OSError) as err:
            log.warning("the ledger does not answer, notices wait", error=type(err).__name__)
            await asyncio.sleep(AWAY_SECONDS)
            return
        except Exception as err:  # one bad row must not stop what others are told
            log.error("a round of notices failed", error=type(err).__name__)
            await asyncio.sleep(AWAY_SECONDS)
            return
        if busy and self._flying:
            await asyncio.wait(self._flying, timeout=self._poll, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(BREATH_SECONDS)
        else:
            await asyncio.sleep(self._poll)

    async def once(self) -> int:
        """Plans what is new and starts what is due; gives the number of messages started."""
        await self.plan()
        if time.monotonic() >= self._strays_at:
            self._strays_at = time.monotonic() + STRAY_SECONDS
            await self._pass_strays_on()
        return await self._start()

    async def drain(self) -> None:
        """Sends until nothing is due any more, and waits for it."""
        while await self.once() or self._flying:
            await self._land()

    async def _land(self, seconds: float | None = None) -> None:
        """Waits for what is on its way; what hasn't come by then is sent again when its lease has run out."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=seconds)

    # --- planning ----------------------------------------------------------------------------------

    async def plan(self) -> int:
        """Gives a row to each notice that has none and whose agency has a channel; gives their number."""
        now = self._now()
        since, after, planned = self._seen or now - LOOK_BACK, "", 0
        while found := await delivery.unplanned(self._engine, since, now - OLDEST, after):
            rows = [row for notice in found for row in self._rows(notice, now)]
            await delivery.plan(self._engine, rows, now)
            planned += len(rows)
            since, after = found[-1].delivered_at, found[-1].id
        self._seen = now - OVERLAP
        return planned

    def _rows(self, notice: Unplanned, now: datetime) -> list[Planned]:
        route = self._channels.route(notice.to_agency)
        told = Told(notice.kind, notice.drill, notice.in_hours, notice.next_due_at, notice.emergency)
        due_at, digest = send_at(route, told, now, self._calendar)
        return [
            Planned(
                notice_id=notice.id,
                channel=names[0],
                kind=self._channels.channels[names[0]].kind,
                agency=notice.to_agency,
                clue_no=notice.clue_no,
                lane=lane,
                digest=digest,
                due_at=due_at,
            )
            for lane, names in lanes(route, notice.kind, notice.drill, due_at, self._calendar).items()
        ]

    async def _pass_strays_on(self) -> None:
        """Rows of channels that the file has no more go to what it has now."""
        now = self._now()
        known = self._channels.channels.keys()
        rows = await delivery.strays(self._engine, known, now - STRAY_AFTER, now)
        if not rows:
            return
        said = "这个渠道已不在配置里"
        await self._record(
            [
                Went(
                    row["notice_id"], row["channel"], row["attempts"], row["last_at"] or now, now, "refused",
                    said=said, following=self._following(row["agency"], row["lane"], row["channel"], now),
                )
                for row in rows
            ]
        )  # fmt: skip

    # --- sending -----------------------------------------------------------------------------------

    async def _start(self) -> int:
        now = self._now()
        started = 0
        for _ in range(EACH):  # a round of digests: one group at a time
            group = await delivery.lease_digest(self._engine, self._open(), now, now + LEASE)
            if not group:
                break
            started += self._fly(group)
        for row in await delivery.lease(self._engine, self._open(), now, now + LEASE, each=EACH):
            started += self._fly((row,))
        return started

    def _open(self) -> list[str]:
        """Channels that may take another round; none while every thread has work before it."""
        if len(self._flying) >= 2 * THREADS:
            return []
        return [name for name in self._channels.channels if self._busy[name] < EACH]

    def _fly(self, rows: tuple[Leased, ...]) -> int:
        flight = _Flight(self._channels.channels[rows[0].channel], rows)
        task = asyncio.create_task(self._sent(flight))
        self._busy[flight.channel.name] += 1
        self._flying.add(task)
        metrics.NOTICE_FLYING.set(len(self._flying))
        task.add_done_callback(lambda done: self._landed(done, flight))
        return 1

    def _landed(self, task: asyncio.Task[None], flight: _Flight) -> None:
        self._flying.discard(task)
        self._busy[flight.channel.name] -= 1
        metrics.NOTICE_FLYING.set(len(self._flying))
        if not task.cancelled() and (err := task.exception()) is not None:
            # Its lease runs out, and it is sent again: better twice than not at all.
            log.warning("what became of a notice was not noted", error=type(err).__name__)

    async def _sent(self, flight: _Flight) -> None:
        started, clock = self._now(), time.perf_counter()
        outcome = await self._outcome(flight, started)
        metrics.NOTICE_SECONDS.labels(flight.channel.kind).observe(time.perf_counter() - clock)
        metrics.NOTICE_SENT.labels(flight.channel.kind, outcome.ending).inc()
        ended = self._now()
        await self._record([self._went(row, outcome, started, ended) for row in flight.rows])
        if outcome.ending != "accepted":
            log.warning(
                "a channel did not take a notice", channel=flight.channel.name, kind=flight.channel.kind,
                outcome=outcome.ending, http_status=outcome.http_status, code=outcome.code,
                notices=len(flight.rows), clue_no=flight.rows[0].clue_no, attempt=flight.rows[0].attempts,
            )  # fmt: skip

    async def _outcome(self, flight: _Flight, now: datetime) -> Outcome:
        there = [row for row in flight.rows if row.title is not None]
        if not there:
            return Outcome("refused", said="收件箱里已没有这条通知")
        if min(row.attempts for row in there) > MOST_ATTEMPTS:
            return Outcome("refused", said=f"试了 {MOST_ATTEMPTS} 次都没有结果")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, self._written_and_carried, flight.channel, there, now
        )

    def _written_and_carried(self, channel: Channel, rows: Sequence[Leased], now: datetime) -> Outcome:
        """In a thread: writing decodes a clue's whole state, and a gateway may take seconds."""
        try:
            return self._carry(channel, self._writer.letter(rows, now))
        except (
            Exception
        ) as err:  # a notice that can't be written is one that no channel takes: somebody must look
            return Outcome("refused", said=f"通知写不出来（{type(err).__name__}）")

    def _went(self, row: Leased, outcome: Outcome, started: datetime, ended: datetime) -> Went:
        following = self._following(row.agency, row.lane, row.channel, ended)
        retry_at = None
        if outcome.ending == "retry":
            retry_at = next_try(row.notice_id, row.attempts, ended, outcome.after, last=not following)
        return Went(
            row.notice_id, row.channel, row.attempts, started, ended, outcome.ending,
            outcome.http_status, outcome.code, outcome.said, retry_at, following,
        )  # fmt: skip

    def _following(self, agency: str, lane: str, channel: str, now: datetime) -> tuple[tuple[str, str], ...]:
        """The channels behind this one in its lane as the file has it now; all of them where it is there no more."""
        route = self._channels.route(agency)
        names: tuple[str, ...] = {
            "usual": route.usual,
            "head": route.head,
            "drill": route.drill,
            "roster": lanes(route, "", False, now, self._calendar).get("roster", ()) or route.usual,
        }[lane]
        behind = names[names.index(channel) + 1 :] if channel in names else names
        return tuple((name, self._channels.channels[name].kind) for name in behind)

    async def _record(self, results: Sequence[Went]) -> None:
        for went in await self._noted(results):
            metrics.NOTICE_EXHAUSTED.inc()
            log.error(
                "no channel took a notice, it stands in the inbox alone",
                notice=went.notice_id, channel=went.channel, http_status=went.http_status, code=went.code,
            )  # fmt: skip

    async def _noted(self, results: Sequence[Went]) -> Sequence[Went]:
        """Notes it while the lease lasts, so that a ledger that is away for a moment makes nobody be told twice."""
        deadline = time.monotonic() + LEASE.total_seconds() * 0.7
        while True:
            try:
                return await delivery.record(self._engine, results, self._now())
            except (SQLAlchemyError, OSError):
                if time.monotonic() + NOTE_SECONDS > deadline:
                    raise
                await asyncio.sleep(NOTE_SECONDS)


def next_try(
    notice_id: str, attempts: int, ended: datetime, asked: timedelta | None, *, last: bool
) -> datetime | None:
    """When to try again on this channel; None where it is time for the next one, or for giving up.

    The pause is that of `PAUSES`, up to a fifth longer so that what failed together doesn't return together,
    and never shorter than the gateway asked for.
    """
    most = len(PAUSES) + 1 if last else TRIES_BEFORE_NEXT
    if attempts >= most:
        return None
    pause = PAUSES[min(attempts, len(PAUSES)) - 1]
    spread = pause * (int(notice_id[:4] or "0", 16) / 0xFFFF / 5)
    return ended + max(pause + spread, asked or timedelta())


def sender_for(settings: Settings, rules: Rules, engine: AsyncEngine) -> Sender | None:
    """The sender that the settings ask for; None where they name no file of channels. Raises BadChannels."""
    if settings.channels is None:
        return None
    channels = load_channels(settings.channels, rules)
    return Sender(engine, channels, Writer(rules, Templates(settings.templates_dir), settings.public_url))
