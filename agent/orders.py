"""What a person orders of the money lane, and what may become of it: the vocabulary of journal, pump, desk and screens."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from protocol.masking import mask_text
from protocol.money import Money

LONGEST_PATIENCE_MS = 3_600_000
_LONGEST_TEXT = 500
_LONGEST_TRACE = 12


class MoneyAction(StrEnum):
    SALE = "sale"
    REFUND = "refund"
    """退货"""
    VOID = "void"
    """撤销"""


class MoneyState(StrEnum):
    """How a money request ended."""

    APPROVED = "approved"
    DECLINED = "declined"
    """By customer, terminal or host; or not taken by the terminal at all."""
    VOIDED = "voided"
    """Begun and taken back, or never begun: no money moved by it, and none will."""


class LearnedBy(StrEnum):
    """Who said so."""

    RESULT = "result"
    STATUS = "status"
    TRANSACTION = "transaction"
    """The terminal's own log: its last word."""
    ERROR = "error"
    """The terminal would not take the request, or nothing was sent: nothing of it was done."""
    MANUAL = "manual"
    """A person, with a reason."""


@dataclass(frozen=True, slots=True)
class MoneyOrder:
    """reference: 32 hex digits (a UUIDv7), of this order alone, for ever. amount: None only for a void of the whole.

    original_reference: of what is voided or refunded; original_trace: its trace, for terminals that know it by nothing else.
    patience_ms: how long the customer may take, from now on.
    """

    reference: str
    action: MoneyAction
    amount: Money | None
    original_reference: str | None = None
    original_trace: str | None = None
    operator: str | None = None
    patience_ms: int = 60_000

    @property
    def makes_sense(self) -> bool:
        """What no dialect would carry, and no entry hold, is no order."""
        return (
            is_reference(self.reference)
            and self._names_its_original
            and (self.action is MoneyAction.VOID if self.amount is None else self.amount.minor > 0)
            and 0 < self.patience_ms <= LONGEST_PATIENCE_MS
        )

    @property
    def _names_its_original(self) -> bool:
        """Of a refund or void, by its reference; a sale has none, and no text of the kind is recorded with it."""
        reference, trace = self.original_reference, self.original_trace
        if self.action is MoneyAction.SALE:
            return reference is None and trace is None
        short = trace is None or (trace.isascii() and trace.isalnum() and len(trace) <= _LONGEST_TRACE)
        return short and reference is not None and is_reference(reference) and reference != self.reference


def new_reference(at: int) -> str:
    """A UUIDv7 (RFC 9562 §5.7) as 32 hex digits. at: ms UTC."""
    chance = secrets.randbits(74)
    number = at << 80 | 7 << 76 | (chance >> 62) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    return f"{number:032x}"


def is_reference(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


def recordable(text: str) -> str:
    """A person's text as an entry may hold it, and a screen show it: no card number, no control signs, NFC, bounded."""
    whole = "".join(sign if sign.isprintable() else " " for sign in text.encode(errors="replace").decode())
    return mask_text(unicodedata.normalize("NFC", whole))[:_LONGEST_TEXT]
