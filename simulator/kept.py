"""Where a log keeps its lines: a file that grows a whole line at a time. A schedule of faults puts another place there."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Protocol

from simulator.errors import SimulatorError


class Kept(Protocol):
    """What outlives the process. Every method but `close` may raise OSError."""

    def read(self) -> bytes: ...

    def append(self, data: bytes) -> None:
        """All of it, or nothing."""

    def cut(self, size: int) -> None:
        """Drop what comes after so many bytes."""

    def replace(self, data: bytes) -> None:
        """Other bytes in place of all that is there, in one step."""

    def close(self) -> None: ...


class KeptFile:
    """A file, made with its folder where there is none. lock: another file, held for as long as this one is open.

    Raises OSError, and SimulatorError where another process holds the lock.
    """

    def __init__(self, path: Path, lock: Path | None = None) -> None:
        self.path = path
        self._lock = self._file = -1
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if lock is not None:
                self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise SimulatorError(
                        f"Another simulator is using {path.parent}.", "Stop it, or give this one its own --state."
                    ) from None
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except (OSError, SimulatorError):
            self.close()
            raise

    def read(self) -> bytes:
        return self.path.read_bytes()

    def append(self, data: bytes) -> None:
        if (written := os.write(self._file, data)) != len(data):
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError("the disk is full")

    def cut(self, size: int) -> None:
        os.ftruncate(self._file, size)

    def replace(self, data: bytes) -> None:
        new = self.path.with_name(f"{self.path.name}.new")
        new.write_bytes(data)
        new.replace(self.path)
        os.close(self._file)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)

    def close(self) -> None:
        """Give file and lock back."""
        for fd in (self._file, self._lock):
            if fd >= 0:
                os.close(fd)
        self._file = self._lock = -1
