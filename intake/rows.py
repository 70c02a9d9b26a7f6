"""One row of a table made a report: its data, and the ids that make the same row the same clue for ever."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, Final

from domain import labels
from domain.commands import SHAPES
from domain.errors import DomainError
from domain.model import Json
from domain.shapes import nearest, shown
from domain.traces import plain
from intake.mapping import Column, Mapping, steps
from intake.tables import LAT, LON, RADIUS, RawRow

DIGITS_KEPT: Final = 15  # what a spreadsheet's number holds exactly
NUMBER_LETTERS: Final = 12  # 60 bits: two keys of a million share one once in two million tries
_HOLE = re.compile(r"\{([^{}]*)\}")
_FIELD = re.compile(r"字段 ([\w.\[\]]+)(?:（(?:[^（）]|（[^（）]*）)*）)?：?", re.ASCII)
_TRUTH: Final = {
    "是": True,
    "否": False,
    "true": True,
    "false": False,
    "1": True,
    "0": False,
    "y": True,
    "n": False,
}
_GEOMETRY: Final = {LON: "place.lon", LAT: "place.lat", RADIUS: "place.radius_m"}
_SPOTS: Final = {field: name for name, field in _GEOMETRY.items()}


class BadRow(Exception):
    """Why a row can't be a report; `column` is empty where it is not about one."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.reason = column, reason


@dataclass(frozen=True)
class Ready:
    """A row that is well formed. The ids hang on source and key alone, so the content may change under them."""

    line: int
    command_id: str
    clue_no: str
    data: Json


def ready(row: RawRow, mapping: Mapping, *, drill: bool = False) -> Ready:
    """The report that a row makes. Raises BadRow."""
    if row.problem:
        raise BadRow("", row.problem)
    key = _key(row, mapping)
    data: Json = {}
    for field, value in mapping.constants.items():
        _put(data, steps(field), value)
    for name, field in _GEOMETRY.items():
        if row.cells.get(name) is not None:
            _put(data, steps(field), row.cells[name])
    for column in mapping.columns:
        value = _cell(row, column, mapping)
        if value is not None and column.path:
            _put(data, column.path, value)
    for field, template in mapping.templates.items():
        if text := _HOLE.sub(lambda hole: cell_text(row.cells.get(hole[1])), template).strip():
            _put(data, steps(field), text)
    for field, value in mapping.defaults.items():
        _put(data, steps(field), value, keep=True)
    _crs(data, mapping)
    _drop_empty_reporter(data)
    if drill:
        data["drill"] = True
    digest = hashlib.sha256(f"{mapping.id}{'/drill' * drill}\n{key}".encode()).digest()
    return Ready(
        row.line,
        f"import:{mapping.id}:{digest.hex()[:32]}",
        _number(mapping, digest),
        _checked(data, mapping),
    )


def _key(row: RawRow, mapping: Mapping) -> str:
    parts = []
    for name in mapping.key:
        if name not in row.cells or not (part := plain(cell_text(row.cells[name]))):
            raise BadRow(name, "是认定同一条的依据，不能为空")
        parts.append(part)
    return "\n".join(parts)


def _number(mapping: Mapping, digest: bytes) -> str:
    """The clue's number, from the key: no counter has to remember ten thousand keys, however late they come again."""
    return f"XS-{mapping.id.upper()}-{base64.b32encode(digest).decode()[:NUMBER_LETTERS]}"


def _checked(data: Json, mapping: Mapping) -> Json:
    try:
        return SHAPES["report"]("", data)
    except DomainError as err:
        raise bad_row(err, mapping) from None


def missing_columns(columns: Sequence[str], mapping: Mapping) -> tuple[str, ...]:
    """The columns that each row needs and a table with these does not have."""
    needed = dict.fromkeys([*mapping.key, *(c.name for c in mapping.columns if c.required)])
    drawn = {c.name for c in mapping.columns if _SPOTS.get(c.to, "") in columns}
    return tuple(name for name in needed if name not in columns and name not in drawn)


def bad_row(err: DomainError, mapping: Mapping) -> BadRow:
    """A refusal, told by the column that fills the field it is about."""
    found = _FIELD.match(err.message)
    if found is None:
        region = mapping.column_of("place.region") if err.code == "unknown_agency" else None
        return BadRow(region or "", f"{labels.ERRORS.get(err.code, err.code)}：{err.message}")
    column = mapping.column_of(found[1])
    return BadRow(column or found[1], err.message[found.end() :] if column else err.message)


def _drop_empty_reporter(data: Json) -> None:
    """A default alone (confidential) makes nobody a reporter."""
    reporter = data.get("reporter")
    if isinstance(reporter, dict) and not reporter.keys() - {"confidential"}:
        del data["reporter"]


def _crs(data: Json, mapping: Mapping) -> None:
    place = data.get("place")
    if mapping.crs and isinstance(place, dict) and "lon" in place:
        place.setdefault("crs", mapping.crs)


def _put(data: Json, path: tuple[str | int, ...], value: Any, *, keep: bool = False) -> None:
    """Sets a field; lists grow as far as they are filled. `keep`: what is there stays."""
    at: Any = data
    for step, after in zip(path, [*path[1:], None], strict=True):
        if isinstance(step, int):
            while len(at) <= step:
                at.append({})
        if after is None:
            if not (keep and isinstance(step, str) and step in at):
                at[step] = value
            return
        at = at[step] if isinstance(step, int) else at.setdefault(step, [] if isinstance(after, int) else {})


# --- one cell --------------------------------------------------------------------------------------


def _cell(row: RawRow, column: Column, mapping: Mapping) -> Any:
    """The cell as its field wants it; None where it is empty, or the geometry has it. Raises BadRow."""
    spot = row.cells.get(_SPOTS.get(column.to, ""))
    if spot is not None and not cell_text(row.cells.get(column.name)):
        return None
    given = row.cells.get(column.name)
    text = cell_text(given)
    if not text:
        if column.required:
            raise BadRow(column.name, "不能为空，请填写")
        return None
    if column.values:
        return _translated(text, column)
    if column.kind == "number":
        return _number_of(given, text, column)
    if column.kind == "boolean":
        if (truth := _TRUTH.get(text.lower())) is None:
            raise BadRow(column.name, f"“{shown(text)}”应写是或否")
        return truth
    if column.kind == "moment":
        return _moment(given, text, column, mapping)
    if isinstance(given, int | float) and not isinstance(given, bool) and abs(given) >= 10**DIGITS_KEPT:
        raise BadRow(column.name, f"数字超过 {DIGITS_KEPT} 位，表格软件已丢失末几位，请把该列设为文本后重填")
    return text


def cell_text(value: Any) -> str:
    """A cell as people see it: a whole number without its decimal point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**DIGITS_KEPT:
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return str(value).strip()


def _translated(text: str, column: Column) -> Any:
    if text in column.values:
        return column.values[text]
    if text in column.values.values():  # the contract's own word
        return text
    guess = nearest(text, column.values)
    hint = f"，是否想写 {guess}" if guess else f"；可用：{'、'.join(column.values)}"
    raise BadRow(column.name, f"“{shown(text)}”不在映射的取值里{hint}")


def _number_of(given: Any, text: str, column: Column) -> int | float:
    if isinstance(given, int | float) and not isinstance(given, bool):
        number: int | float = given
    else:
        spelled = unicodedata.normalize("NFKC", text).replace(",", "").replace(" ", "")
        try:
            number = float(spelled)
        except ValueError:
            raise BadRow(column.name, f"“{shown(text)}”不是数字") from None
    if isinstance(number, float) and (not math.isfinite(number)):
        raise BadRow(column.name, f"“{shown(text)}”不是数字")
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _moment(given: Any, text: str, column: Column, mapping: Mapping) -> str:
    at = given if isinstance(given, datetime) else _read_moment(text, mapping)
    if at is None:
        formats = "、".join(mapping.formats) or "ISO 8601"
        raise BadRow(column.name, f"“{shown(text)}”不是时间，应合于 {formats}")
    if at.tzinfo is None:
        offset: tzinfo | None = mapping.offset
        if offset is None:
            raise BadRow(column.name, f"“{shown(text)}”没有时区，映射里也没有写 dates.offset")
        at = at.replace(tzinfo=offset)
    return at.isoformat()


def _read_moment(text: str, mapping: Mapping) -> datetime | None:
    text = unicodedata.normalize("NFKC", text)
    for form in mapping.formats:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  the offset is the mapping's
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
