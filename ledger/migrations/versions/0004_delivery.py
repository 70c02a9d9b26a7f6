"""Carrying notices out of the house: one row a notice and channel, and every attempt.

Follows: 0003_kinds
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_delivery"
down_revision = "0003_kinds"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)
GUARD = """
CREATE TRIGGER delivery_attempt_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery_attempt
FOR EACH STATEMENT EXECUTE FUNCTION clueflow_append_only()
"""


def upgrade() -> None:
    _delivery()
    _delivery_attempt()
    op.execute(GUARD)
    op.execute("ALTER TABLE delivery_attempt ENABLE ALWAYS TRIGGER delivery_attempt_append_only")
    op.create_index("notice_by_delivery", "notice", ["delivered_at", "id"])


def downgrade() -> None:
    op.drop_index("notice_by_delivery", table_name="notice")
    op.drop_table("delivery_attempt")
    op.drop_table("delivery")


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("notice_id", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("agency", KEY, nullable=False),
        sa.Column("clue_no", KEY, nullable=False),
        sa.Column("lane", KEY, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Boolean(), nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("last_at", INSTANT, nullable=True),
        sa.Column("accepted_at", INSTANT, nullable=True),
        sa.Column("exhausted_at", INSTANT, nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("said", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('queued', 'accepted', 'failed')", name="delivery_states"),
        sa.PrimaryKeyConstraint("notice_id", "channel"),
    )
    op.create_index("delivery_by_clue", "delivery", ["clue_no"])
    queued, exhausted = sa.text("state = 'queued'"), sa.text("exhausted_at IS NOT NULL")
    op.create_index("delivery_due", "delivery", ["channel", "due_at"], postgresql_where=queued)
    op.create_index("delivery_exhausted", "delivery", ["exhausted_at"], postgresql_where=exhausted)


def _delivery_attempt() -> None:
    op.create_table(
        "delivery_attempt",
        sa.Column("notice_id", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("said", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'retry', 'refused', 'lost')", name="delivery_attempt_outcomes"
        ),
        sa.PrimaryKeyConstraint("notice_id", "channel", "n"),
    )
