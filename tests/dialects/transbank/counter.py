"""Terminals of ours for clients that open a real port: the simulated one, and one whose answers a test can spoil."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.events import Received

CLP = 152


@contextmanager
def simulated_terminal(folder: Path) -> Iterator[str]:
    """The simulated terminal as a process; gives the port. A sale whose amount ends in 51 is declined."""
    link = folder / "terminal"
    command = [sys.executable, "-m", "simulator", "run", "--dialect", "transbank", "--speed", "0", "--json"]
    command += ["--until-stdin-ends", "--link", str(link), "--state", str(folder / "state")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["link"] == str(link)
        yield str(link)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def sold(sale: m.Sale) -> m.Result:
    return m.Result(
        reference=sale.reference,
        state=m.RequestState.APPROVED,
        amount=sale.amount,
        trace="000142",
        auth_code="162529",
        scheme="VISA",
        product=m.Product.CREDIT,
        masked_pan="************6590",
    )


class SpoiltTerminal:
    """A terminal that approves every sale; spoil changes the bytes that it says.

    port: what a client opens. heard, said: the bytes of each direction, in order.
    """

    def __init__(self, spoil: Callable[[bytes], bytes]) -> None:
        self._spoil = spoil
        self._conversation = Conversation("transbank", Role.TERMINAL, random=os.urandom)
        self.heard, self.said = b"", b""
        self._failure: BaseException | None = None
        self._open = ExitStack()
        self._stop = threading.Event()

    def __enter__(self) -> SpoiltTerminal:
        self._line, other = pty.openpty()
        for fd in (self._line, other):
            tty.setraw(fd)
            self._open.callback(os.close, fd)
        self.port = os.ttyname(other)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5)
        self._open.close()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._conversation.open(_now())
            while not self._stop.is_set():
                self._turn()
        except BaseException as failure:
            self._failure = failure

    def _turn(self) -> None:
        if (due := self._conversation.deadline) is not None and due <= _now():
            self._conversation.tick(_now())
        for event in self._conversation.events():
            if isinstance(event, Received):
                assert isinstance(event.message, m.Sale)
                self._conversation.send(sold(event.message), _now())
        if data := self._spoil(self._conversation.outgoing(_now())):
            self.said += data
            os.write(self._line, data)
        if select.select([self._line], [], [], 0.005)[0]:
            data = os.read(self._line, 4096)
            self.heard += data
            self._conversation.receive(data, _now())


def wrong_lrc(data: bytes) -> bytes:
    """The answer to a sale gets an LRC that is not its own."""
    return data[:-1] + bytes([data[-1] ^ 0x55]) if data.startswith(b"\x020210") else data


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
