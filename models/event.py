"""The record: every event of every clue, append-only, chained by hash."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, func, text
from sqlmodel import Field, SQLModel

from models.columns import Instant, Key


class ClueEvent(SQLModel, table=True):
    """One event. `body` is the exact text that was hashed; `type`, `at` and `command_id` repeat it for SQL.

    A trigger refuses UPDATE, DELETE and TRUNCATE, whoever asks.
    """

    __tablename__ = "clue_event"
    __table_args__ = (
        CheckConstraint("seq >= 1", name="clue_event_seq_counts_from_1"),
        Index("clue_event_by_report", "command_id", postgresql_where=text("seq = 1")),
        Index(
            "clue_event_by_order",
            # As PostgreSQL spells it out again; of longer words than that an index has no room for all.
            text("left((body::jsonb -> 'data') ->> 'order_no', 200)"),
            "clue_no",
            "seq",
            postgresql_where=text(
                "type IN ('region_suspended', 'region_resumed', 'region_suspension_undone')"
            ),
        ),
    )

    clue_no: str = Field(primary_key=True, sa_type=Key)
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    type: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=Instant)
    command_id: str | None = Field(default=None, sa_type=Text)
    body: str = Field(sa_type=Text)
    prev_hash: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)
    recorded_at: datetime | None = Field(
        default=None, sa_type=Instant, nullable=False, sa_column_kwargs={"server_default": func.now()}
    )
