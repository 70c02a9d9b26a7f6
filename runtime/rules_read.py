"""Reads the folder of rules into checked shapes, and turns every mistake into a line and a Chinese sentence."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from domain.shapes import nearest
from runtime import rules_shapes as shapes
from runtime.rules_yaml import Document, Problem, Where, read_yaml

Shape = TypeVar("Shape", bound=BaseModel)

REGION_COLUMNS = ("code", "name", "level", "valid_from", "valid_to", "note")


@dataclass(frozen=True)
class Region:
    """One code of GB/T 2260 and the days of its validity, both included; None is open."""

    code: str
    name: str
    level: str
    valid_from: date | None
    valid_to: date | None
    note: str = ""

    def valid(self, on: date) -> bool:
        """Whether the code held on that day."""
        return (self.valid_from is None or self.valid_from <= on) and (
            self.valid_to is None or on <= self.valid_to
        )


@dataclass
class Files:
    """What the folder holds. A file that could not be read is None, and `problems` says why."""

    packs: dict[str, tuple[Document, shapes.PackFile]] = field(default_factory=dict)
    groups: tuple[Document, shapes.GroupsFile] | None = None
    calendar: tuple[Document, shapes.CalendarFile] | None = None
    agencies: tuple[Document, shapes.AgenciesFile] | None = None
    officers: tuple[Document, shapes.OfficersFile] | None = None
    scopes: tuple[Document, shapes.ScopesFile] | None = None
    statutes: tuple[Document, shapes.StatutesFile] | None = None
    regions: dict[str, tuple[Region, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_files(folder: Path) -> Files:
    """Everything in the folder, with the problems found on the way."""
    files = Files()
    for path in sorted((folder / "packs").glob("*.yaml")):
        name = f"packs/{path.name}"
        pack = _read(files, folder, name, shapes.PackFile)
        if pack is not None:
            files.packs[name] = pack
    files.groups = _read(files, folder, "groups.yaml", shapes.GroupsFile)
    files.calendar = _read(files, folder, "calendars/cn.yaml", shapes.CalendarFile)
    files.agencies = _read(files, folder, "agencies.yaml", shapes.AgenciesFile)
    files.officers = _read(files, folder, "lists/officers.yaml", shapes.OfficersFile)
    files.scopes = _read(files, folder, "lists/scopes.yaml", shapes.ScopesFile)
    files.statutes = _read(files, folder, "statutes.yaml", shapes.StatutesFile)
    files.regions = _read_regions(files, folder / "regions.csv")
    return files


def _read(files: Files, folder: Path, name: str, shape: type[Shape]) -> tuple[Document, Shape] | None:
    doc, problems = read_yaml(folder / name, name)
    files.problems += problems
    if doc is None:
        return None
    try:
        return doc, shape.model_validate(doc.data if doc.data is not None else {})
    except ValidationError as err:
        files.problems += shape_problems(doc, shape, err)
        return None


def shape_problems(doc: Document, shape: type[BaseModel], err: ValidationError) -> list[Problem]:
    """What is wrong with a document's shape, each with its line and, for a mistyped word, the nearest right one."""
    return [_problem(doc, shape, detail) for detail in err.errors()]


def _problem(doc: Document, shape: type[BaseModel], detail: ErrorDetails) -> Problem:
    where: Where = tuple(detail["loc"])
    return doc.problem(where, _sentence(shape, where, detail))


def _sentence(shape: type[BaseModel], where: Where, detail: ErrorDetails) -> str:
    kind, given = detail["type"], detail["input"]
    context: Mapping[str, object] = detail.get("ctx") or {}
    if kind == "missing":
        return f"缺少“{where[-1]}”，请补上"
    if kind == "extra_forbidden":
        meant = nearest(str(where[-1]), _words(_shape_at(shape, where[:-1])))
        return f"不认识“{where[-1]}”，" + (f"是不是“{meant}”？" if meant else "请删去或改正")
    if kind == "literal_error":
        allowed = [word.strip(" '") for word in str(context["expected"]).replace(" or ", ", ").split(",")]
        meant = nearest(str(given), allowed)
        return (
            f"“{given}”不在可用的词之列，"
            + (f"是不是“{meant}”？" if meant else "")
            + (f"可用：{'、'.join(allowed)}")
        )
    return _value_sentence(kind, given, context)


def _value_sentence(kind: str, given: object, context: Mapping[str, object]) -> str:
    if kind.startswith(("date_", "datetime_")) or kind in ("date_type", "date_parsing"):
        return f"“{given}”不是日期，请写成 2024-04-03"
    if kind.startswith("int_"):
        return f"“{given}”不是整数，请改为整数"
    if kind.startswith("bool_"):
        return f"“{given}”应为 true 或 false"
    if kind == "string_type":
        if isinstance(given, int | float) and not isinstance(given, bool):
            return f"{given} 应为文字，请加引号"
        return "应为文字" if given is not None else "不能为空，请填写"
    if kind == "string_too_short":
        return "不能为空，请填写"
    if kind == "string_pattern_mismatch":
        return f"“{given}”格式不对，应符合 {context.get('pattern')}"
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = context.get("ge", context.get("le"))
        return f"{given} 超出范围，应{'不小于' if 'ge' in context else '不大于'} {bound}"
    if kind in ("too_short", "too_long"):
        low, high = context.get("min_length"), context.get("max_length")
        return f"有 {context.get('actual_length')} 项，应{f'至少 {low}' if low else f'至多 {high}'} 项"
    if kind in ("tuple_type", "list_type"):
        return "应为列表（每项以 - 开头，或写成 [甲, 乙]）"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "应为若干“键: 值”"
    return f"不合规（{kind}），请对照 docs/rules.md 改正"


def _words(shape: type[BaseModel] | None) -> list[str]:
    if shape is None:
        return []
    return [info.alias or name for name, info in shape.model_fields.items()]


def _shape_at(shape: type[BaseModel], where: Where) -> type[BaseModel] | None:
    """The model of the place, so that a mistyped key can be compared with the right ones."""
    found: type[BaseModel] | None = shape
    for step in where:
        if isinstance(step, int) or found is None:
            continue
        fields = {info.alias or name: info for name, info in found.model_fields.items()}
        found = _model_in(fields[step].annotation) if step in fields else found
    return found


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


def _read_regions(files: Files, path: Path) -> dict[str, tuple[Region, ...]]:
    name = path.name
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError) as err:
        files.problems.append(Problem(name, 1, "", f"文件读不出来，请补上并存为 UTF-8：{err}"))
        return {}
    if not rows or tuple(rows[0]) != REGION_COLUMNS:
        files.problems.append(Problem(name, 1, "", f"首行应为 {','.join(REGION_COLUMNS)}"))
        return {}
    regions: dict[str, tuple[Region, ...]] = {}
    for number, row in enumerate(rows[1:], start=2):
        try:
            region = _region(row)
        except ValueError as err:
            files.problems.append(Problem(name, number, row[0] if row else "", str(err)))
            continue
        regions[region.code] = (*regions.get(region.code, ()), region)
    return regions


def _region(row: list[str]) -> Region:
    if len(row) != len(REGION_COLUMNS):
        raise ValueError(f"有 {len(row)} 列，应为 {len(REGION_COLUMNS)} 列")
    code, name, level, first, last, note = row
    if len(code) != 6 or not code.isdigit() or not name:
        raise ValueError("代码应为六位数字，名称不能为空")
    try:
        span = [date.fromisoformat(day) if day else None for day in (first, last)]
    except ValueError:
        raise ValueError(f"“{first}”“{last}”中有不是日期的，请写成 2024-04-03") from None
    if span[0] and span[1] and span[1] < span[0]:
        raise ValueError("止日早于起日，请对调或改正")
    return Region(code, name, level, span[0], span[1], note)
