"""The agencies' inboxes, and the marks that people leave on what lies in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import Instant, Key


class NoticeRow(SQLModel, table=True):
    """One notice to one agency. `created_at` is its event's instant, `delivered_at` its arrival in the inbox.

    Channels out of the house send from here: a row is the notice, whatever carries it further.
    """

    __tablename__ = "notice"
    __table_args__ = (
        Index(
            "notice_inbox",
            "to_agency",
            text("(read_at IS NULL) DESC"),
            text("created_at DESC"),
            text("id DESC"),
        ),
        Index("notice_by_clue", "clue_no", "seq"),
        Index("notice_by_delivery", "delivered_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=Key)
    to_agency: str = Field(sa_type=Key)
    clue_no: str = Field(sa_type=Key)
    seq: int
    kind: str = Field(sa_type=Key)
    title: str = Field(sa_type=Text)
    text: str = Field(sa_type=Text)
    duty: str | None = Field(default=None, sa_type=Key)
    drill: bool
    created_at: datetime = Field(sa_type=Instant)
    delivered_at: datetime = Field(sa_type=Instant)
    read_at: datetime | None = Field(default=None, sa_type=Instant)
    acknowledged_at: datetime | None = Field(default=None, sa_type=Instant)


class NoticeMark(SQLModel, table=True):
    """What happened to a notice here and not in the clue's log; append-only, the first of each kind counts."""

    __tablename__ = "notice_mark"
    __table_args__ = (
        CheckConstraint("mark IN ('delivered', 'read', 'acknowledged')", name="notice_mark_kinds"),
    )

    notice_id: str = Field(primary_key=True, sa_type=Key)
    mark: str = Field(primary_key=True, sa_type=Key)
    at: datetime = Field(sa_type=Instant)
    by_name: str | None = Field(default=None, sa_type=Text)
