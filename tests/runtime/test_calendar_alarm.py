"""Sixty days before the announced holidays end, everybody who looks is told."""

from __future__ import annotations

import asyncio
from datetime import date

import prometheus_client
import pytest

import worker
from cli import rules as rules_command
from cli.doctor import calendar_finding
from cli.main import main
from domain.calendar import Calendar, alarm
from runtime.settings import Settings

ENDS_2026 = Calendar({}, (), 2001, 2026)


@pytest.mark.parametrize(
    ("on", "left", "alarmed"),
    [
        (date(2026, 1, 1), 365, False),
        (date(2026, 11, 1), 61, False),
        (date(2026, 11, 2), 60, True),
        (date(2026, 12, 31), 1, True),
        (date(2027, 1, 1), 0, True),
        (date(2027, 1, 2), -1, True),
    ],
)
def test_the_alarm_begins_sixty_days_before_the_end(on: date, left: int, alarmed: bool) -> None:
    assert ENDS_2026.days_left(on) == left
    assert (alarm(ENDS_2026, on, Settings().calendar_alarm_days) is not None) is alarmed


def test_the_sentence_says_how_long_and_what_to_do() -> None:
    before, after = alarm(ENDS_2026, date(2026, 11, 2), 60), alarm(ENDS_2026, date(2027, 1, 1), 60)
    assert before is not None
    assert after is not None
    assert "还有 60 天用完" in before
    assert "rules holidays import" in before
    assert "已经用完" in after


def test_the_number_of_days_can_be_changed() -> None:
    assert alarm(ENDS_2026, date(2026, 11, 2), 30) is None
    assert alarm(ENDS_2026, date(2026, 12, 2), 30) is not None


def test_doctor_warns_first_and_fails_when_the_year_is_over() -> None:
    fine = calendar_finding(ENDS_2026, date(2026, 6, 1), 60)
    soon = calendar_finding(ENDS_2026, date(2026, 11, 2), 60)
    over = calendar_finding(ENDS_2026, date(2027, 1, 1), 60)
    assert [(f.ok, f.warning) for f in (fine, soon, over)] == [(True, False), (True, True), (False, True)]
    assert soon.todo


def test_rules_check_warns_and_still_passes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules_command, "shanghai_day", lambda at: date(2026, 11, 2))
    assert main(["rules", "check"]) == 0
    assert "还有 60 天用完" in capsys.readouterr().out
    monkeypatch.setattr(rules_command, "shanghai_day", lambda at: date(2026, 11, 1))
    assert main(["rules", "check"]) == 0
    assert "用完" not in capsys.readouterr().out


async def test_the_worker_says_it_in_log_and_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(worker, "shanghai_day", lambda at: date(2026, 11, 2))
    monkeypatch.setattr(worker.log, "warning", lambda event, **fields: said.append(fields["reason"]))
    async with worker._watching(ENDS_2026, 60):
        await asyncio.sleep(0)
        assert prometheus_client.REGISTRY.get_sample_value("clueflow_calendar_days_left") == 60
    assert len(said) == 1
    assert "还有 60 天用完" in said[0]
