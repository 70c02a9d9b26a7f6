"""Temporal's histories, kept before Temporal forgets them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from models.columns import Instant, Key


class RunHistory(SQLModel, table=True):
    """One run's history as exported. `body` is gzip of Temporal's JSON, payloads as they were stored there.

    `complete` says that the run had ended, so that nothing can follow.
    """

    __tablename__ = "run_history"
    __table_args__ = (Index("run_history_by_clue", "clue_no"),)

    workflow_id: str = Field(primary_key=True, sa_type=Key)
    run_id: str = Field(primary_key=True, sa_type=Key)
    clue_no: str = Field(sa_type=Key)
    events: int
    complete: bool
    exported_at: datetime = Field(sa_type=Instant)
    body: bytes = Field(sa_type=LargeBinary)
