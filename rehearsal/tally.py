"""Counting who would have been late: per agency and duty, as recorded and under other rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from rehearsal.judging import Judged

Key = tuple[str, str]  # agency, duty


@dataclass
class Count:
    """One agency's duties of one kind. Where a date is provisional it is counted in the `provisional_…` alone.

    `newly` and `no_longer` late count the same duty on both sides; `earlier` and `later`: its legal date moves.
    """

    owed_then: int = 0
    owed_now: int = 0
    late_then: int = 0
    late_now: int = 0
    newly: int = 0
    no_longer: int = 0
    earlier: int = 0
    later: int = 0
    provisional_then: int = 0
    provisional_now: int = 0
    provisional_late_then: int = 0
    provisional_late_now: int = 0

    def add(self, other: Count) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass
class Tally:
    """What is known so far. Levels: how many duties came to that step of the ladder; peaks: how many clues."""

    clues: int = 0
    played: int = 0
    failed: int = 0
    rows: dict[Key, Count] = field(default_factory=dict)
    levels_then: Counter[int] = field(default_factory=Counter)
    levels_now: Counter[int] = field(default_factory=Counter)
    peaks_then: Counter[int] = field(default_factory=Counter)
    peaks_now: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.clues += other.clues
        self.played += other.played
        self.failed += other.failed
        for key, count in other.rows.items():
            self.rows.setdefault(key, Count()).add(count)
        for name in ("levels_then", "levels_now", "peaks_then", "peaks_now", "refused"):
            getattr(self, name).update(getattr(other, name))

    def clue(
        self, pairs: Iterable[tuple[Judged | None, Judged | None]], peak_then: int, peak_now: int
    ) -> None:
        """One clue's duties, each as recorded and as judged now; None on the side where there is none."""
        self.clues += 1
        self.peaks_then[peak_then] += 1
        self.peaks_now[peak_now] += 1
        for then, now in pairs:
            self._duty(then, now)

    def _duty(self, then: Judged | None, now: Judged | None) -> None:
        if then is not None:
            count = self._count(then)
            if then.provisional:
                count.provisional_then += 1
                count.provisional_late_then += then.late
            else:
                count.owed_then += 1
                count.late_then += then.late
            self.levels_then[then.level] += 1
        if now is not None:
            count = self._count(now)
            if now.provisional:
                count.provisional_now += 1
                count.provisional_late_now += now.late
            else:
                count.owed_now += 1
                count.late_now += now.late
            self.levels_now[now.level] += 1
            if then is not None:
                count.newly += now.late and not then.late
                count.no_longer += then.late and not now.late
                count.earlier += now.legal_due_at < then.legal_due_at
                count.later += now.legal_due_at > then.legal_due_at

    def _count(self, duty: Judged) -> Count:
        key = (duty.obliged, duty.id)
        found = self.rows.get(key)
        if found is None:
            found = self.rows[key] = Count()
        return found


def paired(then: Sequence[Judged], now: Sequence[Judged]) -> list[tuple[Judged | None, Judged | None]]:
    """The same duty of both sides together: same kind, same agency, opened at the same instant, in order."""
    waiting: dict[tuple[str, str, object], list[Judged]] = {}
    for duty in now:
        waiting.setdefault((duty.id, duty.obliged, duty.opened_at), []).append(duty)
    out: list[tuple[Judged | None, Judged | None]] = []
    for duty in then:
        same = waiting.get((duty.id, duty.obliged, duty.opened_at))
        out.append((duty, same.pop(0) if same else None))
    out.extend((None, duty) for rest in waiting.values() for duty in rest)
    return out
