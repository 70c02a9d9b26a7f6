"""What lies outside all polygons: sea or another country.

The atlas holds China alone, so this goes by the kind of frontier that the nearest region has: an assumption,
coarse where coast and land frontier meet (丹东, 防城港), and never used to say whose a clue is, only to say that
nobody on land here is.
"""

from __future__ import annotations

from typing import Final, Literal

Outside = Literal["sea", "abroad"]

SEA_KM: Final = 100  # assumption: further off it may be anybody's, and is called abroad
_LAND_PROVINCES: Final = ("15", "22", "23", "53", "54", "62", "65")
# Counties of 辽宁 on the Yalu above its mouth, and those of 广西 without a coast.
_LAND: Final = ("210602", "210603", "210604", "210624", "2105", "2205", "2206", "4510", "4514")


def outside(nearest_region: str, distance_m: float) -> Outside:
    """What a place outside is, by the nearest region's code and how far off that is."""
    inland = nearest_region.startswith((*_LAND_PROVINCES, *_LAND))
    return "abroad" if inland or distance_m > SEA_KM * 1000 else "sea"
