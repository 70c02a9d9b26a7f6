"""What `starter.py query` prints of a clue."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cli.show import show_clue
from domain.model import changed
from domain.view import view
from runtime.rules import load_rules
from tests.ledger.cases import START, reported


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"merged_into": "XS-2"}, "并案  已并入 XS-2"),
        ({"merged_from": ("XS-3", "XS-4")}, "并案  并入本线索的：XS-3、XS-4"),
        ({}, None),
    ],
)
def test_a_query_says_what_was_merged(changes: dict[str, object], line: str | None) -> None:
    rules, said = load_rules(), io.StringIO()
    state = changed(reported().state, **changes)
    show_clue(Console(file=said, width=200), view(state, START, rules.rulebook), rules, START)
    assert line in said.getvalue() if line else "并案" not in said.getvalue()
