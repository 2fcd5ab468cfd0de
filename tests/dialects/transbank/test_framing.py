"""Frames and signs: the vendor's published examples, the declaration in construct, damaged lines."""

from __future__ import annotations

from random import Random

import construct as c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.dialects.transbank.framing import FRAME, MAX_TEXT, Scanner, Sign, encode

TEXTS = st.binary(max_size=200).map(lambda raw: bytes(0x20 + byte % 0x5F for byte in raw))

PUBLISHED = {
    # the reference's worked example of an LRC, and the frames that the vendor's C library keeps as constants
    b"0200|123|": "02 30 32 30 30 7C 31 32 33 7C 03 31",
    b"0200|000025000|000001|||0": "02 30323030 7C 303030303235303030 7C 303030303031 7C7C7C 30 03 7B",
    b"0500||": "02 30353030 7C 7C 03 06",
    b"0700||": "02 30373030 7C 7C 03 04",
    b"0800": "02 30383030 03 0B",
    b"0100": "02 30313030 03 02",
    b"0300": "02 30333030 03 00",
}


@pytest.mark.parametrize("text", PUBLISHED)
def test_the_vendors_own_frames(text: bytes) -> None:
    wire = bytes.fromhex(PUBLISHED[text])
    assert encode(text) == wire
    assert Scanner().feed(wire) == [text]


@given(TEXTS)
def test_the_declaration_and_the_hand_written_ways_are_one(text: bytes) -> None:
    wire = encode(text)
    told = FRAME.parse(wire)
    assert told.signed.value == text
    assert FRAME.build({"signed": {"value": text}}) == wire
    assert Scanner().feed(wire) == [text]


@given(TEXTS, st.data())
def test_one_flipped_bit_and_the_frame_is_not_taken(text: bytes, data: st.DataObject) -> None:
    wire = encode(text)
    bit = data.draw(st.integers(0, 8 * len(wire) - 1))
    spoilt = bytearray(wire)
    spoilt[bit // 8] ^= 1 << bit % 8
    assert text not in Scanner().feed(bytes(spoilt) + encode(b"0100")[:-1])
    with pytest.raises(c.ConstructError):
        FRAME.parse(bytes(spoilt))


@given(TEXTS, st.lists(st.integers(1, 50)))
def test_in_any_pieces(text: bytes, sizes: list[int]) -> None:
    wire = encode(text) + bytes(Sign.ACK.value) + encode(text) + bytes(Sign.NAK.value)
    scanner, found = Scanner(), []
    for size in sizes:
        found += scanner.feed(wire[:size])
        wire = wire[size:]
    for byte in wire:
        found += scanner.feed(bytes([byte]))
    assert found == [text, Sign.ACK, text, Sign.NAK]
    assert scanner.damaged == 0


def test_an_lrc_that_looks_like_a_control_character() -> None:
    assert encode(b"0100")[-1:] == b"\x02"  # the poll's LRC is STX
    assert Scanner().feed(encode(b"0100") * 2) == [b"0100", b"0100"]


@pytest.mark.parametrize("junk", [b"AT+CGMI\r\n", b"\xff\x00", b"\x02", b"\x020200|000001500|0000", b"\x03\x03"])
def test_a_good_frame_is_found_after_junk(junk: bytes) -> None:
    scanner = Scanner()
    assert scanner.feed(junk + encode(b"0700||")) == [b"0700||"]
    assert scanner.damaged == 1


def test_the_self_service_models_lrc_is_not_taken() -> None:
    """The vendor's self-service terminals reckon STX in; the reference of POS Integrado leaves it out."""
    wire = encode(b"0710|00|002|15000||")
    assert Scanner().feed(wire[:-1] + bytes([wire[-1] ^ 0x02])) == [Sign.DAMAGED]


def test_a_frame_without_an_end_is_given_up_and_memory_is_bounded() -> None:
    scanner = Scanner()
    assert scanner.feed(b"\x02" + b"0" * (MAX_TEXT + 1)) == []
    assert not scanner.reading
    assert scanner.damaged == 1
    assert scanner.feed(encode(b"0" * MAX_TEXT)) == [b"0" * MAX_TEXT]


def test_noise_does_no_harm() -> None:
    scanner, random = Scanner(), Random(7)
    for _ in range(256):
        for word in scanner.feed(random.randbytes(1024)):
            assert not isinstance(word, bytes) or len(word) <= MAX_TEXT
    assert scanner.damaged > 1_000
    scanner.give_up()
    assert scanner.feed(encode(b"0100")) == [b"0100"]
