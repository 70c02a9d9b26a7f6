"""Bringing a table in: each row becomes one clue, once, however often the file is brought in.

The ids of a row hang on source and key (`intake.rows`): the ledger is asked for the command, and where it is behind,
the clue's own workflow answers the repeated report with its first answer. So a killed import is simply run again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final, Literal, Protocol

from domain.errors import DomainError
from domain.model import Actor, Answer, ClueState, Json, instant
from domain.suspects import Asked, Known, Measures, Suspect
from domain.traces import Trace, traces
from intake.mapping import Mapping
from intake.rows import BadRow, Ready, bad_row, ready
from intake.seen import Seen
from intake.tables import RawRow, Table

BATCH: Final = 200  # rows looked up together
ABREAST: Final = 16  # reports on their way at once

Kind = Literal["new", "there", "changed", "suspected", "bad"]
KINDS: Final[dict[Kind, str]] = {
    "new": "新登记",
    "there": "已在",
    "changed": "已在而内容不同",
    "suspected": "疑似重复，未登记",
    "bad": "有误",
}
UNADDRESSED: Final = "没有承办方，停在已登记，要用 notify 指定"
# What a report is without: the number is ours, the addressee is no part of a clue once it is handed over.
_NOT_CONTENT: Final = ("clue_no", "to_agency", "from_agency")


class Clues(Protocol):
    """What an import asks of the clues (`runtime.client.ClueClient`)."""

    async def report(
        self, actor: Actor, data: Json, command_id: str, clue_no: str | None = None
    ) -> Answer: ...

    async def state(self, clue_no: str) -> ClueState: ...

    def foreseen(self, actor: Actor, data: Json, command_id: str, clue_no: str) -> ClueState: ...


class Ledger(Protocol):
    """What an import asks of the ledger (`ledger.met.Reports`)."""

    async def known(self, command_ids: Sequence[str]) -> dict[str, Known]: ...

    async def resembling(self, asked: Sequence[Asked], measures: Measures) -> list[tuple[Suspect, ...]]: ...


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row, or would. `field` is the column that is wrong, or the fields that differ."""

    line: int
    kind: Kind
    clue_no: str = ""
    field: str = ""
    reason: str = ""
    suspects: tuple[Suspect, ...] = ()
    to_agency: str | None = None
    packs: tuple[str, ...] = ()
    note: str = ""  # of a clue that is made: what its place leaves open


@dataclass
class Import:
    """One import under way. `began`: an answer from before it is a repeated one. `told`: hears each result."""

    clues: Clues
    ledger: Ledger
    mapping: Mapping
    measures: Measures
    actor: Actor
    began: datetime
    told: Callable[[RawRow, Result], None]
    dry_run: bool = False
    anyway: bool = False
    drill: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._seen = Seen(self.measures)
        self._met: dict[
            str, tuple[int, int]
        ] = {}  # command id: the line that had it first, its content's hash
        self._gate = asyncio.Semaphore(ABREAST)

    async def run(self, table: Table) -> Counter[str]:
        """Brings in every row; gives how many there are of each kind.

        Raises ServiceUnreachable where nobody answers; what was reported until then stays.
        """
        rows = iter(table.rows)
        while batch := list(islice(rows, BATCH)):
            await self._batch(batch)
        return self.counts

    async def _batch(self, batch: Sequence[RawRow]) -> None:
        pending = list(self._read(batch))
        known = await self.ledger.known([r.command_id for _, r in pending])
        asked = [Asked(r.command_id, _at(r), self.drill, traces(r.data)) for _, r in pending]
        alike = await self.ledger.resembling(asked, self.measures)
        work = []
        for (row, item), ask, others in zip(pending, asked, alike, strict=True):
            result = self._before(item, known.get(item.command_id), ask.traces, others)
            if result is not None:
                self._tell(row, result)
            else:
                work.append(self._report(row, item, others))
        await _all(work)

    def _read(self, batch: Sequence[RawRow]) -> Iterator[tuple[RawRow, Ready]]:
        """The rows that are well formed and come for the first time in this file; the others are told."""
        for row in batch:
            try:
                item = ready(row, self.mapping, drill=self.drill)
            except BadRow as bad:
                self._tell(row, Result(row.line, "bad", field=bad.column, reason=bad.reason))
                continue
            content = hash(repr(sorted(item.data.items())))
            line, first = self._met.setdefault(item.command_id, (row.line, content))
            if line == row.line:
                yield row, item
            elif first == content:
                self._tell(row, Result(row.line, "there", item.clue_no, reason=f"与第 {line} 行是同一条"))
            else:
                reason = f"与第 {line} 行编号相同而内容不同；以哪一行为准，请留下一行，或用 amend_clue 补正"
                self._tell(row, Result(row.line, "changed", item.clue_no, reason=reason))

    def _before(
        self, item: Ready, known: Known | None, own: Sequence[Trace], others: Sequence[Suspect]
    ) -> Result | None:
        """What is certain without a report: it is there, or it is held back. None where it has to be made."""
        at = _at(item)
        near = {s.clue_no: s for s in (*others, *self._seen.resembling(item.clue_no, at, own))}
        if known is None and near and not self.anyway:
            held = tuple(near.values())
            return Result(
                item.line, "suspected", item.clue_no, reason="；".join(s.text for s in held), suspects=held
            )
        self._seen.add(known.clue_no if known else item.clue_no, at, own)
        return None if known is None else _compared(item, known)

    async def _report(self, row: RawRow, item: Ready, others: Sequence[Suspect]) -> None:
        async with self._gate:
            self._tell(row, await (self._foresee(item, others) if self.dry_run else self._sent(item)))

    async def _foresee(self, item: Ready, others: Sequence[Suspect]) -> Result:
        await asyncio.sleep(0)  # Ctrl-C gets its turn
        try:
            state = self.clues.foreseen(self.actor, item.data, item.command_id, item.clue_no)
        except DomainError as err:
            return self._bad(item, err)
        return Result(
            item.line,
            "new",
            item.clue_no,
            suspects=tuple(others),
            to_agency=state.to_agency,
            packs=state.packs,
            note=_open_question(state),
        )

    async def _sent(self, item: Ready) -> Result:
        try:
            answer = await self.clues.report(self.actor, item.data, item.command_id, item.clue_no)
        except DomainError as err:
            return await self._refused(item, err)
        if answer.at < self.began:
            return Result(item.line, "there", item.clue_no)
        note = UNADDRESSED if answer.stage == "discovered" else ""
        return Result(item.line, "new", item.clue_no, note=note)

    async def _refused(self, item: Ready, err: DomainError) -> Result:
        """Also what the ledger had not heard of yet: the clue is there, by another hand or with other content."""
        try:
            state = await self.clues.state(item.clue_no)
        except DomainError:
            return self._bad(item, err)
        if item.command_id not in state.answers:
            return self._bad(item, err)
        return _compared(item, Known(item.clue_no, state.clue, state.clue))

    def _bad(self, item: Ready, err: DomainError) -> Result:
        bad = bad_row(err, self.mapping)
        return Result(item.line, "bad", item.clue_no, bad.column, bad.reason)

    def _tell(self, row: RawRow, result: Result) -> None:
        self.counts[result.kind] += 1
        self.told(row, result)


async def _all(work: Sequence[Any]) -> None:
    """Every one of them; where one fails the others are not left running."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except ExceptionGroup as several:
        raise several.exceptions[0] from None


def _open_question(state: ClueState) -> str:
    """Why nobody is told of a clue, or that its region is not where its coordinates are; else nothing."""
    said = "" if state.placing is None else state.placing["proposal"]
    if state.to_agency is None:
        return f"{UNADDRESSED}。{said}" if said else UNADDRESSED
    return said if state.placing is not None and state.placing["disagrees"] else ""


def _at(item: Ready) -> datetime:
    return instant(item.data["discovered_at"])


def _compared(item: Ready, known: Known) -> Result:
    """The same row again, or another content under its key; what was amended to it since is no difference."""
    differing = _differing(item.data, known.reported)
    if not differing or not _differing(item.data, known.now):
        return Result(item.line, "there", known.clue_no)
    fields = "、".join(differing)
    reason = f"已登记为 {known.clue_no}，这次的 {fields} 与当时不同；要更改请用 starter.py do {known.clue_no} amend_clue"
    return Result(item.line, "changed", known.clue_no, fields, reason)


def _differing(ours: Json, theirs: Json) -> list[str]:
    """The fields that differ. A region that was found by coordinates is not ours to compare."""
    one, other = dict(_leaves(_content(ours))), dict(_leaves(_content(theirs)))
    if "place.region" not in one:
        other.pop("place.region", None)
    return [name for name in {**one, **other} if one.get(name) != other.get(name)]


def _content(clue: Json) -> Json:
    return {k: v for k, v in clue.items() if k not in _NOT_CONTENT}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for n, inner in enumerate(value, 1):
            yield from _leaves(inner, f"{path}[{n}]")
    else:
        yield path, value
