"""A year's holidays from a file: the notice's own text, or days as JSON (holiday-cn's), CSV or YAML."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from runtime.holiday_notice import Festival, Named, Notice, NoticeError, covered, read_text
from runtime.rules_yaml import Problem, read_yaml

# name, day, off (False: a weekend day made working), line
Row = tuple[str, date, bool, int]
_OFF = {
    "休": True,
    "放假": True,
    "true": True,
    "1": True,
    "班": False,
    "上班": False,
    "false": False,
    "0": False,
}
CSV_COLUMNS = ("name", "date", "off")


def read_notice(path: Path, year: int | None = None) -> Notice:
    """The notice in a file, by its ending (.json, .csv, .yaml; else text). NoticeError says where it is wrong."""
    name = path.name
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise NoticeError([Problem(name, 1, "", f"文件读不出来，请存为 UTF-8：{err}")]) from None
    match path.suffix.lower():
        case ".json":
            return _from_json(text, name, year)
        case ".csv":
            return _from_csv(text, name, year)
        case ".yaml" | ".yml":
            return _from_yaml(path, year)
    return read_text(text, name, year)


def _from_json(text: str, name: str, year: int | None) -> Notice:
    """holiday-cn: {"year", "papers": [address], "days": [{"name", "date", "isOffDay"}]}."""
    try:
        data = json.loads(text)
        rows = [(str(d["name"]), date.fromisoformat(d["date"]), bool(d["isOffDay"]), 1) for d in data["days"]]
        said = int(data["year"])
    except (ValueError, KeyError, TypeError) as err:
        raise _wrong(
            name, 1, f"应为 {{year, papers, days: [{{name, date, isOffDay}}]}}：{type(err).__name__} {err}"
        ) from None
    notice = _from_rows(rows, name, _same(name, year, said))
    notice.source = next((str(paper) for paper in data.get("papers") or []), None)
    return notice


def _from_csv(text: str, name: str, year: int | None) -> Notice:
    lines = csv.reader(io.StringIO(text))
    if tuple(next(lines, [])) != CSV_COLUMNS:
        raise _wrong(name, 1, f"首行应为 {','.join(CSV_COLUMNS)}（off 写 休 或 班）")
    rows: list[Row] = []
    problems = []
    for number, line in enumerate(lines, start=2):
        try:
            festival, day, off = (part.strip() for part in line)
            rows.append((festival, date.fromisoformat(day), _OFF[off.lower()], number))
        except (ValueError, KeyError):
            problems.append(
                Problem(name, number, "", f"“{','.join(line)}”应如 元旦,2026-01-01,休 或 元旦,2026-01-04,班")
            )
    if problems:
        raise NoticeError(problems)
    if not rows:
        raise _wrong(name, 1, "没有日期")
    return _from_rows(rows, name, year or max(row[1].year for row in rows))


def _from_yaml(path: Path, year: int | None) -> Notice:
    """One year as in calendars/cn.yaml: year, rest, work; and number, dated, source."""
    name = path.name
    doc, problems = read_yaml(path, name)
    if doc is None:
        raise NoticeError(problems)
    data: Any = doc.data
    try:
        festivals = [
            _yaml_festival(str(key), list(days), doc.line(("rest", str(key))))
            for key, days in data["rest"].items()
        ]
        chosen = _same(name, year, int(data["year"]))
        for i, day in enumerate(data.get("work") or ()):
            _nearest(festivals, day).work.append(Named(day, None, doc.line(("work", i))))
        number, source, dated = (data.get(key) for key in ("number", "source", "dated"))
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise _wrong(
            name, 1, f"应有 year、rest（节日: [首日, 末日]）和 work（日期）：{type(err).__name__} {err}"
        ) from None
    return Notice(chosen, festivals, number, dated, source)


def _yaml_festival(name: str, days: list[date], line: int) -> Festival:
    parts = covered(name)
    if parts is None or not days or not all(isinstance(day, date) for day in days):
        raise ValueError(f"“{name}”不是节日，或者没有日期")
    return Festival(name, parts, line, [(Named(days[0], None, line), Named(days[-1], None, line))])


def _from_rows(rows: Iterable[Row], name: str, year: int) -> Notice:
    """Days put together to festivals; a run of days of one name is one span."""
    rows = sorted(rows, key=lambda row: row[1])
    if not rows:
        raise _wrong(name, 1, f"没有{year}年的日期：通知还没有公布？")
    festivals: dict[str, Festival] = {}
    problems = []
    for title, day, off, line in rows:
        parts = covered(title)
        if parts is None:
            problems.append(Problem(name, line, "", f"不认识节日“{title}”"))
            continue
        festival = festivals.setdefault(title, Festival(title, parts, line))
        named = Named(day, None, line)
        if not off:
            festival.work.append(named)
        elif festival.spans and festival.spans[-1][1].day + timedelta(days=1) == day:
            festival.spans[-1] = (festival.spans[-1][0], named)
        else:
            festival.spans.append((named, named))
    if problems:
        raise NoticeError(problems)
    return Notice(year, list(festivals.values()))


def _nearest(festivals: list[Festival], day: date) -> Festival:
    return min(festivals, key=lambda f: min(abs((d - day).days) for d in f.days or [date.max]))


def _same(name: str, asked: int | None, said: int) -> int:
    if asked is not None and asked != said:
        raise _wrong(name, 1, f"文件是{said}年的，不是{asked}年，请核对")
    return said


def _wrong(name: str, line: int, message: str) -> NoticeError:
    return NoticeError([Problem(name, line, "", message)])
