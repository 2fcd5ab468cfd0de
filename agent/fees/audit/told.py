"""What of an entry's body an audit reads, decoded at once into typed records; docs/journal.md has all fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from agent.fees.audit.moments import Trade
from protocol.messages import FeeType


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

T = TypeVar("T")


class Told(msgspec.Struct, Generic[T], gc=False):
    """An entry of a kind in `SHAPES`. at: ms UTC."""

    seq: int
    at: int
    body: T


_READ: dict[bytes, Callable[[bytes], Told[Any]]] = {
    kind.encode(): msgspec.json.Decoder(Told[shape]).decode  # type: ignore[valid-type]
    for kind, shape in SHAPES.items()
}


def kind_of(raw: bytes) -> bytes:
    """An entry ends `"kind":"…","seq":…,"v":1}`: its kind lies between the fifth and the sixth quote from behind."""
    return raw.rsplit(b'"', 6)[1]


def read(raw: bytes) -> Told[Any] | None:
    """None for kinds that say nothing of fees, and for what cannot be read."""
    if (decode := _READ.get(kind_of(raw))) is None:
        return None
    try:
        return decode(raw)
    except msgspec.ValidationError:
        return None
