"""Entries in their one canonical form, and the drafts that become entries.

An entry is the UTF-8 of `{"at":…,"body":{…},"kind":"…","seq":…,"v":1}`: keys ASCII and sorted, no white space,
integers below 2^53, no floats, NFC text. Within these bounds that is RFC 8785 (tests hold it to the `rfc8785` package).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from unicodedata import is_normalized

import msgspec

LONGEST = 2**16 - 1
"""Bytes of one entry: the length prefix of a tlog-tiles entry bundle has 16 bits (c2sp.org/tlog-tiles)."""

SALT_BYTES = 16
_BOUND = 2**53
_FRAME = 1_024
"""More than the other members of an entry, and the seals of its private values, ever take."""
_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode


class EntryError(ValueError):
    """A value that no entry can hold, or bytes that are no entry."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be recorded. private: field → value that stays outside the leaf; the body gets `<field>_sha256` instead."""

    kind: str
    body: Mapping[str, Any]
    private: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A recorded entry. at: ms UTC. private: the values that stand outside the leaf and were not erased."""

    seq: int
    at: int
    kind: str
    v: int
    body: dict[str, Any]
    private: Mapping[str, str] = field(default_factory=dict)


def _check(value: Any) -> None:
    kind: Any = type(value)
    if kind is dict:
        for key, inner in value.items():
            if type(key) is not str or not key.isascii():
                raise EntryError("a key is not ASCII text")
            # Most values of most entries are ASCII text or small integers: no call for these, on every append's hot path.
            of: Any = type(inner)
            if not (of is str and inner.isascii()) and not (of is int and -_BOUND < inner < _BOUND):
                _check(inner)
    elif kind is str:
        if not is_normalized("NFC", value):
            raise EntryError("text is not NFC")
    elif kind is int:
        if not -_BOUND < value < _BOUND:
            raise EntryError("an integer is not below 2^53")
    elif kind is list or kind is tuple:
        for inner in value:
            _check(inner)
    elif value is not None and kind is not bool:
        raise EntryError(f"no entry holds a {kind.__name__}")


def canonical(value: object) -> bytes:
    """Canonical JSON of dict, list, tuple, str, int, bool and None. Raises EntryError for anything else."""
    _check(value)
    try:
        return _encode(value)
    except UnicodeEncodeError as error:  # a lone surrogate
        raise EntryError("text is not Unicode") from error


@lru_cache(maxsize=256)
def _kind_checked(kind: str) -> str:
    if not _KIND.fullmatch(kind):
        raise EntryError("a kind is dotted lower-case words")
    return kind


def encode(seq: int, at: int, kind: str, body: Mapping[str, Any]) -> bytes:
    """The entry's bytes: what its leaf hashes. Raises EntryError."""
    if type(at) is not int or not -_BOUND < at < _BOUND:
        raise EntryError("a time is not an integer below 2^53")
    raw = b'{"at":%d,"body":%b,"kind":"%b","seq":%d,"v":1}' % (
        at, canonical(body), _kind_checked(kind).encode(), seq,
    )  # fmt: skip
    if len(raw) > LONGEST:
        raise EntryError("an entry is under 64 KiB")
    return raw


def decode(raw: bytes) -> Entry:
    """The entry that these bytes are. Raises EntryError if they are none; `is_canonical` judges the form."""
    try:
        found = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EntryError("no JSON") from error
    if type(found) is not dict or found.keys() != {"at", "body", "kind", "seq", "v"}:
        raise EntryError("not the five members of an entry")
    shape = (type(found["at"]), type(found["body"]), type(found["kind"]), type(found["seq"]), type(found["v"]))
    if shape != (int, dict, str, int, int):
        raise EntryError("a member of another type than an entry has")
    return Entry(**found)


def is_canonical(raw: bytes) -> bool:
    """True if the bytes are JSON in exactly the form that `encode` gives."""
    try:
        return len(raw) <= LONGEST and canonical(_decode(raw)) == raw
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, EntryError):
        return False


def seal(value: str, salt: bytes) -> str:
    """SHA-256(salt ‖ value) in hex: what the entry holds of a private value."""
    return sha256(salt + value.encode()).hexdigest()


def is_sealed(value: object, salt: object, seal_: object) -> bool:
    """Whether an entry's seal is over this value and this salt. A salt of another length is none of ours: the value's first
    letters, moved into it, would leave the seal as it is."""
    return isinstance(value, str) and isinstance(salt, bytes) and len(salt) == SALT_BYTES and seal(value, salt) == seal_


def sealed(draft: Draft) -> tuple[Mapping[str, Any], list[tuple[str, bytes, str]]]:
    """The body with its seals, and the rows (field, salt, value) that stand outside the leaf. Raises EntryError."""
    if not draft.private:
        return draft.body, []
    body = dict(draft.body)
    rows = []
    for name, value in draft.private.items():
        try:
            salt = os.urandom(SALT_BYTES)
            body[f"{name}_sha256"] = seal(value, salt)
        except UnicodeEncodeError as error:
            raise EntryError("text is not Unicode") from error
        rows.append((name, salt, value))
    return body, rows


def fits(draft: Draft) -> bool:
    """True if an entry can hold the body, its seals and its frame."""
    try:
        return len(canonical(draft.body)) <= LONGEST - _FRAME
    except EntryError:
        return False


class EventMark(NamedTuple):
    """What an entry says of the terminal's event stream: up to which number it goes, the message's hash if it holds one."""

    terminal: str
    log_epoch: str
    number: int
    sha256: str | None


HOLDS_EVENT = frozenset(
    {
        *("terminal.transaction", "terminal.fee", "terminal.device", "terminal.tariff_notice", "terminal.settlement"),
        *("terminal.deposit_update", "event.unreadable"),
    }
)
"""Kinds that take an event of the terminal into the journal: within a log epoch their numbers only grow."""


def event_mark(kind: str, body: Mapping[str, Any]) -> EventMark | None:
    """None for an entry that is not of the event stream. Raises EntryError for one of it that does not say its place."""
    try:
        if kind in HOLDS_EVENT:
            event = body["event"]
            number = event.get("number")
            return None if number is None else _mark(event["terminal"], event["log_epoch"], number, event["sha256"])
        if kind == "event.gap":
            return _mark(body["terminal"], body["log_epoch"], body["last"], None)
    except (AttributeError, KeyError, TypeError) as error:
        raise EntryError("no place in the event stream") from error
    return None


def _mark(terminal: object, log_epoch: object, number: object, sha256: object) -> EventMark:
    if type(terminal) is str and type(log_epoch) is str and type(number) is int:
        return EventMark(terminal, log_epoch, number, None if sha256 is None else str(sha256))
    raise EntryError("no place in the event stream")
