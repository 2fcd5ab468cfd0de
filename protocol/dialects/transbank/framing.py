"""The frame of POS Integrado, and the two signs that answer it.

    STX | text of a message | ETX | LRC        LRC = XOR of every byte from the text's first to ETX; STX is left out
    02      20..7E ..         03    xx
    ACK 06: taken.   NAK 15: the LRC was not right, or the message was no message; say it again.

`FRAME` in construct is the reference. The scanner finds frames by STX and ETX; one byte of LRC lets 1 in 256 damaged frames
through, which is why an answer must fit its request as well (`exchange.answer`).
"""

from __future__ import annotations

from enum import Enum
from functools import reduce
from operator import xor

import construct as c

STX, ETX, ACK, NAK = 0x02, 0x03, 0x06, 0x15
MAX_TEXT = 2048
"""Longer than any message here; of what other models of the vendor send (a whole receipt in one field) nothing is longer."""


def lrc(signed: bytes | bytearray) -> int:
    """XOR of the bytes: the text and its ETX."""
    return reduce(xor, signed, 0)


FRAME = c.Struct(
    c.Const(bytes([STX])),
    "signed" / c.RawCopy(c.NullTerminated(c.GreedyBytes, term=bytes([ETX]))),
    "lrc" / c.Checksum(c.Byte, lrc, c.this.signed.data),
    c.Terminated,
)


class Sign(Enum):
    ACK = bytes([ACK])
    NAK = bytes([NAK])
    DAMAGED = b""
    """A frame from STX to LRC whose LRC is wrong: worth a NAK."""


def encode(text: bytes) -> bytes:
    """The message as it goes on the line."""
    signed = text + bytes([ETX])
    return bytes([STX]) + signed + bytes([lrc(signed)])


class Scanner:
    """Bytes in as they come, signs and texts of whole frames out. Holds at most MAX_TEXT bytes; never raises."""

    def __init__(self) -> None:
        self._text: bytearray | None = None  # of the frame that is being read
        self._ended = False  # its ETX is there; the next byte is its LRC, whatever it is
        self._in_noise = False
        self.noise = 0
        """Bytes that belong to no frame, ever."""
        self.damaged = 0
        """Frames with a wrong LRC, without an end or too long, and runs of bytes that belong to no frame."""

    @property
    def reading(self) -> bool:
        """A frame has begun and not ended."""
        return self._text is not None

    def give_up(self) -> None:
        """The frame that has begun will not end: the line has been quiet for too long."""
        if self._text is not None:
            self.damaged += 1
            self._text = None
            self._ended = False

    def feed(self, data: bytes) -> list[Sign | bytes]:
        """What ends in data, in order."""
        found: list[Sign | bytes] = []
        for byte in data:
            if self._text is None:
                self._between(byte, found)
            elif self._ended:
                found.append(self._whole(self._text, byte))
            elif byte == STX:  # no text holds one: the frame before was cut short
                self.give_up()
                self._text = bytearray()
            elif byte == ETX:
                self._ended = True
            else:
                self._text.append(byte)
                if len(self._text) > MAX_TEXT:
                    self.give_up()
        return found

    def _between(self, byte: int, found: list[Sign | bytes]) -> None:
        if byte in {STX, ACK, NAK}:
            self._in_noise = False
            if byte == STX:
                self._text = bytearray()
            else:
                found.append(Sign.ACK if byte == ACK else Sign.NAK)
        else:
            self.noise += 1
            self.damaged += not self._in_noise
            self._in_noise = True

    def _whole(self, text: bytearray, check: int) -> Sign | bytes:
        self._text, self._ended = None, False
        if lrc(text) ^ ETX == check:
            return bytes(text)
        self.damaged += 1
        return Sign.DAMAGED
