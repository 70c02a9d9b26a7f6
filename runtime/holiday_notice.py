"""Reads the State Council's yearly holiday notice, in its own words, into days.

The text is read clause by clause by a small grammar, and what the grammar doesn't know is a problem, never a
guess: a day that is missed here would move the dates of a thousand clues. What the days must satisfy among
themselves is in `runtime.holiday_check`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date

from runtime.rules_yaml import Problem

FESTIVALS = ("元旦", "春节", "清明节", "劳动节", "端午节", "中秋节", "国庆节")
_ALIASES = {"清明": "清明节", "端午": "端午节", "中秋": "中秋节", "国庆": "国庆节", "五一": "劳动节"} | {
    "国际劳动节": "劳动节",
    "五一国际劳动节": "劳动节",
    "新年": "元旦",
}
_WEEKDAYS = "一二三四五六日"
_SPAN = r"(?:至|到|~|[-—–]+)"
_DAY = r"(?:\d{4}年)?(?:\d{1,2}月)?\d{1,2}日(?:\([^)]*\))?"
_ITEM = re.compile(r"[一二三四五六七八九十]+、([^:。,\d]{2,24}?):")
_PARTS = re.compile(r"(?:(\d{4})年)?(?:(\d{1,2})月)?(\d{1,2})日(?:\(([^)]*)\))?")
_CLAUSES = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("rest", rf"({_DAY})(?:{_SPAN}({_DAY}))?放假(?:(\d+)天)?(?:调休)?"),
        ("extra", rf"({_DAY})补休"),
        ("work", rf"({_DAY}(?:[、,和及]{_DAY})*)(?:均|正常|照常)?上班"),
        ("count", r"共(\d+)天"),
        ("weekend", r"与周末连休"),
        ("none", r"不调休"),
        ("none", r"鼓励[^。]*"),
    )
)
_MOVES = re.compile(r"\d日[^。]*?(?:放假|补休|上班|调休)")


@dataclass(frozen=True)
class Named:
    """A day as the text names it: the weekday in the text (0 Monday) where it names one, and its line."""

    day: date
    weekday: int | None
    line: int


@dataclass
class Festival:
    """One item of the notice. `name` as written (国庆节、中秋节); `spans` first and last days; `count` 共n天."""

    name: str
    covers: tuple[str, ...]
    line: int
    spans: list[tuple[Named, Named]] = field(default_factory=list)
    work: list[Named] = field(default_factory=list)
    count: int | None = None
    joins_weekend: bool = False

    @property
    def days(self) -> list[date]:
        """Every day that the item gives off."""
        return [
            date.fromordinal(n)
            for a, b in self.spans
            for n in range(a.day.toordinal(), b.day.toordinal() + 1)
        ]


@dataclass
class Notice:
    """The whole notice. `number` 国办发明电〔2024〕12号, `dated` its day, `source` where it was read."""

    year: int
    festivals: list[Festival]
    number: str | None = None
    dated: date | None = None
    source: str | None = None

    @property
    def work(self) -> list[Named]:
        """The weekend days made working (调休上班), in order."""
        return sorted((day for f in self.festivals for day in f.work), key=lambda named: named.day)


class NoticeError(Exception):
    """The file is no notice that can be used; `problems` say where and why."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("；".join(str(problem) for problem in problems))


@dataclass(frozen=True)
class _Text:
    """The notice without blanks, in half-width signs, and the line that each sign stood on."""

    file: str
    text: str
    lines: tuple[int, ...]

    def problem(self, at: int, message: str) -> Problem:
        return Problem(self.file, self.lines[at] if at < len(self.lines) else 1, "", message)


def covered(name: str) -> tuple[str, ...] | None:
    """The festivals that a heading names, in the usual words; None where a part of it names none."""
    parts = [_ALIASES.get(part, part) for part in re.split("[、和及/;]", name) if part]
    return tuple(parts) if parts and all(part in FESTIVALS for part in parts) else None


def read_text(text: str, file: str, year: int | None = None) -> Notice:
    """The notice in `text`, shown under `file`. NoticeError where a sentence of it can't be read."""
    plain = _plain(text, file)
    found = _year(plain)
    if year is not None and found is not None and year != found:
        raise NoticeError([Problem(file, 1, "", f"通知说的是{found}年，不是{year}年，请核对文件")])
    chosen = year or found
    if chosen is None:
        raise NoticeError([Problem(file, 1, "", "看不出是哪一年的通知，请用 --year 写明")])
    heads = [m for m in _ITEM.finditer(plain.text) if covered(m[1])]
    if not heads:
        raise NoticeError([Problem(file, 1, "", "没有找到“一、元旦：…”这样的条目，请贴通知原文")])
    festivals, problems = [], []
    for i, head in enumerate(heads):
        end = heads[i + 1].start() if i + 1 < len(heads) else len(plain.text)
        festival, wrong = _item(plain, head, end, chosen, last=i + 1 == len(heads))
        festivals.append(festival)
        problems += wrong
    if problems:
        raise NoticeError(problems)
    return Notice(chosen, festivals, _number(plain.text), _dated(plain.text))


def _plain(text: str, file: str) -> _Text:
    signs, lines = [], []
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        kept = [sign for sign in unicodedata.normalize("NFKC", line) if not sign.isspace()]
        signs += kept
        lines += [number] * len(kept)
    return _Text(file, "".join(signs), tuple(lines))


def _year(plain: _Text) -> int | None:
    found = re.search(r"(\d{4})年(?:部分)?(?:法定)?节假日安排", plain.text) or re.search(
        r"现将(\d{4})年元旦", plain.text
    )
    return int(found[1]) if found else None


def _number(text: str) -> str | None:
    found = re.search(r"(国办发(?:明电)?)[〔\[(【](\d{4})[〕\])】](\d+)号", text)
    return f"{found[1]}〔{found[2]}〕{found[3]}号" if found else None


def _dated(text: str) -> date | None:
    """The day under the signature, the last one of the text."""
    found = re.findall(r"国务院办公厅(\d{4})年(\d{1,2})月(\d{1,2})日", text)
    try:
        return date(*(int(part) for part in found[-1])) if found else None
    except ValueError:
        return None


def _item(
    plain: _Text, head: re.Match[str], end: int, year: int, *, last: bool
) -> tuple[Festival, list[Problem]]:
    """One item, read clause after clause up to `end`; the last one ends where the closing words begin."""
    name = head[1]
    festival = Festival(name, covered(name) or (), plain.lines[head.start()])
    at, problems = head.end(), list[Problem]()
    while at < end:
        if plain.text[at] in ",;。、":
            at += 1
            continue
        step = next(((k, m) for k, p in _CLAUSES if (m := p.match(plain.text, at, end))), None)
        if step is None:
            rest = plain.text[at:end]
            if not last or _MOVES.search(rest):
                start = at + (m.start() if last and (m := _MOVES.search(rest)) else 0)
                shown = plain.text[start : start + 30]
                problems.append(plain.problem(start, f"“{name}”中这一句没有读懂：“{shown}…”，请核对原文"))
            break
        try:
            _clause(festival, step[0], step[1], year, plain.lines[at])
        except ValueError as err:
            problems.append(plain.problem(at, f"“{name}”：{err}"))
        at = step[1].end()
    return festival, problems


def _clause(festival: Festival, kind: str, found: re.Match[str], year: int, line: int) -> None:
    match kind:
        case "rest":
            first = _named(found[1], year, None, line)
            last = _named(found[2], first.day.year, first.day.month, line) if found[2] else first
            festival.spans.append((first, last))
            if found[3]:
                festival.count = int(found[3])
        case "extra":
            day = _named(found[1], year, None, line)
            festival.spans.append((day, day))
        case "work":
            month = None
            for part in _PARTS.finditer(found[1]):
                day = _named(part[0], year, month, line)
                month = day.day.month
                festival.work.append(day)
        case "count":
            festival.count = int(found[1])
        case "weekend":
            festival.joins_weekend = True


def _named(text: str, year: int, month: int | None, line: int) -> Named:
    """A day, with year and month from what was said before where it names none; ValueError if there is none."""
    found = _PARTS.match(text)
    assert found is not None
    in_month = int(found[2]) if found[2] else month
    if in_month is None:
        raise ValueError(f"“{text}”没有月份")
    try:
        day = date(int(found[1]) if found[1] else year, in_month, int(found[3]))
    except ValueError:
        raise ValueError(f"没有“{text}”这一天") from None
    said = re.search(rf"(?:周|星期)([{_WEEKDAYS}天])", found[4] or "")
    weekday = None if said is None else _WEEKDAYS.index(said[1].replace("天", "日"))
    return Named(day, weekday, line)
