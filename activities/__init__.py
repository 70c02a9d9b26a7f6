"""Everything that touches the world, each idempotent on a business key."""
