"""What clues may have in common, so that the second report of one matter is seen before it is made."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from models.columns import Instant, Key


class ClueTrace(SQLModel, table=True):
    """One trace of one clue (`domain.traces`). Of kind "place" `value` is the matter; of every other kind it is a
    keyed digest, so that the table spreads no names and numbers. `at` is the clue's discovery.
    """

    __tablename__ = "clue_trace"
    __table_args__ = (
        Index("clue_trace_by_value", "kind", "value", "at"),
        Index("clue_trace_by_place", "lat", "lon", postgresql_where=text("lat IS NOT NULL")),
    )

    clue_no: str = Field(primary_key=True, sa_type=Key)
    kind: str = Field(primary_key=True, sa_type=Key)
    value: str = Field(primary_key=True, sa_type=Key)
    at: datetime = Field(sa_type=Instant)
    drill: bool
    lon: float | None = Field(default=None)
    lat: float | None = Field(default=None)
    radius_m: float
    source: str = Field(sa_type=Key)


class TraceKey(SQLModel, table=True):
    """The key of the digests, one row, made by the migration. It never leaves the database."""

    __tablename__ = "clue_trace_key"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    key: bytes = Field(sa_type=LargeBinary)
