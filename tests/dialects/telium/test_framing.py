"""The frame and the scanner: drawn by hand from docs/dialects.md, and held to the construct declaration."""

from __future__ import annotations

from random import Random

import pytest
from construct import ConstructError
from hypothesis import given
from hypothesis import strategies as st

from protocol.dialects.telium.framing import FRAME, MAX_BODY, Body, Control, Damage, Scanner, encode

ASK = b"0100001250110978          A010B010"
bodies = st.binary(min_size=1, max_size=MAX_BODY).map(lambda raw: bytes(32 + byte % 95 for byte in raw))


def by_hand(body: bytes) -> bytes:
    check = 0
    for byte in body + b"\x03":
        check ^= byte
    return b"\x02" + body + b"\x03" + bytes([check])


def test_a_frame_as_pytelium_makes_it() -> None:
    """TeliumData.framing("01") of pyTeliumManager 2.4.2 is STX 0 1 ETX and 30^31^03 = 02."""
    assert encode(b"01") == bytes.fromhex("02 30 31 03 02")
    assert Scanner().feed(bytes.fromhex("02 30 31 03 02")) == [Body(b"01")]


@given(bodies)
def test_encode_is_the_declaration_and_the_hand(body: bytes) -> None:
    frame = encode(body)
    assert frame == by_hand(body)
    assert FRAME.parse(frame).signed.value.body == body
    assert Scanner().feed(frame) == [Body(body)]


@given(bodies, st.integers(0, 8 * (MAX_BODY + 3) - 1))
def test_no_single_bit_flip_gives_the_body_or_a_control_byte_from_inside(body: bytes, at: int) -> None:
    """A flip may make an ETX, and one time in 128 the next byte fits: then the body is shorter, and no message."""
    frame = bytearray(encode(body))
    at %= 8 * len(frame)
    frame[at // 8] ^= 1 << at % 8
    with pytest.raises(ConstructError):
        FRAME.parse(bytes(frame))
    scanner = Scanner()
    tokens = scanner.feed(bytes(frame))
    assert [token for token in tokens if isinstance(token, Body) and len(token.text) >= len(body)] == []
    if at >= 8 and b"\x03" not in frame[:-2]:  # the STX still stands: nothing that follows is taken for a control byte
        assert not [token for token in tokens if isinstance(token, Control)]
    scanner.reset()
    assert scanner.feed(encode(body)) == [Body(body)]


@given(bodies)
def test_one_byte_at_a_time(body: bytes) -> None:
    scanner, tokens = Scanner(), []
    for byte in encode(body):
        tokens += scanner.feed(bytes([byte]))
    assert tokens == [Body(body)]
    assert not scanner.inside


@pytest.mark.parametrize("control", Control)
def test_an_lrc_that_looks_like_a_control_byte_is_none(control: Control) -> None:
    """0x50 ^ 0x03 ^ x = control, so x = 0x50 ^ 0x03 ^ control is printable for each of the four."""
    body = bytes([0x50, 0x50 ^ 0x03 ^ control ^ 0x20, 0x20])
    assert encode(body)[-1] == control
    assert Scanner().feed(encode(body)) == [Body(body)]
    assert Scanner().feed(encode(body)[1:]) == [Damage.JUNK, Damage.FRAME], "nor where the STX is lost"


def test_junk_before_and_between() -> None:
    wire = b"AT+CGMI\r\n" + bytes([Control.ENQ]) + b"\xff\xfe" + encode(ASK) + b"~~" + bytes([Control.ACK])
    assert Scanner().feed(wire) == [Damage.JUNK, Control.ENQ, Damage.JUNK, Body(ASK), Damage.JUNK, Control.ACK]


def test_an_stx_in_the_noise_costs_no_frame() -> None:
    assert Scanner().feed(b"\x02noise" + encode(ASK)) == [Body(ASK)]


@pytest.mark.parametrize("body", [b"", b"\x05", b"0\x041", b"\xb0\xb1", b"0\x7f"])
def test_a_body_that_is_not_printable_is_damage_though_its_lrc_is_right(body: bytes) -> None:
    assert Scanner().feed(by_hand(body)) == [Damage.FRAME]


def test_what_never_ends_is_given_up_and_bounded() -> None:
    scanner = Scanner()
    for _ in range(1_000):
        scanner.feed(b"\x02" + b"7" * 997)
        assert len(scanner._body or b"") <= MAX_BODY
    scanner.reset()
    assert scanner.feed(encode(ASK)) == [Body(ASK)]


@given(st.lists(st.binary(max_size=300), max_size=10), bodies)
def test_any_bytes_and_then_silence_and_a_frame(pieces: list[bytes], body: bytes) -> None:
    scanner = Scanner()
    for piece in pieces:
        scanner.feed(piece)
    scanner.reset()
    assert scanner.feed(encode(body)) == [Body(body)]


def test_noise_lets_through_what_a_one_byte_sum_must() -> None:
    """Random bytes: a body needs an STX, printable text, an ETX and the right LRC. 1 MB of noise gives next to none."""
    scanner, found = Scanner(), 0
    noise = Random("telium noise").randbytes(1_000_000)
    found = sum(isinstance(token, Body) for token in scanner.feed(noise))
    assert found < 10  # and no message has so few characters: the codec takes 25, 34 and 80 alone
