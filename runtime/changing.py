"""Changed rules on all running clues: what they would do, and doing it, clue by clue.

Nothing here knows the ledger: a `Store` keeps the decision, and `Records` of it what each clue came to, so that
an interrupted change goes on where it stopped. Each clue is one command with an id of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from domain.calendar import last_day_of
from domain.errors import DomainError
from domain.labels import ERRORS
from domain.model import Actor, ClueState, Duty, Json, iso
from domain.moves import Move
from domain.packs import Rulebook
from domain.simulate import Simulation, simulate
from runtime.client import ClueClient, excerpt
from runtime.errors import GroundError, ServiceUnreachable

AT_ONCE: Final = 8  # clues spoken with at a time


class RulesChanged(GroundError):
    """What was looked at is no longer so: the change is not begun."""

    exit_code = 3


# --- looking ahead ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Foreseen:
    """One clue, and what the change would do to it; `version` are the rules that it goes by."""

    clue_no: str
    version: str
    simulation: Simulation

    @property
    def moves(self) -> tuple[Move, ...]:
        return self.simulation.plan.felt

    @property
    def concerned(self) -> bool:
        return bool(self.moves or self.simulation.plan.kept or self.simulation.missing)


class Foresight:
    """Simulates clue by clue with the very rules that each goes by, fetched once per edition."""

    def __init__(self, client: ClueClient, new: Rulebook, now: datetime) -> None:
        self._client, self._new, self._now = client, new, now
        self._books: dict[str, Rulebook] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def over(self, pages: AsyncIterable[Sequence[tuple[str, ClueState]]]) -> AsyncIterator[Foreseen]:
        """In the order of the pages. Raises ServiceUnreachable."""
        async for page in pages:
            for seen in await asyncio.gather(*(self._one(clue_no, state) for clue_no, state in page)):
                yield seen

    async def _one(self, clue_no: str, state: ClueState) -> Foreseen:
        async with self._gate:
            state, old = await self.as_it_goes(clue_no, state)
        assert state.discovered_at is not None
        new = excerpt(self._new, state.discovered_at)
        new = old if old.version == new.version else new
        return Foreseen(clue_no, old.version, simulate(state, old, new, self.at(state)))

    def at(self, state: ClueState) -> datetime:
        """The instant at which the clue is looked at: now, and never before what it has already seen."""
        return max(self._now, state.updated_at or self._now)

    async def as_it_goes(self, clue_no: str, state: ClueState) -> tuple[ClueState, Rulebook]:
        """The clue's state, the record's unless the clue is ahead of it, and the rules that it goes by."""
        book, state = await self._fetched(clue_no, state)
        return state, book or await self._client.kept_rules(state)  # no run: as it would be resumed

    async def _fetched(self, clue_no: str, state: ClueState) -> tuple[Rulebook | None, ClueState]:
        ref = await self._client.rules_of(clue_no)
        if ref is None:
            return None, state
        if ref.seq != state.seq:
            state = await self._client.state(clue_no)
        if ref.key not in self._books:
            book = await self._client.rulebook_of(clue_no)
            if book is None:
                return None, state
            self._books[book.key] = book
            return book, state
        return self._books[ref.key], state


@dataclass
class Tally:
    """What a change comes to over all clues; `by_duty` and `by_agency` count moves, late ones and breaches
    taken back. `digest` names what would happen, and nothing else: it changes with the rules and the clues,
    not with the hour at which one looks."""

    clues: int = 0
    concerned: int = 0
    moves: int = 0
    late: int = 0
    taken_back: int = 0
    kept: int = 0
    missing: int = 0
    raised: int = 0
    lowered: int = 0
    by_duty: dict[str, Counter[str]] = field(default_factory=dict)
    by_agency: dict[str, Counter[str]] = field(default_factory=dict)
    _hash: Any = field(default_factory=hashlib.sha256, repr=False)

    def begin(self, version: str) -> Tally:
        self._hash.update(version.encode())
        return self

    @property
    def digest(self) -> str:
        return str(self._hash.hexdigest()[:16])

    def add(self, seen: Foreseen) -> None:
        self.clues += 1
        simulation = seen.simulation
        self.kept += len(simulation.plan.kept)
        self.missing += bool(simulation.missing)
        self.concerned += seen.concerned
        self.raised += simulation.after.level > simulation.before.level
        self.lowered += simulation.after.level < simulation.before.level
        for move in seen.moves:
            self._count(move.after, late=move.late, taken_back=move.taken_back)
        if seen.concerned:
            happens = [seen.clue_no, seen.version, simulation.missing, [x.n for x in simulation.plan.kept]]
            dates = [
                [m.n, iso(m.after.due_at), iso(m.after.legal_due_at), m.late, m.taken_back]
                for m in seen.moves
            ]
            self._hash.update(json.dumps([happens, dates], ensure_ascii=False).encode())

    def _count(self, duty: Duty, *, late: bool, taken_back: bool) -> None:
        self.moves += 1
        self.late += late
        self.taken_back += taken_back
        for table, key in ((self.by_duty, duty.id), (self.by_agency, duty.obliged)):
            table.setdefault(key, Counter()).update(moves=1, late=int(late), taken_back=int(taken_back))

    def to_json(self) -> Json:
        return {
            "clues": self.clues,
            "concerned": self.concerned,
            "moves": self.moves,
            "late": self.late,
            "taken_back": self.taken_back,
            "kept": self.kept,
            "missing": self.missing,
            "level_raised": self.raised,
            "level_lowered": self.lowered,
            "by_duty": {k: dict(v) for k, v in sorted(self.by_duty.items())},
            "by_agency": {k: dict(v) for k, v in sorted(self.by_agency.items())},
            "digest": self.digest,
        }


def told(seen: Foreseen) -> Json:
    """One clue of a simulation as JSON."""
    simulation = seen.simulation
    return {
        "clue_no": seen.clue_no,
        "from_version": seen.version,
        "level": [simulation.before.level, simulation.after.level],
        "missing_packs": list(simulation.missing),
        "moves": [move_json(move) for move in seen.moves],
        "kept": [{"n": x.n, "id": x.id, "obliged": x.obliged} for x in simulation.plan.kept],
    }


def move_json(move: Move) -> Json:
    b, a = move.before, move.after
    return {
        "n": a.n,
        "id": a.id,
        "obliged": a.obliged,
        "old_due_at": iso(b.due_at),
        "due_at": iso(a.due_at),
        "old_legal_due_at": iso(b.legal_due_at),
        "legal_due_at": iso(a.legal_due_at),
        "days": (last_day_of(a.due_at) - last_day_of(b.due_at)).days,
        "hours": (a.due_at - b.due_at) / timedelta(hours=1),
        "pack": a.pack,
        "term": a.term.n,
        "unit": a.term.unit,
        "provisional": a.provisional,
        "late": move.late,
        "taken_back": move.taken_back,
    }


# --- doing it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decision:
    """A change as every clue is told it; `undoes` names the one that it takes back."""

    id: str
    actor: Actor
    reason: str
    approver: str
    rules: Rulebook | None = None
    undoes: str | None = None


class Turn(Protocol):
    """One clue whose turn it is. `target`: its own rulebook to go to; `before`: known where it was interrupted."""

    @property
    def clue_no(self) -> str: ...
    @property
    def discovered_at(self) -> datetime: ...
    @property
    def target(self) -> str | None: ...
    @property
    def before(self) -> str | None: ...


class Store(Protocol):
    """What is kept of the change while it goes on."""

    async def turns(self, after: str) -> Sequence[Turn]: ...
    async def keep(self, book: Rulebook) -> str: ...
    async def rulebook(self, key: str) -> Rulebook | None: ...
    async def about_to(self, clue_no: str, before: str) -> bool: ...
    async def settle(self, clue_no: str, outcome: str, note: str) -> None: ...


@dataclass
class Change:
    """Carries a decision out. May be begun again after any interruption: a clue that was reached answers as it
    did, and what it went by before is what was kept first."""

    client: ClueClient
    store: Store
    decision: Decision
    at_once: int = AT_ONCE
    _kept: set[str] = field(default_factory=set)
    _books: dict[str, Rulebook] = field(default_factory=dict)

    async def run(self, progress: Callable[[str, str, str], None]) -> Counter[str]:
        """`progress(clue, outcome, note)` for each. Gives how many came to which outcome; what could not be
        reached counts as "pending". Raises ServiceUnreachable where nobody could be."""
        counts: Counter[str] = Counter()
        gate, after = asyncio.Semaphore(self.at_once), ""
        while turns := await self.store.turns(after):
            after = turns[-1].clue_no

            async def one(turn: Turn) -> tuple[str, str]:
                async with gate:
                    return await self._one(turn)

            tasks = [asyncio.create_task(one(turn)) for turn in turns]
            try:
                results = await asyncio.gather(*tasks)
            finally:  # nothing goes on behind the back of who was told that it failed
                for task in tasks:
                    task.cancel()
            for turn, (outcome, note) in zip(turns, results, strict=True):
                counts[outcome] += 1
                progress(turn.clue_no, outcome, note)
            if all(outcome == "pending" for outcome, _ in results):
                raise ServiceUnreachable(
                    f"{results[0][1]}。变更 {self.decision.id} 已做到一半，恢复后用同一编号接着做"
                )
        return counts

    async def _one(self, turn: Turn) -> tuple[str, str]:
        try:
            outcome, note = await self._moved(turn)
        except DomainError as err:
            ended = err.code == "wrong_stage"
            outcome, note = "ended" if ended else "refused", f"{ERRORS[err.code]}：{err.message}"
        except ServiceUnreachable as err:
            return "pending", str(err)
        await self.store.settle(turn.clue_no, outcome, note)
        return outcome, note

    async def _moved(self, turn: Turn) -> tuple[str, str]:
        target = await self._target(turn)
        if turn.before is None:
            ref = await self.client.rules_of(turn.clue_no)
            if ref is None:
                return "refused", "没有它的工作流，请先 starter.py reconcile"
            if self.decision.undoes is None and ref.version == target.version:
                return "unchanged", ""
            before = await self._keep(turn.clue_no, ref.key)
            if not await self.store.about_to(turn.clue_no, before):
                return "cancelled", ""
        d = self.decision
        data = {"change_id": d.id, "reason": d.reason, "approver": d.approver, "version": target.version}
        data |= {"undoes": d.undoes} if d.undoes else {}
        answer = await self.client.do(
            turn.clue_no, "change_rules", d.actor, data, command_id(d.id, turn.clue_no), rules=target
        )
        return "done", f"第 {answer.seq} 号记录"

    async def _target(self, turn: Turn) -> Rulebook:
        if turn.target is None:
            assert self.decision.rules is not None
            return excerpt(self.decision.rules, turn.discovered_at)
        book = self._books.get(turn.target) or await self.store.rulebook(turn.target)
        if book is None:
            raise DomainError("nothing_to_undo", f"没有留存 {turn.clue_no} 原来的规则")
        self._books[turn.target] = book
        return book

    async def _keep(self, clue_no: str, key: str) -> str:
        """The clue's own rules are in the store before it is moved."""
        if key not in self._kept:
            book = await self.client.rulebook_of(clue_no)
            assert book is not None
            key = await self.store.keep(book)
            self._kept.add(key)
        return key


def command_id(change_id: str, clue_no: str) -> str:
    """One command per change and clue."""
    return f"{change_id}:{clue_no}"
