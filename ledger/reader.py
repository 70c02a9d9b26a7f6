"""The record as a client of the workflows asks it: for clues that the engine has forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.chain import Sealed
from domain.model import ClueState
from ledger import clues, codec, events, histories
from ledger.errors import UnknownClue
from runtime.errors import ServiceUnreachable


class Records:
    """What is stored of a clue. Each call raises ServiceUnreachable where the database does not answer."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def remembered(self, clue_no: str) -> tuple[ClueState, Sealed] | None:
        """The clue's state and its last event; None where the record does not know it."""
        query = text("SELECT state, last_seq FROM clue WHERE clue_no = :clue_no")
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(query, {"clue_no": clue_no})).one_or_none()
                if row is None:
                    return None
                last = await events.read(connection, clue_no, after=row.last_seq - 1)
        except (SQLAlchemyError, OSError, TimeoutError) as err:
            raise _unreachable(err) from err
        # More than one: a flush came between the two looks; the state is the first one's.
        return (codec.decode(row.state), last[0]) if last else None

    async def state_as_of(self, clue_no: str, at: datetime) -> ClueState | None:
        """The clue as its events up to and including `at` make it, not ticked."""
        try:
            return await clues.state_as_of(self._engine, clue_no, at)
        except UnknownClue:
            return None
        except (SQLAlchemyError, OSError, TimeoutError) as err:
            raise _unreachable(err) from err

    async def kept_runs(self, clue_no: str) -> AsyncIterator[str]:
        """The histories of the clue's runs that are kept, the newest first, as Temporal's JSON."""
        try:
            for run in reversed(await histories.runs(self._engine, clue_no)):
                history = await histories.load(self._engine, run.workflow_id, run.run_id)
                if history is not None:
                    yield history
        except (SQLAlchemyError, OSError, TimeoutError) as err:
            raise _unreachable(err) from err

    async def similar(self, clue_no: str) -> tuple[str, ...]:
        """Numbers of the same finder or of the same day and place in it, for guessing what was meant."""
        query = text(
            "SELECT clue_no FROM clue WHERE starts_with(clue_no, :head) OR right(clue_no, :length) = :tail"
            " ORDER BY clue_no DESC LIMIT 500"
        )
        head, tail = clue_no[:9], clue_no[-13:]
        try:
            async with self._engine.connect() as connection:
                rows = await connection.execute(query, {"head": head, "tail": tail, "length": len(tail)})
                return tuple(row.clue_no for row in rows)
        except (SQLAlchemyError, OSError, TimeoutError) as err:
            raise _unreachable(err) from err


def _unreachable(err: BaseException) -> ServiceUnreachable:
    return ServiceUnreachable(f"台账数据库没有应答（{type(err).__name__}）：请确认 PostgreSQL 已启动")
