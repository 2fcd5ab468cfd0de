"""What of an entry's body an audit reads, decoded at once into typed records; docs/journal.md has all fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from agent.fees.audit.moments import Trade
from protocol.messages import FeeType


class ToldEntry(msgspec.Struct, gc=False):
    seq: int
    at: int
    kind: str
    body: msgspec.Raw


class ToldEvent(msgspec.Struct, gc=False):
    number: int | None = None
    at: int | None = None


class ToldFee(msgspec.Struct, gc=False):
    type: FeeType
    amount_minor: int
    currency: int
    event: ToldEvent
    transaction: str | None = None


class ToldLine(msgspec.Struct, gc=False):
    kind: str
    amount_minor: int
    fee_minor: int
    trace: str
    rrn: str | None = None
    reference: str | None = None


class ToldSettlement(msgspec.Struct, gc=False):
    batch: str
    date: str
    page: int
    pages: int
    gross_minor: int
    refunds_minor: int
    fees_minor: int
    deductions_minor: int
    adjustments_minor: int
    carried_minor: int
    credited_minor: int
    currency: int
    due_date: str | None = None
    lines: tuple[ToldLine, ...] = ()


class ToldDevice(msgspec.Struct, gc=False):
    kind: str
    severity: str


class ToldItem(msgspec.Struct, gc=False):
    cause: str
    amount_minor: int
    clause: str | None = None


class ToldDeposit(msgspec.Struct, gc=False):
    ticket: str
    currency: int
    deductions: tuple[ToldItem, ...] = ()
    reasons_sha256: str | None = None


SHAPES: dict[str, type] = {
    "terminal.transaction": Trade,
    "terminal.fee": ToldFee,
    "terminal.settlement": ToldSettlement,
    "terminal.device": ToldDevice,
    "terminal.deposit_update": ToldDeposit,
}
DECODE: dict[str, Callable[[msgspec.Raw], Any]] = {
    kind: msgspec.json.Decoder(shape).decode for kind, shape in SHAPES.items()
}
decode_entry = msgspec.json.Decoder(ToldEntry).decode
