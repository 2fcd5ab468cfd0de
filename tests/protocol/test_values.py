"""How a value stands in a TLV, from docs/protocol.md §3: every expectation here is written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from protocol import messages as m
from protocol.dialects.native import values as v
from protocol.errors import NotUnderstood, OutOfBounds
from protocol.money import Money

LARGEST = 2**53 - 1
LAST_MS = (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
    milliseconds=1
)


@pytest.mark.parametrize(
    ("number", "raw"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "80"),
        (255, "ff"),
        (256, "0100"),
        (65536, "010000"),
        (LARGEST, "1f" + "ff" * 6),
    ],
)
def test_unsigned_is_minimal_big_endian(number: int, raw: str) -> None:
    assert v.UNSIGNED.pack(number).hex() == raw
    assert v.UNSIGNED.unpack(bytes.fromhex(raw)) == number


@pytest.mark.parametrize("raw", ["", "0000", "0001", "00ff", "20" + "00" * 6, "01" + "00" * 7, "ff" * 16])
def test_unsigned_refuses_what_is_not(raw: str) -> None:
    with pytest.raises(NotUnderstood):
        v.UNSIGNED.unpack(bytes.fromhex(raw))


@pytest.mark.parametrize("number", [-1, 2**53, 1.0, True, "1"])
def test_unsigned_cannot_carry(number: Any) -> None:
    with pytest.raises(OutOfBounds):
        v.UNSIGNED.pack(number)


# X.690 §8.3: a two's complement INTEGER's first nine bits are neither all 0 nor all 1.
@pytest.mark.parametrize(
    ("minor", "raw"),
    [
        (0, "00"), (1, "01"), (127, "7f"), (128, "0080"), (256, "0100"), (-1, "ff"), (-128, "80"), (-129, "ff7f"),
        (-256, "ff00"), (LARGEST, "1f" + "ff" * 6), (-LARGEST, "e0" + "00" * 5 + "01"),
    ],
)  # fmt: skip
def test_fee_amount_is_a_minimal_twos_complement(minor: int, raw: str) -> None:
    assert v.SIGNED_AMOUNT.pack(Money(minor, 840)).hex() == "0348" + raw
    assert v.SIGNED_AMOUNT.unpack(bytes.fromhex("0348" + raw)) == Money(minor, 840)


@pytest.mark.parametrize(
    "raw",
    ["", "9c", "009c", "009c0000", "009c007f", "009cffff", "009cff80", "000001", "03e801", "009c" + "20" + "00" * 6,
     "009c" + "e0" + "00" * 6, "009c" + "7f" * 9000],
)  # fmt: skip
def test_fee_amount_refuses(raw: str) -> None:
    with pytest.raises(NotUnderstood):
        v.SIGNED_AMOUNT.unpack(bytes.fromhex(raw))


def test_amount_is_a_currency_and_an_unsigned() -> None:
    assert v.AMOUNT.pack(Money(12_345, 156)).hex() == "009c3039"
    assert v.AMOUNT.unpack(bytes.fromhex("009c3039")) == Money(12_345, 156)
    assert v.AMOUNT.unpack(bytes.fromhex("009cff")) == Money(255, 156)  # no sign here


@pytest.mark.parametrize("raw", ["", "00", "009c", "009c0001", "000005", "03e805", "009c" + "ff" * 7])
def test_amount_refuses(raw: str) -> None:
    with pytest.raises(NotUnderstood):
        v.AMOUNT.unpack(bytes.fromhex(raw))


def test_a_negative_amount_is_refused_where_none_may_be() -> None:
    with pytest.raises(OutOfBounds):
        v.AMOUNT.pack(Money(-1))


def test_nobody_asks_for_an_amount_of_nothing() -> None:
    assert v.ASKED_AMOUNT.pack(Money(1)).hex() == "009c01"
    assert v.ASKED_AMOUNT.unpack(bytes.fromhex("009c01")) == Money(1)
    for wrong in (Money(0), Money(-1)):
        with pytest.raises(OutOfBounds):
            v.ASKED_AMOUNT.pack(wrong)
    for raw in ("009c00", "00", "", "009c", "009c0001", "000001"):
        with pytest.raises(NotUnderstood):
            v.ASKED_AMOUNT.unpack(bytes.fromhex(raw))


@pytest.mark.parametrize(
    ("value", "lowest", "highest"),
    [(v.PPM, 0, 1_000_000), (v.PAGE, 1, 9_999), (v.REQUEST_ID, 0, 2**32 - 1), (v.TIME, 0, LAST_MS)],
)
def test_numbers_with_bounds(value: v.Value, lowest: int, highest: int) -> None:
    for number in (lowest, highest):
        assert value.unpack(value.pack(number)) == number
    for number in (lowest - 1, highest + 1):
        with pytest.raises(OutOfBounds):
            value.pack(number)
        with pytest.raises(NotUnderstood):
            value.unpack(max(number, 0).to_bytes(8).lstrip(b"\0") if number > 0 else b"\0" * (1 + (lowest == 0)))


def test_a_number_or_a_code_refused_is_not_repeated_in_the_reason() -> None:
    """It may be a card number: a technician sees the bytes masked, and nowhere else."""
    pan = 4111111111111111
    for value, raw in [(value, pan.to_bytes(7)) for value in (v.PPM, v.PAGE, v.REQUEST_ID, v.TIME)] + [
        (v.choice(m.Outcome, *m.Outcome), raw) for raw in (str(pan).encode(), bytes.fromhex(str(pan)))
    ]:
        with pytest.raises(NotUnderstood) as refused:
            value.unpack(raw)
        for shown in (str(pan), raw.hex(), str(raw)):
            assert shown not in refused.value.reason


@pytest.mark.parametrize("day", ["20260302", "20240229", "00010101", "99991231", "20001231"])
def test_date(day: str) -> None:
    assert v.DATE.pack(day) == day.encode()
    assert v.DATE.unpack(day.encode()) == day


@pytest.mark.parametrize(
    "day", ["", "2026032", "202603021", "20260230", "20230229", "20261301", "20260100", "00000101", "2026-3-2", "２０２６０３０２",
            "+2026031", " 2026030", "19000229"],
)  # fmt: skip
def test_a_day_that_there_is_not(day: str) -> None:
    with pytest.raises(OutOfBounds):
        v.DATE.pack(day)
    with pytest.raises(NotUnderstood):
        v.DATE.unpack(day.encode())


def test_digest() -> None:
    assert v.DIGEST.unpack(v.DIGEST.pack(bytes(range(32)))) == bytes(range(32))
    for wrong in (b"", bytes(31), bytes(33)):
        with pytest.raises(OutOfBounds):
            v.DIGEST.pack(wrong)
        with pytest.raises(NotUnderstood):
            v.DIGEST.unpack(wrong)


def test_flag() -> None:
    assert (v.FLAG.pack(True), v.FLAG.pack(False)) == (b"\1", b"\0")
    for raw in (b"", b"\2", b"\0\0", b"\1\1"):
        with pytest.raises(NotUnderstood):
            v.FLAG.unpack(raw)


def test_reference() -> None:
    assert v.REFERENCE.pack("00112233445566778899aabbccddeeff") == bytes.fromhex("00112233445566778899aabbccddeeff")
    assert v.REFERENCE.unpack(bytes(range(16))) == "000102030405060708090a0b0c0d0e0f"
    for raw in (b"", bytes(15), bytes(17)):
        with pytest.raises(NotUnderstood):
            v.REFERENCE.unpack(raw)


@pytest.mark.parametrize("wrong", ["", "00" * 15, "00" * 17, "zz" * 16, "0" * 31, "00 " * 16, "AB" * 16])
def test_a_reference_is_32_hexadecimal_digits_that_come_back_as_they_went(wrong: str) -> None:
    """Two spellings of one reference would be two keys in the agent's tables."""
    with pytest.raises(OutOfBounds):
        v.REFERENCE.pack(wrong)


def test_octets() -> None:
    token = v.octets(4)
    assert token.unpack(token.pack(b"\0\1\2\3")) == b"\0\1\2\3"
    with pytest.raises(OutOfBounds):
        token.pack(bytes(5))
    with pytest.raises(NotUnderstood):
        token.unpack(bytes(5))


def test_digits() -> None:
    trace = v.digits(6)
    assert trace.pack("000123") == b"000123"
    for wrong in ("", "1234567", "12a", "１２", "-1", " 1", "²"):
        with pytest.raises(OutOfBounds):
            trace.pack(wrong)
    for raw in (b"", b"1234567", b"12a", "１".encode(), b"\xb2", b"+1", b"1_0"):
        with pytest.raises(NotUnderstood):
            trace.unpack(raw)


def test_identifier() -> None:
    """A merchant's number is no free text: 15 digits that pass Luhn by chance (one in ten) come through as they are."""
    mid = v.identifier(15)
    for number in ("822290053110007", "000000000000000", "X-1", " ", "~" * 15):
        assert mid.unpack(mid.pack(number)) == number
    for wrong in ("", "x" * 16, "店", "a\n", "a\x7f", "\ud800"):
        with pytest.raises(OutOfBounds):
            mid.pack(wrong)
    for raw in (b"", b"x" * 16, "店".encode(), b"a\n", b"a\x7f", b"\xb2"):
        with pytest.raises(NotUnderstood):
            mid.unpack(raw)
    assert mid.pack("378282246310005") == b"378282*****0005"  # American Express's published test number
    assert mid.unpack(b"378282246310005") == "378282*****0005"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        # Test numbers that schemes and acquirers publish: old Visa, Diners Club, American Express, Visa, MasterCard, UnionPay.
        ("4222222222222", "422222***2222"),
        ("30569309025904", "305693****5904"),
        ("378282246310005", "378282*****0005"),
        ("4111111111111111", "411111******1111"),
        ("5555555555554444", "555555******4444"),
        ("6250941006528599", "625094******8599"),
        ("6205500000000000004", "620550*********0004"),
    ],
)
def test_an_identifier_that_is_a_card_number_is_masked_both_ways(number: str, shown: str) -> None:
    ticket = v.identifier(32)
    assert ticket.pack(number) == shown.encode()
    assert ticket.unpack(number.encode()) == shown
    assert ticket.unpack(shown.encode()) == shown  # masked already


@pytest.mark.parametrize(
    "number",
    [
        "822290053110006",  # a merchant number in China's form, which passes Luhn
        "400000000000006",  # 15 digits from 4, Luhn: no scheme has cards so
        "4111111111111112",  # the check digit is wrong
        "1111111111111117",  # 16 digits, Luhn: no card begins with 1
        "8000000000000003",  # and of those with 8 only with 81
        "7992739871300000000",
        "62055000000000000041",  # 20 digits
        "622200000009",  # 12
        "T4111111111111111",  # not as a whole
        "4111111111111111-1",
    ],
)
def test_an_identifier_that_is_no_card_number_comes_through(number: str) -> None:
    ticket = v.identifier(32)
    assert ticket.unpack(ticket.pack(number)) == number


def test_text_is_nfc() -> None:
    name = v.text(16)
    assert name.pack("cafe\u0301") == "caf\u00e9".encode()
    assert name.unpack("cafe\u0301".encode()) == "caf\u00e9"
    assert name.unpack("店".encode()) == "店"


@pytest.mark.parametrize("wrong", ["a" * 17, "店" * 6, "a\0", "a\n", "\x1b[31m", "a\x7f", "\x85", "\ud800"])
def test_text_cannot_carry(wrong: str) -> None:
    with pytest.raises(OutOfBounds):
        v.text(16).pack(wrong)


@pytest.mark.parametrize(
    "raw",
    [b"a" * 17, b"\xff", b"\xe5\xba", b"a\0", b"a\n", b"\x1b[31m", b"\x7f", b"\xc2\x85", b"\xed\xa0\x80", b"\xc0\x80"],
)
def test_text_refuses(raw: bytes) -> None:
    with pytest.raises(NotUnderstood):
        v.text(16).unpack(raw)


def test_text_is_bounded_after_normalisation_too() -> None:
    """U+1D160 is 4 bytes as sent and 12 in NFC (a composition exclusion): text bounded on the wire stays bounded."""
    with pytest.raises(NotUnderstood):
        v.text(16).unpack("\U0001d160\U0001d160\U0001d160\U0001d160".encode())


def test_only_lines_have_lines() -> None:
    assert v.text(16, lines=True).unpack(b"a\nb\n") == "a\nb\n"
    for text, raw in ((v.text(16, lines=True), b"a\rb"), (v.text(16), b"a\nb")):
        with pytest.raises(NotUnderstood):
            text.unpack(raw)


def test_text_and_pan_are_masked_both_ways() -> None:
    name = v.text(64)
    assert name.pack("卡 4111111111111111") == "卡 411111******1111".encode()
    assert name.unpack("卡 4111111111111111".encode()) == "卡 411111******1111"
    assert name.unpack("４１１１１１１１１１１１１１１１".encode()) == "４１１１１１******１１１１"
    assert name.unpack(b"4111111111111111") == "411111******1111"
    assert name.unpack(b"4222222222222") == "422222***2222"  # the shortest there is
    pan = v.masked_pan()
    assert pan.pack("4111111111111111") == b"411111******1111"
    assert pan.unpack(b"4111111111111111") == "411111******1111"
    assert pan.unpack(b"1234567890123456789") == "123456*********6789"  # no Luhn here: it is a card number by its field


def test_the_codes_of_the_enumerations() -> None:
    """Version 1's numbers: they may grow at the end and never move."""
    orders = {
        m.TransactionKind: "sale void refund pre_auth pre_auth_completion reversal",
        m.Outcome: "approved declined",
        m.Product: "credit debit qr_wallet qr_credit qr_unionpay foreign_card prepaid",
        m.EntryMode: "chip contactless magstripe manual qr_merchant_scans qr_customer_scans",
        m.SettlementMode: "T0 D0 T1 D1",
        m.FeeType: "mdr t0 sim service refund_fee deposit_deduction other",
        m.DeviceEventKind: "reboot fault tamper firmware_changed serial_changed merchant_changed",
        m.Severity: "info minor major",
        m.ErrorCode: "not_understood not_supported out_of_bounds not_now",
        m.RequestState: "approved declined voided in_progress not_found",
        m.Stage: "present_card present_code choose confirm_amount pin host remove_card",
        m.DepositState: "active submitted acknowledged review_1 review_2 need_more approved rejected paying pay_failed "
        "partly_paid paid forfeited converted withdrawn",
        m.DeductionCause: "damage breach dispute_compensation early_termination outstanding_fee other",
    }
    for enum, names in orders.items():
        value = v.choice(enum, *enum)
        assert [str(value.unpack(bytes([code]))) for code in range(1, len(enum) + 1)] == names.split()
        for raw in (b"", b"\0", bytes([len(enum) + 1]), b"\0\1"):
            with pytest.raises(NotUnderstood):
                value.unpack(raw)


def test_an_enumeration_without_all_its_codes_is_no_value() -> None:
    with pytest.raises(ValueError, match="every member"):
        v.choice(m.Outcome, m.Outcome.APPROVED)
