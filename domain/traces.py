"""What two reports of one matter have in common: vessels, plates, persons, companies, places, in one spelling.

A trace is compared by equality, so that the ledger can keep a digest instead of the words. The reporter is left
out on purpose: who complains is confidential, and two complaints of one person may be of two matters.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.model import Json

# kind: what people read
KINDS: Final = {
    "ref": "来源编号",
    "mmsi": "船舶识别号（MMSI）",
    "plate": "车牌",
    "id_no": "证件号码",
    "phone": "电话",
    "vessel": "船名",
    "company": "单位名称",
    "address": "地址",
    "person": "姓名",
    "place": "地点",
}
_MARKS = re.compile(r"[\W_]+")
_PLATE = re.compile(r"[\u4e00-\u9fff][A-Z][A-Z0-9]{4,6}[\u4e00-\u9fff]?")
_MMSI = re.compile(r"[0-9]{9}")
_CALLING = re.compile(r"(?:\+|00)?86(?=1[0-9]{10}$|0[0-9]{9,11}$)")
_LEGAL_FORM = re.compile(r"(?:有限责任公司|股份有限公司|有限公司|公司|厂)$")
_EARTH_M: Final = 6_371_008.8  # mean radius
_GCJ_A, _GCJ_EE = 6378245.0, 0.00669342162296594323  # the ellipsoid that GCJ-02's offset is computed on


@dataclass(frozen=True)
class Trace:
    """One thing that can be met again. `value` is its one spelling.

    Of kind "place" it is the matter at that place: `lon` and `lat` in WGS-84 degrees, None where only a region is
    known. `source`, of places and addresses: that of a numbered list, empty where the clue has no number there.
    """

    kind: str
    value: str
    lon: float | None = None
    lat: float | None = None
    radius_m: float = 0.0
    source: str = ""


def traces(clue: Json) -> tuple[Trace, ...]:
    """The traces of a clue in the contract's shape, each once; every clue has that of its place."""
    found = [*_named(clue), _place(clue)]
    return tuple({(t.kind, t.value): t for t in found if t.value or t.kind == "place"}.values())


def _named(clue: Json) -> Iterator[Trace]:
    if clue.get("source_ref"):
        yield Trace("ref", f"{clue.get('source', '')}|{plain(clue['source_ref'])}")
    for vehicle in _all(clue.get("vehicles")):
        yield from _vehicle(vehicle)
    for suspect in _all(clue.get("suspects")):
        yield from _party(suspect)
    for person in clue.get("responsible_persons") or ():
        name = person.get("name") if isinstance(person, Mapping) else person
        yield Trace("person", plain(name))
    address = clue.get("place", {}).get("address")
    if address and len(plain(address)) >= 6:  # shorter ones name a town
        yield Trace("address", plain(address), source=_list(clue))


def _vehicle(vehicle: Mapping[str, Any]) -> Iterator[Trace]:
    mmsi, name = plain(vehicle.get("mmsi")), plain(vehicle.get("name"))
    if _MMSI.fullmatch(mmsi):
        yield Trace("mmsi", mmsi)
    if vehicle.get("kind") == "truck" or (vehicle.get("kind") != "vessel" and _PLATE.fullmatch(name)):
        yield Trace("plate", name)
    elif len(vessel := re.sub(r"[号轮船]$", "", name)) >= 3:
        yield Trace("vessel", vessel)
    yield Trace("phone", phone(vehicle.get("driver_phone")))
    yield Trace("person", plain(vehicle.get("driver")))


def _party(suspect: Mapping[str, Any]) -> Iterator[Trace]:
    yield Trace("id_no", plain(suspect.get("id_no")))
    yield Trace("phone", phone(suspect.get("phone")))
    name = plain(suspect.get("name"))
    if suspect.get("kind") == "company" or name.endswith(("公司", "厂")):
        core = _LEGAL_FORM.sub("", name)
        yield Trace("company", core if len(core) >= 4 else name)
    else:
        yield Trace("person", name)


def _place(clue: Json) -> Trace:
    place, source = clue.get("place", {}), _list(clue)
    lon, lat = place.get("lon"), place.get("lat")
    if lon is None or lat is None:
        return Trace("place", clue.get("matter", ""), source=source)
    lon, lat = wgs84(lon, lat, place.get("crs", "wgs84"))
    return Trace("place", clue.get("matter", ""), lon, lat, float(place.get("radius_m") or 0), source)


def _list(clue: Json) -> str:
    return str(clue.get("source", "")) if clue.get("source_ref") else ""


def _all(value: Any) -> Iterable[Mapping[str, Any]]:
    return [item for item in value or () if isinstance(item, Mapping)]


def plain(text: Any) -> str:
    """One spelling: half-width, upper case, no spaces, dots or other marks (苏Ｅ·12345 → 苏E12345)."""
    return _MARKS.sub("", unicodedata.normalize("NFKC", str(text or ""))).upper()


def phone(text: Any) -> str:
    """Digits alone, the country's 86 left out; empty where they are too few to tell one from another."""
    kept = re.sub(r"[^\d+]", "", unicodedata.normalize("NFKC", str(text or "")))
    digits = re.sub(r"\D", "", _CALLING.sub("", kept))
    return digits if len(digits) >= 7 else ""


def metres(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """The distance of two points on the sphere."""
    a, b = math.radians(lat), math.radians(other_lat)
    h = (
        math.sin((b - a) / 2) ** 2
        + math.cos(a) * math.cos(b) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    )
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(h)))


def wgs84(lon: float, lat: float, crs: str) -> tuple[float, float]:
    """GCJ-02 and BD-09 taken back to WGS-84, to some metres: enough to tell whether two places are one."""
    if crs == "bd09":
        x, y = lon - 0.0065, lat - 0.006
        z = math.hypot(x, y) - 0.00002 * math.sin(y * math.pi * 3000 / 180)
        theta = math.atan2(y, x) - 0.000003 * math.cos(x * math.pi * 3000 / 180)
        lon, lat = z * math.cos(theta), z * math.sin(theta)
    if crs not in ("gcj02", "bd09"):
        return lon, lat
    dlon, dlat = _offset(lon, lat)
    return lon - dlon, lat - dlat


def _offset(lon: float, lat: float) -> tuple[float, float]:
    x, y, pi = lon - 105.0, lat - 35.0, math.pi
    wave = (20 * math.sin(6 * x * pi) + 20 * math.sin(2 * x * pi)) * 2 / 3
    dlat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + wave
    dlat += (20 * math.sin(y * pi) + 40 * math.sin(y / 3 * pi)) * 2 / 3
    dlat += (160 * math.sin(y / 12 * pi) + 320 * math.sin(y * pi / 30)) * 2 / 3
    dlon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + wave
    dlon += (20 * math.sin(x * pi) + 40 * math.sin(x / 3 * pi)) * 2 / 3
    dlon += (150 * math.sin(x / 12 * pi) + 300 * math.sin(x / 30 * pi)) * 2 / 3
    radians = lat / 180 * pi
    magic = 1 - _GCJ_EE * math.sin(radians) ** 2
    root = math.sqrt(magic)
    dlat = dlat * 180 / ((_GCJ_A * (1 - _GCJ_EE)) / (magic * root) * pi)
    return dlon * 180 / (_GCJ_A / root * math.cos(radians) * pi), dlat
