"""Whether the days of a holiday notice agree with each other, with the week and with the law's holidays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from runtime.holiday_notice import FESTIVALS, Festival, Named, Notice
from runtime.rules_shapes import YearFile
from runtime.rules_yaml import Problem

WEEKDAY_NAMES = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
# 《全国年节及纪念日放假办法》第二条: days off for everybody, before and since the revision of 2024.
STATUTORY_DAYS = {"before": 11, "since": 13}
REVISED = 2025
_FIXED = {"元旦": ((1, 1),), "劳动节": ((5, 1),), "国庆节": ((10, 1), (10, 2), (10, 3))}


def check_notice(notice: Notice, file: str, guessed: YearFile | None = None) -> list[Problem]:
    """What can't be right, in the order of the text. `guessed`: the provisional year that it takes the place of."""
    problems: list[Problem] = []
    for festival in notice.festivals:
        problems += [Problem(file, line, festival.name, why) for line, why in _festival(festival, notice)]
    problems += [Problem(file, line, "", why) for line, why in _together(notice)]
    if guessed is not None and guessed.status == "provisional":
        problems += [Problem(file, line, "", why) for line, why in _against(notice, guessed)]
    return sorted(problems, key=lambda p: p.line)


def doubts(notice: Notice) -> list[str]:
    """What is allowed but unlikely: a word missed in copying shows here."""
    off = sum(1 for festival in notice.festivals for day in festival.days if day.weekday() < 5)
    wanted = STATUTORY_DAYS["since" if notice.year >= REVISED else "before"]
    balance = off - len(notice.work)
    found = []
    if balance != wanted:
        found.append(
            f"放假的工作日 {off} 天，调休上班 {len(notice.work)} 天，相差 {balance} 天；"
            f"法定假日是 {wanted} 天，二者应相等：是否漏了或多了放假、上班的日期？"
        )
    return found


def _festival(festival: Festival, notice: Notice) -> Iterator[tuple[int, str]]:
    if not festival.spans:
        yield festival.line, "没有放假日期"
    for first, last in festival.spans:
        if last.day < first.day:
            yield first.line, f"末日 {last.day} 早于首日 {first.day}（跨年的请写明年份）"
    named = [day for span in festival.spans for day in dict.fromkeys(span)] + festival.work
    for day in named:
        yield from _day(day, notice.year)
    if festival.count is not None and festival.count != len(festival.days):
        yield festival.line, f"写明共{festival.count}天，按起止日期是 {len(festival.days)} 天"
    if festival.joins_weekend and not any(_beside_weekend(day) for day in festival.days):
        yield festival.line, "写明与周末连休，但放假日前后不是周末"
    for day in festival.work:
        if day.day.weekday() < 5:
            yield day.line, f"{day.day}（{WEEKDAY_NAMES[day.day.weekday()]}）不是周末，不会是调休上班"
    for part in festival.covers:
        for month, fixed in _FIXED.get(part, ()):
            if date(notice.year, month, fixed) not in festival.days:
                yield festival.line, f"放假日期里没有法定的{month}月{fixed}日"


def _day(named: Named, year: int) -> Iterator[tuple[int, str]]:
    day = named.day
    if named.weekday is not None and named.weekday != day.weekday():
        said, right = WEEKDAY_NAMES[named.weekday], WEEKDAY_NAMES[day.weekday()]
        yield named.line, f"{day} 是{right}，通知里写的是{said}，请核对年份与日期"
    if day.year != year and (day.year, day.month) != (year - 1, 12):
        yield named.line, f"{day} 不在{year}年"


def _beside_weekend(day: date) -> bool:
    return any((day + timedelta(days=n)).weekday() >= 5 for n in (-1, 0, 1))


def _together(notice: Notice) -> Iterator[tuple[int, str]]:
    """All seven, each once; no day twice; nothing both off and on."""
    taken: dict[date, str] = {}
    seen: set[str] = set()
    for festival in notice.festivals:
        for part in festival.covers:
            if part in seen:
                yield festival.line, f"{part}写了两次"
            seen.add(part)
        for day in festival.days:
            if day in taken:
                yield festival.line, f"{day} 既属{taken[day]}，又属{festival.name}"
            taken[day] = festival.name
    missing = [name for name in FESTIVALS if name not in seen]
    if missing:
        yield 1, f"缺少{'、'.join(missing)}：通知要写全七个节日"
    worked: set[date] = set()
    for named in notice.work:
        if named.day in taken:
            yield named.line, f"{named.day} 既放假（{taken[named.day]}），又上班"
        if named.day in worked:
            yield named.line, f"{named.day} 上班写了两次"
        worked.add(named.day)


def _against(notice: Notice, guessed: YearFile) -> Iterator[tuple[int, str]]:
    """A holiday that has no day in common with the one reckoned is another year's: seen in copied tables."""
    for festival in notice.festivals:
        for part in festival.covers:
            spans = [days for name, days in guessed.rest.items() if part in name]
            if not spans or not festival.spans:
                continue
            first, last = spans[0][0], spans[0][-1]
            if not any(first <= day <= last for day in festival.days):
                yield festival.line, f"{part}与推算的 {first} 至 {last} 没有一天相同，是不是别的年份的通知？"
