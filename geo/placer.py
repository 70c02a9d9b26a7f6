"""Placing as the facts of a report ask for it (`runtime.facts.Placer`); the atlas is read at the first place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from domain.crs import CRS
from runtime.rules import Rules
from runtime.settings import Settings

if TYPE_CHECKING:  # shapely and the polygons are loaded by the first place, not by every command
    from geo.atlas import Atlas


class AtlasPlacer:
    """Places what a report says of its place, by the polygons that the settings name."""

    def __init__(self, rules: Rules, settings: Settings) -> None:
        self._rules, self._settings = rules, settings

    @property
    def atlas(self) -> Atlas:
        """Read once per process. BadAtlas where it can't be read."""
        from geo.atlas import atlas_for

        return atlas_for(self._settings)

    def __call__(
        self, given: Mapping[str, Any], *, on: date, matter: str | None, source: str | None
    ) -> dict[str, Any] | None:
        """The placing's JSON; None where the place has no coordinates or no shape (the core refuses that)."""
        lon, lat, radius = given.get("lon"), given.get("lat"), given.get("radius_m")
        crs, region = given.get("crs") or "wgs84", given.get("region")
        if not _is_number(lon) or not _is_number(lat) or crs not in CRS:
            return None
        if radius is not None and not _is_number(radius):
            return None
        from geo.placing import place

        found = place(
            self.atlas,
            self._rules,
            float(lon),  # type: ignore[arg-type]
            float(lat),  # type: ignore[arg-type]
            on=on,
            crs=crs,
            radius_m=None if radius is None else float(radius),
            source=source if isinstance(source, str) else None,
            matter=matter if isinstance(matter, str) else None,
            region=region if isinstance(region, str) else None,
        )
        return found.to_json()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
