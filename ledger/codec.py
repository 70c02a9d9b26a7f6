"""A clue's state as text and back, without loss."""

from __future__ import annotations

from typing import Final

from pydantic import TypeAdapter

from domain.model import ClueState

_STATE: Final = TypeAdapter(ClueState)


def encode(state: ClueState) -> str:
    """The state as JSON; the same state always gives the same text."""
    return _STATE.dump_json(state).decode()


def decode(text: str) -> ClueState:
    """The reverse of `encode`. Fields that this version doesn't know are left out, new ones have defaults.

    pydantic.ValidationError where the text is no state.
    """
    return _STATE.validate_json(text)
