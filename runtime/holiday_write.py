"""Puts a checked holiday notice into calendars/cn.yaml: only its year's lines change, and never by halves."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from domain.calendar import Calendar
from runtime.holiday_notice import Festival, Notice, NoticeError
from runtime.rules_shapes import YearFile
from runtime.rules_yaml import Problem

if TYPE_CHECKING:
    from runtime.rules_shapes import CalendarFile

CALENDAR = Path("calendars/cn.yaml")
_YEAR = re.compile(r"^  - year: (\d{4})\b")


@dataclass(frozen=True)
class Change:
    """A day that the new calendar sees in another way; `moves` where it stops or starts to be a working day."""

    day: date
    before: str
    after: str
    moves: bool


@dataclass(frozen=True)
class Edit:
    """The file as it will be, and what that changes; `old` the year as it stands, None where it has none."""

    text: str
    before: str
    old: YearFile | None
    changes: tuple[Change, ...]

    @property
    def same(self) -> bool:
        return self.text == self.before


def calendar_file(folder: Path) -> CalendarFile:
    """The folder's calendar, checked in its shape. NoticeError where it can't be used as it is."""
    from runtime.rules_read import read_files

    files = read_files(folder)
    if files.calendar is None:
        raise NoticeError([p for p in files.problems if p.file == str(CALENDAR)] or files.problems)
    return files.calendar[1]


def planned(folder: Path, notice: Notice) -> Edit:
    """What writing the notice would do; nothing is written. NoticeError where the rules would then be faulty."""
    from runtime.rules import check_rules
    from runtime.rules_build import build_calendar

    content = calendar_file(folder)
    old = next((year for year in content.years if year.year == notice.year), None)
    before = (folder / CALENDAR).read_text(encoding="utf-8")
    text = _replaced(before, notice)
    with tempfile.TemporaryDirectory(prefix="clueflow-rules-") as place:
        beside = Path(place) / "rules"
        shutil.copytree(folder, beside)
        (beside / CALENDAR).write_text(text, encoding="utf-8")
        problems = check_rules(beside)
        if problems:
            raise NoticeError(problems)
        after = build_calendar(calendar_file(beside))
    return Edit(text, before, old, tuple(_changes(build_calendar(content), after, notice.year)))


def write(folder: Path, edit: Edit) -> None:
    """The file is replaced as a whole, so that whoever reads it, or a power cut, finds the old one or the new one.

    NoticeError where somebody has changed it since `planned`.
    """
    path = (folder / CALENDAR).resolve()
    if path.read_text(encoding="utf-8") != edit.before:
        raise NoticeError([Problem(str(CALENDAR), 1, "", "文件刚刚被别人改过，请重新运行")])
    handle, beside = tempfile.mkstemp(prefix=path.name, suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(edit.text)
            out.flush()
            os.fsync(out.fileno())
        shutil.copymode(path, beside)
        os.replace(beside, path)
    finally:
        Path(beside).unlink(missing_ok=True)


def _replaced(text: str, notice: Notice) -> str:
    """`text` with the year's block, and nothing else, in the notice's words; a new year goes to its place."""
    lines = text.splitlines(keepends=True)
    starts = [(int(m[1]), i) for i, line in enumerate(lines) if (m := _YEAR.match(line))]
    block = [line + "\n" for line in _block(notice)]
    first = next((i for year, i in starts if year == notice.year), None)
    if first is None:
        at = next((i for year, i in starts if year > notice.year), len(lines))
        if at == len(lines) and lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        return "".join([*lines[:at], *block, *lines[at:]])
    end = first + 1
    # What belongs to the year is indented deeper than its dash; a comment between two years stays.
    while end < len(lines) and lines[end].startswith("    "):
        end += 1
    return "".join([*lines[:first], *block, *lines[end:]])


def _block(notice: Notice) -> Iterator[str]:
    yield f"  - year: {notice.year}"
    yield "    status: official"
    title = notice.number or f"国务院办公厅关于{notice.year}年部分节假日安排的通知"
    day = notice.dated
    yield f"    notice: {title}" + (f"（{day.year}年{day.month}月{day.day}日）" if day else "")
    if notice.number:
        yield f"    number: {notice.number}"
    if day:
        yield f"    dated: {day}"
    if notice.source:
        yield f"    source: {_quoted(notice.source)}"
    yield "    rest:"
    for festival in sorted(notice.festivals, key=lambda f: f.days[0]):
        days = _span(festival)
        yield f"      {festival.name}: [{', '.join(str(d) for d in dict.fromkeys(days))}]"
    yield f"    work: [{', '.join(str(named.day) for named in notice.work)}]"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _span(festival: Festival) -> tuple[date, date]:
    """First and last day. A weekend between two spans is off anyway (5月1日放假，5月4日补休)."""
    days = sorted(festival.days)
    for a, b in pairwise(days):
        gap = [a + timedelta(days=n) for n in range(1, (b - a).days)]
        if any(day.weekday() < 5 for day in gap):
            raise NoticeError(
                [Problem(str(CALENDAR), 1, festival.name, f"{a} 与 {b} 之间有工作日，不是连续的假期")]
            )
    return days[0], days[-1]


def _changes(old: Calendar, new: Calendar, year: int) -> Iterator[Change]:
    day, last = date(year - 1, 12, 1), date(year, 12, 31)
    while day <= last:
        before, after = old.why(day), new.why(day)
        if before != after:
            yield Change(day, before, after, old.is_working(day) != new.is_working(day))
        day += timedelta(days=1)
