"""Orders over a region's clocks as a record of their own, and the log by order.

Orders that were given before are read from the log by `ledger.orders.recover`.

Follows: 0005_intake
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_region_orders"
down_revision = "0005_intake"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)
KINDS = "('region_suspended', 'region_resumed', 'region_suspension_undone')"
GUARD = """
CREATE TRIGGER region_order_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON region_order
FOR EACH STATEMENT EXECUTE FUNCTION clueflow_append_only()
"""


def upgrade() -> None:
    op.create_table(
        "region_order",
        sa.Column("order_no", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("agency", KEY, nullable=False),
        sa.Column("role", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("officer_id", KEY, nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("recorded_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(f"kind IN {KINDS}", name="region_order_kinds"),
        sa.PrimaryKeyConstraint("order_no", "kind"),
    )
    op.execute(GUARD)
    op.execute("ALTER TABLE region_order ENABLE ALWAYS TRIGGER region_order_append_only")
    op.create_index(
        "clue_event_by_order",
        "clue_event",
        [sa.text("left(body::jsonb -> 'data' ->> 'order_no', 200)"), "clue_no", "seq"],
        postgresql_where=sa.text(f"type IN {KINDS}"),
    )


def downgrade() -> None:
    """Refuses while there are orders: one that began in no clue is written nowhere else."""
    if op.get_bind().execute(sa.text("SELECT EXISTS (SELECT 1 FROM region_order)")).scalar_one():
        raise RuntimeError("台账里还有区域中止决定，不能退到没有它们的版本")
    op.drop_index("clue_event_by_order", table_name="clue_event")
    op.drop_table("region_order")
