"""Lists inside one value, from docs/protocol.md §3: every expectation here is written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import construct as c
import pytest

from protocol.dialects.native import values as v
from protocol.dialects.native.records import Field, records, texts
from protocol.errors import NotUnderstood, OutOfBounds


@dataclass(frozen=True)
class Item:
    name: str
    count: int
    note: str | None = None


ITEMS = records(
    Item,
    (
        Field(0x8001, "name", v.text(4)),
        Field(0x0002, "count", v.UNSIGNED),
        Field(0x0003, "note", v.text(4), required=False),
    ),
    3,
)
ONE = "000a80010001610002000105"  # a, 5
TWO = "000f80010001620002000100000300016e"  # b, 0, n


def test_records_by_hand() -> None:
    for raw, items in (
        ("", ()),
        (ONE, (Item("a", 5),)),
        (ONE + TWO + ONE, (Item("a", 5), Item("b", 0, "n"), Item("a", 5))),
    ):
        assert ITEMS.pack(items).hex() == ITEMS.layout.build(items).hex() == raw
        assert ITEMS.unpack(bytes.fromhex(raw)) == ITEMS.layout.parse(bytes.fromhex(raw)) == items


def test_fields_come_in_any_order_and_unknown_ones_are_skipped() -> None:
    raw = bytes.fromhex("001100020001057abc00036162638001000161".replace(" ", ""))
    assert ITEMS.unpack(raw) == ITEMS.layout.parse(raw) == (Item("a", 5),)


@pytest.mark.parametrize(
    ("raw", "tag", "reason"),
    [
        ("00", 0, "1: longer"),
        ("0001", 0, "1: longer"),
        (ONE + "0b", 0, "2: longer"),
        (ONE + "000a80010001", 0, "2: longer"),
        ("0000", 0, "1: missing"),
        (ONE + "0005" "80010001" "61", 0, "2: missing: count"),
        ("0003" "800100", 0, "1: a truncated TLV"),
        ("000a" "80010001" "61" "00020002" "05", 0x0002, "1: a TLV longer"),
        ("000f" "80010001" "61" "00020001" "05" "80010001" "61", 0x8001, "1: name: a tag twice"),
        ("000e" "80010001" "61" "00020001" "05" "fabc0000", 0xFABC, "1: unknown critical tag 0xfabc"),
        (ONE + "000a" "80010001" "ff" "00020001" "05", 0x8001, "2: name: not UTF-8"),
        (ONE + "000b" "80010001" "61" "00020002" "0005", 0x0002, "2: count: not a minimal"),
        (ONE * 4, 0, "more than 3"),
        ("ffff", 0, "1: longer"),
    ],
)  # fmt: skip
def test_records_refuse(raw: str, tag: int, reason: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        ITEMS.unpack(bytes.fromhex(raw))
    assert refused.value.tag == tag
    assert refused.value.reason.startswith(reason)
    with pytest.raises((NotUnderstood, c.ConstructError)):
        ITEMS.layout.parse(bytes.fromhex(raw))


@pytest.mark.parametrize(
    ("items", "tag", "reason"),
    [
        ((Item("a", 1),) * 4, 0, "more than 3"),
        ((Item("a", 1), Item("abcde", 1)), 0x8001, "2: name: "),
        ((Item("a", -1),), 0x0002, "1: count: "),
        ((Item("a", 1, "\n"),), 0x0003, "1: note: "),
    ],
)
def test_records_cannot_carry(items: Any, tag: int, reason: str) -> None:
    with pytest.raises(OutOfBounds) as refused:
        ITEMS.pack(items)
    assert refused.value.tag == tag
    assert refused.value.reason.startswith(reason)
    with pytest.raises(OutOfBounds):
        ITEMS.layout.build(items)


def test_texts() -> None:
    names = texts(4, 2)
    for raw, told in (("", ()), ("0000", ("",)), ("0003e5ba97000161", ("店", "a"))):
        assert names.pack(told).hex() == names.layout.build(told).hex() == raw
        assert names.unpack(bytes.fromhex(raw)) == names.layout.parse(bytes.fromhex(raw)) == told
    for raw in ("00", "0001", "00016100", "0001ff", "0005" + "61" * 5, "0000" * 3):
        with pytest.raises(NotUnderstood):
            names.unpack(bytes.fromhex(raw))
        with pytest.raises((NotUnderstood, c.ConstructError)):
            names.layout.parse(bytes.fromhex(raw))
    for told in (("a",) * 3, ("abcde",), ("\0",)):
        with pytest.raises(OutOfBounds):
            names.pack(told)


def test_a_card_number_in_a_list_is_masked_both_ways() -> None:
    pan = "4111111111111111"
    names = texts(19, 1)
    assert names.pack((pan,)) == b"\0\x10411111******1111"
    assert names.unpack(b"\0\x10" + pan.encode()) == ("411111******1111",)
