"""Lists inside one value: records, which are TLVs again, and texts.

    records = (length u16 | TLV*)*        texts = (length u16 | text)*

The rules of a message hold in each record: an unknown tag is skipped, an unknown critical one refused, so are a tag twice
and a required field that is missing. Errors carry the tag inside, and say at which element it was (the first is 1).
`declared` is the same in construct.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

import construct as c

from protocol.dialects.native.values import Converted, Value, text
from protocol.errors import MessageError, NotUnderstood, OutOfBounds

CRITICAL = 0x8000

_TLV = Struct(">HH")

TLV = c.Struct("tag" / c.Int16ub, "value" / c.Prefixed(c.Int16ub, c.GreedyBytes))
# GreedyRange drops a truncated last element in silence; Terminated is what makes that an error.
_RECORD = c.Prefixed(c.Int16ub, c.FocusedSeq("tlvs", "tlvs" / c.GreedyRange(TLV), c.Terminated))
_RECORDS = c.FocusedSeq("all", "all" / c.GreedyRange(_RECORD), c.Terminated)
_TEXTS = c.FocusedSeq("all", "all" / c.GreedyRange(c.Prefixed(c.Int16ub, c.GreedyBytes)), c.Terminated)


@dataclass(frozen=True, slots=True)
class Field:
    """name: of the dataclass's attribute."""

    tag: int
    name: str
    value: Value
    required: bool = True


def records(of: type[Any], fields: tuple[Field, ...], most: int) -> Value:
    """A tuple of at most so many dataclasses of one type, each the TLVs of those fields."""
    known = {field.tag: field for field in fields}
    required = {field.name for field in fields if field.required}

    def pack_one(record: Any) -> bytes:
        parts = []
        for field in fields:
            value = getattr(record, field.name)
            if value is None:
                if field.required:
                    raise OutOfBounds(f"{field.name}: missing", tag=field.tag)
                continue
            try:
                raw = field.value.pack(value)
            except MessageError as refused:
                raise OutOfBounds(f"{field.name}: {refused.reason}", tag=field.tag) from None
            parts += [_TLV.pack(field.tag, len(raw)), raw]
        return b"".join(parts)

    def unpack_one(raw: bytes) -> Any:
        found: dict[str, Any] = {}
        at = 0
        while at < len(raw):
            if at + 4 > len(raw):
                raise NotUnderstood("a truncated TLV")
            tag, length = _TLV.unpack_from(raw, at)
            at += 4 + length
            if at > len(raw):
                raise NotUnderstood("a TLV longer than its record", tag=tag)
            if (field := known.get(tag)) is None:
                if tag & CRITICAL:
                    raise NotUnderstood(f"unknown critical tag {tag:#06x}", tag=tag)
                continue
            if field.name in found:
                raise NotUnderstood(f"{field.name}: a tag twice", tag=tag)
            try:
                found[field.name] = field.value.unpack(raw[at - length : at])
            except NotUnderstood as refused:
                raise NotUnderstood(f"{field.name}: {refused.reason}", tag=tag) from None
        if not required <= found.keys():
            raise NotUnderstood(f"missing: {', '.join(sorted(required - found.keys()))}")
        return of(**found)

    def pack(many: Sequence[Any]) -> bytes:
        _count(many, most, OutOfBounds)
        return _join([_numbered(number, pack_one, record) for number, record in enumerate(many, 1)])

    def unpack(raw: bytes) -> tuple[Any, ...]:
        return tuple(_numbered(number, unpack_one, part) for number, part in enumerate(_split(raw, most), 1))

    def build(many: Sequence[Any]) -> list[Any]:
        _count(many, most, OutOfBounds)
        return [reference_build(fields, record) for record in many]

    def parsed(many: Sequence[Any]) -> tuple[Any, ...]:
        _count(many, most, NotUnderstood)
        return tuple(of(**reference_found(fields, tlvs)) for tlvs in many)

    return Value(f"records ≤{most} of {of.__name__}", pack, unpack, Converted(_RECORDS, build, parsed), fields)


def texts(longest: int, most: int) -> Value:
    """A tuple of at most so many texts, each of at most `longest` bytes."""
    one = text(longest)

    def pack(many: Sequence[str]) -> bytes:
        _count(many, most, OutOfBounds)
        return _join([_numbered(number, one.pack, each) for number, each in enumerate(many, 1)])

    def unpack(raw: bytes) -> tuple[str, ...]:
        return tuple(_numbered(number, one.unpack, part) for number, part in enumerate(_split(raw, most), 1))

    def build(many: Sequence[str]) -> list[bytes]:
        _count(many, most, OutOfBounds)
        return [one.layout.build(each) for each in many]

    def parsed(many: Sequence[bytes]) -> tuple[str, ...]:
        _count(many, most, NotUnderstood)
        return tuple(one.layout.parse(each) for each in many)

    return Value(f"texts ≤{most} of ≤{longest}", pack, unpack, Converted(_TEXTS, build, parsed))


def _count(many: Sequence[Any], most: int, error: type[NotUnderstood | OutOfBounds]) -> None:
    if len(many) > most:
        raise error(f"more than {most}")


def _join(parts: list[bytes]) -> bytes:
    return b"".join([len(part).to_bytes(2) + part for part in parts])


def _split(raw: bytes, most: int) -> Iterator[bytes]:
    at = count = 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 2])
        start, at, count = at + 2, at + 2 + length, count + 1
        if start > len(raw) or at > len(raw):
            raise NotUnderstood(f"{count}: longer than its value")
        if count > most:
            raise NotUnderstood(f"more than {most}")
        yield raw[start:at]


def _numbered(number: int, convert: Any, value: Any) -> Any:
    try:
        return convert(value)
    except MessageError as refused:
        raise type(refused)(f"{number}: {refused.reason}", tag=refused.tag) from None


def reference_build(fields: tuple[Field, ...], of: Any) -> list[dict[str, Any]]:
    """The TLVs of a message or record, for construct to build. Raises OutOfBounds."""
    there = [field for field in fields if getattr(of, field.name) is not None]
    for field in fields:
        if field.required and field not in there:
            raise OutOfBounds(f"{field.name}: missing", tag=field.tag)
    return [{"tag": field.tag, "value": field.value.layout.build(getattr(of, field.name))} for field in there]


def reference_found(fields: tuple[Field, ...], tlvs: Sequence[Any]) -> dict[str, Any]:
    """What stands in the TLVs that construct has parsed, by name. Raises NotUnderstood."""
    known = {field.tag: field for field in fields}
    found: dict[str, Any] = {}
    for tlv in tlvs:
        if tlv.tag not in known and tlv.tag & CRITICAL:
            raise NotUnderstood("unknown critical tag", tag=tlv.tag)
        if tlv.tag in known:
            field = known[tlv.tag]
            if field.name in found:
                raise NotUnderstood("a tag twice", tag=tlv.tag)
            found[field.name] = field.value.layout.parse(tlv.value)
    if any(field.required and field.name not in found for field in fields):
        raise NotUnderstood("a required field is missing")
    return found
