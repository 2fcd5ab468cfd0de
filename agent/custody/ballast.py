"""Room on the disk that is kept for what must be recorded: events of the terminal, and outcomes of money requests.

    HOME/ballast        16 MiB of random bytes, given up when SQLite finds the disk full, and made again when there is room

An empty or a sparse file would keep nothing where a disk compresses, so the bytes are written, and no block is another's
like.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MIB = 1024 * 1024
BALLAST = 16 * MIB
LEAST_FREE = 64 * MIB
"""Below this no money request goes out (docs/journal.md)."""


class Ballast:
    """The home's. Nothing here raises: where no ballast can be made, there is none."""

    def __init__(self, home: Path) -> None:
        self._home, self._path = home, home / "ballast"

    @property
    def free(self) -> int:
        """Bytes left on the home's disk for this user; LEAST_FREE where the system does not say."""
        try:
            told = os.statvfs(self._home)
        except (OSError, AttributeError):
            return LEAST_FREE
        return told.f_bavail * told.f_frsize

    def give_up(self) -> bool:
        """Free the room; True if there was some."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def make(self) -> None:
        """Make it where it is not, if the disk has room for it and for the trade."""
        if self._path.exists() or self.free < LEAST_FREE + BALLAST:
            return
        new = self._path.with_name("ballast.new")
        with suppress(OSError):
            with new.open("wb") as file:
                for _ in range(BALLAST // MIB):
                    file.write(os.urandom(MIB))
                file.flush()
                os.fsync(file.fileno())
            new.rename(self._path)
            return
        new.unlink(missing_ok=True)
