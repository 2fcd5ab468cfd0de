"""What every wire is: the terminal's end of a line, as bytes that never wait."""

from __future__ import annotations

from typing import Protocol

MOST_UNREAD = 64 * 1024
"""Bytes kept for a peer that does not read; what comes on top is lost, as on a line that nobody listens to."""


class Wire(Protocol):
    """The terminal's end. Nothing here waits but `wait_until_read`; a wire that is hung up reads nothing and loses all."""

    @property
    def name(self) -> str:
        """What an agent opens: a path, or a pyserial URL; empty where it has no name."""

    @property
    def readers(self) -> list[int]:
        """Descriptors that become readable when `read` has something to do; none for a wire in memory."""

    @property
    def writers(self) -> list[int]:
        """Descriptors that become writable when `write` can go on with what is kept."""

    @property
    def ended(self) -> bool:
        """The peer has gone for good: nobody can come again."""

    def read(self) -> bytes:
        """What came; empty if nothing did."""

    def write(self, data: bytes) -> None:
        """Write what fits now, keep at most MOST_UNREAD bytes for the next call; b"" goes on with what is kept."""

    def hang_up(self) -> None:
        """The cable is pulled: the agent's end fails. Twice is once."""

    def reappear(self) -> None:
        """The cable is back, under the same name. Raises SimulatorError where the name is taken meanwhile."""

    def move(self) -> None:
        """The name leads to another device now, and the old one lives on, silent. Raises SimulatorError where none can."""

    def wait_until_read(self, most_ms: int) -> None:
        """Wait until the peer took what was written, at most so long (real ms): a hang-up destroys what it has not read."""

    def close(self) -> None:
        """Hang up for ever, and leave nothing behind."""
