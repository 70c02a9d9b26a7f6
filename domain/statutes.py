"""Which law to cite for an act of a given day.

Laws are replaced: since 2026-08-15 the 生态环境法典 stands in the place of ten laws (its article 1242), and an act
of an earlier day is still judged by the law of that day (article 1057, 从旧兼从轻).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Statute:
    """One law, regulation or rule. Both ends of its time in force are included; None is open.

    `articles` maps the article numbers that this system cites to what they say in short.
    """

    id: str
    title: str
    short: str
    aliases: tuple[str, ...] = ()
    document_no: str | None = None
    in_force_from: date | None = None
    in_force_to: date | None = None
    replaced_by: str | None = None
    articles: dict[str, str] = field(default_factory=dict)
    source: str | None = None
    trust: str | None = None

    def in_force(self, on: date) -> bool:
        """Whether it was in force on that day."""
        return (self.in_force_from is None or self.in_force_from <= on) and (
            self.in_force_to is None or on <= self.in_force_to
        )

    def named(self, name: str) -> bool:
        """Whether that is its id, title, short title or another name of it."""
        return name in (self.id, self.title, self.short, *self.aliases)


def resolve(statutes: Iterable[Statute], name: str, on: date) -> Statute:
    """The statute to cite under that name for an act of that day, following replacements forward.

    LookupError, in Chinese, where the name is unknown or nothing of that name was in force yet.
    """
    known = tuple(statutes)
    found = [statute for statute in known if statute.named(name)]
    if not found:
        raise LookupError(f"法规登记表中没有“{name}”")
    seen: set[str] = set()
    queue = list(found)
    while queue:
        statute = queue.pop(0)
        if statute.in_force(on):
            return statute
        ended = statute.in_force_to is not None and statute.in_force_to < on
        if ended and statute.replaced_by and statute.id not in seen:
            seen.add(statute.id)
            queue += [other for other in known if other.id == statute.replaced_by]
    raise LookupError(f"“{name}”在{on.isoformat()}不施行，也没有登记接替它的法规")


def predecessors(statutes: Iterable[Statute], name: str) -> tuple[Statute, ...]:
    """The statutes that the one of that name replaced."""
    known = tuple(statutes)
    ids = {statute.id for statute in known if statute.named(name)}
    return tuple(statute for statute in known if statute.replaced_by in ids)
