"""Column types that the tables share."""

from __future__ import annotations

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY

# Ids sort by code point, as Python's `str` does: a cursor made here must mean the same there.
Key = Text(collation="C")
Keys = ARRAY(Key)
Instant = DateTime(timezone=True)
