"""Standard input and output as the wire, for who starts the simulator with pipes or a socket pair of its own."""

from __future__ import annotations

import os
import select
from contextlib import suppress

from simulator.errors import SimulatorError
from simulator.wires.wire import MOST_UNREAD

_READ = 64 * 1024


class StdioWire:
    """heard, said: descriptors, left open by `close`. Where `heard` ends, or nobody reads `said`, the wire has ended."""

    def __init__(self, heard: int = 0, said: int = 1) -> None:
        self._heard, self._said = heard, said
        self._unwritten = bytearray()
        self._blocking = [(fd, os.get_blocking(fd)) for fd in (heard, said)]
        for fd in (heard, said):
            os.set_blocking(fd, False)
        self._ended = self._hung_up = False

    @property
    def name(self) -> str:
        return ""

    @property
    def readers(self) -> list[int]:
        return [] if self._ended else [self._heard]

    @property
    def writers(self) -> list[int]:
        return [self._said] if self._unwritten and not self._ended else []

    @property
    def ended(self) -> bool:
        return self._ended

    def read(self) -> bytes:
        if self._ended:
            return b""
        try:
            data = os.read(self._heard, _READ)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        self._ended = not data
        return b"" if self._hung_up else data

    def write(self, data: bytes) -> None:
        if self._ended or self._hung_up:
            return
        self._unwritten += data[: MOST_UNREAD - len(self._unwritten)]
        while self._unwritten:
            try:
                written = os.write(self._said, self._unwritten)
            except BlockingIOError:
                return
            except OSError:
                self._ended = True
                return
            del self._unwritten[:written]

    def hang_up(self) -> None:
        """A pipe cannot come back, so it is kept: both ways are silent."""
        self._hung_up = True
        self._unwritten.clear()

    def reappear(self) -> None:
        self._hung_up = False

    def move(self) -> None:
        raise SimulatorError("Standard input and output have no device that could move.", "Use a pty (--link).")

    def wait_until_read(self, most_ms: int) -> None:
        """What a pipe holds outlives its writer: only what it has no room for is waited for."""
        if self.writers and select.select([], self.writers, [], most_ms / 1000)[1]:
            self.write(b"")

    def close(self) -> None:
        for fd, blocking in self._blocking:
            with suppress(OSError):
                os.set_blocking(fd, blocking)
