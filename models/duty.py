"""The duties of a clue, as instants."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import Instant, Key


class DutyRow(SQLModel, table=True):
    """One obligation of one agency; `n` is its place in the clue's list, from 0.

    A status is never stored: it follows from the instants and the time at which one looks.
    """

    __tablename__ = "duty"
    __table_args__ = (
        Index(
            "duty_owed_by_agency",
            "obliged",
            "due_at",
            postgresql_where=text("fulfilled_at IS NULL AND cancelled_at IS NULL"),
        ),
    )

    clue_no: str = Field(primary_key=True, sa_type=Key)
    n: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    id: str = Field(sa_type=Key)
    obliged: str = Field(sa_type=Key)
    opened_at: datetime = Field(sa_type=Instant)
    trigger_at: datetime = Field(sa_type=Instant)
    due_at: datetime = Field(sa_type=Instant)
    legal_due_at: datetime = Field(sa_type=Instant)
    provisional: bool
    pack: str = Field(sa_type=Key)
    article: str = Field(sa_type=Text)
    term_n: int
    term_unit: str = Field(sa_type=Key)
    unit_basis: str = Field(sa_type=Key)
    escalates: bool
    order_no: str | None = Field(default=None, sa_type=Text)
    suspended_at: datetime | None = Field(default=None, sa_type=Instant)
    extended: int
    breached_at: datetime | None = Field(default=None, sa_type=Instant)
    level: int
    fulfilled_at: datetime | None = Field(default=None, sa_type=Instant)
    was_late: bool
    cancelled_at: datetime | None = Field(default=None, sa_type=Instant)
    cancelled_why: str | None = Field(default=None, sa_type=Text)
