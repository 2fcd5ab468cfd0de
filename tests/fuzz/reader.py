"""A fuzzer's bytes as numbers and pieces; the same with atheris and without."""

from __future__ import annotations


class Reader:
    """Reads from the front; what is past the end reads as zeros and nothing."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        """At most that many bytes."""
        taken = self._data[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def byte(self) -> int:
        return int.from_bytes(self.take(1))

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width))
