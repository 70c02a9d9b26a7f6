"""Checking the shape of JSON that people send: small types that name the field and say what to do.

Standard library only, since the core uses it. A type is called with a path and a value and returns
the value, normalised, or raises DomainError("invalid_input").
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from domain import agencies
from domain.errors import DomainError
from domain.model import iso

TEXT_MAX = 5_000  # a record or a description; keeps a command far below Temporal's 2 MB payload
LIST_MAX = 500
NUMBER_MAX = 10**15  # what every JSON reader keeps exactly

Check = Callable[[str, Any], Any]
_DIGEST = re.compile(r"[0-9a-f]{64}")
_REGION = re.compile(r"[0-9]{6}")
_REGION_PART = re.compile(r"[0-9]{2}|[0-9]{4}|[0-9]{6}")
_CLUE_NO = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# Every word that some field may be set to: those that mean something here, and nobody's own.
VOCABULARY: set[str] = set()


def refuse(path: str, problem: str) -> NoReturn:
    raise DomainError("invalid_input", f"字段 {path}：{problem}")


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The known word that a mistyped one was probably meant to be."""
    found = difflib.get_close_matches(str(word), list(words), n=1, cutoff=0.5)
    return found[0] if found else None


def shown(value: Any) -> str:
    """A value as a refusal names it: short, and printable whatever it is."""
    if not isinstance(value, str | int | float | bool | None):
        return type(value).__name__
    try:
        text = str(value)
    except ValueError:  # more digits than Python prints
        return "过长的数字"
    return text if len(text) <= 60 else text[:60] + "…"


def _one_of(words: Iterable[str]) -> str:
    return "、".join(words)


def text(path: str, value: Any) -> str:
    if not isinstance(value, str):
        refuse(path, "应为文字，请改为字符串")
    if len(value) > TEXT_MAX:
        refuse(path, f"超过 {TEXT_MAX} 字，请缩短或作为证据附件提交")
    if "\x00" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        refuse(path, "含有无法保存的字符，请删除")
    return value


def words(path: str, value: Any) -> str:
    """Text that must say something."""
    got = text(path, value)
    if not got.strip():
        refuse(path, "不能为空，请填写")
    return got


def boolean(path: str, value: Any) -> bool:
    if not isinstance(value, bool):
        refuse(path, "应为 true 或 false")
    return value


def number(path: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(path, "应为数字")
    if not -NUMBER_MAX <= value <= NUMBER_MAX:  # also NaN and infinities
        refuse(path, "数字过大，请核对单位")
    return value


def amount(path: str, value: Any) -> int | float:
    got = number(path, value)
    if got < 0:
        refuse(path, "不能为负数")
    return got


def within(low: float, high: float) -> Check:
    def check(path: str, value: Any) -> int | float:
        got = number(path, value)
        if not low <= got <= high:
            refuse(path, f"应在 {low:g} 至 {high:g} 之间")
        return got

    return check


def whole(low: int, high: int) -> Check:
    def check(path: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            refuse(path, f"应为 {low} 至 {high} 的整数")
        return value

    return check


def moment(path: str, value: Any) -> str:
    """An instant with offset, as ISO 8601; kept as text in Shanghai time."""
    if not isinstance(value, str):
        refuse(path, "应为带时区的时间，如 2024-04-03T16:00+08:00")
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        refuse(path, f"“{shown(value)}”不是有效时间，应写成 2024-04-03T16:00+08:00")
    if at.tzinfo is None:
        refuse(path, f"“{shown(value)}”没有时区，请补上，如 {shown(value)}+08:00")
    if not 1970 <= at.year <= 2200:
        refuse(path, f"“{shown(value)}”的年份不合理")
    return iso(at)


def agency(path: str, value: Any) -> str:
    if not isinstance(value, str) or not agencies.is_well_formed(value):
        refuse(path, "应为机构代码，如 310118.eco 或 group.qwj")
    return value


def region(path: str, value: Any) -> str:
    if not isinstance(value, str) or not _REGION.fullmatch(value):
        refuse(path, '应为六位行政区划代码（加引号的文字），如 "320583"')
    return value


def region_part(path: str, value: Any) -> str:
    """A code, or its first two or four digits: a county, or a whole province or prefecture."""
    if not isinstance(value, str) or not _REGION_PART.fullmatch(value):
        refuse(path, '应为二、四或六位行政区划代码（加引号的文字），如 "3205"')
    return value


def clue_no(path: str, value: Any) -> str:
    if not isinstance(value, str) or not _CLUE_NO.fullmatch(value):
        refuse(path, "线索编号只能含字母、数字、- 和 _，最长 64 位，如 XS-320583-20240403-0001")
    return value


def digest(path: str, value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value.lower()):
        refuse(path, "应为 64 位十六进制的 SHA-256 摘要")
    return value.lower()


def enum(options: Mapping[str, str] | Iterable[str]) -> Check:
    known = tuple(options)
    VOCABULARY.update(known)

    def check(path: str, value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            guess = nearest(value, known) if isinstance(value, str) else None
            hint = f"，是否想写 {guess}" if guess else ""
            refuse(path, f"“{shown(value)}”不在可选值之内（{_one_of(known)}）{hint}")
        return value

    return check


def listing(of: Check, *, least: int = 0) -> Check:
    def check(path: str, value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            refuse(path, "应为列表，如 [..]")
        if len(value) < least:
            refuse(path, f"至少要有 {least} 项")
        if len(value) > LIST_MAX:
            refuse(path, f"超过 {LIST_MAX} 项，请分次提交")
        return [of(f"{path}[{i + 1}]", item) for i, item in enumerate(value)]

    return check


@dataclass(frozen=True)
class Field:
    """One key of an object: its check, whether it must be there, and its Chinese name."""

    check: Check
    label: str
    required: bool = False


@dataclass(frozen=True)
class Shape:
    """An object with known keys; unknown ones are refused, so that no typed word is lost in silence."""

    fields: Mapping[str, Field] = field(default_factory=dict)

    def __call__(self, path: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            refuse(path or "data", "应为对象，如 {..}")
        return self._known(path, value, partial=False)

    def partial(self, path: str, value: Any) -> dict[str, Any]:
        """The same keys, none of them required, for changes that are merged key by key."""
        if not isinstance(value, dict):
            refuse(path or "data", "应为对象，如 {..}")
        return self._known(path, value, partial=True)

    def _known(self, path: str, value: dict[str, Any], *, partial: bool) -> dict[str, Any]:
        prefix = f"{path}." if path else ""
        for key in value:
            if key not in self.fields:
                guess = nearest(shown(key), self.fields)
                refuse(
                    f"{prefix}{shown(key)}", "没有这个字段" + (f"，是否想写 {guess}" if guess else "，请删除")
                )
        out: dict[str, Any] = {}
        for key, spec in self.fields.items():
            where = f"{prefix}{key}（{spec.label}）"
            if key in value and value[key] is not None:
                nested = isinstance(spec.check, Shape)
                if nested and partial:
                    assert isinstance(spec.check, Shape)
                    out[key] = spec.check.partial(f"{prefix}{key}", value[key])
                else:
                    out[key] = spec.check(f"{prefix}{key}" if nested else where, value[key])
            elif spec.required and not partial:
                refuse(where, "必须填写")
        return out
