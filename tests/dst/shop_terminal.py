"""The simulator's own terminal, whole, on a disk and beside a host in memory; its power may go at every write of its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from functools import cache
from pathlib import Path

from protocol.dialect import LinkKeys, dialect
from protocol.money import CNY
from simulator.book import Book
from simulator.clock import SimulatedClock
from simulator.counter import Counter
from simulator.crashes import Crashes
from simulator.device import Device
from simulator.enquiries import Enquiries
from simulator.host import Host
from simulator.identity import Identity, identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.pairing import PairingMode
from simulator.profile import Profile, load_profile
from simulator.terminal import Terminal
from simulator.trade import Calendar, Trade
from tests.dst.terminal import AGENT_KEYS, TERMINAL_KEYS

SPEED = 20
"""Simulated seconds a second: a customer is at the host after 0.4 s, and a host that says nothing is given up after 3."""
NOWHERE = Path("/nonexistent")
"""What a person would be told that the files are; nothing is there."""
NATIVE = dialect("native")


class PowerCut(Exception):
    """The terminal is off; only `reboot` may be called now."""


class Cut(Enum):
    """When the power goes, at a write."""

    BEFORE = auto()
    TORN = auto()
    """With half of the line on the disk."""
    AFTER = auto()


class MemoryKept:
    """A log's place. writing: told each line before it is there; answers when the power goes at it, or None."""

    def __init__(self, writing: Callable[[bytes], Cut | None] = lambda _: None) -> None:
        self._data = bytearray()
        self._writing = writing

    def read(self) -> bytes:
        return bytes(self._data)

    def append(self, data: bytes) -> None:
        cut = self._writing(data)
        if cut is not Cut.BEFORE:
            self._data += data[: len(data) // 2] if cut is Cut.TORN else data
        if cut is not None:
            raise PowerCut

    def cut(self, size: int) -> None:
        del self._data[size:]

    def replace(self, data: bytes) -> None:
        self._data[:] = data

    def close(self) -> None:
        """It stays as it is."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the terminal is built of; a test plants its bugs here."""

    terminal: type[Terminal] = Terminal
    log: type[TerminalLog] = TerminalLog
    counter: type[Counter] = Counter
    book: type[Book] = Book


class ShopTerminal:
    """terminal: not yet started. log, host: what is true in the end.

    random: n -> n bytes. speed: of the terminal's clock. writing: as in MemoryKept, of the log.
    """

    def __init__(
        self, random: Callable[[int], bytes], writing: Callable[[bytes], Cut | None], rooms: Rooms, speed: int = SPEED
    ) -> None:
        profile, who = model()
        self.name = who.terminal
        self.log = rooms.log(NOWHERE, who.terminal, who.log_epoch, MemoryKept(writing))
        self.clock = clock = SimulatedClock(speed)
        ledger = Ledger(None)
        self.host = Host(NOWHERE, self.log, ledger, clock, MemoryKept())
        self.crashes = Crashes()
        book = rooms.book(
            profile=profile,
            seed=0,
            identity=who,
            log=self.log,
            ledger=ledger,
            encode=NATIVE.encode,
            decode=NATIVE.decode,
            host=self.host,
        )
        self.counter = rooms.counter(
            profile=profile,
            seed=0,
            book=book,
            log=self.log,
            host=self.host,
            crashes=self.crashes,
            clock=clock,
            currency=CNY,
            tickets=False,
        )
        self.terminal = rooms.terminal(
            dialect="native",
            keys=LinkKeys(TERMINAL_KEYS.private, AGENT_KEYS.public),
            pairing=PairingMode.OFF,
            random=random,
            line_rate=NATIVE.line_rate,
            identity=who,
            log=self.log,
            clock=clock,
            book=book,
            trade=Trade(
                profile=profile,
                seed=0,
                calendar=Calendar(date(2026, 3, 2), 1, 0),
                log=self.log,
                ledger=ledger,
                book=book,
                clock=clock,
            ),
            counter=self.counter,
            enquiries=Enquiries(
                profile=profile,
                identity=who,
                log=self.log,
                book=book,
                counter=self.counter,
                clock=clock,
                currency=CNY,
            ),
            device=Device(profile=profile, identity=who, log=self.log, book=book, clock=clock),
            crashes=self.crashes,
        )


@cache
def model() -> tuple[Profile, Identity]:
    """The one terminal that there is."""
    return load_profile("classic"), identity("classic", 0)
