"""A drawn region as it stood on a day: the polygons are today's, a clue may be of the year before a renaming."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.agencies import is_municipality
from runtime.rules import Region, Rules

# 自治县 is left whole but for its last words: 滦县 and 滦州市 are not one stem, and are flagged instead.
_KIND: Final = re.compile(r"(?:自治县|自治旗|新区|市辖区|地区|林区|特区|[市县区旗])$")


@dataclass(frozen=True)
class Then:
    """The region that held there; `note`, in Chinese, where it is not the drawn one, or none held."""

    region: str
    name: str
    in_force: bool
    note: str = ""


def then(rules: Rules, names: Mapping[str, str], code: str, on: date) -> Then:
    """The region of the drawn `code` on that day: itself, else the one of the same stem and prefecture.

    The stem (密云 of 密云区 and 密云县) is an assumption, taken only where it names one region alone.
    """
    row = rules.region(code, on)
    if row is not None:
        return Then(code, rules.region_name(code), True)
    name = names.get(code, code)
    day = on.isoformat()
    if rules.region(code) is None:
        return Then(code, name, False, f"界线文件里的 {code}（{name}）不在区划表中，不作收件依据。")
    found = _of_stem(rules, code, _stem(name), on)
    if found is None:
        why = f"{name}（{code}）在 {day} 尚未设立或已撤销，区划表也没有唯一对应的名称，请人工确定收件机构。"
        return Then(code, name, False, why)
    return Then(
        found.code,
        found.name,
        True,
        f"{day} 该处为{found.name}（{found.code}），即界线图上的{name}（{code}）。",
    )


def _stem(name: str) -> str:
    return _KIND.sub("", name) or name


def _of_stem(rules: Rules, code: str, stem: str, on: date) -> Region | None:
    for prefix in (code[:2],) if is_municipality(code) else (code[:4], code[:2]):
        found = [
            row
            for other, rows in rules.regions.items()
            if other.startswith(prefix)
            for row in rows
            if row.level == "county" and row.valid(on) and _stem(row.name) == stem
        ]
        if found:
            return found[0] if len(found) == 1 else None
    return None
