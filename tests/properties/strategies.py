"""Hypothesis strategies for the messages of the native wire, built from the kinds of value that `wire.LAYOUTS` names."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Any, get_args, get_type_hints

from hypothesis import strategies as st

from protocol.dialects.native import wire
from protocol.dialects.native.records import Field
from protocol.dialects.native.values import Value
from protocol.money import LARGEST_MINOR, Money

edges = st.sampled_from([0, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**32 - 1, 2**32, LARGEST_MINOR])
unsigned = st.one_of(edges, st.integers(0, LARGEST_MINOR))
signed = st.one_of(edges, edges.map(int.__neg__), st.integers(-LARGEST_MINOR, LARGEST_MINOR))
currencies = st.sampled_from([156, 1, 36, 344, 840, 978, 999])
LAST_MS = 253_402_300_799_999
"""The last ms of the year 9999."""
times = st.one_of(st.sampled_from([0, 1_772_409_600_000, LAST_MS]), st.integers(0, LAST_MS))
references = st.binary(min_size=16, max_size=16).map(bytes.hex)

_letters = st.one_of(
    st.sampled_from("存根退货¥AZaz09 -./é😀０９"),
    st.characters(exclude_categories=("Cc", "Cs")),
)
_CARD_LIKE = re.compile(r"\d(?:[\s\-.]?\d){12,}")


def text(longest: int, *, lines: bool = False) -> st.SearchStrategy[str]:
    """NFC text of at most that many bytes, without control characters, and with nothing that could be a card number."""

    def fit(value: str) -> str:
        value = _CARD_LIKE.sub("card", unicodedata.normalize("NFC", value))
        raw = value.encode()
        return unicodedata.normalize("NFC", raw[:longest].decode(errors="ignore")) if len(raw) > longest else value

    letters = st.one_of(_letters, st.just("\n")) if lines else _letters
    made = st.text(letters, max_size=min(longest, 40))
    full = st.just("9a" * (longest // 2) + "b" * (longest % 2))
    return st.one_of(made.map(fit), full).filter(lambda value: len(value.encode()) <= longest)


def digits(longest: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=1, max_size=longest)


def identifiers(longest: int) -> st.SearchStrategy[str]:
    """Printable ASCII, but for what has an American Express number's form."""
    made = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=longest)
    numbers = st.text("0123456789", min_size=longest, max_size=longest)
    return st.one_of(made, numbers).filter(lambda value: not value.startswith(("34", "37")))


masked_pans = st.tuples(digits(6).filter(lambda d: len(d) == 6), st.integers(3, 9), st.integers(0, 9999)).map(
    lambda made: f"{made[0]}{'*' * made[1]}{made[2]:04d}"
)


def values(value: Value, of: Any) -> st.SearchStrategy[Any]:
    """Values of one kind, inside its bounds. of: the attribute's type, for an enumeration or records."""
    kind, _, bounds = value.name.partition(" ≤")
    most, _, each = bounds.partition(" of ")
    if kind == "records":
        (record,) = (inner for inner in get_args(of) if inner is not Ellipsis)
        return _tuples(_dataclasses(record, value.fields), int(most))
    if kind == "texts":
        return _tuples(text(int(each.removeprefix("≤"))), int(most))
    return _single(kind, int(most or 0), of)


def _tuples(one: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    few = st.lists(one, max_size=4)
    full = st.tuples(one, st.sampled_from([most - 1, most])).map(lambda made: [made[0]] * made[1])
    return st.one_of(few, few, full).map(tuple)


def _single(kind: str, most: int, of: Any) -> st.SearchStrategy[Any]:
    if kind.startswith("choice"):
        enum = next(t for t in (of, *get_args(of)) if isinstance(t, type) and issubclass(t, StrEnum))
        return st.sampled_from(list(enum))
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "unsigned": unsigned,
        "counting": unsigned.filter(bool),
        "short unsigned": st.one_of(st.sampled_from([0, 1, 2**32 - 1]), st.integers(0, 2**32 - 1)),
        "time": times,
        "ppm": st.one_of(st.sampled_from([0, 1_000_000]), st.integers(0, 1_000_000)),
        "page": st.one_of(st.sampled_from([1, 9_999]), st.integers(1, 9_999)),
        "flag": st.booleans(),
        "amount": st.builds(Money, unsigned, currencies),
        "asked amount": st.builds(Money, unsigned.filter(bool), currencies),
        "signed amount": st.builds(Money, signed, currencies),
        "reference": references,
        "octets": st.binary(max_size=min(most, 300)) | st.just(b"\xa5" * most),
        "digest": st.binary(min_size=32, max_size=32),
        "date": st.dates().map(lambda day: f"{day.year:04}{day.month:02}{day.day:02}"),
        "text": text(most),
        "lines": text(most, lines=True),
        "identifier": identifiers(most or 1),
        "masked PAN": masked_pans,
        "digits": digits(most or 1),
    }
    return kinds[kind]


def _dataclasses(of: type[Any], fields: tuple[Field, ...]) -> st.SearchStrategy[Any]:
    """Optional fields are there or not."""
    types = get_type_hints(of)
    made = {}
    for field in fields:
        value = values(field.value, types[field.name])
        made[field.name] = value if field.required else st.one_of(st.none(), value)
    return st.builds(of, **made)


def of_layout(layout: wire.Layout) -> st.SearchStrategy[Any]:
    """Messages of one type."""
    return _dataclasses(layout.message, layout.fields)


EVERY_LAYOUT = (*wire.LAYOUTS, wire.HELLO_FIELDS)
messages = st.one_of([of_layout(layout) for layout in wire.LAYOUTS])
hellos = of_layout(wire.HELLO_FIELDS)


def tlv(tag: int, value: bytes, length: int | None = None) -> bytes:
    return tag.to_bytes(2) + (len(value) if length is None else length).to_bytes(2) + value


@st.composite
def almost_messages(draw: st.DrawFn) -> bytes:
    """Bytes that look like a message: right TLVs, wrong values, tags unknown, twice or of another message, lying lengths."""
    layout = draw(st.sampled_from(EVERY_LAYOUT))
    types = get_type_hints(layout.message)
    parts = []
    for field in layout.fields:
        if not field.required and draw(st.booleans()):
            continue
        parts.append(tlv(field.tag, field.value.pack(draw(values(field.value, types[field.name])))))
    for _ in range(draw(st.integers(0, 2))):
        what = draw(st.sampled_from(["twice", "drop", "swap", "unknown", "critical", "value", "lie", "cut", "flip"]))
        at = draw(st.integers(0, max(len(parts) - 1, 0)))
        if what in {"unknown", "critical"}:
            tag = draw(st.integers(0, 0x7FFF)) | (0x8000 if what == "critical" else 0)
            parts.insert(at, tlv(tag, draw(st.binary(max_size=9))))
        elif not parts:
            continue
        elif what == "twice":
            parts.append(parts[at])
        elif what == "drop":
            del parts[at]
        elif what == "swap":
            parts.insert(0, parts.pop(at))
        elif what == "value":
            parts[at] = tlv(int.from_bytes(parts[at][:2]), draw(st.binary(max_size=20)))
        elif what == "lie":
            parts[at] = tlv(int.from_bytes(parts[at][:2]), parts[at][4:], draw(st.integers(0, 0xFFFF)))
        elif what == "cut":
            parts[-1] = parts[-1][: draw(st.integers(0, len(parts[-1])))]
        else:
            hit = bytearray(parts[at])
            if hit:  # a "cut" may have left nothing
                hit[draw(st.integers(0, len(hit) - 1))] ^= 1 << draw(st.integers(0, 7))
            parts[at] = bytes(hit)
    code = layout.code if draw(st.integers(0, 19)) else draw(st.integers(0, 0xFFFF))
    return code.to_bytes(2) + b"".join(parts)
