"""The kinds of events of each clue, so that judging the past under other rules need not read its log.

Old rows get theirs with their next event, or by `rebuild`; without them a clue is played in full.

Follows: 0002_rule_changes
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_kinds"
down_revision = "0002_rule_changes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clue", sa.Column("kinds", postgresql.ARRAY(sa.Text(collation="C")), nullable=True))


def downgrade() -> None:
    op.drop_column("clue", "kinds")
