"""One way of a serial line at its rate: a byte arrives once the line was free for all its bits. Integers alone."""

from __future__ import annotations

BITS = 10
"""Of a byte on the line: start, eight and stop (8N1), or start, seven, parity and stop (7E1)."""
MOST_WAITING = 1024 * 1024
"""Bytes that may wait for the line; what comes on top is lost."""


class Throttle:
    """rate: bits a second. bits: on the line for each byte. Times are ms that never go back."""

    def __init__(self, rate: int, bits: int = BITS) -> None:
        if rate <= 0 or bits <= 0:
            raise ValueError("a line has a rate, and a byte has bits")
        self.rate = rate
        self._byte = bits * 1000  # of line time, in ms / rate
        self._next = 0  # when the first byte that waits has arrived, in ms / rate
        self._waiting = bytearray()

    @property
    def waiting(self) -> int:
        """Bytes that have not arrived."""
        return len(self._waiting)

    @property
    def deadline(self) -> int | None:
        """When the next byte has arrived (ms, rounded up), or None."""
        return -(-self._next // self.rate) if self._waiting else None

    def put(self, data: bytes, now: int) -> None:
        """Bytes begin at `now`, or when the line is free."""
        if not data:
            return
        if not self._waiting:  # _next is when the line became free, or earlier than now
            self._next = max(self._next, now * self.rate) + self._byte
        self._waiting += data[: MOST_WAITING - len(self._waiting)]

    def take(self, now: int) -> bytes:
        """What has arrived by now."""
        if not self._waiting or now * self.rate < self._next:
            return b""
        count = min(len(self._waiting), (now * self.rate - self._next) // self._byte + 1)
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._next += (count if self._waiting else count - 1) * self._byte
        return data

    def clear(self) -> None:
        """The cable is pulled: what was on the way is lost."""
        self._waiting.clear()
        self._next = 0
