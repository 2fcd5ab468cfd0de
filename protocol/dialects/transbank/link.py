"""What both ends of a POS Integrado line have in common: the scanner, the signs, the counters, the bytes to write.

The register's end is `register.RegisterLink`, the terminal's `terminal.TerminalLink`; `protocol.dialect.Link` is what
both keep to. Every timer and limit is a named constant under the sentence of docs/dialects.md that it carries out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import sha256

from protocol.dialect import Delivered, LinkClosed, LinkCounters, LinkEvent, LinkOpened, LinkSettings
from protocol.dialects.transbank.framing import ETX, STX, Scanner, Sign, encode
from protocol.events import CloseReason, LineSuspected

# "An ACK or NAK is waited for 2 s" (the vendor's Node client waits as long)
ACK_MS = 2_000
# "said again after a NAK, three times in all"
TRIES = 3
# "the answer is waited for 150 s from the last word of the terminal's" (the vendor's clients wait as long)
ANSWER_MS = 150_000
# "a frame that stops for half a second is given up"
GAP_MS = 500
# "an ACK or NAK after more than 64 bytes of noise since we spoke is none"
MOST_NOISE = 64
# "after 16 damaged frames and no good one, an event «line settings?»"
SUSPICIOUS_DAMAGE = 16

SESSION = 1
LATER = 1 << 62


class TransbankLink(ABC):
    """One end of the line. See `protocol.dialect.Link` for the contract."""

    def __init__(self, settings: LinkSettings) -> None:
        self.counters = LinkCounters()
        self._scanner = Scanner()
        self._heard_at = 0
        self._noise_before = 0
        self._damaged_in_a_row = 0
        self._wire = bytearray()
        self._told: list[LinkEvent] = []
        self._opened = False

    @property
    def is_open(self) -> bool:
        return self._opened

    @property
    @abstractmethod
    def backlog(self) -> int: ...

    @property
    @abstractmethod
    def deadline(self) -> int | None: ...

    @abstractmethod
    def open(self, now: int) -> None: ...

    @abstractmethod
    def close(self, reason: CloseReason) -> None: ...

    @abstractmethod
    def send(self, message: bytes, *, urgent: bool) -> None: ...

    @abstractmethod
    def tick(self, now: int) -> None: ...

    @abstractmethod
    def outgoing(self, now: int) -> bytes: ...

    def leave(self, now: int) -> None:
        """The wire has no goodbye: the port goes quiet."""
        self.close(CloseReason.PEER_LEFT)

    def take(self) -> list[LinkEvent]:
        """What happened since the last call."""
        told, self._told = self._told, []
        return told

    def receive(self, data: bytes, now: int) -> None:
        """Bytes off the line, in any pieces. Never raises for what they hold."""
        if not self._listens:
            return
        before = self._scanner.damaged
        if self._scanner.reading and now - self._heard_at > GAP_MS:
            self._scanner.give_up()
        self._heard_at = now
        found = self._scanner.feed(data)
        damaged = self._scanner.damaged - before
        self.counters.damaged += damaged
        clear = self._noise <= MOST_NOISE
        self._suspect(damaged, any(isinstance(word, bytes) or (clear and word is not Sign.DAMAGED) for word in found))
        for word in found:
            if isinstance(word, bytes):
                self.counters.good += 1
                self._take_text(word, now)
            elif clear or word is Sign.DAMAGED:
                self._take_sign(word, now)
            else:
                self.counters.stale += 1

    @property
    def _noise(self) -> int:
        """Bytes of noise since we spoke."""
        return self._scanner.noise - self._noise_before

    def _suspect(self, damaged: int, heard: bool) -> None:
        if heard:
            self._damaged_in_a_row = 0
        elif damaged:
            suspected_before = self._damaged_in_a_row >= SUSPICIOUS_DAMAGE
            self._damaged_in_a_row += damaged
            if self._damaged_in_a_row >= SUSPICIOUS_DAMAGE and not suspected_before:
                self._told.append(LineSuspected(self._damaged_in_a_row))

    @property
    @abstractmethod
    def _listens(self) -> bool: ...

    @abstractmethod
    def _take_text(self, text: bytes, now: int) -> None: ...

    @abstractmethod
    def _take_sign(self, sign: Sign, now: int) -> None: ...

    def _set_open(self) -> None:
        if not self._opened:
            self._opened = True
            self.counters.sessions += 1
            self._told.append(LinkOpened(SESSION, b""))

    def _set_closed(self, reason: CloseReason) -> None:
        if self._opened:
            self._opened = False
            self._told.append(LinkClosed(SESSION, reason))

    def _forget_line(self) -> None:
        self._wire.clear()
        self._scanner = Scanner()
        self._noise_before = 0
        self._damaged_in_a_row = 0

    def _put_sign(self, sign: Sign) -> None:
        self._wire += sign.value

    def _put(self, text: bytes) -> None:
        self._wire += encode(text)

    def _deliver(self, text: bytes) -> None:
        self._told.append(Delivered(text, sha256(bytes([STX]) + text + bytes([ETX])).digest()))

    def _take_wire(self) -> bytes:
        wire = bytes(self._wire)
        self._wire.clear()
        if wire:
            self._noise_before = self._scanner.noise
        return wire
