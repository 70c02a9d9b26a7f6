"""The department that a matter belongs to, with the law of the day that says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from runtime.rules import Rules, UnknownRule

_TITLE: Final = re.compile("《[^》]+》")


@dataclass(frozen=True)
class Basis:
    """`text` is the rules' own words; `statute` the law in force that day, as the register of laws cites it."""

    matter: str
    department: str
    text: str
    statute: str | None
    trust: str

    @property
    def not_in_force(self) -> bool:
        """Whether the law that it cites was not in force that day, as far as the register of laws knows."""
        return self.statute is None and _TITLE.search(self.text) is not None


def basis_for(rules: Rules, matter: str, on: date) -> Basis | None:
    """The matter's department and its basis on that day; None for a matter that the rules don't have."""
    try:
        row = rules.matter_basis(matter, on)
    except UnknownRule:
        return None
    return Basis(matter, row.department, row.basis, _cited(rules, row.basis, on), row.trust or "")


def _cited(rules: Rules, text: str, on: date) -> str | None:
    named = _TITLE.search(text)
    if named is None:
        return None
    for name in (named[0], named[0].strip("《》")):
        try:
            law = rules.cite(name, on)
        except LookupError:
            continue
        since = f"，自 {law.in_force_from.isoformat()} 起施行" if law.in_force_from else ""
        return f"{law.title}{since}"
    return None
