"""Wrong amounts, currencies, lengths and encodings: each a typed error that names the field, keeps the bytes masked and says
what to do. Every row is written by hand from the tables of docs/protocol.md §3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol import messages as m
from protocol.dialects.native import wire
from protocol.dialects.native.codec import decode, decode_hello, encode, encode_hello, too_long
from protocol.dialects.native.records import Field
from protocol.errors import MessageError, NotUnderstood, OutOfBounds
from protocol.money import Money
from tests.properties.strategies import EVERY_LAYOUT, tlv
from tests.protocol.pair import HELLO
from tests.vectors.build_native import MESSAGES

REF = "0192f3a4b5c67d8e9fa0b1c2d3e4f506"
PAN = "6250941006528599"  # a published test number


def h(text: str) -> bytes:
    return bytes.fromhex(text)


# A SALE of ¥123.45, a FEE of ¥0.74, a page of a settlement, a notice, a RESULT and what a terminal says of itself, whose parts the
# rows replace.
SALE = {0x0003: h("08"), 0x8010: h(REF), 0x8091: h("009c3039"), 0x8090: h("7530")}
FEE = {0x0001: h("07"), 0x0002: h("02"), 0x8030: h("01"), 0x8031: h("009c4a")}
PAGE = {
    0x0001: h("09"), 0x0002: h("02"), 0x0016: b"7", 0x00B0: b"20260302", 0x80B1: h("01"), 0x80B2: h("01"), 0x00B3: h("01"),
    0x00B4: h("00"), 0x80B5: h("009c4a"), 0x80B6: h("009c00"), 0x80B7: h("009c00"), 0x80B8: h("009c00"),
    0x80B9: h("009c00"), 0x80BA: h("009c00"), 0x80BB: h("009c4a"), 0x80BD: b"",
}  # fmt: skip
NOTICE = {
    0x0001: h("09"), 0x0002: h("02"), 0x00A0: b"N", 0x80A8: h("01"), 0x80A1: h("1770"), 0x80A2: h("03"), 0x00A3: h("01"),
    0x00A4: b"text", 0x00A5: bytes(32),
}  # fmt: skip
RESULT = {0x0003: h("08"), 0x8010: h(REF), 0x8094: h("01"), 0x0019: h("01")}
INFO = {0x0003: h("08"), 0x0060: b"S", 0x0061: b"M", 0x0062: b"F", 0x0017: b"1", 0x0018: b"2", 0x0063: h("01")}
EVERY = (SALE, FEE, PAGE, NOTICE, RESULT, INFO)
CODES = dict(zip(map(id, EVERY), (0x0210, 0x0102, 0x0105, 0x0104, 0x0290, 0x0283), strict=True))
YEAR_10000 = h("e677d21fdc00")  # ms from 1970 to the first moment of the year 10000
LINE = tlv(0x8011, h("01")) + tlv(0x8013, h("009c4a")) + tlv(0x80BE, h("009c00")) + tlv(0x0015, b"1")


def said(
    of: dict[int, bytes], changes: dict[int, bytes | None] | None = None, more: bytes = b"", first: bytes = b""
) -> bytes:
    parts = {**of, **(changes or {})}
    tlvs = b"".join(tlv(tag, value) for tag, value in parts.items() if value is not None)
    return CODES[id(of)].to_bytes(2) + first + tlvs + more


ROWS: list[tuple[str, dict[int, bytes], dict[int, bytes | None], bytes, int, str]] = [
    # amounts
    ("an amount of nothing asked for", SALE, {0x8091: h("009c00")}, b"", 0x8091, "amount"),
    ("an amount without its currency", SALE, {0x8091: h("3039")}, b"", 0x8091, "amount"),
    ("an amount of no bytes", SALE, {0x8091: b""}, b"", 0x8091, "amount"),
    ("an amount that is not minimal", SALE, {0x8091: h("009c003039")}, b"", 0x8091, "amount"),
    ("an amount of 2^53", SALE, {0x8091: h("009c20000000000000")}, b"", 0x8091, "amount"),
    ("an amount of 8 KiB", SALE, {0x8091: h("009c") + b"\x01" * 8192}, b"", 0x8091, "amount"),
    ("a signed amount that is not minimal", FEE, {0x8031: h("009cffff")}, b"", 0x8031, "amount"),
    ("a signed amount below -2^53", FEE, {0x8031: h("009cdfffffffffffff")}, b"", 0x8031, "amount"),
    ("no amount", SALE, {0x8091: None}, b"", 0x8091, "amount"),
    # currencies: 1 to 999
    ("currency 0", SALE, {0x8091: h("00003039")}, b"", 0x8091, "amount"),
    ("currency 1000", SALE, {0x8091: h("03e83039")}, b"", 0x8091, "amount"),
    ("currency 65535", FEE, {0x8031: h("ffff4a")}, b"", 0x8031, "amount"),
    # lengths
    ("a TLV that lies beyond the message", SALE, {}, tlv(0x0024, b"01", 3), 0x0024, "operator"),
    ("a TLV that lies by 64 KiB", SALE, {}, tlv(0x0024, b"01", 0xFFFF), 0x0024, "operator"),
    ("an unknown TLV that lies", SALE, {}, tlv(0x7ABC, b"01", 3), 0x7ABC, "7abc"),
    ("a TLV that lies short", SALE, {}, tlv(0x0024, b"01xyz", 2), 0, "truncated"),
    ("a truncated TLV", SALE, {}, b"\0\x24\0", 0, "truncated"),
    ("a reference of 15 bytes", SALE, {0x8010: h(REF)[1:]}, b"", 0x8010, "reference"),
    ("a text too long", SALE, {0x0024: b"x" * 17}, b"", 0x0024, "operator"),
    ("a hash of 31 bytes", NOTICE, {0x00A5: bytes(31)}, b"", 0x00A5, "text_sha256"),
    ("a notice of 4097 bytes", NOTICE, {0x00A4: b"x" * 4097}, b"", 0x00A4, "text"),
    ("an event number of no bytes", FEE, {0x0001: b""}, b"", 0x0001, "number"),
    # encodings
    ("not UTF-8", SALE, {0x0024: b"\xff"}, b"", 0x0024, "operator"),
    ("a control character", SALE, {0x0024: b"a\x1b[m"}, b"", 0x0024, "operator"),
    ("a line feed where there are no lines", SALE, {0x0024: b"a\nb"}, b"", 0x0024, "operator"),
    ("a carriage return where there are", NOTICE, {0x00A4: b"a\rb"}, b"", 0x00A4, "text"),
    ("a number that is not minimal", SALE, {0x8090: h("0075")}, b"", 0x8090, "deadline"),
    ("digits that are none", PAGE, {0x0016: b"A"}, b"", 0x0016, "batch"),
    ("30 February", PAGE, {0x00B0: b"20260230"}, b"", 0x00B0, "date"),
    ("a day with strokes", PAGE, {0x00BC: b"26/03/02"}, b"", 0x00BC, "due_date"),
    ("a day of seven digits", PAGE, {0x00B0: b"2026032"}, b"", 0x00B0, "date"),
    ("page 0", PAGE, {0x80B1: h("00")}, b"", 0x80B1, "page"),
    ("an event after the year 9999", FEE, {0x0002: YEAR_10000}, b"", 0x0002, "at"),
    ("a terminal's time after the year 9999", RESULT, {0x0019: YEAR_10000}, b"", 0x0019, "terminal_time"),
    ("a clock after the year 9999", INFO, {0x0063: YEAR_10000}, b"", 0x0063, "clock"),
    ("a tariff from the year 10000 on", NOTICE, {0x80A2: YEAR_10000}, b"", 0x80A2, "effective_from"),
    ("a notice of the year 10000", NOTICE, {0x00A3: YEAR_10000}, b"", 0x00A3, "published"),
    ("a time of no bytes", FEE, {0x0002: b""}, b"", 0x0002, "at"),
    ("a time that is not minimal", FEE, {0x0002: h("0001")}, b"", 0x0002, "at"),
    ("a rate above the whole", NOTICE, {0x80A1: h("0f4241")}, b"", 0x80A1, "rate_ppm"),
    ("a choice that there is not", FEE, {0x8030: h("63")}, b"", 0x8030, "type"),
    # what stands there twice or not at all
    ("a tag twice", FEE, {}, tlv(0x8031, h("009c4a")), 0x8031, "amount"),
    ("an unknown critical tag", SALE, {}, tlv(0xFABC, b"?"), 0xFABC, "fabc"),
    # inside records
    ("a record longer than its value", PAGE, {0x80BD: h("0100") + LINE}, b"", 0x80BD, "lines: 1"),
    ("a value that ends within a record's length", PAGE, {0x80BD: b"\0"}, b"", 0x80BD, "lines: 1"),
    ("a TLV longer than its record", PAGE, {0x80BD: tlv(0, LINE[:-1])[2:]}, b"", 0x0015, "lines: 1"),
    ("currency 0 in the second line", PAGE,
     {0x80BD: tlv(0, LINE)[2:] + tlv(0, LINE.replace(h("80130003009c4a"), h("801300030000") + b"J"))[2:]}, b"", 0x8013,
     "lines: 2: amount"),
    ("an unknown critical tag in a line", PAGE, {0x80BD: tlv(0, LINE + tlv(0xFABC, b""))[2:]}, b"", 0xFABC, "lines: 1"),
    ("a tag twice in a line", PAGE, {0x80BD: tlv(0, LINE + tlv(0x0015, b"1"))[2:]}, b"", 0x0015, "lines: 1: trace"),
    ("a line without its amount", PAGE, {0x80BD: tlv(0, tlv(0x8011, h("01")))[2:]}, b"", 0x80BD, "amount"),
    ("129 lines", PAGE, {0x80BD: (len(LINE).to_bytes(2) + LINE) * 129}, b"", 0x80BD, "lines: more than 128"),
]  # fmt: skip

PAYLOADS = {
    "nothing": b"",
    "ASCII": b"card " + PAN.encode(),
    "grouped": b"6250 9410-0652.8599",
    "UTF-16": PAN.encode("utf-16-be"),
    "full-width": "".join(chr(0xFF10 + int(digit)) for digit in PAN).encode(),
    "BCD": h(PAN),
    "BCD, half a byte on": h(f"f{PAN}f"),
    "track 2": f";{PAN}=30121010000012300000?".encode(),
    "track 2, packed": h(f"{PAN}d301210100000123000f"),
    "track 1": f"%B{PAN}^LI/SI^30121010000012300000?".encode(),
}


def shows(raw: str, of: bytes) -> bool:
    """Half byte by half byte what came, or hidden."""
    return all(seen in {"*", true} for seen, true in zip(raw, of[:512].hex(), strict=True))


def test_the_parts_are_right_as_they_are() -> None:
    kinds = (m.Sale, m.Fee, m.Settlement, m.TariffNotice, m.Result, m.DeviceInfo)
    assert [type(decode(said(of))) for of in EVERY] == list(kinds)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize(("of", "changes", "more", "tag", "field"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_bad_bytes(
    of: dict[int, bytes], changes: dict[int, bytes | None], more: bytes, tag: int, field: str, payload: str
) -> None:
    raw = said(of, changes, more, tlv(0x7ABD, PAYLOADS[payload]))
    with pytest.raises(NotUnderstood) as refused:
        decode(raw)
    error = refused.value
    assert error.tag == tag
    assert field in error.reason
    assert error.todo
    assert error.message_type == CODES[id(of)]
    assert error.request_id == (8 if 3 in of else None)
    assert error.number == (None if 3 in of or of[1] != changes.get(1, of[1]) else of[1][0])
    assert shows(error.raw, raw)
    for hidden in (PAN, PAN.encode().hex(), PAN[6:12], PAN[6:12].encode().hex(), "301210100000", b"301210100000".hex()):
        if payload != "nothing":
            assert hidden not in error.raw
    assert PAN not in error.reason + str(error) + repr(error)
    with pytest.raises(NotUnderstood):
        wire.reference_decode(raw)


def test_a_hello_after_the_year_9999() -> None:
    good = encode_hello(replace(HELLO, clock=253_402_300_799_999))
    last = tlv(0x0063, (int.from_bytes(YEAR_10000) - 1).to_bytes(6))
    assert last in good and decode_hello(good).clock == 253_402_300_799_999
    with pytest.raises(NotUnderstood, match="clock") as refused:
        decode_hello(good.replace(last, tlv(0x0063, YEAR_10000)))
    assert refused.value.tag == 0x0063
    with pytest.raises(OutOfBounds, match="clock"):
        encode_hello(replace(HELLO, clock=253_402_300_800_000))


# -- the reason repeats nothing ----------------------------------------------------------------------------------------


def luhn_digit(body: str) -> str:
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in body[::-2])
    return str(-(doubled + sum(int(digit) for digit in body[-2::-2])) % 10)


cards = st.integers(12, 18).flatmap(
    lambda n: st.text("0123456789", min_size=n, max_size=n).map(lambda body: body + luhn_digit(body))
)
FORMS = {
    "ASCII": lambda pan: b"card " + pan.encode(),
    "alone": lambda pan: pan.encode(),
    "grouped": lambda pan: b" ".join(pan[i : i + 4].encode() for i in range(0, len(pan), 4)),
    "UTF-16": lambda pan: pan.encode("utf-16-be"),
    "full-width": lambda pan: "".join(chr(0xFF10 + int(digit)) for digit in pan).encode(),
    "BCD": lambda pan: h(pan + "f" * (len(pan) % 2)),
    "BCD, half a byte on": lambda pan: h(f"f{pan}" + "f" * ((len(pan) + 1) % 2)),
    "track 2": lambda pan: f";{pan}=30121010000012300000?".encode(),
    "a number": lambda pan: int(pan).to_bytes((int(pan).bit_length() + 7) // 8 or 1),
    "an amount": lambda pan: h("009c") + int(pan).to_bytes((int(pan).bit_length() + 7) // 8 or 1),
    "a record": lambda pan: tlv(0, tlv(0x8011, pan.encode()))[2:],
    "an unknown tag of a record": lambda pan: tlv(0, tlv(0xFABC, pan.encode()))[2:],
    "a record that lies": lambda pan: pan.encode(),
    "a masked one, spoilt": lambda pan: pan[:6].encode() + b"*x" + pan.encode(),
}
"""How a card number can come in a field that is not for one."""
FIELDS = [
    pytest.param(layout, field, id=f"{layout.message.__name__}.{field.name}")
    for layout in EVERY_LAYOUT
    for field in layout.fields
]


def windows(digits: str) -> set[str]:
    return {digits[i : i + 13] for i in range(len(digits) - 12)}


@pytest.mark.parametrize(("layout", "field"), FIELDS)
def test_no_reason_repeats_what_was_read(layout: wire.Layout, field: Field) -> None:
    """Reasons go to the journal and to screens as they are: no 13 digits in a row of what came, as text, number or hexadecimal."""
    whole = next(each for each in (*MESSAGES.values(), HELLO) if type(each) is layout.message)
    good = {f.tag: f.value.pack(getattr(whole, f.name)) for f in layout.fields if f.required}

    @settings(max_examples=8)
    @given(cards)
    @example(PAN)
    @example("4111111111111111")
    @example("4222222222222")
    @example("6205500000000000004")  # the largest there is, and still a signed integer of 8 bytes
    def held(pan: str) -> None:
        for form in FORMS.values():
            raw = layout.code.to_bytes(2) + b"".join(
                tlv(tag, part) for tag, part in {**good, field.tag: form(pan)}.items()
            )
            for judge in (decode, decode_hello, wire.reference_decode):
                try:
                    judge(raw)
                except NotUnderstood as refused:
                    told = refused.reason.lower()
                    runs = "".join(c if c in "0123456789abcdef" else " " for c in told).split()
                    seen = {window for run in runs for window in windows(run)}
                    assert seen.isdisjoint(windows(pan) | windows(raw.hex())), told

    held()


def test_a_message_of_16_kib_and_one_byte() -> None:
    start = said(FEE, first=tlv(0x7ABD, PAN.encode()))
    raw = start + tlv(0x7ABC, bytes(16 * 1024 + 1 - len(start) - 4))
    assert len(raw) == 16 * 1024 + 1
    for judge in (decode, wire.reference_decode):
        with pytest.raises(NotUnderstood, match="16 KiB"):
            judge(raw)
        assert judge(raw[: len(start)] + tlv(0x7ABC, bytes(16 * 1024 - len(start) - 4))) == decode(start)
    error = too_long(raw[:256])  # all that a receiver keeps of it
    assert (error.number, error.message_type) == (7, 0x0102)
    assert error.todo and shows(error.raw, raw[:256]) and PAN.encode().hex() not in error.raw


@pytest.mark.parametrize(
    "raw", [b"", b"\1", b"\x77\x77", b"\x02\x10", b"\0\1" + tlv(0x8080, PAN.encode()), PAN.encode()]
)
def test_what_is_no_message_at_all_and_no_hello(raw: bytes) -> None:
    for judge in (decode, decode_hello):
        with pytest.raises(NotUnderstood) as refused:
            judge(raw)
        assert refused.value.reason and refused.value.todo
        assert shows(refused.value.raw, raw)
        assert PAN.encode().hex() not in refused.value.raw


def sale(**changes: Any) -> m.Sale:
    return m.Sale(**{"reference": REF, "amount": Money(1), "deadline": 1, **changes})


@pytest.mark.parametrize(
    ("message", "tag", "field"),
    [
        (sale(amount=Money(0)), 0x8091, "amount"),
        (sale(amount=Money(-1)), 0x8091, "amount"),
        (sale(deadline=-1), 0x8090, "deadline"),
        (sale(deadline=1.5), 0x8090, "deadline"),
        (sale(reference="x" * 32), 0x8010, "reference"),
        (sale(operator="店" * 6), 0x0024, "operator"),
        (m.Echo(data=bytes(15_001)), 0x00E0, "data"),
        (m.Fee(number=1, at=253_402_300_800_000, type=m.FeeType.MDR, amount=Money(1)), 0x0002, "at"),
        (
            m.Result(reference=REF, state=m.RequestState.APPROVED, terminal_time=253_402_300_800_000, request_id=1),
            0x0019,
            "terminal_time",
        ),
        (
            m.DeviceInfo(serial_number="S", model="M", firmware="F", mid="1", tid="2", clock=253_402_300_800_000),
            0x0063,
            "clock",
        ),
        (sale(amount=None), 0x8091, "amount: missing"),
        (m.DepositReturn(reference=REF, amount=Money(1), application="x" * 8193), 0x80C9, "application"),
        (
            m.Tariffs(tariffs=(m.TariffLine(product=m.Product.DEBIT, rate_ppm=1_000_001, effective_from=0),)),
            0x80A1,
            "tariffs: 1: rate_ppm",
        ),
        (m.SelfTestReply(items=(m.SelfTestItem(name="a", passed=True),) * 33), 0x00D0, "items: more than 32"),
        (
            m.DepositStatus(ticket="D", state=m.DepositState.PAID, amount=Money(1), documents=("a", "b" * 65)),
            0x00C4,
            "documents: 2",
        ),
    ],
)
def test_what_is_ours_and_cannot_be_said(message: m.Message, tag: int, field: str) -> None:
    with pytest.raises(OutOfBounds) as refused:
        encode(message)
    assert refused.value.tag == tag
    assert refused.value.reason.startswith(field)
    assert refused.value.todo


def test_the_errors_have_a_word_for_a_person() -> None:
    for error in (NotUnderstood, OutOfBounds):
        assert issubclass(error, MessageError)
        assert error.todo.endswith(".")
