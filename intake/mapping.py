"""How the columns of one source become a clue: a YAML file, checked with line and nearest right word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from domain import labels, shapes
from domain.commands import CLUE
from domain.errors import DomainError
from domain.shapes import Shape as ClueShape
from domain.shapes import nearest
from domain.suspects import Measures, Strength
from domain.traces import KINDS
from runtime import rules_read
from runtime.rules_shapes import Flag, Shape, Text
from runtime.rules_yaml import Document, Problem, Where, read_yaml

FOLDER: Final = Path(__file__).resolve().parent.parent / "rules"
OWN: Final = ("clue_no", "drill")  # given by the import itself, never by a column
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")
_STEP = re.compile(r"([a-z_]+)(?:\[([1-9][0-9]?)\])?")
_HOLE = re.compile(r"\{([^{}]*)\}")

Id = Annotated[str, Field(strict=True, pattern=r"^[a-z0-9][a-z0-9-]{0,19}$")]
S = TypeVar("S", bound=Shape)
Kind = Literal["text", "number", "boolean", "moment"]


class ColumnFile(Shape):
    """`to`: the clue's field; without one the column serves key and templates alone."""

    to: Text | None = None
    required: Flag = False
    values: dict[str, Any] = Field(default_factory=dict)


class DatesFile(Shape):
    """`formats` as strptime's; ISO 8601 is always read. `offset`: of times that name none themselves."""

    formats: tuple[Text, ...] = ()
    offset: Text | None = None


class MappingFile(Shape):
    id: Id
    title: Text
    key: Annotated[tuple[Text, ...], Field(min_length=1)]
    columns: Annotated[dict[Text, Text | ColumnFile], Field(min_length=1)]
    templates: dict[Text, Text] = Field(default_factory=dict)
    constants: dict[Text, Any] = Field(default_factory=dict)
    defaults: dict[Text, Any] = Field(default_factory=dict)
    dates: DatesFile = DatesFile()
    crs: Literal["wgs84", "gcj02", "bd09"] | None = None
    sheet: Text | None = None
    header: Annotated[int, Field(strict=True, ge=1, le=100)] = 1


class DuplicatesFile(Shape):
    days: Annotated[int, Field(strict=True, ge=0, le=3650)]
    place_days: Annotated[int, Field(strict=True, ge=0, le=3650)]
    least_m: Annotated[float, Field(ge=0, le=100_000)]
    unit_basis: Literal["agreed"]
    strengths: dict[str, Strength]


class BadMapping(Exception):
    """The mapping can't be used; `problems` say where and why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("；".join(str(p) for p in problems))
        self.problems = problems


@dataclass(frozen=True)
class Column:
    """`path`: the clue's field, as steps, a number being a place in a list from 0; empty where it fills none."""

    name: str
    to: str
    path: tuple[str | int, ...]
    kind: Kind
    required: bool
    values: dict[str, Any]


@dataclass(frozen=True)
class Mapping:
    """A checked mapping. `offset` None: a time without offset is a bad row."""

    id: str
    title: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    templates: dict[str, str]
    constants: dict[str, Any]
    defaults: dict[str, Any]
    formats: tuple[str, ...]
    offset: tzinfo | None
    crs: str | None
    sheet: str | None
    header: int

    def column_of(self, field: str) -> str | None:
        """The column that fills that field of the clue, or the part of it that is filled."""
        for column in self.columns:
            if column.to and (
                field == column.to or column.to.startswith(f"{field}.") or field.startswith(f"{column.to}.")
            ):
                return column.name
        return None


def steps(field: str) -> tuple[str | int, ...]:
    """`vehicles[1].name` as ("vehicles", 0, "name"); ValueError where it is no field."""
    out: list[str | int] = []
    for word in field.split("."):
        found = _STEP.fullmatch(word)
        if found is None:
            raise ValueError(field)
        out.append(found[1])
        if found[2]:
            out.append(int(found[2]) - 1)
    return tuple(out)


def shipped(folder: Path = FOLDER) -> list[str]:
    """The names of the mappings that come with the rules."""
    return sorted(p.stem for p in (folder / "intake").glob("*.yaml"))


def load_mapping(given: str, folder: Path | None = None) -> Mapping:
    """A mapping by its file, or by its name among those of the rules. Raises BadMapping."""
    path = Path(given)
    if not path.suffix:
        folder = folder if folder is not None and (folder / "intake").is_dir() else FOLDER
        path = folder / "intake" / f"{given}.yaml"
        if not path.is_file():
            known = shipped(folder)
            guess = nearest(given, known)
            hint = f"，是否想写 {guess}" if guess else f"；现有：{'、'.join(known)}，或给出 YAML 文件"
            raise BadMapping([Problem(given, 1, "", f"没有名为“{given}”的映射{hint}")])
    doc, file = _read(path, MappingFile)
    problems = list(_check(doc, file))
    if problems:
        raise BadMapping(problems)
    return Mapping(
        id=file.id,
        title=file.title,
        key=file.key,
        columns=tuple(_column(name, c) for name, c in file.columns.items()),
        templates=dict(file.templates),
        constants=dict(file.constants),
        defaults=dict(file.defaults),
        formats=file.dates.formats,
        offset=_offset(file.dates.offset),
        crs=file.crs,
        sheet=file.sheet,
        header=file.header,
    )


def load_measures(folder: Path | None = None) -> Measures:
    """When two clues are suspected to be one matter: `duplicates.yaml` of the rules, else the shipped one."""
    path = (folder or FOLDER) / "duplicates.yaml"
    doc, file = _read(path if path.is_file() else FOLDER / "duplicates.yaml", DuplicatesFile)
    unknown = [k for k in file.strengths if k not in KINDS]
    if unknown:
        raise BadMapping([doc.problem(("strengths", k), _unknown(k, KINDS, "特征")) for k in unknown])
    return Measures(file.days, file.place_days, file.least_m, file.strengths)


def _read(path: Path, shape: type[S]) -> tuple[Document, S]:
    doc, problems = read_yaml(path, str(path))
    if doc is None:
        raise BadMapping(problems)
    try:
        return doc, shape.model_validate(doc.data if doc.data is not None else {})
    except ValidationError as err:
        raise BadMapping(rules_read.shape_problems(doc, shape, err)) from None


def _unknown(word: str, words: Any, what: str) -> str:
    guess = nearest(word, words)
    return f"没有{what}“{word}”" + (f"，是不是“{guess}”？" if guess else f"；可用：{'、'.join(words)}")


def _column(name: str, given: str | ColumnFile) -> Column:
    file = ColumnFile(to=given) if isinstance(given, str) else given
    values = {key.strip(): value for key, value in file.values.items()}
    if file.to is None:
        return Column(name, "", (), "text", file.required, values)
    return Column(name, file.to, steps(file.to), kind_of(file.to), file.required, values)


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    found = _OFFSET.fullmatch(text)
    if found is None:
        return ZoneInfo(text)
    span = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(span if found[1] == "+" else -span)


# --- the fields of a clue --------------------------------------------------------------------------


def _check_at(field: str) -> Any:
    """The check of a clue's field; KeyError naming the wrong word and the right ones."""
    check: Any = CLUE
    for step in steps(field):
        if isinstance(step, int):
            check = _item(check)
        elif not isinstance(check, ClueShape) or step not in check.fields:
            raise KeyError(step, tuple(check.fields) if isinstance(check, ClueShape) else ())
        else:
            check = check.fields[step].check
    return check


def _item(check: Any) -> Any:
    """What a list's check asks of each item: `shapes.listing` keeps it in its closure."""
    cells = getattr(check, "__closure__", None) or ()
    names = getattr(getattr(check, "__code__", None), "co_freevars", ())
    return dict(zip(names, (c.cell_contents for c in cells), strict=True)).get("of", check)


def kind_of(field: str) -> Kind:
    """What a field holds, found by what its check takes."""
    check = _check_at(field)
    if check is shapes.moment:
        return "moment"
    for kind, sample in (("boolean", True), ("number", 1)):
        try:
            check(field, sample)
        except DomainError:
            continue
        return kind  # type: ignore[return-value]
    return "text"


# --- what the shape alone can't tell -----------------------------------------------------------------


def _check(doc: Document, file: MappingFile) -> Iterator[Problem]:
    fields: dict[str, str] = {}
    for name, given in file.columns.items():
        column = ColumnFile(to=given) if isinstance(given, str) else given
        if column.to is None:
            continue
        where: Where = ("columns", name) if isinstance(given, str) else ("columns", name, "to")
        problem = _field_problem(column.to)
        if problem is None and column.to in fields:
            problem = f"“{column.to}”已由“{fields[column.to]}”填写，请删去其一"
        fields.setdefault(column.to, name)
        if problem:
            yield doc.problem(where, problem)
            continue
        for text, value in column.values.items():
            yield from _value(doc, ("columns", name, "values", text), column.to, value)
    for part in ("constants", "defaults", "templates"):
        for field, value in getattr(file, part).items():
            problem = _field_problem(field)
            if problem:
                yield doc.problem((part, field), problem)
            elif part != "templates":
                yield from _value(doc, (part, field), field, value)
    yield from _check_names(doc, file)
    yield from _check_whole(doc, file, fields)


def _field_problem(field: str) -> str | None:
    try:
        check = _check_at(field)
    except ValueError:
        return f"“{field}”不是字段，应如 place.lon 或 vehicles[1].name"
    except KeyError as err:
        word, words = err.args
        guess = nearest(word, words)
        return f"线索没有字段“{field}”" + (f"，是不是“{guess}”？" if guess else "")
    if field in OWN:
        return f"“{field}”不由文件给出，请删去"
    if isinstance(check, ClueShape) or _item(check) is not check:
        return f"“{field}”还有下级，请写到底，如 {field}.… 或 {field}[1].…"
    return None


def _value(doc: Document, where: Where, field: str, value: Any) -> Iterator[Problem]:
    try:
        _check_at(field)(field, value)
    except DomainError as err:
        yield doc.problem(where, err.message.partition("：")[2] or err.message)


def _check_names(doc: Document, file: MappingFile) -> Iterator[Problem]:
    """The columns that key and templates name; one that fills no field is written `列名: {}`."""
    for field, template in file.templates.items():
        for name in _HOLE.findall(template):
            if name not in file.columns:
                yield doc.problem(("templates", field), _unknown(name, file.columns, "列"))
    for i, name in enumerate(file.key):
        if name not in file.columns:
            yield doc.problem(("key", i), _unknown(name, file.columns, "列"))


def _check_whole(doc: Document, file: MappingFile, columns: dict[str, str]) -> Iterator[Problem]:
    given = {*columns, *file.constants, *file.defaults, *file.templates}
    for field in ("source", "title", "matter", "discovered_at"):
        if field not in given:
            yield doc.problem(
                (), f"没有说明“{labels.FIELDS.get(field) or CLUE.fields[field].label}”（{field}）从哪里来"
            )
    if "place.region" not in given and not {"place.lon", "place.lat"} <= given:
        yield doc.problem((), "没有说明地点：须有 place.region，或 place.lon 与 place.lat")
    if "place.lon" in given and file.crs is None and "place.crs" not in given:
        yield doc.problem((), "有坐标就要写 crs（wgs84、gcj02 或 bd09）")
    try:
        _offset(file.dates.offset)
    except (ValueError, KeyError, OSError):
        yield doc.problem(("dates", "offset"), f"“{file.dates.offset}”不是时区，应如 Asia/Shanghai 或 +08:00")
