"""Checking a scenario's file: everything wrong with it, each with line, step and field, in Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from domain import labels
from domain.agencies import is_well_formed
from domain.calendar import SHANGHAI
from domain.commands import SHAPES
from domain.errors import CODES, DomainError
from domain.model import ClueState
from domain.packs import Rulebook
from domain.shapes import nearest
from domain.view import view
from runtime.rules_yaml import Document, Problem, Where

TOP_KEYS = ("title", "packs", "officers", "steps")
STEP_KEYS = ("at", "do", "as", "with", "id", "refused", "expect")
ACTOR_KEYS = ("agency", "role", "name", "officer_id")
OFFICER_KEYS = ("id", "name", "agency", "from", "to", "scope")
SCOPE_KEYS = ("regions", "matters")
BY_DUTY = ("duties", "due", "legal_due", "provisional")  # expectations that go by the duty's id
ABSENT = "absent"
MAX_ID = 200


@dataclass
class Parts:
    """The file's parts, checked as far as the findings say."""

    title: str = ""
    packs: list[str] | None = None
    officers: list[dict[str, Any]] | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Findings:
    """What is wrong so far."""

    document: Document
    problems: list[Problem] = field(default_factory=list)

    def add(self, where: Where, message: str) -> None:
        """Notes a problem; a place inside a step is told by the step's number too."""
        problem = self.document.problem(where, message)
        if where[:1] == ("steps",) and len(where) > 1:
            assert isinstance(where[1], int)
            inside = self.document.problem(where, "").field.removeprefix(f"steps[{where[1]}]").lstrip(".")
            name = f"第 {where[1] + 1} 步" + (f" {inside}" if inside else "")
            problem = Problem(problem.file, problem.line, name, message)
        self.problems.append(problem)

    def mapping(self, where: Where, value: Any, keys: Iterable[str]) -> Mapping[str, Any] | None:
        """The value where it is an object; keys that there are not are noted, with the nearest right one."""
        known = tuple(keys)
        if not isinstance(value, dict):
            self.add(where, f"应为对象，可写 {'、'.join(known)}")
            return None
        for key in value:
            if key not in known:
                self.add((*where, str(key)), f"没有“{key}”这一项{hint(str(key), known)}")
        return value

    def one_of(self, where: Where, value: Any, known: Iterable[str], what: str) -> None:
        words = tuple(known)
        if value not in words:
            self.add(where, f"没有“{value}”这个{what}{hint(str(value), words)}")

    def words(self, where: Where, value: Any, *, required: bool = True) -> None:
        if value is None and not required:
            return
        if not isinstance(value, str):
            said = "缺这一项，请填写" if value is None else f"应为文字，请把 {value} 加上引号"
            self.add(where, said)
        elif not value.strip():
            self.add(where, "不能为空，请填写")


def hint(word: str, words: Iterable[str]) -> str:
    known = tuple(words)
    guess = nearest(word, known)
    if guess is not None:
        return f"，是否想写 {guess}"
    return f"，可写：{'、'.join(known)}" if len(known) <= 12 else "，请核对"


def plain(value: Any) -> Any:
    """YAML's own dates and times as the text that JSON has for them."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def day(value: Any) -> date:
    """A day as YYYY-MM-DD. ValueError, TypeError where it is none."""
    return date.fromisoformat(value)


def answer_keys(rules: Rulebook) -> frozenset[str]:
    """The top-level fields that a query answers."""
    return frozenset(view(ClueState(clue_no="-"), datetime(2000, 1, 1, tzinfo=SHANGHAI), rules))


def parts(found: Findings, data: Any, rules: Rulebook) -> Parts:
    """Checks the whole; the parts are only good where `found` stays empty."""
    out = Parts()
    top = found.mapping((), data, TOP_KEYS)
    if top is None:
        return out
    if top.get("title") is not None:
        out.title = str(top["title"])
    out.packs = _packs(found, top.get("packs"), tuple(pack.id for pack in rules.packs))
    out.officers = _officers(found, top.get("officers"))
    steps = top.get("steps")
    if not isinstance(steps, list) or not steps:
        found.add(("steps",), "应为步骤的列表，至少一步")
        return out
    last: datetime | None = None
    known = answer_keys(rules)
    for i, raw in enumerate(steps):
        last = _step(found, ("steps", i), raw, last, known) or last
    out.steps = steps
    return out


def _packs(found: Findings, value: Any, known: tuple[str, ...]) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        found.add(("packs",), "应为列表，如 [qwj-2020]")
        return None
    for i, pack in enumerate(value):
        found.one_of(("packs", i), pack, known, "规则包")
    return value


def _officers(found: Findings, value: Any) -> list[dict[str, Any]] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        found.add(("officers",), "应为列表，每项一名执法人员")
        return None
    for i, raw in enumerate(value):
        _officer(found, ("officers", i), raw)
    return value


def _officer(found: Findings, where: Where, raw: Any) -> None:
    officer = found.mapping(where, raw, OFFICER_KEYS)
    if officer is None:
        return
    for key in ("id", "name"):
        found.words((*where, key), officer.get(key))
    _agency(found, (*where, "agency"), officer.get("agency"))
    days = [_day(found, (*where, key), officer.get(key)) for key in ("from", "to")]
    if days[0] and days[1] and days[1] < days[0]:
        found.add((*where, "to"), "早于 from，请改正")
    scope = officer.get("scope")
    if scope is None:
        return
    scope = found.mapping((*where, "scope"), scope, SCOPE_KEYS)
    for key in SCOPE_KEYS:
        values = (scope or {}).get(key) or []
        if not isinstance(values, list):
            found.add((*where, "scope", key), "应为列表")
            continue
        for i, item in enumerate(values):
            place = (*where, "scope", key, i)
            if key == "matters":
                found.one_of(place, item, labels.MATTERS, "事项")
            elif not isinstance(item, str):
                found.add(place, f'行政区划代码应加引号，如 "{item}"')


def _day(found: Findings, where: Where, value: Any) -> date | None:
    try:
        return day(value)
    except (ValueError, TypeError):
        found.add(where, "缺这一天或不是日期，应写成 2024-01-01")
        return None


def _agency(found: Findings, where: Where, value: Any) -> None:
    if not isinstance(value, str) or not is_well_formed(value):
        found.add(where, f"“{value}”不是机构代码，应如 310118.eco 或 group.qwj")


def _step(
    found: Findings, where: Where, raw: Any, last: datetime | None, known: frozenset[str]
) -> datetime | None:
    step = found.mapping(where, raw, STEP_KEYS)
    if step is None:
        return None
    at = _moment(found, (*where, "at"), step.get("at"))
    if at is not None and last is not None and at < last:
        found.add((*where, "at"), f"早于上一步（{last.isoformat()}），步骤须按时间先后排列")
    if step.get("do") is None:
        for key in ("as", "with", "id", "refused"):
            if step.get(key) is not None:
                found.add((*where, key), f"没有 do 的步骤只看不做，不能写 {key}")
    else:
        _command(found, where, step)
    if step.get("refused") is not None:
        found.one_of((*where, "refused"), step["refused"], CODES, "错误代码")
    if step.get("expect") is not None:
        _expect(found, (*where, "expect"), step["expect"], known)
    return at


def _command(found: Findings, where: Where, step: Mapping[str, Any]) -> None:
    name = step["do"]
    found.one_of((*where, "do"), name, SHAPES, "命令")
    judged = step.get("refused") is not None  # then a wrong value may be the very point: the core judges it
    given_id = step.get("id")
    if given_id is not None and not 1 <= len(str(given_id)) <= MAX_ID:
        found.add((*where, "id"), f"应为 1 至 {MAX_ID} 个字符")
    actor = found.mapping((*where, "as"), step.get("as"), ACTOR_KEYS)
    if actor is not None:
        for key in ACTOR_KEYS:
            found.words((*where, "as", key), actor.get(key), required=key != "officer_id")
        if not judged and isinstance(actor.get("role"), str):
            found.one_of((*where, "as", "role"), actor["role"], labels.ROLES, "角色")
        if not judged and isinstance(actor.get("agency"), str):
            _agency(found, (*where, "as", "agency"), actor["agency"])
    data = {} if step.get("with") is None else step["with"]
    if not isinstance(data, dict):
        found.add((*where, "with"), "应为对象，即命令的内容")
    elif name in SHAPES and not judged:
        try:
            SHAPES[name]("", data)
        except DomainError as err:
            found.add((*where, "with"), err.message)


def _moment(found: Findings, where: Where, value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        found.add(where, "缺时间或不是时间，应写成 2024-04-03T16:20+08:00")
        return None
    if at.tzinfo is None:
        found.add(where, f"“{value}”没有时区，请补上，如 {value}+08:00")
        return None
    return at


def _expect(found: Findings, where: Where, value: Any, known: frozenset[str]) -> None:
    expect = found.mapping(where, value, sorted({*known, *BY_DUTY}))
    if expect is None:
        return
    if "stage" in expect:
        found.one_of((*where, "stage"), expect["stage"], labels.STAGES, "阶段")
    for key in BY_DUTY:
        by_duty = expect.get(key)
        if key not in expect or (key == "duties" and isinstance(by_duty, list)):
            continue
        checked = found.mapping((*where, key), by_duty, labels.DUTIES)
        for duty, wanted in (checked or {}).items():
            _wanted(found, (*where, key, duty), key, wanted)


def _wanted(found: Findings, where: Where, key: str, value: Any) -> None:
    if value == ABSENT:
        return
    if key == "duties":
        found.one_of(where, value, labels.STATUSES, "状态")
    elif key == "provisional":
        if not isinstance(value, bool):
            found.add(where, "应为 true 或 false")
    else:
        _moment(found, where, value)
