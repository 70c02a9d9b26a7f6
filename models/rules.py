"""Changes of rules on running clues: what was decided, what each clue went by before, and what came of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, func, text
from sqlmodel import Field, SQLModel

from models.columns import Instant, Key


class RulebookRow(SQLModel, table=True):
    """One rulebook, or a clue's excerpt of it, by `domain.packs.Rulebook.key`; `body` is its JSON."""

    __tablename__ = "rulebook"

    key: str = Field(primary_key=True, sa_type=Key)
    version: str = Field(sa_type=Key)
    body: str = Field(sa_type=Text)
    kept_at: datetime | None = Field(
        default=None, sa_type=Instant, nullable=False, sa_column_kwargs={"server_default": func.now()}
    )


class RuleChangeRow(SQLModel, table=True):
    """One decision to move the running clues to other rules, or (`undoes`) to take such a move back.

    `rulebook`: the whole of the new rules; NULL where a change is taken back, since each clue then goes to
    what it had.
    """

    __tablename__ = "rule_change"

    id: str = Field(primary_key=True, sa_type=Key)
    made_at: datetime = Field(sa_type=Instant)
    agency: str = Field(sa_type=Key)
    role: str = Field(sa_type=Key)
    name: str = Field(sa_type=Text)
    approver: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    version: str = Field(sa_type=Key)
    rulebook: str | None = Field(default=None, sa_type=Key)
    undoes: str | None = Field(default=None, sa_type=Key, unique=True)
    simulated: str = Field(sa_type=Text)


class RuleChangeClue(SQLModel, table=True):
    """What the change came to for one clue. `before` is the rulebook it went by, kept before it is touched;
    `target` the one to go to where that is the clue's own (a change taken back).

    `outcome`: pending, done, unchanged, ended, refused, or cancelled (taken back before its turn).
    """

    __tablename__ = "rule_change_clue"
    __table_args__ = (
        Index("rule_change_pending", "change_id", "clue_no", postgresql_where=text("outcome = 'pending'")),
    )

    change_id: str = Field(primary_key=True, sa_type=Key)
    clue_no: str = Field(primary_key=True, sa_type=Key)
    target: str | None = Field(default=None, sa_type=Key)
    before: str | None = Field(default=None, sa_type=Key)
    outcome: str = Field(sa_type=Key)
    note: str = Field(sa_type=Text)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
