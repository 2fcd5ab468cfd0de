"""A pty whose slave is the port that an agent opens. A pty knows no baud rate and never throttles: the line does."""

from __future__ import annotations

import fcntl
import os
import sys
import termios
import time
import tty
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import SimulatorError
from simulator.wires.wire import MOST_UNREAD

_READ = 64 * 1024
_PTYS = ("/dev/pts/", "/dev/ttys")
"""Where ptys are, on Linux and on macOS: a link that leads elsewhere, as to a real port, is nobody's to take."""
_LOOK_AGAIN_S = 0.02


@dataclass(frozen=True, slots=True)
class _Ends:
    """Both ends of a pty. The slave is held open here too, so that a peer may close and open it without a hang-up."""

    master: int
    slave: int
    device: str

    def close(self) -> None:
        os.close(self.slave)
        os.close(self.master)


class PtyWire:
    """A raw pty and a symbolic link to its slave. Raises SimulatorError where the link cannot be made."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._unwritten = bytearray()
        self._left: list[_Ends] = []  # moved away from, and still alive
        self._ends: _Ends | None = self._plug()

    @property
    def name(self) -> str:
        return str(self._link)

    @property
    def device(self) -> str:
        """The slave's own name; empty while hung up."""
        return "" if self._ends is None else self._ends.device

    @property
    def readers(self) -> list[int]:
        return [ends.master for ends in (self._ends, *self._left) if ends is not None]

    @property
    def writers(self) -> list[int]:
        return [self._ends.master] if self._ends is not None and self._unwritten else []

    @property
    def ended(self) -> bool:
        return False

    def read(self) -> bytes:
        for ends in self._left:
            _read(ends.master)  # an agent that has not noticed talks to nobody
        return b"" if self._ends is None else _read(self._ends.master)

    def write(self, data: bytes) -> None:
        if self._ends is None:
            return
        self._unwritten += data[: MOST_UNREAD - len(self._unwritten)]
        while self._unwritten:
            try:
                written = os.write(self._ends.master, self._unwritten)
            except BlockingIOError:
                return
            del self._unwritten[:written]

    def hang_up(self) -> None:
        """As a USB adapter that is pulled: the link goes, and reading and writing at the other end fail (EIO)."""
        if self._ends is None:
            return
        self._unlink()
        for ends in (self._ends, *self._left):
            ends.close()
        self._ends = None
        self._left.clear()
        self._unwritten.clear()

    def reappear(self) -> None:
        if self._ends is None:
            self._ends = self._plug()

    def move(self) -> None:
        """As a device node that is numbered anew: the link leads to another pty."""
        if self._ends is None:
            raise SimulatorError("The wire is hung up and cannot move.", "Let it reappear first.")
        new = self._plug()
        self._left.append(self._ends)
        self._ends = new
        self._unwritten.clear()

    def wait_until_read(self, most_ms: int) -> None:
        if self._ends is None:
            return
        until = time.monotonic_ns() + most_ms * 1_000_000
        time.sleep(_LOOK_AGAIN_S)  # the kernel hands the bytes over in its own time
        while _unread(self._ends.slave) and time.monotonic_ns() < until:
            time.sleep(_LOOK_AGAIN_S)  # nothing tells a master that its slave was read

    def close(self) -> None:
        """Hang up, and take the link away if it is still ours."""
        self.hang_up()

    def _plug(self) -> _Ends:
        try:
            master, slave = os.openpty()
        except OSError as error:
            raise SimulatorError(f"No pty can be made: {error.strerror}.", "Close some terminals.") from error
        ends = _Ends(master, slave, os.ttyname(slave))
        try:
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._make_link(ends.device)
        except OSError as error:
            ends.close()
            raise SimulatorError(
                f"The link {self._link} cannot be made: {error.strerror}.",
                "Give a --link in a folder that can be written.",
            ) from error
        except SimulatorError:
            ends.close()
            raise
        return ends

    def _make_link(self, device: str) -> None:
        if self._link.exists() and not (self._link.is_symlink() and os.readlink(self._link).startswith(_PTYS)):  # noqa: PTH115
            raise SimulatorError(
                f"{self._link} is a file or folder, not a link of a simulator.", "Give --link another path."
            )
        new = self._link.with_name(f"{self._link.name}.{os.getpid()}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(device)
        new.replace(self._link)

    def _unlink(self) -> None:
        if self._link.is_symlink() and os.readlink(self._link) == self.device:  # noqa: PTH115
            self._link.unlink(missing_ok=True)


def _read(master: int) -> bytes:
    try:
        return os.read(master, _READ)
    except BlockingIOError:
        return b""


def _unread(slave: int) -> int:
    return int.from_bytes(fcntl.ioctl(slave, termios.FIONREAD, bytes(4)), sys.byteorder)
