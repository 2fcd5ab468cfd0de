"""The frame: its table in docs/protocol.md §1, construct's declaration, and what damage does to it."""

from __future__ import annotations

import tracemalloc
from binascii import crc32
from random import Random
from typing import Any

import construct
import pytest
from cobs import cobs as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.dialects.native.framing import (
    FRAME,
    LARGEST,
    LARGEST_STUFFED,
    Direction,
    Frame,
    FrameDecoder,
    FrameType,
    decode,
    encode,
)

frames = st.builds(
    Frame,
    type=st.sampled_from(FrameType),
    direction=st.sampled_from(Direction),
    session=st.integers(0, 0xFFFF),
    counter=st.integers(0, 0xFFFF_FFFF),
    ack=st.integers(0, 0xFFFF),
    more=st.booleans(),
    body=st.one_of(st.binary(max_size=256), st.integers(240, 256).map(lambda n: b"\x55" * n)),
    tag=st.binary(min_size=8, max_size=8),
)
SAMPLE = Frame(FrameType.DATA, Direction.TO_AGENT, 7, 0x01020304, 0x0A0B, True, b"\0body\0", b"TAGTAGTA")


def by_construct(frame: Frame) -> bytes:
    """The frame, built by the declaration alone and stuffed by the oracle."""
    header = {
        "first": {"version": 1, "type": int(frame.type)},
        "flags": {"reserved": 0, "more": frame.more, "direction": int(frame.direction)},
        "session": frame.session,
        "counter": frame.counter,
        "ack": frame.ack,
        "length": len(frame.body),
    }
    built = FRAME.build({"signed": {"value": {"header": header, "body": frame.body, "tag": frame.tag}}, "crc": None})
    return b"\0" + oracle.encode(bytes(built)) + b"\0"


def read_by_construct(plain: bytes) -> Any:
    return FRAME.parse(plain).signed.value


def test_the_table_of_the_header_byte_by_byte() -> None:
    """Offsets, widths and codes as docs/protocol.md §1 draws them, written out by hand."""
    plain = oracle.decode(encode(SAMPLE)[1:-1])
    assert plain[0] == 0b01_001001  # version 1, DATA = 9
    assert plain[1] == 0b11  # bit 0 direction terminal → agent, bit 1 more fragments
    assert plain[2:4] == b"\x00\x07"
    assert plain[4:8] == b"\x01\x02\x03\x04"
    assert plain[8:10] == b"\x0a\x0b"
    assert plain[10:12] == b"\x00\x06"
    assert plain[12:18] == b"\0body\0"
    assert plain[18:26] == b"TAGTAGTA"
    assert plain[26:] == crc32(plain[:26]).to_bytes(4, "big")


def test_frame_type_codes() -> None:
    names = "HELLO HELLO_REPLY PAIR_1 PAIR_2 PAIR_3 PAIR_4 PAIR_5 PAIR_6 DATA ACK PING PONG BYE NO_SESSION"
    assert [kind.name for kind in FrameType] == names.split()
    assert [int(kind) for kind in FrameType] == list(range(1, 15))


def test_an_acknowledgement_is_27_bytes() -> None:
    assert len(encode(Frame(FrameType.ACK, Direction.TO_AGENT, 1, 1, tag=b"\1" * 8))) == 27


@given(frames)
def test_encode_equals_the_declaration(frame: Frame) -> None:
    assert encode(frame) == by_construct(frame)


@given(frames)
def test_decode_equals_the_declaration(frame: Frame) -> None:
    found = decode(by_construct(frame)[1:-1])
    assert found == frame
    read = read_by_construct(oracle.decode(encode(frame)[1:-1]))
    assert (read.header.first.version, read.header.first.type) == (1, frame.type)
    assert (read.header.flags.more, read.header.flags.direction) == (frame.more, frame.direction)
    assert (read.header.session, read.header.counter, read.header.ack) == (frame.session, frame.counter, frame.ack)
    assert (read.body, read.tag, read.header.length) == (frame.body, frame.tag, len(frame.body))


@given(st.binary(min_size=20, max_size=290), st.booleans())
def test_whatever_has_a_true_crc_is_read_as_the_declaration_reads_it(plain: bytes, honest: bool) -> None:
    """With the CRC out of the way, header after header: reserved bits, versions, unknown types, lengths that lie."""
    if honest and len(plain) >= 20:
        plain = bytes([0x40 | plain[0] & 0x3F, plain[1] & 3]) + plain[2:10] + (len(plain) - 20).to_bytes(2) + plain[12:]
    whole = plain + crc32(plain).to_bytes(4)
    found = decode(oracle.encode(whole))
    try:
        read = read_by_construct(whole)
    except construct.ConstructError:
        assert found is None
        return
    allowed = read.header.first.version == 1 and 1 <= read.header.first.type <= 14 and len(read.body) <= 256
    assert (found is not None) == allowed
    if found is not None:
        assert (found.type, found.body, found.tag) == (read.header.first.type, read.body, read.tag)


def test_every_value_of_the_first_two_bytes() -> None:
    """Version 1 with a type there is, and no flag but the two: any other value of these bytes is no frame, whatever its CRC."""
    rest = oracle.decode(encode(SAMPLE)[1:-1])[2:-4]
    for place, good in ((0, range(0x41, 0x4F)), (1, range(4))):
        for value in range(256):
            plain = bytes([value, 3] if place == 0 else [0x49, value]) + rest
            found = decode(oracle.encode(plain + crc32(plain).to_bytes(4)))
            assert (found is not None) == (value in good), (place, value)


def test_every_flipped_bit_is_seen() -> None:
    for frame in (SAMPLE, Frame(FrameType.ACK, Direction.TO_TERMINAL, 1, 2, tag=b"\xff" * 8)):
        wire = encode(frame)
        for bit in range(len(wire) * 8):
            damaged = bytearray(wire)
            damaged[bit // 8] ^= 1 << bit % 8
            assert FrameDecoder().feed(bytes(damaged) + b"\0") == [], bit


def test_every_truncation_is_seen() -> None:
    wire = encode(SAMPLE)
    for end in range(1, len(wire) - 1):
        assert FrameDecoder().feed(wire[:end] + b"\0") == []
    for start in range(2, len(wire) - 1):
        assert FrameDecoder().feed(b"\0" + wire[start:]) == []


@given(st.binary(max_size=9), st.integers(0, 40))
def test_nothing_before_or_after_a_frame_makes_another_frame_of_it(extra: bytes, at: int) -> None:
    """Bytes lost in or pushed into the run never deliver a different frame."""
    wire = encode(SAMPLE)
    at = min(at, len(wire))
    assert all(found == SAMPLE for found in FrameDecoder().feed(wire[:at] + extra + wire[at:]))


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_frame_costs_at_most_itself_and_its_neighbour(data: st.DataObject) -> None:
    sent = [
        Frame(FrameType.DATA, Direction.TO_AGENT, 1, n, body=bytes([n]) * data.draw(st.integers(0, 40)))
        for n in range(1, 8)
    ]
    stuffed = [encode(frame) for frame in sent]
    which = data.draw(st.integers(0, 6))
    hit = bytearray(stuffed[which])
    at = data.draw(st.integers(0, len(hit) - 1))
    how = data.draw(st.sampled_from(["flip", "lose", "insert", "burst"]))
    if how == "flip":
        hit[at] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "lose":
        del hit[at]
    elif how == "insert":
        hit.insert(at, data.draw(st.integers(0, 255)))
    else:
        hit[at : at + 5] = data.draw(st.binary(min_size=5, max_size=5))
    got = FrameDecoder().feed(b"".join([*stuffed[:which], bytes(hit), *stuffed[which + 1 :]]))
    assert [frame for frame in got if frame not in sent] == []
    lost = [n for n, frame in enumerate(sent) if frame not in got]
    assert lost in ([], [which], [which - 1, which], [which, which + 1], [which - 1], [which + 1])
    assert got == [frame for frame in sent if frame in got]  # in order, none twice


def test_one_byte_at_a_time_merged_or_cut_anywhere() -> None:
    sent = [Frame(FrameType.DATA, Direction.TO_AGENT, 1, n, body=bytes(range(n % 256))) for n in range(1, 60)]
    wire = b"".join(b"\0" * (n % 4) + encode(frame) for n, frame in enumerate(sent))
    assert FrameDecoder().feed(wire) == sent
    one = FrameDecoder()
    assert [frame for byte in wire for frame in one.feed(bytes([byte]))] == sent
    random = Random(5)
    for _ in range(20):
        cut, decoder, at, got = sorted(random.sample(range(len(wire)), 30)), FrameDecoder(), 0, []
        for stop in [*cut, len(wire)]:
            got += decoder.feed(wire[at:stop])
            at = stop
        assert got == sent
        assert decoder.damaged == 0


def test_the_largest_frame_passes_and_nothing_larger_is_kept() -> None:
    largest = Frame(FrameType.DATA, Direction.TO_AGENT, 0xFFFF, 0xFFFF_FFFF, 0xFFFF, True, b"\1" * 256, b"\1" * 8)
    wire = encode(largest)
    assert len(wire) - 2 <= LARGEST_STUFFED
    assert LARGEST == 12 + 256 + 8 + 4
    decoder = FrameDecoder()
    assert [f for byte in wire for f in decoder.feed(bytes([byte]))] == [largest]
    assert decoder.feed(b"\1" * (LARGEST_STUFFED + 1) + wire) == [largest]  # its own leading 00 ends the junk
    assert decoder.damaged == 1


@pytest.mark.parametrize("noise", ["any bytes", "no zero among them"])
@pytest.mark.parametrize("chunk", [1, 61, 4096])
def test_a_megabyte_of_noise_delivers_nothing_and_memory_stays(noise: str, chunk: int) -> None:
    size = 1_000_000 if chunk > 1 else 60_000
    line = Random(2026).randbytes(size)
    if noise != "any bytes":
        line = line.replace(b"\0", b"\x5a")
    decoder = FrameDecoder()
    decoder.feed(line[:2000])
    tracemalloc.start()
    try:
        delivered = [frame for at in range(0, size, chunk) for frame in decoder.feed(line[at : at + chunk])]
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert delivered == []
    assert kept < 8_192
    assert decoder.feed(b"\0" + encode(SAMPLE)) == [SAMPLE]  # and a good frame after it is found
