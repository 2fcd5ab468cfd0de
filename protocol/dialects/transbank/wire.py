"""What the messages look like: a code of four digits, and fields between bars.

Field orders, widths and meanings are those that the vendor publishes with its clients (docs/dialects.md names them). Every
declaration takes both spellings that they use, with a bar after the last field and without, and ends with `Terminated`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import construct as c

BAR = b"|"
_DIGITS = string.digits.encode()
_SHOWN = bytes(range(0x20, 0x7F)).replace(BAR, b"")

FIELD = c.NullTerminated(c.GreedyBytes, term=BAR, require=False)


def _field(longest: int, allowed: bytes) -> Any:
    return c.ExprValidator(FIELD, lambda value, _: len(value) <= longest and not value.translate(None, allowed))


def digits(longest: int) -> Any:
    """A field of at most so many digits; may be empty."""
    return _field(longest, _DIGITS)


def text(longest: int) -> Any:
    """A field of at most so many printable ASCII characters; may be empty."""
    return _field(longest, _SHOWN)


@dataclass(frozen=True, slots=True)
class Layout:
    """One message. code: its first field. bar: ours ends in one. more: further fields may follow, and are dropped."""

    code: bytes
    fields: tuple[tuple[str, Any], ...]
    bar: bool = True
    more: bool = False

    @property
    def declaration(self) -> Any:
        """The whole message in construct."""
        rest = c.GreedyBytes if self.more else c.ExprValidator(c.GreedyBytes, lambda value, _: not value.strip(BAR))
        named = [name / field for name, field in self.fields]
        return c.Struct("code" / c.Const(self.code, FIELD), *named, "rest" / rest, c.Terminated)


_RESPONSE = (("response", digits(2)), ("commerce", digits(12)), ("terminal", text(8)))
_SALE = (
    *_RESPONSE,
    ("ticket", text(6)),
    ("authorization", text(8)),
    ("amount", digits(9)),
    ("shares", digits(2)),
    ("share_amount", digits(9)),
    ("last_digits", text(19)),
    ("operation", digits(6)),
    ("card_type", text(2)),
    ("accounting_date", text(10)),
    ("account", text(19)),
    ("brand", text(2)),
    ("date", digits(8)),
    ("time", digits(6)),
    ("employee", text(4)),
    ("tip", digits(9)),
)

LAYOUTS = (
    Layout(
        b"0200",
        (
            ("amount", digits(9)),
            ("ticket", text(6)),
            ("unused_1", text(1)),
            ("unused_2", text(1)),
            ("status", digits(1)),
        ),
        bar=False,
    ),
    Layout(b"0250", ()),
    Layout(b"0500", (("unused", text(1)),)),
    Layout(b"0700", (("unused", text(1)),)),
    Layout(b"1200", (("operation", digits(6)),)),
    Layout(b"0210", _SALE, more=True),
    Layout(b"0260", _SALE, more=True),
    Layout(b"0510", _RESPONSE, more=True),
    Layout(b"0710", (("response", digits(2)), ("count", digits(6)), ("total", digits(12))), more=True),
    Layout(b"0900", (("response", digits(2)),), bar=False),
    Layout(b"1210", (*_RESPONSE, ("authorization", text(8)), ("operation", digits(6))), more=True),
)
BY_CODE: Mapping[bytes, Layout] = {layout.code: layout for layout in LAYOUTS}
DECLARATIONS: Mapping[bytes, Any] = {layout.code: layout.declaration for layout in LAYOUTS}

POLL, NORMAL_MODE = b"0100", b"0300"
SALE, LAST_SALE, CLOSE, TOTALS, REFUND, STATUS = b"0200", b"0250", b"0500", b"0700", b"1200", b"0900"
ANSWER_TO: Mapping[bytes, bytes] = {SALE: b"0210", LAST_SALE: b"0260", CLOSE: b"0510", TOTALS: b"0710", REFUND: b"1210"}
ANSWERS = frozenset(ANSWER_TO.values())
MONEY = frozenset({SALE, REFUND, CLOSE})
"""Commands that do something, and must not be done twice."""

APPROVED, DECLINED, NOTHING_TO_VOID, CANCELLED = b"00", b"01", b"05", b"07"
NO_SALE, NOT_SUPPORTED, MALFORMED = b"11", b"12", b"61"

_NOT_OURS = {
    b"0260": (b"0261", 20),
    b"0270": (b"0271", 22),
    b"0280": (b"0281", 22),
    b"0290": (b"0291", 22),
    b"0800": (b"0810", 4),
}
REFUSALS: Mapping[bytes, bytes] = {
    command: BAR.join([answer, NOT_SUPPORTED, *[b""] * (fields - 2)]) + BAR
    for command, (answer, fields) in _NOT_OURS.items()
}
"""What a terminal of ours says to commands that it knows and does not carry out: details, other merchants' sales, keys."""


def build(code: bytes, **values: bytes) -> bytes:
    """The message of those fields; the others are empty."""
    layout = BY_CODE[code]
    parts = [code, *(values.pop(name, b"") for name, _ in layout.fields)]
    assert not values, values
    return BAR.join(parts) + (BAR if layout.bar else b"")


def parse(raw: bytes) -> Any:
    """The fields of a message, as bytes. Raises construct's errors, and KeyError for a code that is not here."""
    return DECLARATIONS[raw[:4]].parse(raw)


def answers(text: bytes, command: bytes) -> bool:
    """The message has the code that answers the command and, if it names a sale's ticket, the same one."""
    if text[:4] != ANSWER_TO.get(command[:4]):
        return False
    if command[:4] != SALE:
        return True
    try:
        ticket = bytes(parse(text).ticket)
    except c.ConstructError:
        return True  # it will be told as what nobody understood
    return ticket in {b"", bytes(parse(command).ticket)}


def fit(answer: bytes, command: bytes) -> bytes:
    """A terminal's answer, worded for its command; one that answers another command is left as it is.

    The codec writes an outcome as a sale's (0210), since neither a Result nor an Error says what it is the result of; only
    the link knows the command.
    """
    code = ANSWER_TO.get(command[:4], ANSWER_TO[SALE])
    if answer[:4] != ANSWER_TO[SALE]:
        return answer
    response = bytes(parse(answer).response)
    if response in {NOT_SUPPORTED, MALFORMED}:
        asked = parse(command) if command else {}
        echoed = {name: bytes(asked[name]) for name in ("ticket", "amount", "operation") if name in asked}
        return build(code, response=response, **echoed)
    if code == ANSWER_TO[LAST_SALE] and response in {APPROVED, NO_SALE}:
        return code + answer[4:]
    return answer
