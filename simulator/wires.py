"""The wire: a pty whose slave is the port that an agent opens. A pty knows no baud rate and never throttles."""

from __future__ import annotations

import fcntl
import os
import sys
import termios
import time
import tty
from pathlib import Path

from simulator.errors import SimulatorError

MOST_UNREAD = 64 * 1024
"""Bytes kept for a peer that does not read; what comes on top is lost, as on a line that nobody listens to."""

_READ = 64 * 1024
_LOOK_AGAIN_S = 0.02


class PtyWire:
    """A raw pty and a symbolic link to its slave. Raises SimulatorError where the link cannot be made.

    The slave is held open here too, so that a peer may close and open it again without hanging up the master.
    """

    def __init__(self, link: Path) -> None:
        self._link = link
        self._unwritten = bytearray()
        try:
            self._master, self._slave = os.openpty()
        except OSError as error:
            raise SimulatorError(f"No pty can be made: {error.strerror}.", "Close some terminals.") from error
        try:
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self.device = os.ttyname(self._slave)
            self._make_link()
        except OSError as error:
            self._close_ends()
            raise SimulatorError(
                f"The link {link} cannot be made: {error.strerror}.", "Give a --link in a folder that can be written."
            ) from error
        except SimulatorError:
            self._close_ends()
            raise

    def fileno(self) -> int:
        return self._master

    @property
    def has_unwritten(self) -> bool:
        return bool(self._unwritten)

    def read(self) -> bytes:
        """What came; empty if nothing did."""
        try:
            return os.read(self._master, _READ)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Write what fits now, keep the rest for the next call; call with b"" when the wire can be written again."""
        self._unwritten += data[: MOST_UNREAD - len(self._unwritten)]
        while self._unwritten:
            try:
                written = os.write(self._master, self._unwritten)
            except BlockingIOError:
                return
            del self._unwritten[:written]

    def wait_until_read(self, most_ms: int) -> None:
        """Wait until the peer took what was written, at most so long: a hang-up destroys what it has not read."""
        until = time.monotonic_ns() + most_ms * 1_000_000
        time.sleep(_LOOK_AGAIN_S)  # the kernel hands the bytes over in its own time
        while self._unread() and time.monotonic_ns() < until:
            time.sleep(_LOOK_AGAIN_S)  # nothing tells a master that its slave was read

    def _unread(self) -> int:
        return int.from_bytes(fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)), sys.byteorder)

    def close(self) -> None:
        """Hang up, and take the link away if it is still ours."""
        if self._link.is_symlink() and os.readlink(self._link) == self.device:  # noqa: PTH115
            self._link.unlink(missing_ok=True)
        self._close_ends()

    def _make_link(self) -> None:
        if self._link.exists() and not self._link.is_symlink():
            raise SimulatorError(
                f"{self._link} is a file or folder, not a link of a simulator.", "Give --link another path."
            )
        new = self._link.with_name(f"{self._link.name}.{os.getpid()}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(self.device)
        new.replace(self._link)

    def _close_ends(self) -> None:
        os.close(self._slave)
        os.close(self._master)
