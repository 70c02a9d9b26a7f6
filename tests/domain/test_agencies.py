"""Who an agency is and who stands above it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.agencies import (
    DEPARTMENTS,
    Group,
    is_well_formed,
    level_of,
    nearest_common_superior,
    parent_region,
    parse,
    region_of,
    superior,
    superiors,
)

QWJ = Group("group.qwj", "联络组", ("310118.eco", "320509.eco", "330421.eco"), "qwj-2020")
SUZHOU = Group("group.sz", "苏州", ("320509.eco", "320583.eco"), None)
GROUPS = {group.id: group for group in (QWJ, SUZHOU)}

regions = st.integers(11, 65).flatmap(
    lambda p: st.sampled_from([f"{p}0000", f"{p}0100", f"{p}0118", f"{p}0583", f"{p}9004"])
)
agency_ids = st.one_of(
    st.builds("{}.{}".format, regions, st.sampled_from(sorted(DEPARTMENTS))),
    st.sampled_from(["000000.eco", "000000.gov", "group.qwj", "group.sz"]),
)


@pytest.mark.parametrize("agency", ["320583.eco", "000000.gov", "group.qwj", "group.a-b_1"])
def test_well_formed_ids_are_taken_apart(agency: str) -> None:
    assert ".".join(parse(agency)) == agency
    assert is_well_formed(agency)


@pytest.mark.parametrize(
    "agency",
    ["", "320583", "32058.eco", "3205833.eco", "320583.", "320583.foo", "320583.eco.x", "group.", "group.QWJ",
     ".eco", "３２０５８３.eco", "320583.eco\n", " 320583.eco"],
)  # fmt: skip
def test_malformed_ids_are_refused_in_chinese(agency: str) -> None:
    assert not is_well_formed(agency)
    with pytest.raises(ValueError, match="单位代码"):
        parse(agency)


@pytest.mark.parametrize(
    ("region", "level", "parent"),
    [
        ("320583", "county", "320500"),
        ("320500", "prefecture", "320000"),
        ("320000", "province", "000000"),
        ("000000", "state", None),
        ("310118", "county", "310000"),
        ("500101", "county", "500000"),
        ("110100", "prefecture", "110000"),
        ("429004", "county", "420000"),
        ("469001", "county", "460000"),
        ("659001", "county", "650000"),
        ("330421", "county", "330400"),
    ],
)
def test_levels_and_parents(region: str, level: str, parent: str | None) -> None:
    assert level_of(region) == level
    assert parent_region(region) == parent


def test_the_chain_ends_with_the_states_government() -> None:
    assert superiors("320583.eco", GROUPS) == ("320500.eco", "320000.eco", "000000.eco", "000000.gov")
    assert superiors("310118.eco", GROUPS) == ("310000.eco", "000000.eco", "000000.gov")
    assert superiors("320583.gov", GROUPS) == ("320500.gov", "320000.gov", "000000.gov")
    assert superior("000000.gov", GROUPS) is None


def test_above_a_group_stands_its_members_nearest_common_superior() -> None:
    assert superior("group.qwj", GROUPS) == "000000.eco"
    assert superior("group.sz", GROUPS) == "320500.eco"
    assert superior("group.unknown", GROUPS) is None
    assert region_of("group.qwj") is None


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("320509.eco", "320583.eco", "320500.eco"),
        ("320509.eco", "321283.eco", "320000.eco"),
        ("310118.eco", "320509.eco", "000000.eco"),
        ("310118.eco", "310115.eco", "310000.eco"),
        ("320583.eco", "320500.eco", "320000.eco"),
        ("320583.eco", "320583.eco", "320500.eco"),
        ("320583.eco", "320583.urban", "000000.gov"),
        ("group.sz", "320583.eco", "320500.eco"),
        ("group.sz", "320500.eco", "320000.eco"),
        ("000000.eco", "320583.eco", "000000.gov"),
        ("000000.gov", "320583.eco", None),
    ],
)
def test_nearest_common_superiors(a: str, b: str, expected: str | None) -> None:
    assert nearest_common_superior(a, b, GROUPS) == expected
    assert nearest_common_superior(b, a, GROUPS) == expected


@given(agency_ids, agency_ids)
def test_a_common_superior_is_properly_above_both_and_nothing_lower_is(a: str, b: str) -> None:
    found = nearest_common_superior(a, b, GROUPS)
    if found is None:
        assert "000000.gov" in (a, b)
        return
    above_a, above_b = superiors(a, GROUPS), superiors(b, GROUPS)
    assert found in above_a
    assert found in above_b
    assert found not in (a, b)
    assert not set(above_a[: above_a.index(found)]) & set(above_b)
