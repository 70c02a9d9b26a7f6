"""The first tables: the append-only record, marks, histories, and what is built from them.

Follows: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)
RECORDS = ("clue_event", "notice_mark")

# Statement-level, because only that sees TRUNCATE; ALWAYS, because replication mode switches off the others.
REFUSE = """
CREATE FUNCTION clueflow_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""
GUARD = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION clueflow_append_only()
"""


def upgrade() -> None:
    _clue()
    _clue_event()
    _duty()
    _notice()
    _notice_mark()
    _run_history()
    op.execute(REFUSE)
    for table in RECORDS:
        op.execute(GUARD.format(table=table))
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")
    op.execute("ALTER TABLE run_history ALTER COLUMN body SET STORAGE EXTERNAL")  # it is gzip already


def downgrade() -> None:
    """Refuses while there are events: this step would drop the record itself."""
    if op.get_bind().execute(sa.text("SELECT EXISTS (SELECT 1 FROM clue_event)")).scalar_one():
        raise RuntimeError("台账里还有事件，不能退到没有台账的版本")
    for table in ("clue", "clue_event", "duty", "notice", "notice_mark", "run_history"):
        op.drop_table(table)
    op.execute("DROP FUNCTION clueflow_append_only()")


def _clue() -> None:
    op.create_table(
        "clue",
        sa.Column("clue_no", KEY, nullable=False),
        sa.Column("stage", KEY, nullable=False),
        sa.Column("from_agency", KEY, nullable=False),
        sa.Column("to_agency", KEY, nullable=True),
        sa.Column("holder", KEY, nullable=True),
        sa.Column("matter", KEY, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("discovered_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("packs", postgresql.ARRAY(KEY), nullable=False),
        sa.Column("parties", postgresql.ARRAY(KEY), nullable=False),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("next_due_id", KEY, nullable=True),
        sa.Column("wakeup_at", INSTANT, nullable=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("peak_level", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("last_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("clue_no"),
    )
    op.create_index("clue_by_addressee", "clue", ["to_agency"])
    op.create_index("clue_by_due", "clue", [sa.text("next_due_at NULLS LAST"), "clue_no"])
    op.create_index("clue_by_finder", "clue", ["from_agency"])
    op.create_index("clue_by_holder", "clue", ["holder", sa.text("next_due_at NULLS LAST"), "clue_no"])
    op.create_index("clue_by_party", "clue", ["parties"], postgresql_using="gin")
    op.create_index(
        "clue_by_wakeup", "clue", ["wakeup_at"], postgresql_where=sa.text("wakeup_at IS NOT NULL")
    )
    op.create_index(
        "clue_open_by_due",
        "clue",
        [sa.text("next_due_at NULLS LAST"), "clue_no"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _clue_event() -> None:
    op.create_table(
        "clue_event",
        sa.Column("clue_no", KEY, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("command_id", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("recorded_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("seq >= 1", name="clue_event_seq_counts_from_1"),
        sa.PrimaryKeyConstraint("clue_no", "seq"),
    )


def _duty() -> None:
    op.create_table(
        "duty",
        sa.Column("clue_no", KEY, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("obliged", KEY, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("trigger_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("legal_due_at", INSTANT, nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("pack", KEY, nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("term_n", sa.Integer(), nullable=False),
        sa.Column("term_unit", KEY, nullable=False),
        sa.Column("unit_basis", KEY, nullable=False),
        sa.Column("escalates", sa.Boolean(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=True),
        sa.Column("suspended_at", INSTANT, nullable=True),
        sa.Column("extended", sa.Integer(), nullable=False),
        sa.Column("breached_at", INSTANT, nullable=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("fulfilled_at", INSTANT, nullable=True),
        sa.Column("was_late", sa.Boolean(), nullable=False),
        sa.Column("cancelled_at", INSTANT, nullable=True),
        sa.Column("cancelled_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("clue_no", "n"),
    )
    op.create_index(
        "duty_owed_by_agency",
        "duty",
        ["obliged", "due_at"],
        postgresql_where=sa.text("fulfilled_at IS NULL AND cancelled_at IS NULL"),
    )


def _notice() -> None:
    op.create_table(
        "notice",
        sa.Column("id", KEY, nullable=False),
        sa.Column("to_agency", KEY, nullable=False),
        sa.Column("clue_no", KEY, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("duty", KEY, nullable=True),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("delivered_at", INSTANT, nullable=False),
        sa.Column("read_at", INSTANT, nullable=True),
        sa.Column("acknowledged_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notice_by_clue", "notice", ["clue_no", "seq"])
    op.create_index(
        "notice_inbox",
        "notice",
        ["to_agency", sa.text("(read_at IS NULL) DESC"), sa.text("created_at DESC"), sa.text("id DESC")],
    )


def _notice_mark() -> None:
    op.create_table(
        "notice_mark",
        sa.Column("notice_id", KEY, nullable=False),
        sa.Column("mark", KEY, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("by_name", sa.Text(), nullable=True),
        sa.CheckConstraint("mark IN ('delivered', 'read', 'acknowledged')", name="notice_mark_kinds"),
        sa.PrimaryKeyConstraint("notice_id", "mark"),
    )


def _run_history() -> None:
    op.create_table(
        "run_history",
        sa.Column("workflow_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("clue_no", KEY, nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("exported_at", INSTANT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("workflow_id", "run_id"),
    )
    op.create_index("run_history_by_clue", "run_history", ["clue_no"])
