"""Whole messages: bytes written out by hand from the tables of docs/protocol.md §3, and what a message may not be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from protocol import messages as m
from protocol.dialect import dialect
from protocol.dialects.native import wire
from protocol.dialects.native.codec import decode, decode_hello, encode, encode_hello, too_long
from protocol.errors import NotUnderstood, OutOfBounds
from protocol.money import Money
from tests.properties.strategies import messages, tlv

REF = "0192f3a4b5c67d8e9fa0b1c2d3e4f506"
SALE = m.Transaction(
    number=5,
    at=1_772_409_600_000,
    reference=REF,
    kind=m.TransactionKind.SALE,
    outcome=m.Outcome.APPROVED,
    amount=Money(12_345),
    product=m.Product.CREDIT,
    trace="000123",
    batch="000007",
    mid="M1",
    tid="T1",
    terminal_time=1_772_409_599_000,
    entry_mode=m.EntryMode.CHIP,
    settlement_mode=m.SettlementMode.T1,
    response_code="00",
)
SALE_BYTES = bytes.fromhex(
    "0101"
    "0001" "0001" "05"
    "0002" "0006" "019cabd83800"
    "8010" "0010" "0192f3a4b5c67d8e9fa0b1c2d3e4f506"
    "8011" "0001" "01"
    "8012" "0001" "01"
    "8013" "0004" "009c3039"
    "0014" "0001" "01"
    "0015" "0006" "303030313233"
    "0016" "0006" "303030303037"
    "0017" "0002" "4d31"
    "0018" "0002" "5431"
    "0019" "0006" "019cabd83418"
    "001a" "0001" "01"
    "001b" "0001" "03"
    "001c" "0002" "3030"
)  # fmt: skip

BY_HAND: list[tuple[m.Message, str]] = [
    (
        m.Fee(number=6, at=1, type=m.FeeType.MDR, amount=Money(0), transaction=REF, rule="A1"),
        "0102" "0001000106" "0002000101" "8030000101" "80310003009c00"
        + "80320010" + REF + "003300024131",
    ),
    (
        m.DeviceEvent(number=7, at=2, kind=m.DeviceEventKind.TAMPER, severity=m.Severity.MAJOR, code="E1"),
        "0103" "0001000107" "0002000102" "8040000103" "0041000103" "004200024531",
    ),
    (m.EventAck(up_to=300), "0201" "80500002012c"),
    (m.Sync(start=1, request_id=9), "0202" "0003000109" "8051000101"),
    (m.SyncReply(oldest_retained=1, last_written=0, request_id=9), "0282" "0003000109" "0052000101" "0053000100"),
    (m.DeviceInfoQuery(request_id=2**32 - 1), "0203" "00030004ffffffff"),
    (m.HeadGet(request_id=1), "0204" "0003000101"),
    (m.HeadPut(request_id=2, checkpoint="a\nb\n"), "0205" "0003000102" "80700004610a620a"),
    (m.HeadReply(request_id=2, accepted=False, checkpoint="c"), "0284" "0003000102" "0071000100" "8070000163"),
    (m.HeadReply(request_id=2), "0284" "0003000102" "0071000101"),
    (m.Error(request_id=3, code=m.ErrorCode.NOT_NOW, tag=0x8070), "02ff" "0003000103" "007e000104" "007f00028070"),
    (
        m.DeviceInfo(request_id=1, serial_number="S", model="M", firmware="F", mid="1", tid="2", clock=3, mcc="5411"),
        "0283" "0003000101" "0060000153" "006100014d" "0062000146" "0017000131" "0018000132" "0063000103"
        "0022000435343131",
    ),
]  # fmt: skip


def test_a_sale_by_hand() -> None:
    assert encode(SALE) == SALE_BYTES
    assert decode(SALE_BYTES) == SALE


@pytest.mark.parametrize(("message", "raw"), BY_HAND, ids=lambda v: type(v).__name__ if not isinstance(v, str) else "")
def test_by_hand(message: m.Message, raw: str) -> None:
    assert encode(message).hex() == raw
    assert decode(bytes.fromhex(raw)) == message


def test_the_hello_by_hand() -> None:
    hello = m.TerminalHello(
        terminal="T", log_epoch="E", boot_id="B", oldest_retained=1, last_written=2, last_acknowledged=3, clock=4,
        simulated=True, oldest_unresolved=REF,
    )  # fmt: skip
    raw = (
        "0001" "8080000154" "8081000145" "0082000142" "0052000101" "0053000102" "0083000103" "0063000104" "8084000101"
        "00850010" + REF
    )  # fmt: skip
    assert encode_hello(hello).hex() == raw
    assert decode_hello(bytes.fromhex(raw)) == hello


def test_a_hello_is_no_message_and_a_message_no_hello() -> None:
    with pytest.raises(NotUnderstood):
        decode(bytes.fromhex("0001" "8080000154" "8081000145" "0082000142"))  # fmt: skip
    with pytest.raises(NotUnderstood):
        decode_hello(SALE_BYTES)


def test_no_tag_means_two_things() -> None:
    meanings: dict[int, set[tuple[str, str]]] = {}
    for layout in (*wire.LAYOUTS, wire.HELLO_FIELDS):
        for field in layout.fields:
            meanings.setdefault(field.tag & 0x7FFF, set()).add((field.name, field.value.name))
    assert {tag: found for tag, found in meanings.items() if len(found) > 1} == {}
    codes = [layout.code for layout in (*wire.LAYOUTS, wire.HELLO_FIELDS)]
    assert len(set(codes)) == len(codes)


def test_every_message_of_the_vocabulary_has_a_layout() -> None:
    spoken = dialect("native").speaks
    vocabulary = {m.Transaction, m.Fee, m.DeviceEvent, m.EventAck, m.Sync, m.SyncReply, m.DeviceInfoQuery, m.DeviceInfo,
                  m.HeadGet, m.HeadPut, m.HeadReply, m.Error}  # fmt: skip
    assert spoken == vocabulary


def test_an_unknown_tag_is_skipped_wherever_it_stands() -> None:
    extra = tlv(0x7ABC, b"from the future")
    assert decode(SALE_BYTES[:2] + extra + SALE_BYTES[2:] + extra + extra) == SALE


def test_an_unknown_critical_tag_is_named() -> None:
    with pytest.raises(NotUnderstood, match="critical") as refused:
        decode(SALE_BYTES + tlv(0xFABC, b""))
    assert (refused.value.tag, refused.value.message_type, refused.value.number) == (0xFABC, 0x0101, 5)


def test_a_tag_of_another_message_is_unknown_here() -> None:
    assert decode(SALE_BYTES + tlv(0x0033, b"a fee's rule")) == SALE
    with pytest.raises(NotUnderstood):
        decode(SALE_BYTES + tlv(0x8031, b"\0\x9c\1"))


def test_fields_may_come_in_any_order() -> None:
    parts, at = [], 2
    while at < len(SALE_BYTES):
        stop = at + 4 + int.from_bytes(SALE_BYTES[at + 2 : at + 4])
        parts.append(SALE_BYTES[at:stop])
        at = stop
    assert decode(SALE_BYTES[:2] + b"".join(reversed(parts))) == SALE


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        b"\x01\x01",  # required fields missing
        b"\x99\x99",
        SALE_BYTES + b"\x00",
        SALE_BYTES + b"\x00\x33\x00",
        SALE_BYTES + tlv(0x7ABC, b"xx", 3),
        SALE_BYTES + tlv(0x7ABC, b"", 0xFFFF),
        SALE_BYTES[:-1],
        SALE_BYTES + tlv(0x0001, b"\x05"),  # a tag twice, and with the same value
        SALE_BYTES.replace(bytes.fromhex("0001000105"), bytes.fromhex("000100020005")),  # not minimal
        SALE_BYTES.replace(bytes.fromhex("0001000105"), bytes.fromhex("0001000720000000000000")),  # 2^53
        SALE_BYTES.replace(bytes.fromhex("0001000105"), bytes.fromhex("00010000")),
        SALE_BYTES.replace(bytes.fromhex("80130004009c3039"), b""),  # no amount
        SALE_BYTES.replace(bytes.fromhex("8011000101"), bytes.fromhex("8011000163")),  # a kind unknown
    ],
)
def test_not_understood(raw: bytes) -> None:
    with pytest.raises(NotUnderstood) as refused:
        decode(raw)
    assert refused.value.message_type == int.from_bytes(raw[:2])


def test_what_could_still_be_read_is_told() -> None:
    with pytest.raises(NotUnderstood) as unknown:
        decode(b"\x77\x01" + tlv(0x7ABC, b"?") + tlv(0x0001, b"\x01\x00") + tlv(0x0003, b"\x09"))
    assert (unknown.value.message_type, unknown.value.number, unknown.value.request_id) == (0x7701, 256, 9)
    with pytest.raises(NotUnderstood) as cut:
        decode(SALE_BYTES[:-1])
    assert (cut.value.number, cut.value.request_id, cut.value.tag) == (5, None, 0x1C)
    assert too_long(SALE_BYTES[:256]).number == 5


@pytest.mark.parametrize("value", ["20000000000000", "ffffffffffffff", "00", "0005", "", "0000000000000000000001"])
def test_a_number_that_is_none_is_not_told_as_one(value: str) -> None:
    """Event numbers count from 1 and stay below 2^53 (§3): what is told of an unreadable event can be journaled and answered."""
    with pytest.raises(NotUnderstood) as refused:
        decode(b"\x77\x01" + tlv(0x0001, bytes.fromhex(value)) + tlv(0x0003, bytes.fromhex(value)))
    assert refused.value.number is None or 1 <= refused.value.number < 2**53
    assert refused.value.request_id is None or 1 <= refused.value.request_id < 2**53


def test_event_numbers_count_from_one() -> None:
    with pytest.raises(NotUnderstood):
        decode(SALE_BYTES.replace(bytes.fromhex("0001000105"), bytes.fromhex("0001000100")))


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"amount": Money(-1)}, 0x8013),
        ({"number": -1}, 0x0001),
        ({"number": 2**53}, 0x0001),
        ({"number": 1.5}, 0x0001),
        ({"trace": "1234567"}, 0x0015),
        ({"trace": ""}, 0x0015),
        ({"mid": "x" * 16}, 0x0017),
        ({"merchant_name": "店" * 33}, 0x0023),
        ({"merchant_name": "a\x07"}, 0x0023),
        ({"reference": "12"}, 0x8010),
        ({"card_token": bytes(33)}, 0x001F),
        ({"mcc": "54110"}, 0x0022),
    ],
)
def test_what_the_wire_cannot_carry_names_its_tag(changes: dict[str, Any], tag: int) -> None:
    with pytest.raises(OutOfBounds) as refused:
        encode(replace(SALE, **changes))
    assert refused.value.tag == tag


def test_no_full_card_number_goes_out_or_comes_in() -> None:
    pan = "6250941006528599"  # a published test number
    told = replace(SALE, masked_pan=pan, merchant_name=f"卡 {pan}", operator="op", scheme="UPI")
    raw = encode(told)
    assert pan.encode() not in raw
    naive = SALE_BYTES + tlv(0x1E, pan.encode()) + tlv(0x23, f"x {pan[:4]} {pan[4:8]}-{pan[8:12]} {pan[12:]}".encode())
    heard = decode(naive)
    assert isinstance(heard, m.Transaction)
    assert heard.masked_pan == "625094******8599"
    assert heard.merchant_name == "x 6250 94**-**** 8599"


@given(messages)
def test_no_message_reaches_the_bound_by_itself(message: m.Message) -> None:
    """Every field is bounded, so whatever the codec makes is far below 16 KiB; the link's tests hold the bound itself."""
    assert len(encode(message)) <= 4096
