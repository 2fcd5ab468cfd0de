"""How one value stands in a TLV: integers minimal, text NFC and masked, references 16 bytes.

`pack` raises OutOfBounds for what the wire cannot carry, `unpack` NotUnderstood for bytes that are no such value;
`unpack(pack(v)) == v` for every value inside the bounds. `layout` is the same in construct: the reference declaration.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import construct as c

from protocol.errors import NotUnderstood, OutOfBounds
from protocol.masking import is_card, mask_pan, mask_text
from protocol.money import LARGEST_MINOR, Money


class Converted(c.Adapter):  # type: ignore[misc]
    """construct's view of a value: what the declaration inside has, converted by the pair."""

    def __init__(self, subcon: c.Construct, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> None:
        super().__init__(subcon)
        self._pack, self._unpack = pack, unpack

    def _encode(self, obj: Any, context: Any, path: str) -> Any:
        return self._pack(obj)

    def _decode(self, obj: Any, context: Any, path: str) -> Any:
        return self._unpack(obj)


@dataclass(frozen=True, slots=True)
class Value:
    """name: as docs/protocol.md prints it. declared: the inside, in construct. fields: of the records inside, if any."""

    name: str
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]
    declared: c.Construct | None = None
    fields: tuple[Any, ...] = ()

    @property
    def layout(self) -> c.Construct:
        if self.declared is not None:
            return self.declared
        return c.FocusedSeq("value", "value" / Converted(c.GreedyBytes, self.pack, self.unpack), c.Terminated)


def _pack_unsigned(number: int) -> bytes:
    if type(number) is not int or not 0 <= number <= LARGEST_MINOR:
        raise OutOfBounds(f"not an unsigned integer below 2^53: {number!r}")
    return number.to_bytes((number.bit_length() + 7) // 8 or 1)


def _unpack_unsigned(raw: bytes) -> int:
    number = int.from_bytes(raw)
    if not raw or (raw[0] == 0 and len(raw) > 1) or number > LARGEST_MINOR:
        raise NotUnderstood("not a minimal unsigned integer below 2^53")
    return number


UNSIGNED = Value("unsigned", _pack_unsigned, _unpack_unsigned)


def between(lowest: int, highest: int, name: str) -> Value:
    """An unsigned integer of those bounds, both included."""

    def pack(number: int) -> bytes:
        raw = _pack_unsigned(number)
        if not lowest <= number <= highest:
            raise OutOfBounds(f"not {lowest} to {highest}: {number}")
        return raw

    def unpack(raw: bytes) -> int:
        number = _unpack_unsigned(raw)
        if not lowest <= number <= highest:
            raise NotUnderstood(f"not {lowest} to {highest}")
        return number

    return Value(name, pack, unpack)


EVENT_NUMBER = between(1, LARGEST_MINOR, "counting")
REQUEST_ID = between(0, 0xFFFF_FFFF, "short unsigned")
TIME = between(0, 253_402_300_799_999, "time")
"""ms UTC since 1970, until the end of the year 9999: beyond it no calendar can show it."""
PPM = between(0, 1_000_000, "ppm")
PAGE = between(1, 9_999, "page")


def _pack_flag(flag: bool) -> bytes:
    return b"\1" if flag else b"\0"


def _unpack_flag(raw: bytes) -> bool:
    if raw not in {b"\0", b"\1"}:
        raise NotUnderstood("not a flag")
    return raw == b"\1"


FLAG = Value("flag", _pack_flag, _unpack_flag)


def _pack_amount(money: Money) -> bytes:
    if money.minor < 0:
        raise OutOfBounds("an amount is not negative here")
    return money.currency.to_bytes(2) + _pack_unsigned(money.minor)


def _money(currency: int, minor: int) -> Money:
    try:
        return Money(minor, currency)
    except ValueError:
        raise NotUnderstood("amount or currency out of bounds") from None


def _unpack_amount(raw: bytes) -> Money:
    return _money(int.from_bytes(raw[:2]), _unpack_unsigned(raw[2:]))


AMOUNT = Value("amount", _pack_amount, _unpack_amount)


def _pack_asked(money: Money) -> bytes:
    if money.minor == 0:
        raise OutOfBounds("nobody asks for an amount of nothing")
    return _pack_amount(money)


def _unpack_asked(raw: bytes) -> Money:
    money = _unpack_amount(raw)
    if money.minor == 0:
        raise NotUnderstood("nobody asks for an amount of nothing")
    return money


ASKED_AMOUNT = Value("asked amount", _pack_asked, _unpack_asked)


def _pack_signed_amount(money: Money) -> bytes:
    magnitude = money.minor if money.minor >= 0 else ~money.minor
    return money.currency.to_bytes(2) + money.minor.to_bytes(magnitude.bit_length() // 8 + 1, signed=True)


def _unpack_signed_amount(raw: bytes) -> Money:
    minor = int.from_bytes(raw[2:], signed=True)
    money = _money(int.from_bytes(raw[:2]), minor)
    if _pack_signed_amount(money) != raw:
        raise NotUnderstood("not a minimal two's complement integer")
    return money


SIGNED_AMOUNT = Value("signed amount", _pack_signed_amount, _unpack_signed_amount)


_REFERENCE = re.compile("[0-9a-f]{32}")


def _pack_reference(reference: str) -> bytes:
    if not _REFERENCE.fullmatch(reference):
        raise OutOfBounds("a reference is 32 lower-case hexadecimal digits")
    return bytes.fromhex(reference)


def _unpack_reference(raw: bytes) -> str:
    if len(raw) != 16:
        raise NotUnderstood("a reference is 16 bytes")
    return raw.hex()


REFERENCE = Value("reference", _pack_reference, _unpack_reference)


def octets(longest: int) -> Value:
    """Up to `longest` opaque bytes."""

    def check(raw: bytes, error: type[NotUnderstood | OutOfBounds]) -> bytes:
        if len(raw) > longest:
            raise error(f"more than {longest} bytes")
        return raw

    return Value(f"octets ≤{longest}", lambda v: check(v, OutOfBounds), lambda v: check(v, NotUnderstood))


def _digest(raw: bytes, error: type[NotUnderstood | OutOfBounds]) -> bytes:
    if len(raw) != 32:
        raise error("a SHA-256 has 32 bytes")
    return raw


DIGEST = Value("digest", lambda raw: _digest(raw, OutOfBounds), lambda raw: _digest(raw, NotUnderstood))


def text(longest: int, *, mask: Callable[[str], str] = mask_text, lines: bool = False) -> Value:
    """UTF-8 of at most `longest` bytes, NFC, no control characters (but LF where `lines`), card numbers masked."""

    def pack(value: str) -> bytes:
        raw = mask(unicodedata.normalize("NFC", value)).encode(errors="replace")  # a lone surrogate is not printable
        if len(raw) > longest or not _printable(value):
            raise OutOfBounds(f"text of more than {longest} bytes, or with control characters")
        return raw

    def unpack(raw: bytes) -> str:
        try:
            value = raw.decode()
        except UnicodeDecodeError:
            raise NotUnderstood("not UTF-8") from None
        if not value.isascii():
            value = unicodedata.normalize("NFC", value)
            raw = value.encode()
        if len(raw) > longest or not _printable(value):
            raise NotUnderstood(f"text of more than {longest} bytes, or with control characters")
        return mask(value)

    def _printable(value: str) -> bool:
        bare = value.replace("\n", "") if lines else value
        return bare.isprintable() or all(unicodedata.category(c) not in {"Cc", "Cs"} for c in bare)

    return Value(f"{'lines' if lines else 'text'} ≤{longest}", pack, unpack)


def masked_pan() -> Value:
    """A card number of which at most the first six and last four digits are to be seen."""
    return Value("masked PAN ≤19", *_pair(text(19, mask=mask_pan)))


def _pair(value: Value) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    return value.pack, value.unpack


def identifier(longest: int) -> Value:
    """1 to `longest` printable ASCII characters: a merchant's, terminal's or operator's number.

    No free text, so not masked as such: one merchant id in ten passes Luhn. What has the length, the beginning and the check
    digit of a card number, as a whole, is masked all the same.
    """

    def good(value: str) -> bool:
        return value.isascii() and value.isprintable() and 1 <= len(value) <= longest

    def pack(value: str) -> bytes:
        if not good(value):
            raise OutOfBounds(f"not 1 to {longest} printable ASCII characters")
        return _no_card(value).encode()

    def unpack(raw: bytes) -> str:
        value = raw.decode("latin-1")
        if not good(value):
            raise NotUnderstood(f"not 1 to {longest} printable ASCII characters")
        return _no_card(value)

    return Value(f"identifier ≤{longest}", pack, unpack)


def _no_card(value: str) -> str:
    return mask_pan(value) if is_card(value) else value


def digits(longest: int) -> Value:
    """1 to `longest` ASCII digits."""

    def good(value: str) -> bool:
        return value.isascii() and value.isdigit() and len(value) <= longest

    def pack(value: str) -> bytes:
        if not good(value):
            raise OutOfBounds(f"not 1 to {longest} digits")
        return value.encode()

    def unpack(raw: bytes) -> str:
        value = raw.decode("latin-1")
        if not good(value):
            raise NotUnderstood(f"not 1 to {longest} digits")
        return value

    return Value(f"digits ≤{longest}", pack, unpack)


def _is_date(value: str) -> bool:
    try:
        date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return False
    return True


def _pack_date(value: str) -> bytes:
    raw = _EIGHT.pack(value)
    if len(raw) != 8 or not _is_date(value):
        raise OutOfBounds("not a day of the calendar as YYYYMMDD")
    return raw


def _unpack_date(raw: bytes) -> str:
    value: str = _EIGHT.unpack(raw)
    if len(raw) != 8 or not _is_date(value):
        raise NotUnderstood("not a day of the calendar as YYYYMMDD")
    return value


_EIGHT = digits(8)
DATE = Value("date", _pack_date, _unpack_date)


def choice(of: type[StrEnum], *codes: StrEnum) -> Value:
    """One of an enumeration, by its code: the first has code 1."""
    to_wire = {member: _pack_unsigned(code) for code, member in enumerate(codes, 1)}
    from_wire = {raw: member for member, raw in to_wire.items()}
    if set(codes) != set(of):
        raise ValueError(f"{of.__name__}: every member needs a code")

    def unpack(raw: bytes) -> StrEnum:
        try:
            return from_wire[raw]
        except KeyError:
            raise NotUnderstood(f"no code of {of.__name__}") from None

    listed = ", ".join(f"{code} {member}" for code, member in enumerate(codes, 1))
    return Value(f"choice ({listed})", to_wire.__getitem__, unpack)
