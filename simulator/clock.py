"""Simulated time: ms UTC, moved by a monotonic clock that the caller reads: the same calls give the same times."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""A fixed offset: China has had no summer time since 1991."""

OPENING = time(9, 0)
CLOSING = time(21, 0)


@lru_cache(maxsize=256)  # asked at every turn of the loop
def _ms(day: date, at: time) -> int:
    return int(datetime.combine(day, at, SHANGHAI).timestamp()) * 1000


def opening(day: date) -> int:
    """09:00 Asia/Shanghai of that day, ms UTC."""
    return _ms(day, OPENING)


def closing(day: date) -> int:
    """21:00 Asia/Shanghai of that day, ms UTC."""
    return _ms(day, CLOSING)


def local_date(at: int) -> date:
    """The day in Shanghai of ms UTC."""
    return datetime.fromtimestamp(at // 1000, SHANGHAI).date()


def iso(at: int) -> str:
    """ms UTC as ISO 8601: `2026-03-02T01:00:00.000Z`."""
    moment = datetime.fromtimestamp(at // 1000, timezone.utc)  # noqa: UP017  read like the offset above
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


class SimulatedClock:
    """speed: simulated seconds per real second; 0 stands still and only jumps.

    Time never passes `limit` (ms UTC): when the shop has closed on the last day, the day does not turn by itself.
    Every `now` is the caller's monotonic time in ms.
    """

    def __init__(self, speed: int) -> None:
        self.speed = speed
        self._base = 0
        self._since = 0
        self._limit = 0
        self.wrong_by = 0
        """ms by which the terminal's clock shows more than it is. Trade and ledger go by what it is."""

    def jump(self, at: int, now: int, limit: int) -> None:
        """It is now `at`, and time runs on from there up to `limit`. Time set back is refused: ValueError."""
        if at < self._base or limit < at:
            raise ValueError(f"time cannot go from {self._base} to {at} with a limit of {limit}")
        self._base, self._since, self._limit = at, now, limit

    @property
    def limit(self) -> int:
        """Where time stands still, ms UTC."""
        return self._limit

    def pass_by(self, duration: int, now: int) -> None:
        """At speed 0: so many simulated ms are over at once. At any other speed they pass by themselves."""
        if self.speed == 0:
            self.jump(min(self._limit, self._base + duration), now, self._limit)

    def advance(self, duration: int, now: int) -> None:
        """At any speed so many simulated ms are over at once, up to the limit: the terminal slept."""
        self.jump(min(self._limit, self.time(now) + duration), now, self._limit)

    def shown(self, now: int) -> int:
        """What the terminal's own clock shows, ms UTC; never before 1970."""
        return max(0, self.time(now) + self.wrong_by)

    def real(self, duration: int) -> int:
        """How many real ms a simulated duration in ms takes, rounded up; 0 at speed 0."""
        return -(-duration // self.speed) if self.speed else 0

    def time(self, now: int) -> int:
        """The simulated time, ms UTC."""
        return min(self._limit, self._base + (now - self._since) * self.speed)

    def due(self, at: int) -> int | None:
        """The monotonic ms at which the simulated time will be `at`; None if that is for a jump alone."""
        if self.speed == 0 or at > self._limit:
            return None
        return self._since + max(0, -(-(at - self._base) // self.speed))
