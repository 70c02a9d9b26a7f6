"""The servers that one machine runs by itself: PostgreSQL and Temporal, started and stopped by us."""
