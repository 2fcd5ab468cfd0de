"""What was seen lately, by day: the memory of detectors that compare a transaction with those before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Days(Generic[K, V]):
    """A table for each of the last three days that came, in the order in which they came.

    The record's order is time's but for a day of disorder; and a clock that was wrong once costs one of the three, where a
    limit by the latest date would forget everything else.
    """

    KEPT = 3

    def __init__(self) -> None:
        self.tables: dict[date, dict[K, V]] = {}
        self._day: date | None = None
        self._table: dict[K, V] = {}

    def of(self, day: date) -> dict[K, V]:
        """That day's table."""
        if day != self._day:
            self._day = day
            self._table = self.tables.setdefault(day, {})
            while len(self.tables) > self.KEPT:
                del self.tables[next(iter(self.tables))]
        return self._table

    def found(self, key: K) -> Iterator[V]:
        """What stands under a key, on whichever day."""
        for table in self.tables.values():
            if (value := table.get(key)) is not None:
                yield value

    def __len__(self) -> int:
        return sum(map(len, self.tables.values()))
