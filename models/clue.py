"""The clue as the log says it is: one row for lists, filters and the next decision."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import Instant, Key, Keys


class Clue(SQLModel, table=True):
    """One clue after its last event (`last_seq`, `last_hash`).

    `next_due_at` is the earliest `due_at` of a duty owed and not suspended, `next_due_id` that duty.
    A row with `wakeup_at` in the past has to be ticked before anybody sees it. `state` is the JSON of
    `domain.model.ClueState`, text and not JSONB so that it comes back as it was written. `kinds` are the kinds of
    events in its log, see `ledger.rows.kinds`; NULL in a row that was written before there were any.
    """

    __tablename__ = "clue"
    __table_args__ = (
        Index("clue_by_due", text("next_due_at NULLS LAST"), "clue_no"),
        Index(
            "clue_open_by_due",
            text("next_due_at NULLS LAST"),
            "clue_no",
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("clue_by_wakeup", "wakeup_at", postgresql_where=text("wakeup_at IS NOT NULL")),
        Index("clue_by_holder", "holder", text("next_due_at NULLS LAST"), "clue_no"),
        Index("clue_by_finder", "from_agency"),
        Index("clue_by_addressee", "to_agency"),
        Index("clue_by_party", "parties", postgresql_using="gin"),
    )

    clue_no: str = Field(primary_key=True, sa_type=Key)
    stage: str = Field(sa_type=Key)
    from_agency: str = Field(sa_type=Key)
    to_agency: str | None = Field(default=None, sa_type=Key)
    holder: str | None = Field(default=None, sa_type=Key)
    matter: str = Field(sa_type=Key)
    title: str = Field(sa_type=Text)
    drill: bool
    discovered_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    packs: list[str] = Field(sa_type=Keys, nullable=False)
    parties: list[str] = Field(sa_type=Keys, nullable=False)
    next_due_at: datetime | None = Field(default=None, sa_type=Instant)
    next_due_id: str | None = Field(default=None, sa_type=Key)
    wakeup_at: datetime | None = Field(default=None, sa_type=Instant)
    level: int
    peak_level: int
    last_seq: int
    last_hash: str = Field(sa_type=Text)
    kinds: list[str] | None = Field(default=None, sa_type=Keys)
    state: str = Field(sa_type=Text)
