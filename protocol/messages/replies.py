"""What the terminal answers. A reply carries the id of its request; Progress may come before the last word."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.messages.choices import DepositState, EntryMode, ErrorCode, Product, RequestState, Stage
from protocol.messages.unsolicited import Deduction
from protocol.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReply:
    """What the terminal's log holds: numbers oldest_retained..last_written (the last is the oldest − 1 when empty)."""

    oldest_retained: int
    last_written: int
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """What the terminal says of itself. clock: ms UTC."""

    serial_number: str
    model: str
    firmware: str
    mid: str
    tid: str
    clock: int
    merchant_name: str | None = None
    mcc: str | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadReply:
    """The checkpoint that the terminal holds after the request, or None; accepted is False where a HEAD_PUT was refused."""

    checkpoint: str | None = None
    accepted: bool = True
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A money request is under way. text: as the terminal's own display words it."""

    reference: str
    stage: Stage
    text: str | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A money request's outcome: APPROVED, DECLINED or VOIDED; where the wire can say no better, IN_PROGRESS or NOT_FOUND.

    amount: what the terminal really took or gave, which need not be what was asked. event: the number of its Transaction in
    the terminal's log. terminal_time: ms UTC.
    """

    reference: str
    state: RequestState
    amount: Money | None = None
    response_code: str | None = None
    product: Product | None = None
    trace: str | None = None
    batch: str | None = None
    rrn: str | None = None
    auth_code: str | None = None
    scheme: str | None = None
    masked_pan: str | None = None
    entry_mode: EntryMode | None = None
    terminal_time: int | None = None
    event: int | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReply:
    """What the log of that epoch knows of a reference. fenced: it will never be done from now on."""

    reference: str
    state: RequestState
    log_epoch: str
    fenced: bool
    amount: Money | None = None
    response_code: str | None = None
    trace: str | None = None
    rrn: str | None = None
    auth_code: str | None = None
    event: int | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """count, amount: of the approved sales in the open batch."""

    count: int
    amount: Money
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleReply:
    """settled: the host took the batch; response_code says why not."""

    settled: bool
    batch: str | None = None
    response_code: str | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositStatus:
    """A deposit as the provider sees it; the fields are DepositUpdate's. The answer to a query and to an application."""

    ticket: str
    state: DepositState
    amount: Money
    deductions: tuple[Deduction, ...] = ()
    documents: tuple[str, ...] = ()
    note: str | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffLine:
    """One tariff that the terminal believes to be in force; the fields are TariffNotice's."""

    product: Product
    rate_ppm: int
    effective_from: int
    cap: Money | None = None
    minimum: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariffs:
    """The tariffs that the terminal believes to be in force, of the product asked for or of all."""

    tariffs: tuple[TariffLine, ...] = ()
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestItem:
    """name: what was tested, as the terminal calls it."""

    name: str
    passed: bool
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestReply:
    """What was tested, in the terminal's order."""

    items: tuple[SelfTestItem, ...] = ()
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoReply:
    data: bytes
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """A request that cannot be taken. tag: the offending field's number, 0 if none."""

    code: ErrorCode
    tag: int = 0
    request_id: int = 0
