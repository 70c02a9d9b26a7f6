"""The answer to "whose is this place?", and its parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from geo.department import Basis
from geo.shares import BORDER_M

Kind = Literal["placed", "sea", "abroad", "not_in_force", "vague", "impossible"]


@dataclass(frozen=True)
class Neighbour:
    """A region beside the place. `reach`: within the circle or the tolerance, else only beside the main one."""

    region: str
    name: str
    reach: bool


@dataclass(frozen=True)
class Candidate:
    """A region that the place may lie in, as it stood on that day; `polygon` is the code that is drawn."""

    region: str
    name: str
    share: float
    polygon: str
    in_force: bool


@dataclass(frozen=True)
class Placing:
    """The answer to "whose is this place?"; point in WGS-84, shares of the circle's area.

    `region`: the main one, a given one before the largest share. `agencies` names those of the joint check,
    `notify` every other one in the circle. `addressee` None: nobody follows from the place; `proposal` says why.
    """

    kind: Kind
    lon: float
    lat: float
    crs: str
    radius_m: float
    radius_basis: str
    region: str | None = None
    region_name: str | None = None
    given: bool = False
    disagrees: bool = False
    candidates: tuple[Candidate, ...] = ()
    sea: float = 0.0
    abroad: float = 0.0
    border: bool = False
    border_m: float | None = None
    tolerance_m: float = BORDER_M
    tolerance_basis: str = "assumption"
    adjacent: tuple[Neighbour, ...] = ()
    basis: Basis | None = None
    addressee: str | None = None
    agencies: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    proposal: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON with shares to six digits, points to 0.1 m and metres whole: the same text wherever it is made."""
        said = asdict(self)
        said["candidates"] = [{**asdict(c), "share": round(c.share, 6)} for c in self.candidates]
        for key in ("adjacent", "agencies", "notify", "notes"):
            said[key] = list(said[key])
        border = None if self.border_m is None else round(self.border_m)
        return said | {
            "lon": round(self.lon, 6),
            "lat": round(self.lat, 6),
            "sea": round(self.sea, 6),
            "abroad": round(self.abroad, 6),
            "radius_m": round(self.radius_m),
            "tolerance_m": round(self.tolerance_m),
            "border_m": border,
        }
