"""The map on a clue's page with what it says in words: of the placing, or of the region alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.model import Json
from geo import drawing, wording
from geo.atlas import Atlas
from geo.drawing import Drawing
from runtime.errors import GroundError
from runtime.rules import Rules

KINDS = {"sea": "海上", "abroad": "境外或远海", "not_in_force": "当日没有对应的区划"}


@dataclass(frozen=True)
class Chart:
    """`drawing` None: only words (no polygons, or nothing to draw). `rows`: name and share of each candidate."""

    drawing: Drawing | None
    title: str
    desc: str
    rows: tuple[tuple[str, str], ...]
    says: str
    notes: tuple[str, ...]


def chart(view: Json, rules: Rules, atlas: Callable[[], Atlas] | None) -> Chart | None:
    """None where the clue has neither coordinates that were placed nor a region. Never fails for want of polygons."""
    placing, place = view.get("placing"), view["clue"].get("place", {})
    if placing is not None:
        return _placed(placing, _drawn(atlas, lambda known: _around(known, placing)))
    region = place.get("region")
    if not isinstance(region, str):
        return None
    picture = _drawn(atlas, lambda known: drawing.of_region(known, region))
    name = rules.region_name(region)
    if picture is None:
        return None
    desc = f"{name}及其周边区县的界线。线索只写明了属地，没有坐标。"
    return Chart(picture, f"{name}的位置", desc, (), f"属地：{name}（没有坐标）。", ())


def _drawn(atlas: Callable[[], Atlas] | None, draw: Callable[[Atlas], Drawing | None]) -> Drawing | None:
    try:
        return None if atlas is None else draw(atlas())
    except GroundError:  # the words beside it say the same
        return None


def _around(atlas: Atlas, placing: Json) -> Drawing | None:
    if placing["kind"] in ("impossible", "vague"):
        return None
    shares = {c["polygon"]: c["share"] for c in placing["candidates"]}
    main = next((c["polygon"] for c in placing["candidates"] if c["region"] == placing["region"]), None)
    at = placing["lon"], placing["lat"], placing["radius_m"]
    return drawing.around_point(atlas, *at, shares, main or placing["region"])


def _placed(placing: Json, picture: Drawing | None) -> Chart:
    rows = [(c["name"], wording.percent(c["share"])) for c in placing["candidates"]]
    rows += [(word, wording.percent(placing[key])) for key, word in _OUTSIDE if placing[key] > 0]
    circle = f"误差半径 {wording.distance(placing['radius_m'])}" if placing["radius_m"] else "没有误差范围"
    shares = "、".join(f"{name} {share}" for name, share in rows)
    title = f"位置：{placing['region_name'] or KINDS.get(placing['kind'], '未能判定')}"
    desc = f"以线索位置为中心的区县界线图，{circle}。各区县所占份额：{shares or '无'}。"
    return Chart(picture, title, desc, tuple(rows), placing["proposal"], tuple(_notes(placing)))


_OUTSIDE = (("sea", "海上"), ("abroad", "境外"))


def _notes(placing: Json) -> list[str]:
    notes = []
    if placing.get("outdated"):
        notes.append("位置在这之后有改动，此判定尚未重做。")
    if placing["kind"] in ("impossible", "vague"):
        return notes
    if placing["radius_m"]:
        notes.append(f"误差半径 {wording.distance(placing['radius_m'])}（{placing['radius_basis']}）。")
    if beside := "、".join(n["name"] for n in placing["adjacent"]):
        notes.append(f"相邻区县：{beside}。")
    if placing["basis"]:
        law = f"；当日施行的是{placing['basis']['statute']}" if placing["basis"]["statute"] else ""
        notes.append(f"主管部门的依据：{placing['basis']['text']}{law}。")
    tolerance = f"{wording.distance(placing['tolerance_m'])}（{wording.UNITS[placing['tolerance_basis']]}）"
    return [*notes, f"界线图是概略的，容差 {tolerance}，不作勘界依据。"]
