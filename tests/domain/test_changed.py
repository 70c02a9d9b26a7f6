"""Copies of the core's classes are what `dataclasses.replace` makes, and a state without its timeline is the same state."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from domain import model
from domain.evolve import evolve, quietly
from domain.model import blank, changed
from tests.rehearsal.lives import random_life

CLASSES = [one for one in vars(model).values() if isinstance(one, type) and is_dataclass(one)]


def some(kind: Any) -> Any:
    """An instance whose fields hold just anything: what they hold is only carried over."""
    return kind(**{field.name: object() for field in fields(kind)})


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_changed_copy_is_a_replaced_one(kind: Any) -> None:
    old = some(kind)
    for field in fields(kind):
        value = object()
        made = changed(old, **{field.name: value})
        assert made == replace(old, **{field.name: value})
        assert getattr(old, field.name) is not value
    with pytest.raises(TypeError, match="nonsense"):
        changed(old, nonsense=1)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_the_classes_hold_their_fields_and_nothing_else(kind: Any) -> None:
    assert not hasattr(kind, "__post_init__")
    assert set(some(kind).__dict__) == {field.name for field in fields(kind)}


@pytest.mark.parametrize("seed", range(40))
def test_quietly_is_evolve_without_what_people_read(seed: int) -> None:
    life = random_life(seed)
    loud = quiet = blank("XS-1")
    for event in life.events:
        loud, quiet = evolve(loud, event), quietly(quiet, event)
        told = changed(quiet, timeline=loud.timeline, answers=loud.answers, seen_officers=loud.seen_officers)
        assert told == loud
