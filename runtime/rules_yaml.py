"""Reading YAML together with the line of every key, so that a mistake can be shown where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Where = tuple[str | int, ...]
MOST_PLACES = 200_000  # in one file


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the rules: `file` relative to the folder, `line` from 1, `field` as a dotted path."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        at = f"{self.file}:{self.line}"
        return f"{at} {self.field}：{self.message}" if self.field else f"{at}：{self.message}"


@dataclass(frozen=True)
class Document:
    """One file's data, and the line on which each key or list item begins."""

    file: str
    data: Any
    lines: dict[Where, int] = field(default_factory=dict)

    def line(self, where: Where) -> int:
        """The line of that place, or of the nearest place around it (for a key that is missing)."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def problem(self, where: Where, message: str) -> Problem:
        """What is wrong at that place."""
        return Problem(self.file, self.line(where), dotted(where), message)


class _Loader(yaml.SafeLoader):
    """Leaves a date that is none (2024-13-01) as text, so that the check of the shape can point at it."""


def _timestamp(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return loader.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def dotted(where: Where) -> str:
    """`("duties", 0, "term")` as `duties[0].term`."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read_yaml(path: Path, name: str, *, aliases: bool = False) -> tuple[Document | None, list[Problem]]:
    """The document of a file, shown under `name`; without one, the reasons.

    `aliases`: a part may be repeated by & and *, as long as none holds itself.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None, [Problem(name, 1, "", "文件不存在，请补上")]
    except (OSError, UnicodeDecodeError) as err:
        return None, [Problem(name, 1, "", f"文件读不出来，请存为 UTF-8：{err}")]
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Where, int] = {}
        problems = _walk(node, (), lines, name, set(), aliases) if node is not None else []
        if problems:
            return None, problems
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as err:
        return None, [_syntax_problem(name, err)]
    except RecursionError:
        return None, [Problem(name, 1, "", "层次太深，请检查括号与缩进")]
    except (yaml.YAMLError, ValueError) as err:
        return None, [Problem(name, 1, "", f"不是合法的 YAML，请检查：{err}")]
    finally:
        loader.dispose()
    return Document(name, data, lines), []


def _syntax_problem(name: str, err: yaml.MarkedYAMLError) -> Problem:
    mark = err.problem_mark or err.context_mark
    line = mark.line + 1 if mark else 1
    return Problem(name, line, "", f"不是合法的 YAML，请检查缩进、冒号和引号（{err.problem or err.context}）")


def _walk(
    node: yaml.Node, where: Where, lines: dict[Where, int], name: str, seen: set[int], aliases: bool
) -> list[Problem]:
    lines.setdefault(where, node.start_mark.line + 1)
    if id(node) in seen:  # an alias; one that holds itself would never end
        what = "引用（*）绕回了自己" if aliases else "不支持锚点与引用（& 和 *）"
        return [Problem(name, lines[where], dotted(where), f"{what}，请写全")]
    if len(lines) > MOST_PLACES:  # aliases of aliases grow without end
        return [Problem(name, lines[where], "", "内容过多，请拆成几个文件")]
    seen.add(id(node))
    problems: list[Problem] = []
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            problems += _walk(item, (*where, i), lines, name, seen, aliases)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*where, str(key.value))
            line = key.start_mark.line + 1
            if place in lines:
                problems.append(Problem(name, line, dotted(place), "同一个键写了两次，请留下一个"))
            lines[place] = line
            problems += _walk(value, place, lines, name, seen, aliases)
    if aliases:
        seen.discard(id(node))
    return problems
