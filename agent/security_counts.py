"""Security events, counted and bounded: an entry for each kind and minute, at most a hundred a day (docs/protocol.md §2)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.journal.kinds import Fact, SecuritySeen
from protocol.events import SecurityKind

MINUTE_MS = 60_000
DAY_MS = 86_400_000
MOST_A_DAY = 100


class DayBound:
    """At most so many a day (UTC)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._day = 0
        self._given = 0

    def may(self, wall: int) -> bool:
        """True if one more may be; it counts. wall: ms UTC."""
        if wall // DAY_MS != self._day:
            self._day, self._given = wall // DAY_MS, 0
        self._given += 1
        return self._given <= self._most


@dataclass(slots=True)
class _Minute:
    start: int
    count: int
    first: bytes


class SecurityCounts:
    """Counts in, entries out when their minute is over. Times are ms UTC."""

    def __init__(self) -> None:
        self._minutes: dict[SecurityKind, _Minute] = {}
        self._bound = DayBound(MOST_A_DAY)

    def count(self, kind: SecurityKind, sha256: bytes, wall: int) -> None:
        """One more; the first of a minute gives its hash."""
        minute = self._minutes.get(kind)
        if minute is None:
            self._minutes[kind] = _Minute(wall - wall % MINUTE_MS, 1, sha256)
        else:
            minute.count += 1

    def due(self, wall: int) -> list[Fact]:
        """The entries whose minute is over, as far as the day's bound allows."""
        over = [k for k, minute in self._minutes.items() if not minute.start <= wall < minute.start + MINUTE_MS]
        return self._give(over, wall)

    def flush(self) -> list[Fact]:
        """The minutes under way too: nothing is counted after this."""
        return self._give(list(self._minutes), None)

    def unnumbered(self, wall: int) -> bool:
        """True if one more unreadable message without a number may be recorded today."""
        return self._bound.may(wall)

    def _give(self, kinds: list[SecurityKind], wall: int | None) -> list[Fact]:
        facts: list[Fact] = []
        for kind in kinds:
            minute = self._minutes.pop(kind)
            if self._bound.may(minute.start if wall is None else wall):
                seen = SecuritySeen(what=kind.value, count=minute.count, sha256=minute.first, minute=minute.start)
                facts.append(seen)
        return facts
