"""The native wire under the fuzzer: its frame, its messages, and a peer that holds the keys and says anything."""

from __future__ import annotations

from zlib import crc32

import construct
from cobs import cobs as oracle

from protocol.dialect import Role
from protocol.dialects.native import codec, wire
from protocol.dialects.native.cobs import stuff, unstuff
from protocol.dialects.native.framing import (
    FRAME,
    MAX_BODY,
    NO_TAG,
    Direction,
    Frame,
    FrameDecoder,
    FrameType,
    decode,
    encode,
)
from protocol.errors import NotUnderstood
from tests.fuzz.reader import Reader
from tests.protocol.pair import HELLO, link

_TYPES = tuple(FrameType)


def frame(data: bytes) -> None:
    """COBS as the oracle reads it; and, the CRC made true, the header as the declaration reads it."""
    line = data.replace(b"\0", b"\1")
    try:
        expected: bytes | None = oracle.decode(line)
    except oracle.DecodeError:
        expected = None
    assert unstuff(line) == expected
    assert unstuff(stuff(data)) == data

    whole = data + crc32(data).to_bytes(4)
    stuffed = stuff(whole)
    found = decode(stuffed)
    try:
        read = FRAME.parse(whole).signed.value
    except construct.ConstructError:
        read = None
    allowed = read is not None and read.header.first.version == 1 and 1 <= read.header.first.type <= len(_TYPES)
    assert (found is not None) == (allowed and len(read.body) <= MAX_BODY)
    if found is not None:
        assert (found.type, found.body, found.tag) == (read.header.first.type, read.body, read.tag)
        assert encode(found) == b"\0" + stuffed + b"\0"
    assert FrameDecoder().feed(b"\0" + stuffed + b"\0") == ([found] if found is not None else [])


def message(data: bytes) -> None:
    """The hot path's verdict is the declaration's."""
    hello = data[:2] == wire.HELLO_FIELDS.code.to_bytes(2)
    try:
        found = codec.decode_hello(data) if hello else codec.decode(data)
    except NotUnderstood:
        found = None
    try:
        expected = wire.reference_decode(data)
    except NotUnderstood:
        expected = None
    assert found == expected
    if found is not None:
        again = codec.encode_hello(found) if hello else codec.encode(found)
        assert again == wire.reference_encode(found)
        assert wire.reference_decode(again) == found


class Stranger:
    """A peer that has made a session with the right keys, and then says whatever the fuzzer wants, every tag and CRC true."""

    def __init__(self, role: Role) -> None:
        self._link = link(role, seed=2, payload=codec.encode_hello(HELLO))
        self._ours = Direction.TO_AGENT if role is Role.TERMINAL else Direction.TO_TERMINAL
        self._decoder = FrameDecoder()
        self._counter = 1000
        self._ack = 0
        self._link.open(0)

    def shake_hands(self, heard: bytes) -> bytes:
        """One honest turn."""
        self._link.tick(0)
        self._link.receive(heard, 0)
        self._link.take()
        return self._link.outgoing(0)

    def hear(self, heard: bytes) -> None:
        """Remember what would acknowledge it."""
        for told in self._decoder.feed(heard):
            if told.type is FrameType.DATA:
                self._ack = told.counter & 0xFFFF

    def say(self, reader: Reader) -> bytes:
        """A frame: one byte of choices, the fields that were chosen to be odd, a type, a length and a body."""
        choices = reader.byte()
        keys = self._link._session.keys if self._link._session is not None else None
        self._counter += 1
        session = keys.session if keys is not None else 0
        kind = _TYPES[reader.byte() % len(_TYPES)] if choices & 1 else FrameType.DATA
        made = Frame(
            type=kind,
            direction=Direction(1 - self._ours) if choices & 2 else self._ours,
            session=reader.number(2) if choices & 4 else session,
            counter=reader.number(4) if choices & 8 else self._counter,
            ack=reader.number(2) if choices & 16 else self._ack,
            more=bool(choices & 32),
            body=reader.take(reader.number(2) % (MAX_BODY + 1)),
            tag=NO_TAG,
        )
        return encode(made if choices & 64 or keys is None else keys.seal(made))
