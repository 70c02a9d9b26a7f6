"""The record as a client of the workflows asks it: for clues that the engine has forgotten."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.chain import Sealed
from domain.model import ClueState
from ledger import clues, codec, events
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


def _unreachable(err: BaseException) -> ServiceUnreachable:
    return ServiceUnreachable(f"台账数据库没有应答（{type(err).__name__}）：请确认 PostgreSQL 已启动")
