"""What people type and put into files, read into the data of a command."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from domain import labels
from domain.commands import SHAPES
from domain.errors import DomainError
from domain.model import Actor, Json
from domain.shapes import Field, Shape, nearest
from rehearsal.check import plain
from runtime.rules_yaml import Document, Where, read_yaml

ACTOR_HELP = "以谁的身份：机构:角色:姓名[:执法人员编号]，如 310118.eco:officer:张三"


def actor(text: str) -> Actor:
    """`AGENCY:ROLE:NAME[:OFFICER]`; a usage error says what is wrong with it."""
    parts = text.replace("：", ":").split(":")
    if len(parts) not in (3, 4) or not all(part.strip() for part in parts):
        raise typer.BadParameter(f"--as：“{text}”应写成 {ACTOR_HELP.partition('：')[2]}")
    agency, role, *who = (part.strip() for part in parts)
    return Actor(agency, word("--as", role, labels.ROLES, "角色"), *who)


def word(option: str, text: str, known: Mapping[str, str], what: str = "") -> str:
    """One of the names in `known`, typed as it stands in the code or as people say it; a usage error else."""
    if text in known:
        return text
    said = {label: name for name, label in known.items()}
    if text in said:
        return said[text]
    guess = nearest(text, [*known, *said])
    name = said.get(guess, guess) if guess else None
    hint = f"，是否想写 {name}（{known[name]}）" if name else f"；可写 {_all(known)}"
    raise typer.BadParameter(f"{option}：没有{what}“{text}”{hint}")


def _all(known: Mapping[str, str]) -> str:
    return "、".join(f"{name}（{label}）" for name, label in known.items())


def data_of(name: str, given: str | None, sets: list[str]) -> Json:
    """A command's data: JSON or `@file`, then every `key=value` over it."""
    data: Json = {}
    if given is not None:
        data = file_data(name, Path(given[1:])) if given.startswith("@") else _json(given)
    for text in sets:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise typer.BadParameter(f"--set：“{text}”应写成 字段=值，如 reason=现场无人")
        _put(data, key.split("."), _value(name, key, value))
    return data


def _json(text: str) -> Json:
    try:
        data = json.loads(text)
    except ValueError as err:
        at = f"第 {err.lineno} 行第 {err.colno} 列" if isinstance(err, json.JSONDecodeError) else "其中"
        raise typer.BadParameter(f"--data：{at}不是合法的 JSON，请检查引号和逗号") from None
    if not isinstance(data, dict):
        raise typer.BadParameter('--data：应为 JSON 对象，如 \'{"reason": "…"}\'')
    return data


def file_data(name: str, path: Path) -> Json:
    """The data of a JSON or YAML file; `-` is stdin. Raises DomainError, naming line and field."""
    if str(path) == "-":
        return _json(sys.stdin.read())
    document, problems = read_yaml(path, str(path), aliases=True)
    parsed = _parsed_json(path)
    if parsed is not None and not isinstance(parsed, DomainError):
        document = Document(str(path), parsed, document.lines if document else {})
    elif document is None:
        raise parsed or DomainError("invalid_input", "；".join(str(problem) for problem in problems))
    data = plain(document.data)
    if not isinstance(data, dict):
        raise DomainError("invalid_input", f"{path}：内容应为对象，如 source: hotline")
    if name in SHAPES:
        try:
            SHAPES[name]("", data)
        except DomainError as err:
            raise DomainError(err.code, f"{path}:{_line(document, err.message)} {err.message}") from None
    return data


def _parsed_json(path: Path) -> Any:
    """What a JSON file holds; the refusal where it is meant to be one; None where it is YAML, or unreadable."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError as err:
        if path.suffix.lower() != ".json":
            return None
        return DomainError(
            "invalid_input",
            f"{path}:{err.lineno} 第 {err.colno} 列不是合法的 JSON，请检查引号、逗号和括号",
        )


def _line(document: Document, message: str) -> int:
    found = re.match(r"字段 ([\w.\[\]]+)", message, re.ASCII)
    return document.line(_where(found[1])) if found else 1


def _where(dotted: str) -> Where:
    """`vehicles[1].name` as the place in the file; shapes count items from 1."""
    parts: list[str | int] = []
    for word, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", dotted):
        parts.append(word or int(index) - 1)
    return tuple(parts)


def _value(name: str, key: str, text: str) -> Any:
    """The value as the field wants it: JSON where that fits, else the text itself."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return text
    field = _field(SHAPES.get(name), key.split("."))
    if field is None:
        return parsed
    for candidate in (parsed, text):
        try:
            field.check(key, candidate)
        except DomainError:
            continue
        return candidate
    return parsed


def _field(shape: object, path: list[str]) -> Field | None:
    for i, part in enumerate(path):
        if not isinstance(shape, Shape) or part not in shape.fields:
            return None
        field = shape.fields[part]
        if i == len(path) - 1:
            return field
        shape = field.check
    return None


def _put(data: Json, path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = data.setdefault(part, {})
        if not isinstance(inner, dict):
            raise typer.BadParameter(f"--set：{'.'.join(path)} 的上一级已是一个值")
        data = inner
    data[path[-1]] = value
