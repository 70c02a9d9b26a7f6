"""Agencies, their levels, and who stands above whom.

An agency id is `<region>.<department>`: a six-digit GB/T 2260 code (`000000` for the state) and a key of
`DEPARTMENTS`; or `group.<id>` for a body that several agencies have signed up to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DEPARTMENTS: dict[str, str] = {
    "eco": "生态环境",
    "urban": "城管/环境卫生",
    "msa": "海事",
    "transport": "交通运输",
    "housing": "住房和城乡建设",
    "water": "水务",
    "police": "公安",
    "procu": "检察",
    "disc": "纪检监察",
    "gov": "人民政府",
    "sat": "卫星中心",
}
STATE = "000000"
STATE_GOVERNMENT = "000000.gov"
GROUP = "group"

Level = Literal["state", "province", "prefecture", "county"]

# 北京、天津、上海、重庆: their districts have no prefecture above them.
_MUNICIPALITIES = frozenset({"11", "12", "31", "50"})
# 省直辖县级行政区划 (仙桃 429004, 五指山 469001, 石河子 659001 …) carry 90 as their third and fourth digit.
_PROVINCE_ADMINISTERED = "90"
_REGION = re.compile(r"[0-9]{6}")
_GROUP_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Group:
    """A body above agencies of several regions. It rules on disputes only where `pack` is in use."""

    id: str
    name: str
    members: tuple[str, ...]
    pack: str | None = None


def parse(agency: str) -> tuple[str, str]:
    """`("320583", "eco")` or `("group", "qwj")`. ValueError, in Chinese, where the id is malformed."""
    head, dot, tail = agency.partition(".")
    if dot and head == GROUP and _GROUP_ID.fullmatch(tail):
        return head, tail
    if dot and _REGION.fullmatch(head) and tail in DEPARTMENTS:
        return head, tail
    raise ValueError(
        f"单位代码“{agency}”不合规：应为六位行政区划代码加部门（如 320583.eco），或 group.<代号>"
    )


def is_well_formed(agency: str) -> bool:
    """Whether `parse` takes it; says nothing about the region's existence."""
    try:
        parse(agency)
    except ValueError:
        return False
    return True


def region_of(agency: str) -> str | None:
    """The agency's region; None for a group. ValueError where malformed."""
    head, _ = parse(agency)
    return None if head == GROUP else head


def level_of(region: str) -> Level:
    """The level that the digits of a code give."""
    if region == STATE:
        return "state"
    if region.endswith("0000"):
        return "province"
    return "prefecture" if region.endswith("00") else "county"


def is_municipality(region: str) -> bool:
    """Whether the region is, or lies in, 北京, 天津, 上海 or 重庆."""
    return region[:2] in _MUNICIPALITIES


def parent_region(region: str) -> str | None:
    """One level up; None above the state.

    The counties of a municipality, and those run by their province, have no prefecture above them.
    """
    level = level_of(region)
    if level == "state":
        return None
    if level == "province":
        return STATE
    straight = is_municipality(region) or region[2:4] == _PROVINCE_ADMINISTERED
    if level == "prefecture" or straight:
        return region[:2] + "0000"
    return region[:4] + "00"


def superior(agency: str, groups: Mapping[str, Group]) -> str | None:
    """The same department one level up; `000000.gov` above the state's departments; None above that.

    Above a group stands its members' nearest common superior; None for a group that is not known.
    """
    head, tail = parse(agency)
    if head == GROUP:
        group = groups.get(agency)
        return _above_all(group.members, groups) if group else None
    above = parent_region(head)
    if above is not None:
        return f"{above}.{tail}"
    return None if agency == STATE_GOVERNMENT else STATE_GOVERNMENT


def superiors(agency: str, groups: Mapping[str, Group]) -> tuple[str, ...]:
    """Every agency above, nearest first."""
    chain: list[str] = []
    above = superior(agency, groups)
    while above is not None:
        chain.append(above)
        above = superior(above, groups)
    return tuple(chain)


def nearest_common_superior(a: str, b: str, groups: Mapping[str, Group]) -> str | None:
    """The lowest agency properly above both, so neither `a` nor `b` even where one is above the other.

    None only where `000000.gov` itself is one of them.
    """
    above_b = frozenset(superiors(b, groups))
    return next((agency for agency in superiors(a, groups) if agency in above_b), None)


def _above_all(members: tuple[str, ...], groups: Mapping[str, Group]) -> str | None:
    if not members:
        return None
    rest = [frozenset(superiors(member, groups)) for member in members[1:]]
    return next((up for up in superiors(members[0], groups) if all(up in chain for chain in rest)), None)
