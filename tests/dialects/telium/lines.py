"""Real lines: a relay between a register and the simulated terminal, and a terminal of pyTeliumManager's codec."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from telium import TeliumAsk, TeliumResponse

from tests.dialects.telium.ends import ACK, ENQ, EOT, NAK

Mangle = Callable[[bytes], bytes]


def _same(data: bytes) -> bytes:
    return data


@dataclass
class Relay:
    """A pty in between. path: the port for the register. Each way passes through a function that a test may put there."""

    path: str
    to_terminal: Mangle = _same
    to_register: Mangle = _same
    register_said: bytes = b""
    terminal_said: bytes = b""


@contextmanager
def relay(terminal: Path) -> Iterator[Relay]:
    """Between the register that opens `path` and the terminal's port. Frames come in one piece here: they are short."""
    master, slave = pty.openpty()
    far = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    for fd in (slave, far):
        tty.setraw(fd)
    wire = Relay(os.ttyname(slave))
    wake, stop = os.pipe()

    def carry() -> None:
        while True:
            readable, _, _ = select.select([master, far, wake], [], [])
            if wake in readable:
                return
            if master in readable:
                said = os.read(master, 4096)
                wire.register_said += said
                os.write(far, wire.to_terminal(said))
            if far in readable:
                said = os.read(far, 4096)
                wire.terminal_said += said
                os.write(master, wire.to_register(said))

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield wire
    finally:
        os.write(stop, b"x")
        thread.join()
        for fd in (master, slave, far, wake, stop):
            os.close(fd)


@dataclass
class ForeignTerminal:
    """A Telium terminal that knows the wire from pyTeliumManager alone; a test gives the answer to each ask, in frames.

    A frame that is answered by NAK is followed by the next one of the list.
    """

    path: str
    answers: Callable[[TeliumAsk], list[bytes]]
    asks: list[TeliumAsk] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    """What the agent said to each frame."""
    private: list[str] = field(default_factory=list)


def frame(*response: object, private: str = " " * 10) -> bytes:
    """The frame of TeliumResponse(pos, result, amount, mode, report, currency, private)."""
    encoded: str = TeliumResponse(*response, private).encode()
    return encoded.encode("ascii")


@contextmanager
def foreign_terminal(answers: Callable[[TeliumAsk], list[bytes]]) -> Iterator[ForeignTerminal]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    terminal = ForeignTerminal(os.ttyname(slave), answers)
    wake, stop = os.pipe()

    def read(size: int) -> bytes:
        """So many bytes; EOFError when the test is over."""
        data = b""
        while len(data) < size:
            readable, _, _ = select.select([master, wake], [], [])
            if wake in readable:
                raise EOFError
            data += os.read(master, size - len(data))
        return data

    def converse() -> None:
        if read(1) != ENQ:
            return
        os.write(master, ACK)
        first = read(1)
        if first == EOT:
            return
        asked = first + read(36)
        terminal.asks.append(TeliumAsk.decode(asked))
        terminal.private.append(asked[17:27].decode())
        os.write(master, ACK)
        assert read(1) == EOT
        os.write(master, ENQ)
        assert read(1) == ACK
        for answer in terminal.answers(terminal.asks[-1]):
            os.write(master, answer)
            terminal.heard.append(read(1))
            if terminal.heard[-1] != NAK:
                break
        os.write(master, EOT)

    def serve() -> None:
        try:
            while True:
                converse()
        except EOFError:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield terminal
    finally:
        os.write(stop, b"x")
        thread.join()
        for fd in (master, slave, wake, stop):
            os.close(fd)
