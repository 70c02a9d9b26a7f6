"""Keeps orders over a region's clocks standing: what comes into the region later stops too, and what an end has not
reached starts again.

The record (`ledger.orders`) says what was decided, the log what each clue has had of it; each round sends what is
lacking. A command's id follows from order, step and clue: sent by several workers, and by people, it is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import DomainError
from domain.region_orders import Act
from ledger import orders
from ledger.orders import Order, Turn
from runtime.client import ClueClient
from runtime.errors import ServiceUnreachable

INTERVAL_SECONDS: Final = 60.0
FULL_EVERY: Final = timedelta(hours=1)  # the other rounds leave alone what was over long ago:
LATELY: Final = timedelta(hours=2)  # before the last full round but one
ABREAST: Final = 4  # commands under way at once: people's come first
PATIENCE: Final = 10.0  # seconds that one clue is given to answer
# Not below that agency; ended, or had it already; brought to its end already.
EXPECTED: Final = frozenset({"not_a_party", "wrong_stage", "unknown_duty"})

log = structlog.get_logger(__name__)


class Standing:
    """One per worker; several at once send the same commands, and nothing happens twice."""

    def __init__(self, clues: ClueClient, engine: AsyncEngine, *, interval: float = INTERVAL_SECONDS) -> None:
        self._clues, self._engine, self._interval = clues, engine, interval
        # By step of an order, the clues that refused it and how far they were: asked again only when they have moved.
        self._refused: dict[tuple[str, str], dict[str, int]] = {}
        self._silent: frozenset[str] = (
            frozenset()
        )  # did not answer in the last round; the next one goes without

    async def run(self) -> None:
        """A round at the start and now and then, until cancelled; what fails is tried again at the next."""
        full_at: datetime | None = None
        while True:
            now = datetime.now(UTC)
            full = full_at is None or now - full_at >= FULL_EVERY
            try:
                await self.round(full=full)
                full_at = now if full else full_at
            except Exception as err:  # whatever it was, nobody else keeps orders standing
                log.warning("standing_orders_round_failed", error=type(err).__name__)
            await asyncio.sleep(self._interval)

    async def round(self, *, full: bool = True) -> int:
        """Sends what is lacking; gives how many commands were accepted. Raises what the ledger raises where it does
        not answer, ServiceUnreachable where no clue does."""
        if full:
            await orders.recover(self._engine)
        recent = datetime.now(UTC) - LATELY
        wanted = [
            (order, order.over or order.given)
            for order in await orders.recorded(self._engine)
            if order.over_at is None or full or order.over_at > recent
        ]
        here = {(act.order_no, act.kind) for _, act in wanted}
        self._refused = {step: clues for step, clues in self._refused.items() if step in here}
        visit = _Visit(self._clues, self._silent)
        try:
            for order, act in wanted:
                await self._carried(order, act, visit)
        finally:
            self._silent = frozenset(visit.silent)
        return visit.accepted

    async def _carried(self, order: Order, act: Act, visit: _Visit) -> None:
        before, still = self._refused.get((act.order_no, act.kind), {}), dict[str, int]()
        async for page in self._lacking(order):
            turns = [t for t in page if before.get(t.clue_no) != t.seq]
            still |= {t.clue_no: t.seq for t in page if t not in turns}
            refused, perhaps = await visit.send(act, turns)
            still |= {t.clue_no: t.seq for t in refused}
            self._refused[act.order_no, act.kind] = before | still
            if order.over is None and perhaps:
                await self._looked_again(order, perhaps, visit)
        self._refused[act.order_no, act.kind] = still

    def _lacking(self, order: Order) -> AsyncIterator[list[Turn]]:
        return (orders.lacking if order.over is None else orders.left)(self._engine, order)

    async def _looked_again(self, order: Order, begun: Sequence[Turn], visit: _Visit) -> None:
        """An order that came to its end meanwhile: who ended it may not have seen what was begun just now."""
        now = await orders.order(self._engine, order.order_no)
        if now is not None and now.over is not None:
            await visit.send(now.over, begun)


class _Visit:
    """One round among the clues."""

    def __init__(self, clues: ClueClient, silent: Iterable[str]) -> None:
        self._clues, self._passed_over = clues, frozenset(silent)
        self._gate = asyncio.Semaphore(ABREAST)
        self.silent: set[str] = set()
        self.accepted = 0

    async def send(self, act: Act, turns: Sequence[Turn]) -> tuple[list[Turn], list[Turn]]:
        """Who refused it, and who accepted it, or may have. ServiceUnreachable where nobody answered."""
        asked = [t for t in turns if t.clue_no not in self._passed_over]
        answers = await asyncio.gather(*(self._one(act, t.clue_no) for t in asked))
        if asked and not any(answers):
            raise ServiceUnreachable(f"{len(asked)} 条线索都没有答复")
        by_answer = list(zip(asked, answers, strict=True))
        return [t for t, a in by_answer if a == "refused"], [t for t, a in by_answer if a != "refused"]

    async def _one(self, act: Act, clue_no: str) -> str | None:
        async with self._gate:
            try:
                await self._clues.do(clue_no, act.name, act.actor, act.data, act.id(clue_no))
            except DomainError as err:
                if err.code not in EXPECTED:
                    log.warning("standing_order_refused", clue_no=clue_no, step=act.kind, code=err.code)
                return "refused"
            except ServiceUnreachable:
                self.silent.add(clue_no)
                log.warning("standing_order_not_answered", clue_no=clue_no, step=act.kind)
                return None
        self.accepted += 1
        log.info("standing_order_carried_out", clue_no=clue_no, step=act.kind)
        return "accepted"
