"""Whole messages: bytes written out by hand from the tables of docs/protocol.md §3, and what a message may not be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings

from protocol import messages as m
from protocol.dialects.native import wire
from protocol.dialects.native.codec import decode, decode_hello, encode, encode_hello, too_long
from protocol.dialects.native.records import Field
from protocol.errors import NotUnderstood, OutOfBounds
from protocol.money import Money
from tests.properties.strategies import of_layout, tlv

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
    (
        m.TariffNotice(number=8, at=2, notice="N", product=m.Product.CREDIT, rate_ppm=6_000, effective_from=3, published=1,
                       text="a\nb", text_sha256=b"\x11" * 32, cap=Money(2_000)),
        "0104" "0001000108" "0002000102" "00a000014e" "80a8000101" "80a100021770" "80a2000103" "80a60004009c07d0"
        "00a3000101" "00a40003610a62" "00a50020" + "11" * 32,
    ),
    (
        m.Settlement(number=9, at=2, batch="7", date="20260302", page=1, pages=2, sales_count=3, refunds_count=0,
                     gross=Money(300), refunds=Money(0), fees=Money(2), deductions=Money(0), adjustments=Money(-1),
                     carried=Money(128), credited=Money(425), due_date="20260303",
                     lines=(m.SettlementLine(kind=m.TransactionKind.SALE, amount=Money(300), fee=Money(2), trace="1"),)),
        "0105" "0001000109" "0002000102" "0016000137" "00b000083230323630333032" "80b1000101" "80b2000102" "00b3000103"
        "00b4000100" "80b50004009c012c" "80b60003009c00" "80b70003009c02" "80b80003009c00" "80b90003009cff"
        "80ba0004009c0080" "80bb0004009c01a9" "00bc00083230323630333033"
        "80bd001b" "0019" "8011000101" "80130004009c012c" "80be0003009c02" "0015000131",
    ),
    (
        m.DepositUpdate(number=10, at=2, ticket="D1", state=m.DepositState.NEED_MORE, amount=Money(29_900),
                        deductions=(m.Deduction(cause=m.DeductionCause.DAMAGE, amount=Money(1), reason="r"),),
                        documents=("ab", "c")),
        "0106" "000100010a" "0002000102" "80c000024431" "80c1000106" "80130004009c74cc"
        "80c30013" "0011" "80c6000101" "80130003009c01" "00c7000172" "00c40007" "00026162" "000163",
    ),
    (m.Confirm(reference=REF), "0206" "80100010" + REF),
    (m.TariffQuery(request_id=5, product=m.Product.DEBIT), "0207" "0003000105" "80a8000102"),
    (m.TariffQuery(request_id=5), "0207" "0003000105"),
    (
        m.Tariffs(request_id=5, tariffs=(m.TariffLine(product=m.Product.DEBIT, rate_ppm=5_000, effective_from=0),)),
        "0287" "0003000105" "80a90012" "0010" "80a8000102" "80a100021388" "80a2000100",
    ),
    (m.SelfTest(request_id=6), "0208" "0003000106"),
    (
        m.SelfTestReply(request_id=6, items=(m.SelfTestItem(name="p", passed=False, detail="x"),)),
        "0288" "0003000106" "00d00011" "000f" "00d1000170" "00d2000100" "00d3000178",
    ),
    (m.Echo(request_id=7, data=b"\0\1"), "0209" "0003000107" "00e000020001"),
    (m.EchoReply(request_id=7, data=b""), "0289" "0003000107" "00e00000"),
    (
        m.Sale(request_id=8, reference=REF, amount=Money(12_345), deadline=30_000, operator="01"),
        "0210" "0003000108" "80100010" + REF + "80910004009c3039" "809000027530" "002400023031",
    ),
    (
        m.Refund(request_id=8, reference=REF, original_reference="ff" * 16, original_trace="000123", amount=Money(1),
                 deadline=0),
        "0211" "0003000108" "80100010" + REF + "80910003009c01" "8090000100" "80250010" + "ff" * 16
        + "00990006303030313233",
    ),
    (
        m.Void(request_id=8, reference=REF, original_reference="ff" * 16, amount=Money(1), deadline=0),
        "0212" "0003000108" "80100010" + REF + "80910003009c01" "8090000100" "80250010" + "ff" * 16,
    ),
    (
        m.Progress(request_id=8, reference=REF, stage=m.Stage.PIN, text="ok"),
        "0291" "0003000108" "80100010" + REF + "0097000105" "009800026f6b",
    ),
    (
        m.Result(request_id=8, reference=REF, state=m.RequestState.APPROVED, amount=Money(12_345), response_code="00",
                 trace="000123", event=9),
        "0290" "0003000108" "80100010" + REF + "8094000101" "80130004009c3039" "001c00023030" "00150006303030313233"
        "0096000109",
    ),
    (m.StatusQuery(request_id=9, reference=REF, fence=True), "0213" "0003000109" "80100010" + REF + "8092000101"),
    (
        m.StatusReply(request_id=9, reference=REF, state=m.RequestState.NOT_FOUND, log_epoch="E", fenced=True),
        "0293" "0003000109" "80100010" + REF + "8094000105" "8081000145" "8095000101",
    ),
    (m.Settle(request_id=1), "0214" "0003000101"),
    (m.SettleReply(request_id=1, settled=True, batch="7"), "0294" "0003000101" "809a000101" "0016000137"),
    (m.DepositQuery(request_id=1, ticket="D1"), "0218" "0003000101" "80c000024431"),
    (
        m.DepositReturn(request_id=1, reference=REF, amount=Money(29_900), application="押\n"),
        "0219" "0003000101" "80100010" + REF + "80910004009c74cc" "80c90004e68abc0a",
    ),
    (
        m.DepositStatus(request_id=1, ticket="D1", state=m.DepositState.PAID, amount=Money(1), note="n"),
        "0298" "0003000101" "80c000024431" "80c100010c" "80130003009c01" "80c30000" "00c40000" "00c500016e",
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
        uptime=5, simulated=True, oldest_unresolved=REF,
    )  # fmt: skip
    raw = (
        "0001" "8080000154" "8081000145" "0082000142" "0052000101" "0053000102" "0083000103" "0063000104" "0086000105"
        "8084000101" "00850010" + REF
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
    """But for two words that a terminal with a log and STATUS has no need of: they are vendors'."""
    vendors = {m.LastTransactionQuery, m.TotalsQuery, m.Totals}
    assert {layout.message for layout in wire.LAYOUTS} == set(get_args(m.Message)) - vendors


def test_every_field_of_every_message_goes_on_the_wire() -> None:
    for layout in (*wire.LAYOUTS, wire.HELLO_FIELDS):
        assert {field.name for field in layout.fields} == {field.name for field in fields(layout.message)}
    for record in (field.value for layout in wire.LAYOUTS for field in layout.fields if field.value.fields):
        of = getattr(m, record.name.split()[-1])
        assert {field.name for field in record.fields} == {field.name for field in fields(of)}


def test_what_changes_the_meaning_of_money_is_critical() -> None:
    money = {"reference", "original_reference", "amount", "deadline", "fence", "fenced", "state", "kind", "outcome", "fee",
             "gross", "refunds", "fees", "deductions", "adjustments", "carried", "credited", "rate_ppm", "cap", "minimum",
             "effective_from", "transaction", "up_to", "page", "pages", "lines", "settled", "ticket"}  # fmt: skip
    everywhere = [*wire.LAYOUTS, *(f.value for layout in wire.LAYOUTS for f in layout.fields if f.value.fields)]
    for layout in everywhere:
        for field in layout.fields:
            if field.name in money:
                assert field.tag & 0x8000, field


LARGEST_VALUE = {
    "unsigned": 7, "counting": 7, "time": 6, "short unsigned": 4, "ppm": 3, "page": 2, "flag": 1, "choice": 1, "amount": 2 + 7,
    "asked amount": 2 + 7, "signed amount": 2 + 7, "reference": 16, "date": 8, "digest": 32,
}  # fmt: skip
"""Bytes, from the table of values in docs/protocol.md."""


def largest(some: Iterable[Field]) -> int:
    total = 0
    for field in some:
        kind = re.split(r" ≤| \(", field.value.name)[0]
        bounds = [int(number) for number in re.findall(r"≤(\d+)", field.value.name)]
        if kind == "records":
            value = bounds[0] * (2 + largest(field.value.fields))
        elif kind == "texts":
            value = bounds[0] * (2 + bounds[1])
        else:
            value = LARGEST_VALUE.get(kind, bounds[0] if bounds else 0)
        assert value, field
        total += 4 + value
    return total


@pytest.mark.parametrize("layout", wire.LAYOUTS, ids=lambda layout: layout.message.__name__)
def test_no_message_reaches_the_bound_by_itself(layout: wire.Layout) -> None:
    """Every field is bounded, so whatever the codec makes is below 16 KiB; the link's tests hold the bound itself."""
    assert 2 + largest(layout.fields) <= 16 * 1024

    @settings(max_examples=20)
    @given(of_layout(layout))
    def held(message: m.Message) -> None:
        assert len(encode(message)) <= 2 + largest(layout.fields)

    held()


def test_the_largest_hello_fits_its_handshake() -> None:
    """A HELLO_REPLY's body has 256 bytes, of which Noise takes 32 for the ephemeral key and 16 for the tag."""
    reference = "ff" * 16
    full = m.TerminalHello(
        terminal="T" * 32, log_epoch="E" * 32, boot_id="B" * 32, oldest_retained=2**53 - 1, last_written=2**53 - 1,
        last_acknowledged=2**53 - 1, clock=253_402_300_799_999, uptime=2**53 - 1, simulated=True, oldest_unresolved=reference,
    )  # fmt: skip
    assert len(encode_hello(full)) == 2 + largest(wire.HELLO_FIELDS.fields) <= 256 - 32 - 16


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
