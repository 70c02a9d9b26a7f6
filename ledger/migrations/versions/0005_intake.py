"""Traces of clues, and the log by command: for telling whether a report is there already.

The rows of older clues are made by `starter.py rebuild`.

Follows: 0004_delivery
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_intake"
down_revision = "0004_delivery"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "clue_trace",
        sa.Column("clue_no", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("value", KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("radius_m", sa.Float(), nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.PrimaryKeyConstraint("clue_no", "kind", "value"),
    )
    op.create_index("clue_trace_by_value", "clue_trace", ["kind", "value", "at"])
    op.create_index(
        "clue_trace_by_place", "clue_trace", ["lat", "lon"], postgresql_where=sa.text("lat IS NOT NULL")
    )
    op.create_table(
        "clue_trace_key",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        "INSERT INTO clue_trace_key SELECT 1, decode(replace("
        "gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')"
    )
    op.create_index("clue_event_by_report", "clue_event", ["command_id"], postgresql_where=sa.text("seq = 1"))


def downgrade() -> None:
    op.drop_index("clue_event_by_report", "clue_event")
    op.drop_table("clue_trace_key")
    op.drop_table("clue_trace")
