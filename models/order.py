"""Orders over a region's clocks: given, ended, undone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Text, func
from sqlmodel import Field, SQLModel

from models.columns import Instant, Key


class RegionOrder(SQLModel, table=True):
    """One step in the life of an order: `kind` is the event by which a clue tells of it, `data` the command's own.

    The first of a kind counts, and none is changed: a trigger refuses UPDATE, DELETE and TRUNCATE.
    """

    __tablename__ = "region_order"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('region_suspended', 'region_resumed', 'region_suspension_undone')",
            name="region_order_kinds",
        ),
    )

    order_no: str = Field(primary_key=True, sa_type=Key)
    kind: str = Field(primary_key=True, sa_type=Key)
    at: datetime = Field(sa_type=Instant)
    agency: str = Field(sa_type=Key)
    role: str = Field(sa_type=Key)
    name: str = Field(sa_type=Text)
    officer_id: str | None = Field(default=None, sa_type=Key)
    data: str = Field(sa_type=Text)
    recorded_at: datetime | None = Field(
        default=None, sa_type=Instant, nullable=False, sa_column_kwargs={"server_default": func.now()}
    )
