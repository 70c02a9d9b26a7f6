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

from domain.crs import to_wgs84
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
    lon, lat = to_wgs84(lon, lat, place.get("crs", "wgs84"))
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
