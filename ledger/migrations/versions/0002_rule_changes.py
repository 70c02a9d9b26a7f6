"""Changes of rules on running clues.

Follows: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_rule_changes"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "rulebook",
        sa.Column("key", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("kept_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "rule_change",
        sa.Column("id", KEY, nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("agency", KEY, nullable=False),
        sa.Column("role", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("rulebook", KEY, nullable=True),
        sa.Column("undoes", KEY, nullable=True),
        sa.Column("simulated", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("undoes"),
    )
    op.create_table(
        "rule_change_clue",
        sa.Column("change_id", KEY, nullable=False),
        sa.Column("clue_no", KEY, nullable=False),
        sa.Column("target", KEY, nullable=True),
        sa.Column("before", KEY, nullable=True),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("change_id", "clue_no"),
    )
    op.create_index(
        "rule_change_pending",
        "rule_change_clue",
        ["change_id", "clue_no"],
        postgresql_where=sa.text("outcome = 'pending'"),
    )


def downgrade() -> None:
    """Refuses while there are changes: without them none could be taken back."""
    if op.get_bind().execute(sa.text("SELECT EXISTS (SELECT 1 FROM rule_change)")).scalar_one():
        raise RuntimeError("台账里还有规则变更，不能退到没有它们的版本")
    for table in ("rule_change_clue", "rule_change", "rulebook"):
        op.drop_table(table)
