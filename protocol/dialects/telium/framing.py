"""What goes over a Telium line: single control bytes, and frames.

    STX | body, printable ASCII | ETX | LRC          LRC = XOR of every byte after STX up to and including ETX

A sum of one byte lets one damaged frame in 128 through, and an LRC may look like any control byte. So: whatever follows an
STX is a frame until its LRC has come, never a control byte; the byte after an ETX is never one either; and a body has to be
printable. `FRAME` in construct is the reference; the scanner is held to it by a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import reduce
from operator import xor

import construct as c

STX, ETX = 0x02, 0x03
MAX_BODY = 256
"""Bytes kept of what follows an STX. Protocol E+ has bodies of 25, 34 and 80."""
JUNK_RUN = 64
"""Bytes outside of any frame that count as one damaged frame; the first of a run counts as one, too."""


class Control(IntEnum):
    EOT = 0x04
    """The exchange is over."""
    ENQ = 0x05
    """May I send?"""
    ACK = 0x06
    NAK = 0x15


class Damage(StrEnum):
    FRAME = "frame"
    """A frame whose LRC or text is wrong, or that never ended: to be asked for again."""
    JUNK = "junk"
    """Bytes outside of any frame: to be counted."""


@dataclass(frozen=True, slots=True)
class Body:
    """What stood in a frame whose LRC is right. text: printable ASCII, at most MAX_BODY bytes."""

    text: bytes


Token = Control | Body | Damage


def lrc(data: bytes) -> int:
    """The XOR of the bytes."""
    return reduce(xor, data, 0)


FRAME = c.Struct(
    "stx" / c.Const(STX, c.Byte),
    "signed" / c.RawCopy(c.Struct("body" / c.NullTerminated(c.GreedyBytes, term=bytes([ETX])))),
    "lrc" / c.Checksum(c.Byte, lrc, c.this.signed.data),
    c.Terminated,
)

_CONTROLS = {int(control): control for control in Control}
_PRINTABLE = range(0x20, 0x7F)


def encode(body: bytes) -> bytes:
    """The frame of that body, which is printable ASCII."""
    signed = body + bytes([ETX])
    return bytes([STX]) + signed + bytes([lrc(signed)])


def _sound(body: bytes, check: int) -> bool:
    return lrc(body) ^ ETX == check and bool(body) and all(byte in _PRINTABLE for byte in body)


class Scanner:
    """Bytes in as they come, tokens out. Holds at most MAX_BODY bytes; never raises."""

    def __init__(self) -> None:
        self._body: bytearray | None = None  # what followed an STX so far
        self._check_next = False
        self._junk = 0

    @property
    def inside(self) -> bool:
        """A frame, or the end of one, has begun and is not whole."""
        return self._body is not None or self._check_next

    def reset(self) -> bool:
        """Nothing more comes of what has begun. True if that was a frame."""
        begun = self._body is not None
        self._body, self._check_next, self._junk = None, False, 0
        return begun

    def begin_run(self) -> None:
        """Junk from now on is a run of its own."""
        self._junk = 0

    def feed(self, data: bytes) -> list[Token]:
        """The tokens that end in data."""
        tokens: list[Token] = []
        for byte in data:
            if self._check_next:
                self._check_next = False
                tokens.append(self._end(byte))
            elif self._body is not None:
                self._inside(self._body, byte, tokens)
            elif byte == STX:
                self._body, self._junk = bytearray(), 0
            elif (control := _CONTROLS.get(byte)) is not None:
                self._junk = 0
                tokens.append(control)
            else:
                if self._junk % JUNK_RUN == 0:
                    tokens.append(Damage.JUNK)
                self._junk += 1
                self._check_next = byte == ETX  # of a frame whose STX is lost: what follows is its LRC
        return tokens

    def _inside(self, body: bytearray, byte: int, tokens: list[Token]) -> None:
        if byte == ETX:
            self._check_next = True
            return
        body.append(byte)
        if len(body) > MAX_BODY:  # a frame may have begun inside of what was none
            tokens.append(Damage.FRAME)
            later = body.find(STX)
            self._body = body[later + 1 :] if later >= 0 else None

    def _end(self, check: int) -> Token:
        body, self._body = bytes(self._body or b""), None
        if _sound(body, check):
            return Body(body)
        later = body.rfind(bytes([STX]))  # noise that looked like an STX, and then a frame
        if later >= 0 and _sound(body[later + 1 :], check):
            return Body(body[later + 1 :])
        return Damage.FRAME
