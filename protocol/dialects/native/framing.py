"""The frame: found by its delimiters, true by its CRC, opened by nobody here.

    00 | COBS( header 12 | body 0..256 | tag 8 | crc32 4 ) | 00        a run of 00 between frames is idle

       0        1        2     3   4     5     6     7   8     9   10    11
    +--------+--------+--------------+---------------------+-----------+-----------+
    |ver|type| flags  |  session id  |       counter       |    ack    |  length   |   big-endian
    +--------+--------+--------------+---------------------+-----------+-----------+

`FRAME` in construct is the reference; `encode` and `decode` are the hot path, and a property test holds them to it byte for
byte (construct costs 10 to 30 times a hand-written struct, docs/performance.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct as Packed
from zlib import crc32

import construct as c

from protocol.dialects.native.cobs import stuff, unstuff

VERSION = 1
MAX_BODY = 256
TAG_SIZE = 8
NO_TAG = bytes(TAG_SIZE)
HEADER_SIZE = 12
SMALLEST = HEADER_SIZE + TAG_SIZE + 4
LARGEST = SMALLEST + MAX_BODY
SMALLEST_STUFFED = SMALLEST + 1
LARGEST_STUFFED = LARGEST + LARGEST // 254 + 1
"""No run of bytes between two 00 longer than this can be a frame: the receiver's buffer is bounded by it."""


class FrameType(IntEnum):
    HELLO = 1
    HELLO_REPLY = 2
    PAIR_1 = 3
    PAIR_2 = 4
    PAIR_3 = 5
    PAIR_4 = 6
    PAIR_5 = 7
    PAIR_6 = 8
    DATA = 9
    ACK = 10
    PING = 11
    PONG = 12
    BYE = 13
    NO_SESSION = 14


class Direction(IntEnum):
    TO_TERMINAL = 0
    TO_AGENT = 1


HEADER = c.Struct(
    "first" / c.BitStruct("version" / c.BitsInteger(2), "type" / c.BitsInteger(6)),
    "flags" / c.BitStruct("reserved" / c.Const(0, c.BitsInteger(6)), "more" / c.Flag, "direction" / c.BitsInteger(1)),
    "session" / c.Int16ub,
    "counter" / c.Int32ub,
    "ack" / c.Int16ub,
    "length" / c.Int16ub,
)
FRAME = c.Struct(
    "signed"
    / c.RawCopy(c.Struct("header" / HEADER, "body" / c.Bytes(c.this.header.length), "tag" / c.Bytes(TAG_SIZE))),
    "crc" / c.Checksum(c.Int32ub, crc32, c.this.signed.data),
    c.Terminated,
)

_HEADER = Packed(">BBHIHH")
_CRC = Packed(">I")
_FIRST = {(VERSION << 6) | kind: kind for kind in FrameType}
_MORE, _DIRECTION = 2, 1
_DIRECTIONS = (Direction.TO_TERMINAL, Direction.TO_AGENT)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `counter` is per direction and session, `ack` the low 16 bits of the last data counter delivered.

    body: at most 256 bytes, sealed but in a handshake. tag: 8 bytes.
    """

    type: FrameType
    direction: Direction
    session: int
    counter: int
    ack: int = 0
    more: bool = False
    body: bytes = b""
    tag: bytes = NO_TAG

    @property
    def header(self) -> bytes:
        """The 12 header bytes: the associated data of the tag."""
        return _HEADER.pack(
            (VERSION << 6) | self.type,
            (_MORE if self.more else 0) | self.direction,
            self.session,
            self.counter,
            self.ack,
            len(self.body),
        )


def encode(frame: Frame) -> bytes:
    """The frame as it goes on the line, delimiters and all."""
    plain = frame.header + frame.body + frame.tag
    return b"\0" + stuff(plain + _CRC.pack(crc32(plain))) + b"\0"


def decode(stuffed: bytes) -> Frame | None:
    """The frame between two delimiters, or None: noise ends here."""
    plain = unstuff(stuffed)
    if plain is None or not SMALLEST <= len(plain) <= LARGEST:
        return None
    if crc32(plain[:-4]) != int.from_bytes(plain[-4:]):
        return None
    first, flags, session, counter, ack, length = _HEADER.unpack_from(plain)
    kind = _FIRST.get(first)
    if kind is None or flags & ~(_MORE | _DIRECTION) or length != len(plain) - SMALLEST:
        return None
    return Frame(
        kind,
        _DIRECTIONS[flags & _DIRECTION],
        session,
        counter,
        ack,
        bool(flags & _MORE),
        plain[HEADER_SIZE:-12],
        plain[-12:-4],
    )


class FrameDecoder:
    """Bytes in as they come, whole frames out. Holds at most LARGEST_STUFFED bytes; never raises."""

    def __init__(self) -> None:
        self._rest = b""
        self._too_long = False
        self.damaged = 0
        """Runs between delimiters that were no frame."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that end in data."""
        frames: list[Frame] = []
        rest = self._rest + data
        if 0 in data:
            *runs, rest = rest.split(b"\0")
            if self._too_long:  # the end of what was given up as too long
                runs[0] = b""
                self._too_long = False
            # By length first: it costs a tenth of a look inside, and most noise ends here.
            likely = [run for run in runs if SMALLEST_STUFFED <= len(run) <= LARGEST_STUFFED]
            frames = [frame for run in likely if (frame := decode(run)) is not None]
            self.damaged += len(runs) - runs.count(b"") - len(frames)
        if len(rest) > LARGEST_STUFFED:  # chatter without a single 00 counts for every frame's length of it
            self.damaged += len(rest) // LARGEST_STUFFED
            self._too_long = True
            rest = b""
        self._rest = rest
        return frames
