"""Twenty terms worked out, each in a few lines that can be checked by hand against a wall calendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from domain import labels
from domain.calendar import ladder_instant, last_day_of, local_day, midnight_after
from domain.duties import ladder_of
from domain.model import iso
from domain.text import when
from runtime.rules import Rules, explain

WEEK = "一二三四五六日"
HEAD = """# 二十个算好的期限

本页由 `starter.py rules examples --write` 写成，与程序现行的规则和日历一致（由测试保证）。
请拿一本挂历逐条核对：触发当日不数；休息日与调休上班见“数法”一行；期限在末日 24:00 届满。
“内部期限”用于提醒，“最迟期限”之后才算逾期；二者相同的只写一个。
"""


@dataclass(frozen=True)
class Example:
    """A term to work out. `suspended`: days on which it was stopped and resumed; `ladder`: show its steps."""

    title: str
    duty: str
    pack: str
    start: str
    suspended: tuple[tuple[str, str], ...] = ()
    extended: int = 0
    ladder: bool = False


EXAMPLES = (
    Example("清明放假，其后的星期日调休上班", "evidence_transfer", "qwj-2020", "2024-04-03T16:00"),
    Example(
        "中秋放假前一天触发（9月20日的调休上班在它之前，不影响）",
        "evidence_transfer",
        "qwj-2020",
        "2026-09-24T16:00",
    ),
    Example("春节放假，前后两个星期六调休上班", "evidence_transfer", "qwj-2020", "2026-02-13T16:00"),
    Example(
        "日期限，末日是星期六：内部提前，最迟顺延",
        "start_transfer",
        "yrd-solid-waste-trial",
        "2024-04-03T09:00",
    ),
    Example("日期限，末日在国庆假期里", "start_transfer", "yrd-solid-waste-trial", "2026-09-24T09:00"),
    Example(
        "日期限，末日是调休上班的星期六：不顺延",
        "start_transfer",
        "yrd-solid-waste-trial",
        "2026-09-30T09:00",
    ),
    Example("当日的衡量指标：星期六触发也不顺延", "first_contact", "house", "2026-05-16T10:00"),
    Example("小时期限，国庆假期里照样连续计算", "ack", "house", "2026-10-01T22:30"),
    Example("二十四小时，跨春节假期的两天", "police_transfer", "criminal-link", "2026-02-15T09:00"),
    Example(
        "中止：自中止次日至恢复当日不计",
        "receipt",
        "house",
        "2026-05-11T09:00",
        (("2026-05-12", "2026-05-14"),),
    ),
    Example(
        "当天中止当天恢复：一日也不扣",
        "receipt",
        "house",
        "2026-05-11T09:00",
        (("2026-05-12", "2026-05-12"),),
    ),
    Example(
        "两次中止重叠：只扣一次",
        "case_filing",
        "house",
        "2026-05-13T09:00",
        (("2026-05-18", "2026-05-22"), ("2026-05-20", "2026-05-25")),
    ),
    Example(
        "小时期限的中止：每个整日顺移二十四小时",
        "on_scene",
        "house",
        "2026-05-11T09:00",
        (("2026-05-11", "2026-05-12"),),
    ),
    Example("工作日期限延长二日", "evidence_transfer", "qwj-2020", "2026-04-29T10:00", extended=2),
    Example("日期限延长四日，末日落在星期日", "damage_notice", "jx-2021-11", "2026-05-10T10:00", extended=4),
    Example("跨年：次年通知未公布，日期为暂定", "evidence_transfer", "qwj-2020", "2026-12-30T16:00"),
    Example("暂定年份里的春节（推定的补假，没有调休）", "written_feedback", "house", "2027-01-08T09:00"),
    Example("当日最后一分钟触发", "damage_investigation", "house", "2026-05-11T23:59"),
    Example("一分钟之后，已是次日触发", "damage_investigation", "house", "2026-05-12T00:00"),
    Example(
        "逾期后的升级，隔着国庆假期与调休上班",
        "evidence_transfer",
        "qwj-2020",
        "2026-09-28T10:00",
        ladder=True,
    ),
)


def worked(rules: Rules) -> list[dict[str, Any]]:
    """Each example with the answer of `rules explain`, the counting in one line, and its ladder where asked."""
    return [_worked(rules, number, example) for number, example in enumerate(EXAMPLES, start=1)]


def document(rules: Rules) -> str:
    """The whole page, as it stands in docs/worked-dates.md."""
    return HEAD + "".join(f"\n{_section(answer)}" for answer in worked(rules))


def _worked(rules: Rules, number: int, example: Example) -> dict[str, Any]:
    start = datetime.fromisoformat(f"{example.start}+08:00")
    spans = [(date.fromisoformat(a) + timedelta(days=1), date.fromisoformat(b)) for a, b in example.suspended]
    answer = explain(rules, example.duty, example.pack, start, spans, example.extended)
    more: dict[str, Any] = {
        "number": number,
        "title": example.title,
        "suspended": [list(span) for span in example.suspended],
        "counting": counting(answer),
    }
    if example.ladder:
        more["ladder"] = _ladder(rules, datetime.fromisoformat(answer["legal_due_at"]))
    return more | answer


def _ladder(rules: Rules, legal: datetime) -> list[dict[str, Any]]:
    book = rules.rulebook
    base = last_day_of(legal)
    instants = [legal if n == 0 else ladder_instant(book.calendar, base, n) for n in ladder_of(book).steps]
    return [
        {"level": level, "name": labels.LEVELS[level], "at": iso(at)}
        for level, at in enumerate(instants, start=1)
    ]


def counting(answer: dict[str, Any]) -> str:
    """The days in one line: runs of counted days with their numbers, runs of others with their reason."""
    if answer["unit"] == "hour":
        start, end = datetime.fromisoformat(answer["from"]), datetime.fromisoformat(answer["due_at"])
        stopped = answer["paused_days"]
        pause = f"，中止 {stopped} 个整日，顺移 {24 * stopped} 小时" if stopped else ""
        more = f"，延长 {24 * answer['extended_days']} 小时" if answer["extended_days"] else ""
        return f"{_instant(start)} 加 {answer['term']} 小时{pause}{more}，至 {_instant(end)}"
    return " ｜ ".join(_runs(answer))


def _runs(answer: dict[str, Any]) -> Iterator[str]:
    number = 0
    days = [(date.fromisoformat(d["date"]), d["counted"], d["why"]) for d in answer["days"]]
    plain = answer["unit"] == "day"

    def kind(row: tuple[date, bool, str]) -> tuple[bool, str]:
        # Every day of a term in days counts alike; of one in working days only the made-up ones need a word.
        _, counted, why = row
        mark = "（暂定）" if "（暂定）" in why else ""
        return counted, mark if counted and (plain or "调休" not in why) else why

    for (counted, why), group in groupby(days, key=kind):
        run = [day for day, _, _ in group]
        span = _day(run[0]) + (f"–{_day(run[-1])}" if len(run) > 1 else "")
        if not counted:
            yield f"{span} 不计：{why}"
            continue
        first, number = number + 1, number + len(run)
        count = f"第{first}日" if first == number else f"第{first}–{number}日"
        yield f"{span} {count}{'（' + why + '）' if why and why != '（暂定）' else why}"


def _day(day: date) -> str:
    return f"{day.month}月{day.day}日（{WEEK[day.weekday()]}）"


def _instant(at: datetime) -> str:
    return f"{_day(local_day(at))}{at:%H:%M}"


def _full(at: datetime) -> str:
    """An instant with its year and weekday; a midnight is 24:00 of the day that ends."""
    day = last_day_of(at) if at == midnight_after(last_day_of(at)) else local_day(at)
    return f"{when(at)}（周{WEEK[day.weekday()]}）"


def _section(a: dict[str, Any]) -> str:
    start, due = datetime.fromisoformat(a["from"]), datetime.fromisoformat(a["due_at"])
    legal = datetime.fromisoformat(a["legal_due_at"])
    more = f"，延长 {a['extended_days']} {labels.UNITS[a['unit']]}" if a["extended_days"] else ""
    term = f"{labels.term(a['term'], a['unit'])}{more}（{labels.UNIT_BASES[a['unit_basis']]}）"
    said = [
        f"## {a['number']}. {a['title']}\n",
        f"- 义务：{labels.DUTIES[a['duty']]}；期限：{term}",
        f"- 依据：{a['pack']} {a['article']}",
        f"- 触发：{start:%Y-%m-%d %H:%M}（周{WEEK[start.weekday()]}）",
    ]
    said += [f"- 中止：{first} 中止，{last} 恢复" for first, last in a["suspended"]]
    said += [f"- 数法：{a['counting']}"]
    mark = "（暂定）" if a["provisional"] else ""
    if due == legal:
        said += [f"- **期限：{_full(due)}**{mark}"]
    else:
        said += [f"- **内部期限：{_full(due)}；最迟期限：{_full(legal)}**{mark}"]
    said += [
        f"- {step['level']} 级（{step['name']}）：{_full(datetime.fromisoformat(step['at']))}"
        for step in a.get("ladder", ())
    ]
    return "\n".join(said) + "\n"
