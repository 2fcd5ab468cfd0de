"""A home: one folder, one terminal's lane, one owner at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import IO

from agent.errors import HomeError, PortError
from agent.language import _
from agent.settings import Settings, read_settings


class Lock:
    """An advisory lock file, held until `release` or the process ends. The holder's pid stands in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._taken = 0

    def take(self) -> bool:
        """False if another process holds it. What was taken twice is released by the second `release`."""
        if self._file is not None:
            self._taken += 1
            return True
        file = self._path.open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file, self._taken = file, 1
        return True

    def holder(self) -> str:
        """The pid of the holder, as it wrote it."""
        try:
            return self._path.read_text(encoding="ascii").strip() or "?"
        except OSError:
            return "?"

    def release(self) -> None:
        self._taken -= 1
        if self._file is not None and self._taken == 0:
            self._file.close()
            self._file = None


class Home:
    """The paths of a home; its lock. Everything in it is the user's alone (0700)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings_path = path / "settings.toml"
        self.journal = path / "journal.db"
        self.views = path / "views.db"
        self.keys = path / "keys"
        self.link_key = path / "keys" / "link.key"
        self.terminal_key = path / "keys" / "terminal.pub"
        self.socket = path / "agent.sock"
        self.lock = Lock(path / "agent.lock")

    def make(self) -> None:
        """Make the folder, if it is not there. Raises HomeError, also for one that is no home and holds other things."""
        try:
            if self.path.is_dir() and any(self.path.iterdir()) and not any(mark.exists() for mark in self._marks()):
                raise HomeError(
                    _("The folder {home} is not empty, and no home of counterfoil.").format(home=self.path),
                    _("Name a new or an empty folder with --home."),
                )
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.keys.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise HomeError(
                _("The home {home} cannot be made: {reason}.").format(home=self.path, reason=error.strerror),
                _("Name another folder with --home, or give this user the right to write there."),
            ) from None

    def _marks(self) -> tuple[Path, ...]:
        half_made = (self.keys / "signing.key", self.keys / "wrapping.secret", self.link_key)
        return (self.settings_path, self.path / "agent.lock", self.path / "simulator" / "play.json", *half_made)

    @property
    def exists(self) -> bool:
        return self.settings_path.exists()

    def settings(self) -> Settings:
        """Raises HomeError where there are none."""
        return read_settings(self.settings_path)

    def own(self, patience_s: float = 0) -> None:
        """Become the one owner of the home. Raises HomeError if another process still is after `patience_s`."""
        until = time.monotonic() + patience_s
        try:
            while not (taken := self.lock.take()) and time.monotonic() < until:
                time.sleep(0.05)
        except OSError as error:
            raise HomeError(
                _("The home {home} cannot be used: {reason}.").format(home=self.path, reason=error.strerror),
                _("Name another folder with --home, or give this user the right to write there."),
            ) from None
        if not taken:
            raise HomeError(
                _("Another agent (process {pid}) already owns the home {home}.").format(
                    pid=self.lock.holder(), home=self.path
                ),
                _("Leave that one first, or look at it with: counterfoil tui"),
            )

    def disown(self) -> None:
        self.lock.release()


def port_lock(port: str) -> Lock:
    """The lock of a serial port, by its real path: `exclusive` on POSIX is advisory and another name would pass it by.

    Raises PortError if another counterfoil agent of this machine talks on it.
    """
    real = os.path.realpath(port) if "://" not in port else port
    folder = Path(tempfile.gettempdir()) / f"counterfoil-{os.getuid()}"
    lock = Lock(folder / f"port-{hashlib.sha256(real.encode()).hexdigest()[:16]}.lock")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        taken = lock.take()
    except OSError as error:
        raise PortError(
            _("The lock of the port {port} cannot be made in {folder}: {reason}.").format(
                port=port, folder=folder, reason=error.strerror
            ),
            _("Give this user the right to write there."),
        ) from None
    if not taken:
        raise PortError(
            _("Another agent (process {pid}) already talks on {port}.").format(pid=lock.holder(), port=port),
            _("Leave that one first, or name another port."),
        )
    return lock
