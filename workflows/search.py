"""What the server's list of workflows shows of a clue: agencies, stages and dates, never personal data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from domain.model import ClueState
from domain.packs import Rulebook
from domain.permissions import parties
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

STAGE: Final = SearchAttributeKey.for_keyword("ClueStage")
PARTIES: Final = SearchAttributeKey.for_keyword_list("ClueParties")
MATTER: Final = SearchAttributeKey.for_keyword("ClueMatter")
NEXT_DUE: Final = SearchAttributeKey.for_datetime("ClueNextDue")
LEVEL: Final = SearchAttributeKey.for_int("ClueLevel")
DRILL: Final = SearchAttributeKey.for_bool("ClueDrill")

# A due instant this little earlier is no news: an asker's clock and the server's differ.
SAME_DUE: Final = timedelta(minutes=1)


def attributes(state: ClueState, rules: Rulebook) -> TypedSearchAttributes:
    """What to show of the state; empty before the report."""
    if not state.exists:
        return TypedSearchAttributes([])
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(STAGE, state.stage),
        SearchAttributePair(PARTIES, sorted(parties(state, rules))),
        SearchAttributePair(MATTER, str(state.clue.get("matter", "other"))),
        SearchAttributePair(LEVEL, state.level),
        SearchAttributePair(DRILL, state.drill),
    ]
    due = next_due(state)
    if due is not None:
        pairs.append(SearchAttributePair(NEXT_DUE, due))
    return TypedSearchAttributes(pairs)


def next_due(state: ClueState) -> datetime | None:
    """The earliest `due_at` among the duties owed and not suspended."""
    return min((d.due_at for d in state.owed if not d.suspended), default=None)


def worth_showing(shown: TypedSearchAttributes, wanted: TypedSearchAttributes) -> bool:
    """Whether an upsert is worth its event: stage, parties or level changed, or something is due earlier. A
    later due date waits for the next upsert.
    """
    if not wanted.search_attributes:
        return False
    if shown.get(STAGE) != wanted.get(STAGE) or shown.get(LEVEL, 0) != wanted.get(LEVEL, 0):
        return True
    if sorted(shown.get(PARTIES) or ()) != sorted(wanted.get(PARTIES) or ()):
        return True
    before, now = shown.get(NEXT_DUE), wanted.get(NEXT_DUE)
    return now is not None and (before is None or now < before - SAME_DUE)


def updates(shown: TypedSearchAttributes, wanted: TypedSearchAttributes) -> list[Any]:
    """The upsert that makes `shown` into `wanted`."""
    have = {pair.key: pair.value for pair in shown.search_attributes}
    want = {pair.key: pair.value for pair in wanted.search_attributes}
    changed = [key.value_set(value) for key, value in want.items() if have.get(key) != value]
    return [*changed, *(key.value_unset() for key in have if key not in want and key in OURS)]


OURS: Final = frozenset({STAGE, PARTIES, MATTER, NEXT_DUE, LEVEL, DRILL})
