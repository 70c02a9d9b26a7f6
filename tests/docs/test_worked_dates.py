"""The page of worked dates is what the command prints, and its dates are those that another count gives."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cli.main import main
from cli.rules import WORKED
from runtime.rules import load_rules
from runtime.worked_dates import EXAMPLES, document, worked
from tests.oracle.days import dates, workdays_after

RULES = load_rules()
ANSWERS = worked(RULES)


def test_there_are_twenty_and_the_page_is_the_newest() -> None:
    assert len(EXAMPLES) == 20
    assert document(RULES) == WORKED.read_text(encoding="utf-8"), "run: starter.py rules examples --write"


def test_the_command_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "examples"]) == 0
    assert capsys.readouterr().out == WORKED.read_text(encoding="utf-8")


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: f"{a['number']} {a['title']}")
def test_a_second_count_gives_the_same_dates(answer: dict[str, object]) -> None:
    start = datetime.fromisoformat(str(answer["from"]))
    spans: list[list[str]] = answer["suspended"]  # type: ignore[assignment]
    paused = {
        datetime.fromisoformat(a).date() + timedelta(days=n)
        for a, b in spans
        for n in range(1, (datetime.fromisoformat(b) - datetime.fromisoformat(a)).days + 1)
    }
    rolls = answer["duty"] != "first_contact"
    extended = int(str(answer["extended_days"]))
    found = dates((int(str(answer["term"])), str(answer["unit"]), rolls), start, paused, extended)
    if start.year == 2027:  # the library has no 补假 for the unannounced spring
        assert answer["provisional"]
        return
    assert (answer["due_at"], answer["legal_due_at"]) == (
        found.internal.isoformat(),
        found.legal.isoformat(),
    )
    steps: list[dict[str, str]] = answer.get("ladder", [])  # type: ignore[assignment]
    assert [s["at"] for s in steps[1:]] == [
        workdays_after(found.last, n, ()).isoformat() for n in (1, 3, 5)[: len(steps)]
    ]


def test_the_examples_cover_what_they_are_for() -> None:
    units = {a["unit"] for a in ANSWERS}
    assert units == {"day", "workday", "hour"}
    assert any(a["provisional"] for a in ANSWERS)
    assert any(a["due_at"] != a["legal_due_at"] for a in ANSWERS)
    assert any(a["suspended"] for a in ANSWERS)
    assert any(a["extended_days"] for a in ANSWERS)
    assert any("调休上班" in a["counting"] for a in ANSWERS)
    assert any("ladder" in a for a in ANSWERS)
