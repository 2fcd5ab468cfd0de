"""The three messages of Telium protocol E+, field by field. All text is printable ASCII, all numbers are decimal digits.

Sources: the public clients pyTeliumManager 2.4.2 (MIT) and pypostelium 0.0.5 (AGPL), and the public pages "Concert V2"
and "Concert V3" of PayXpert. docs/dialects.md says where they differ. No vendor's specification was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import construct as c

from protocol.messages import RequestState

POS = b"01"
"""Our register number, 01..99: of no meaning to the terminal, which gives it back."""
TICKET = 10
"""Characters of the private field."""
BLANK = b" " * TICKET
REPORT = 55
LARGEST_AMOUNT = 99_999_999
"""Minor units: the amount field has eight digits."""


class Flag(StrEnum):
    """Which answer the register wants: with the report field, or without."""

    SHORT = "0"
    LONG = "1"


class Kind(StrEnum):
    """The transaction type. Only the first is the same in every source."""

    DEBIT = "0"
    CREDIT = "1"
    """Money to a card that is presented; no sale is named."""
    TWO = "2"
    """pyTeliumManager: refund. PayXpert (Concert V3, the same list): cancellation."""
    DUPLICATE = "3"
    AUTO = "4"


class Delay(StrEnum):
    AT_END = "A010"
    """Answer when the transaction has ended."""
    AT_ONCE = "A011"
    """Answer at once, before anything has happened."""


class Authorisation(StrEnum):
    AS_CONFIGURED = "B010"
    FORCED = "B011"


CARD = "1"
CHEQUE = "C"
SCHEMES: Mapping[str, str] = {
    "2": "AMEX",
    "3": "CETELEM",
    "5": "COFINOGA",
    "6": "DINERS",
    "8": "FRANFINANCE",
    "9": "JCB",
    "A": "ACCORD",
    "F": "FINTRAX",
    "O": "MONEO",
    "U": "UNIONPAY",
    CHEQUE: "CHEQUE",
}
"""Payment mode -> scheme; mode `1` is any bank card, `0` anything else."""
MODES = frozenset({"0", CARD, *SCHEMES})

RESULTS: Mapping[str, RequestState] = {
    "0": RequestState.APPROVED,
    "7": RequestState.DECLINED,
    "9": RequestState.IN_PROGRESS,
}
"""Done; not done; not verified: the terminal itself does not know, or not yet."""
DONE, NOT_DONE, NOT_VERIFIED = b"0", b"7", b"9"


def _text(size: int) -> c.Construct:
    return c.Bytes(size)


ASK = c.Struct(
    "pos" / _text(2),
    "amount" / _text(8),
    "flag" / _text(1),
    "mode" / _text(1),
    "kind" / _text(1),
    "currency" / _text(3),
    "private" / _text(TICKET),
    "delay" / _text(4),
    "authorisation" / _text(4),
    c.Terminated,
)
_HEAD = ("pos" / _text(2), "result" / _text(1), "amount" / _text(8), "mode" / _text(1))
_TAIL = ("currency" / _text(3), "private" / _text(TICKET), c.Terminated)
SHORT_ANSWER = c.Struct(*_HEAD, *_TAIL)
LONG_ANSWER = c.Struct(*_HEAD, "report" / _text(REPORT), *_TAIL)

ASK_SIZE, SHORT_SIZE, LONG_SIZE = 34, 25, 80
"""Bytes of a body; a message is known by nothing else."""
ANSWER_SIZES = frozenset({SHORT_SIZE, LONG_SIZE})
