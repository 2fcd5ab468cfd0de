"""What anybody can say into the line, counted and bounded by the day (docs/protocol.md §2): no flood fills the disk.

Security events make an entry for each kind and minute. Of those, of outcomes that nobody waited for and of unreadable
messages without a number, each has a bound of its own; where one is reached, that is an entry too, and the rest is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.journal.kinds import EventUnreadable, Fact, LineFlooded, ResultUnasked, SecuritySeen
from protocol.events import SecurityKind

MINUTE_MS = 60_000
DAY_MS = 86_400_000
MOST_A_DAY = 100
"""Entries of security events; unreadable messages without a number."""
MOST_RESULTS_A_DAY = 1_000
"""Outcomes that nobody waited for; a terminal that repeats itself for ever fills no disk."""


class DayBound:
    """At most so many a day (UTC) of one kind of entry; what is beyond is counted. Times are ms UTC."""

    def __init__(self, kind: str, most: int) -> None:
        self._kind, self._most = kind, most
        self._day = 0
        self._given = 0
        self._told: list[Fact] = []

    def may(self, wall: int) -> bool:
        """True if one more may be; it counts."""
        self._turn(wall)
        self._given += 1
        if self._given == self._most + 1:
            self._tell()
        return self._given <= self._most

    def due(self, wall: int) -> list[Fact]:
        """That the bound was reached, and, when the day is over, how many more there were."""
        self._turn(wall)
        told, self._told = self._told, []
        return told

    def flush(self) -> list[Fact]:
        """The day under way too: nothing is counted after this."""
        self._end()
        told, self._told = self._told, []
        return told

    def _turn(self, wall: int) -> None:
        if wall // DAY_MS != self._day:
            self._end()
            self._day = wall // DAY_MS

    def _end(self) -> None:
        if self._given > self._most + 1:  # the first was told at once
            self._tell()
        self._given = 0

    def _tell(self) -> None:
        dropped = self._given - self._most
        self._told.append(LineFlooded(what=self._kind, day=self._day * DAY_MS, most=self._most, dropped=dropped))


@dataclass(slots=True)
class _Minute:
    start: int
    count: int
    first: bytes


class SecurityCounts:
    """Counts in, entries out when their minute is over. Times are ms UTC."""

    def __init__(self) -> None:
        self._minutes: dict[SecurityKind, _Minute] = {}
        self._seen = DayBound(SecuritySeen.kind, MOST_A_DAY)
        self._unreadable = DayBound(EventUnreadable.kind, MOST_A_DAY)
        self._results = DayBound(ResultUnasked.kind, MOST_RESULTS_A_DAY)

    def count(self, kind: SecurityKind, sha256: bytes, wall: int) -> None:
        """One more; the first of a minute gives its hash."""
        minute = self._minutes.get(kind)
        if minute is None:
            self._minutes[kind] = _Minute(wall - wall % MINUTE_MS, 1, sha256)
        else:
            minute.count += 1

    def unnumbered(self, wall: int) -> bool:
        """True if one more unreadable message without a number may be recorded today."""
        return self._unreadable.may(wall)

    def result(self, wall: int) -> bool:
        """True if one more outcome that nobody waited for may be recorded today."""
        return self._results.may(wall)

    def due(self, wall: int) -> list[Fact]:
        """The entries whose minute is over, as far as the day's bound allows, and what the bounds have to tell."""
        over = [k for k, minute in self._minutes.items() if not minute.start <= wall < minute.start + MINUTE_MS]
        facts = self._give(over, wall)
        for bound in (self._seen, self._unreadable, self._results):
            facts += bound.due(wall)
        return facts

    def flush(self) -> list[Fact]:
        """The minutes and the day under way too: nothing is counted after this."""
        facts = self._give(list(self._minutes), None)
        for bound in (self._seen, self._unreadable, self._results):
            facts += bound.flush()
        return facts

    def _give(self, kinds: list[SecurityKind], wall: int | None) -> list[Fact]:
        facts: list[Fact] = []
        for kind in kinds:
            minute = self._minutes.pop(kind)
            if self._seen.may(minute.start if wall is None else wall):
                seen = SecuritySeen(what=kind.value, count=minute.count, sha256=minute.first, minute=minute.start)
                facts.append(seen)
        return facts
