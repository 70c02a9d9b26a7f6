"""Carrying notices out of the house: what stands where, and every attempt."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import Instant, Key


class Delivery(SQLModel, table=True):
    """One notice on one channel. Kept, not built: a rebuild must not send anything twice.

    `lane` is the list of channels that it belongs to, `place` its place there; the next one is tried when
    this one has `failed`. `lease_until`: somebody is sending it till then. `exhausted_at`: it failed, and the
    lane had no other. `http_status`, `code` and `said` are the gateway's last answer, without secrets.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'accepted', 'failed')", name="delivery_states"),
        Index("delivery_due", "channel", "due_at", postgresql_where=text("state = 'queued'")),
        Index("delivery_by_clue", "clue_no"),
        Index("delivery_exhausted", "exhausted_at", postgresql_where=text("exhausted_at IS NOT NULL")),
    )

    notice_id: str = Field(primary_key=True, sa_type=Key)
    channel: str = Field(primary_key=True, sa_type=Key)
    kind: str = Field(sa_type=Key)
    agency: str = Field(sa_type=Key)
    clue_no: str = Field(sa_type=Key)
    lane: str = Field(sa_type=Key)
    place: int
    digest: bool
    state: str = Field(sa_type=Key)
    created_at: datetime = Field(sa_type=Instant)
    due_at: datetime = Field(sa_type=Instant)
    attempts: int
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    last_at: datetime | None = Field(default=None, sa_type=Instant)
    accepted_at: datetime | None = Field(default=None, sa_type=Instant)
    exhausted_at: datetime | None = Field(default=None, sa_type=Instant)
    http_status: int | None = None
    code: str | None = Field(default=None, sa_type=Text)
    said: str | None = Field(default=None, sa_type=Text)


class DeliveryAttempt(SQLModel, table=True):
    """One attempt and how it ended; append-only. `lost`: its worker was gone before it could say."""

    __tablename__ = "delivery_attempt"
    __table_args__ = (
        CheckConstraint(
            "outcome IN ('accepted', 'retry', 'refused', 'lost')", name="delivery_attempt_outcomes"
        ),
    )

    notice_id: str = Field(primary_key=True, sa_type=Key)
    channel: str = Field(primary_key=True, sa_type=Key)
    n: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    started_at: datetime = Field(sa_type=Instant)
    ended_at: datetime = Field(sa_type=Instant)
    outcome: str = Field(sa_type=Key)
    http_status: int | None = None
    code: str | None = Field(default=None, sa_type=Text)
    said: str | None = Field(default=None, sa_type=Text)
