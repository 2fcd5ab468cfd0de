"""A wire in memory: two ends in one process, no descriptors and no loop. For tests, and for many terminals at once."""

from __future__ import annotations

from simulator.wires.wire import MOST_UNREAD


class MemoryEnd:
    """One end. What is written here is read there; a hang-up at either end is seen at both."""

    readers: list[int] = []  # noqa: RUF012  there are none, ever
    writers: list[int] = []  # noqa: RUF012

    def __init__(self, name: str) -> None:
        self.name = name
        self.hung_up = False
        self.stale = False
        """The device was numbered anew: this end is the old one, silent, until it is opened again."""
        self._unread = bytearray()
        self._other = self

    @property
    def ended(self) -> bool:
        return False

    @property
    def waits(self) -> bool:
        """`read` has something."""
        return bool(self._unread)

    def read(self) -> bytes:
        if not self._unread:
            return b""
        data = bytes(self._unread)
        self._unread.clear()
        return data

    def write(self, data: bytes) -> None:
        if data and not (self.hung_up or self.stale or self._other.stale):
            unread = self._other._unread
            unread += data[: MOST_UNREAD - len(unread)]

    def hang_up(self) -> None:
        """What was not read yet is lost, both ways."""
        for end in (self, self._other):
            end.hung_up = True
            end._unread.clear()

    def reappear(self) -> None:
        for end in (self, self._other):
            end.hung_up = False

    def move(self) -> None:
        """The other end is the old device from now on."""
        self._other.stale = True
        for end in (self, self._other):
            end._unread.clear()

    def reopen(self) -> None:
        """The agent opens the port anew."""
        self.stale = False

    def wait_until_read(self, most_ms: int) -> None:
        """Nothing to wait for: what was written is there."""

    def close(self) -> None:
        self.hang_up()


def memory_wire(name: str = "memory") -> tuple[MemoryEnd, MemoryEnd]:
    """The two ends: the terminal's and the agent's."""
    terminal, agent = MemoryEnd(name), MemoryEnd(name)
    terminal._other, agent._other = agent, terminal
    return terminal, agent
