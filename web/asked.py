"""What somebody asked of the list, read from the address; refuses what it doesn't understand, in Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from domain import shapes
from domain.agencies import is_well_formed
from domain.errors import DomainError
from domain.labels import LEVELS, MATTERS, STAGES
from domain.model import instant
from ledger.clues import MAX_LIMIT, Filters
from runtime.rules import Rules

TEXT_MAX: Final = 80
YES: Final = {"1", "true", "yes", "on"}
NO: Final = {"0", "false", "no", "off"}
KNOWN: Final = (
    *(
        "stage",
        "agency",
        "turn",
        "holder",
        "party",
        "finder",
        "addressee",
        "matter",
        "level",
        "level_at_least",
    ),
    *("due_before", "drill", "all", "q", "limit", "after"),
)
STAGE_WORDS: Final = {name: word for name, word in STAGES.items() if name != "none"}


@dataclass(frozen=True)
class Asked:
    """Filters of the list, checked. `agency` with `turn` off: any with a part in the clue, superiors too."""

    filters: Filters
    values: dict[str, str]
    limit: int = 50
    after: str | None = None

    def link(self, **changes: str | None) -> str:
        """The address of the list with some of the words changed; another filter begins at the first page."""
        values = {k: v for k, v in self.values.items() if k != "after"} | changes
        query = urlencode({k: v for k, v in values.items() if v})
        return "/?" + query if query else "/"


def read(query: QueryParams, rules: Rules) -> Asked:
    """The filters in an address. DomainError (`invalid_input`) names the word that is wrong."""
    for key in query:
        if key not in KNOWN:
            guess = shapes.nearest(key, KNOWN)
            shapes.refuse(key, "没有这个筛选条件" + (f"，是否想写 {guess}" if guess else ""))
    values = {key: value.strip() for key, value in query.items() if value.strip()}
    agency = _agency("agency", values.get("agency"), rules)
    turn = _flag("turn", values.get("turn"))
    filters = Filters(
        stage=_enum("stage", values.get("stage"), STAGE_WORDS),
        holder=agency if agency and turn else _agency("holder", values.get("holder"), rules),
        party=agency if agency and not turn else _agency("party", values.get("party"), rules),
        finder=_agency("finder", values.get("finder"), rules),
        addressee=_agency("addressee", values.get("addressee"), rules),
        matter=_enum("matter", values.get("matter"), MATTERS),
        level=_number("level", values.get("level"), 0, max(LEVELS)),
        level_at_least=_number("level_at_least", values.get("level_at_least"), 0, max(LEVELS)) or 0,
        due_before=moment("due_before", values.get("due_before")),
        drill=_flag("drill", values.get("drill")),
        open_only=not _flag("all", values.get("all")),
        text=_text("q", values.get("q")),
    )
    limit = _number("limit", values.get("limit"), 1, MAX_LIMIT) or 50
    return Asked(filters, values, limit, values.get("after"))


def moment(name: str, value: str | None) -> datetime | None:
    """An instant with its offset; the + of the offset, which addresses turn into a space, is put back."""
    if not value:
        return None
    return instant(shapes.moment(name, re.sub(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$", r"\1+\2", value.strip())))


def _enum(name: str, value: str | None, words: dict[str, str]) -> str | None:
    """One of the English names, or the Chinese word for it."""
    if value is None:
        return None
    by_word = {word: english for english, word in words.items()}
    return str(shapes.enum(words)(name, by_word.get(value, value)))


def _agency(name: str, value: str | None, rules: Rules) -> str | None:
    """An agency by id or by the name that people read."""
    if value is None:
        return None
    if is_well_formed(value):
        return value
    known = names(rules)
    if value in known:
        return known[value]
    guess = shapes.nearest(value, known)
    hint = f"，是否想写“{guess}”" if guess else "，请写机构代码，如 310118.eco，或全称"
    raise DomainError("unknown_agency", f"字段 {name}：没有机构“{value}”{hint}")


def names(rules: Rules) -> dict[str, str]:
    """The agencies that have a name of their own, and the groups: name to id, to choose from."""
    listed = {a.name: a.id for a in rules.agencies}
    return listed | {group.name: group.id for group in rules.rulebook.groups}


def _flag(name: str, value: str | None) -> bool | None:
    if value is None:
        return None
    if value.lower() not in YES | NO:
        shapes.refuse(name, "应为 1 或 0")
    return value.lower() in YES


def _number(name: str, value: str | None, low: int, high: int) -> int | None:
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()) or len(value) > 6 or not low <= int(value) <= high:
        shapes.refuse(name, f"应为 {low} 到 {high} 的整数")
    return int(value)


def _text(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    said: Any = shapes.text(name, value)
    return str(said)[:TEXT_MAX]
