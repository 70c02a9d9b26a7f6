"""What the pages stand on, handed in by whoever starts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.model import ClueState, Json
from domain.packs import Rulebook
from geo.atlas import Atlas
from runtime.rules import Rules


class LiveClues(Protocol):
    """Asks a clue's running workflow, as `runtime.client.ClueClient` does."""

    async def query(self, clue_no: str, as_of: datetime, days: bool = False) -> Json:
        """The contract's query answer. DomainError (`unknown_clue`) where there is no such clue."""
        ...

    async def rules_behind(self, then: ClueState, newest: ClueState) -> Rulebook | None:
        """The rules that the clue went by in the state `then`; None where nobody has kept them."""
        ...


@dataclass(frozen=True)
class Services:
    """The ledger, the rules, the clock, and the live workflows; `live` None: pages show the ledger alone.

    `atlas` gives the polygons for the maps, read when first asked for; None: no maps.
    `public_url`: what links from outside begin with, where the pages are known outside.
    """

    engine: AsyncEngine
    rules: Rules
    live: LiveClues | None
    now: Callable[[], datetime]
    atlas: Callable[[], Atlas] | None = None
    public_url: str | None = None
