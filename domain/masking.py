"""Taking out of a text what names a person or leads to one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NUMBERS = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"(?P<identity>\d{6}(?:18|19|20)\d{9}[\dXx])"
    r"|(?P<mobile>(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2})"
    r"|(?P<landline>0\d{2,3}[- ]\d{7,8})"
    r")(?![0-9A-Za-z])"
)
MASK = "***"
SOMEBODY = "某人"
_LEAST = 2  # letters: a name of one would be found in other words


def masked(text: str) -> str:
    """The text without phone numbers and identity numbers."""
    return _NUMBERS.sub(MASK, text)


def concealed(text: str, clue: Mapping[str, Any]) -> str:
    """The text without numbers, and without the names of the people whom the clue itself names.

    A company stays: it is no natural person. What nobody entered as a name can't be recognised as one.
    """
    for name in sorted(_names(clue), key=len, reverse=True):
        text = text.replace(name, SOMEBODY)
    return masked(text)


def _names(clue: Mapping[str, Any]) -> set[str]:
    found = {name.strip() for name in _given(clue) if isinstance(name, str)}
    return {name for name in found if len(name) >= _LEAST}


def _given(clue: Mapping[str, Any]) -> Iterator[Any]:
    for suspect in clue.get("suspects") or ():
        yield from _of(suspect, "id_no", "phone")
        if not (isinstance(suspect, Mapping) and suspect.get("kind") == "company"):
            yield from _of(suspect, "name")
    for vehicle in clue.get("vehicles") or ():
        yield from _of(vehicle, "driver", "driver_phone")
    for person in clue.get("responsible_persons") or ():
        yield from _of(person, "name", "id_no", "phone")
    yield from _of(clue.get("reporter") or {}, "name", "phone")


def _of(person: Any, *keys: str) -> Iterator[Any]:
    """A person may be written as a name alone."""
    if isinstance(person, Mapping):
        yield from (person.get(key) for key in keys)
    else:
        yield person
