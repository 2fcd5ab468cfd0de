"""The serial port, at the edge: pyserial in, bytes out, and every way in which it fails as one sentence."""

from __future__ import annotations

import errno
import os
import termios
import threading
from collections.abc import Callable
from contextlib import suppress

import serial

from agent.errors import PortError, PortMissing
from agent.home import Lock, port_lock
from agent.language import _

_LOST = (serial.SerialException, OSError, termios.error, TypeError, ValueError)
"""What a port raises when it goes away under us: a hang-up, EIO, settings refused (a pty after 7E1), closed in a read."""

WRITE_TIMEOUT_S = 5
_BIGGEST_READ = 4096


def describe(port: str, error: BaseException) -> PortError:
    """The failure to open a port, for a person."""
    code = getattr(error, "errno", None)
    if code == errno.ENOENT:
        return PortMissing(
            _("There is no port {port}.").format(port=port),
            _("Plug the terminal in, or name the right port with --port."),
        )
    if code in (errno.EACCES, errno.EPERM):
        return PortError(
            _("This user may not open the port {port}.").format(port=port),
            _("Add the user to the group that owns it (often dialout) and log in again."),
        )
    if code in (errno.EBUSY, errno.EWOULDBLOCK):
        return PortError(
            _("Another program uses the port {port}.").format(port=port),
            _("Leave that program (a terminal tool, ModemManager, brltty) and try again."),
        )
    if isinstance(error, termios.error) and error.args[:1] == (errno.EINVAL,):
        return PortError(
            _("The port {port} does not take the line's settings.").format(port=port),
            _("Set line_rate and line_format in settings.toml; a simulated line takes 8N1 alone."),
        )
    return PortError(
        _("The port {port} cannot be opened: {reason}.").format(port=port, reason=error),
        _("Check the cable and the port's name."),
    )


class Port:
    """An open port with a thread of its own that reads.

    line_rate: bits a second. line_format: data bits, parity and stop bits, as 8N1. received(bytes) and lost(reason) are
    called from that thread; lost once, and nothing after it. Raises PortError where the port cannot be opened or another
    agent has it.
    """

    def __init__(
        self,
        name: str,
        line_rate: int,
        line_format: str,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
    ) -> None:
        self._received, self._lost = received, lost
        self._closing = False
        self._name = name
        self._lock: Lock = port_lock(name)
        try:
            self._serial = serial.serial_for_url(
                name,
                baudrate=line_rate,
                bytesize=int(line_format[0]),
                parity=line_format[1],
                stopbits=int(line_format[2]),
                write_timeout=WRITE_TIMEOUT_S,
                do_not_open=True,
            )
            if "://" not in name:
                self._serial.exclusive = True
            self._serial.open()
        except _LOST as error:
            self._lock.release()
            raise describe(name, error) from error
        self._thread = threading.Thread(target=self._read, name="port", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Raises PortError if the port is lost."""
        try:
            self._serial.write(data)
        except _LOST as error:
            raise PortError(str(error), "") from error

    def moved(self) -> bool:
        """True if the name, a link such as those in /dev/serial/by-id, leads to another device now, and ours is still open.

        False where it leads nowhere: that is a port about to be lost, and the read says so.
        """
        try:
            named, ours = os.stat(self._name), os.fstat(self._serial.fileno())  # noqa: PTH116
        except (OSError, ValueError, AttributeError):  # a URL port has no file
            return False
        return (named.st_rdev, named.st_dev, named.st_ino) != (ours.st_rdev, ours.st_dev, ours.st_ino)

    def close(self) -> None:
        """Stop reading and let the port go."""
        self._closing = True
        with suppress(AttributeError, *_LOST):  # a URL port that cannot be woken: closing it ends the read
            self._serial.cancel_read()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=1)
        with suppress(*_LOST):
            self._serial.close()
        self._lock.release()

    def _read(self) -> None:
        while not self._closing:
            try:
                data = self._serial.read(1)
                if data and (waiting := self._serial.in_waiting):
                    data += self._serial.read(min(waiting, _BIGGEST_READ))
            except _LOST as error:
                if not self._closing:
                    self._lost(str(error))
                return
            if data:
                self._received(data)
