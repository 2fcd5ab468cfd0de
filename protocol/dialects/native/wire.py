"""The byte layout of every native message, declared in construct; docs/protocol.md prints its tables from here.

    message = type u16 | TLV*        TLV = tag u16 (bit 15: critical) | length u16 | value

A tag means the same in every message. An unknown tag is skipped; an unknown critical one makes the message not understood.
`reference_encode` and `reference_decode` go through construct alone; the hot path in `codec` is held to them byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import construct as c

from protocol import messages as m
from protocol.dialects.native import values as v
from protocol.dialects.native.fragments import MAX_MESSAGE
from protocol.dialects.native.records import CRITICAL, TLV, Field, records, reference_build, reference_found, texts
from protocol.errors import NotUnderstood

EVENT_NUMBER, EVENT_AT, REQUEST_ID = 0x0001, 0x0002, 0x0003


@dataclass(frozen=True, slots=True)
class Layout:
    """One message: its type code and its fields in the order in which they go on the wire."""

    code: int
    message: type[Any]
    fields: tuple[Field, ...]


def _optional(tag: int, name: str, value: v.Value) -> Field:
    return Field(tag, name, value, required=False)


_EVENT = (Field(EVENT_NUMBER, "number", v.EVENT_NUMBER), Field(EVENT_AT, "at", v.TIME))
_REQUEST = (Field(REQUEST_ID, "request_id", v.REQUEST_ID),)
_KIND = v.choice(m.TransactionKind, *m.TransactionKind)
_OUTCOME = v.choice(m.Outcome, *m.Outcome)
_PRODUCT = v.choice(m.Product, *m.Product)
_ENTRY_MODE = v.choice(m.EntryMode, *m.EntryMode)
_SETTLEMENT_MODE = v.choice(m.SettlementMode, *m.SettlementMode)
_FEE_TYPE = v.choice(m.FeeType, *m.FeeType)
_DEVICE_EVENT = v.choice(m.DeviceEventKind, *m.DeviceEventKind)
_SEVERITY = v.choice(m.Severity, *m.Severity)
_ERROR = v.choice(m.ErrorCode, *m.ErrorCode)
_CHECKPOINT = v.text(2048, mask=str, lines=True)
_REQUEST_STATE = v.choice(m.RequestState, *m.RequestState)
_STAGE = v.choice(m.Stage, *m.Stage)
_DEPOSIT_STATE = v.choice(m.DepositState, *m.DepositState)
_CAUSE = v.choice(m.DeductionCause, *m.DeductionCause)

# What a money request cannot do without. Its amount is never zero, so it is no `amount` of the events.
_ASKED = (
    *_REQUEST,
    Field(CRITICAL | 0x10, "reference", v.REFERENCE),
    Field(CRITICAL | 0x91, "amount", v.ASKED_AMOUNT),
    Field(CRITICAL | 0x90, "deadline", v.UNSIGNED),
    _optional(0x24, "operator", v.text(16)),
)
_OF_A_SALE = (
    *_ASKED,
    Field(CRITICAL | 0x25, "original_reference", v.REFERENCE),
    _optional(0x99, "original_trace", v.digits(6)),
)
_LINES = records(
    m.SettlementLine,
    (
        Field(CRITICAL | 0x11, "kind", _KIND),
        Field(CRITICAL | 0x13, "amount", v.AMOUNT),
        Field(CRITICAL | 0xBE, "fee", v.SIGNED_AMOUNT),
        Field(0x15, "trace", v.digits(6)),
        _optional(0x20, "rrn", v.identifier(12)),
        _optional(CRITICAL | 0x10, "reference", v.REFERENCE),
    ),
    128,
)
_DEDUCTIONS = records(
    m.Deduction,
    (
        Field(CRITICAL | 0xC6, "cause", _CAUSE),
        Field(CRITICAL | 0x13, "amount", v.AMOUNT),
        Field(0xC7, "reason", v.text(256)),
        _optional(0xC8, "clause", v.text(64)),
    ),
    16,
)
_DEPOSIT = (
    Field(CRITICAL | 0xC0, "ticket", v.identifier(32)),
    Field(CRITICAL | 0xC1, "state", _DEPOSIT_STATE),
    Field(CRITICAL | 0x13, "amount", v.AMOUNT),
    Field(CRITICAL | 0xC3, "deductions", _DEDUCTIONS),
    Field(0xC4, "documents", texts(64, 16)),
    _optional(0xC5, "note", v.text(512)),
)
_TARIFF = (
    Field(CRITICAL | 0xA8, "product", _PRODUCT),
    Field(CRITICAL | 0xA1, "rate_ppm", v.PPM),
    Field(CRITICAL | 0xA2, "effective_from", v.TIME),
    _optional(CRITICAL | 0xA6, "cap", v.AMOUNT),
    _optional(CRITICAL | 0xA7, "minimum", v.AMOUNT),
)
_ITEMS = records(
    m.SelfTestItem,
    (Field(0xD1, "name", v.text(32)), Field(0xD2, "passed", v.FLAG), _optional(0xD3, "detail", v.text(128))),
    32,
)

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        0x0101,
        m.Transaction,
        (
            *_EVENT,
            Field(CRITICAL | 0x10, "reference", v.REFERENCE),
            Field(CRITICAL | 0x11, "kind", _KIND),
            Field(CRITICAL | 0x12, "outcome", _OUTCOME),
            Field(CRITICAL | 0x13, "amount", v.AMOUNT),
            Field(0x14, "product", _PRODUCT),
            Field(0x15, "trace", v.digits(6)),
            Field(0x16, "batch", v.digits(6)),
            Field(0x17, "mid", v.identifier(15)),
            Field(0x18, "tid", v.identifier(8)),
            Field(0x19, "terminal_time", v.TIME),
            Field(0x1A, "entry_mode", _ENTRY_MODE),
            Field(0x1B, "settlement_mode", _SETTLEMENT_MODE),
            Field(0x1C, "response_code", v.identifier(4)),
            _optional(0x1D, "scheme", v.text(16)),
            _optional(0x1E, "masked_pan", v.masked_pan()),
            _optional(0x1F, "card_token", v.octets(32)),
            _optional(0x20, "rrn", v.identifier(12)),
            _optional(0x21, "auth_code", v.identifier(6)),
            _optional(0x22, "mcc", v.digits(4)),
            _optional(0x23, "merchant_name", v.text(96)),
            _optional(0x24, "operator", v.text(16)),
            _optional(CRITICAL | 0x25, "original_reference", v.REFERENCE),
        ),
    ),
    Layout(
        0x0102,
        m.Fee,
        (
            *_EVENT,
            Field(CRITICAL | 0x30, "type", _FEE_TYPE),
            Field(CRITICAL | 0x31, "amount", v.SIGNED_AMOUNT),
            _optional(CRITICAL | 0x32, "transaction", v.REFERENCE),
            _optional(0x33, "rule", v.text(64)),
            _optional(0x34, "description", v.text(256)),
        ),
    ),
    Layout(
        0x0103,
        m.DeviceEvent,
        (
            *_EVENT,
            Field(CRITICAL | 0x40, "kind", _DEVICE_EVENT),
            Field(0x41, "severity", _SEVERITY),
            _optional(0x42, "code", v.text(32)),
            _optional(0x43, "detail", v.text(256)),
        ),
    ),
    Layout(
        0x0104,
        m.TariffNotice,
        (
            *_EVENT,
            Field(0xA0, "notice", v.text(64)),
            *_TARIFF,
            Field(0xA3, "published", v.TIME),
            Field(0xA4, "text", v.text(4096, lines=True)),
            Field(0xA5, "text_sha256", v.DIGEST),
        ),
    ),
    Layout(
        0x0105,
        m.Settlement,
        (
            *_EVENT,
            Field(0x16, "batch", v.digits(6)),
            Field(0xB0, "date", v.DATE),
            Field(CRITICAL | 0xB1, "page", v.PAGE),
            Field(CRITICAL | 0xB2, "pages", v.PAGE),
            Field(0xB3, "sales_count", v.UNSIGNED),
            Field(0xB4, "refunds_count", v.UNSIGNED),
            Field(CRITICAL | 0xB5, "gross", v.AMOUNT),
            Field(CRITICAL | 0xB6, "refunds", v.AMOUNT),
            Field(CRITICAL | 0xB7, "fees", v.SIGNED_AMOUNT),
            Field(CRITICAL | 0xB8, "deductions", v.AMOUNT),
            Field(CRITICAL | 0xB9, "adjustments", v.SIGNED_AMOUNT),
            Field(CRITICAL | 0xBA, "carried", v.SIGNED_AMOUNT),
            Field(CRITICAL | 0xBB, "credited", v.SIGNED_AMOUNT),
            _optional(0xBC, "due_date", v.DATE),
            Field(CRITICAL | 0xBD, "lines", _LINES),
        ),
    ),
    Layout(0x0106, m.DepositUpdate, (*_EVENT, *_DEPOSIT)),
    Layout(0x0201, m.EventAck, (Field(CRITICAL | 0x50, "up_to", v.UNSIGNED),)),
    Layout(0x0202, m.Sync, (*_REQUEST, Field(CRITICAL | 0x51, "start", v.UNSIGNED))),
    Layout(
        0x0282,
        m.SyncReply,
        (*_REQUEST, Field(0x52, "oldest_retained", v.UNSIGNED), Field(0x53, "last_written", v.UNSIGNED)),
    ),
    Layout(0x0203, m.DeviceInfoQuery, _REQUEST),
    Layout(
        0x0283,
        m.DeviceInfo,
        (
            *_REQUEST,
            Field(0x60, "serial_number", v.text(32)),
            Field(0x61, "model", v.text(64)),
            Field(0x62, "firmware", v.text(32)),
            Field(0x17, "mid", v.identifier(15)),
            Field(0x18, "tid", v.identifier(8)),
            Field(0x63, "clock", v.TIME),
            _optional(0x23, "merchant_name", v.text(96)),
            _optional(0x22, "mcc", v.digits(4)),
        ),
    ),
    Layout(0x0204, m.HeadGet, _REQUEST),
    Layout(0x0205, m.HeadPut, (*_REQUEST, Field(CRITICAL | 0x70, "checkpoint", _CHECKPOINT))),
    Layout(
        0x0284,
        m.HeadReply,
        (*_REQUEST, Field(0x71, "accepted", v.FLAG), _optional(CRITICAL | 0x70, "checkpoint", _CHECKPOINT)),
    ),
    Layout(0x0206, m.Confirm, (Field(CRITICAL | 0x10, "reference", v.REFERENCE),)),
    Layout(0x0207, m.TariffQuery, (*_REQUEST, _optional(CRITICAL | 0xA8, "product", _PRODUCT))),
    Layout(0x0287, m.Tariffs, (*_REQUEST, Field(CRITICAL | 0xA9, "tariffs", records(m.TariffLine, _TARIFF, 64)))),
    Layout(0x0208, m.SelfTest, _REQUEST),
    Layout(0x0288, m.SelfTestReply, (*_REQUEST, Field(0xD0, "items", _ITEMS))),
    Layout(0x0209, m.Echo, (*_REQUEST, Field(0xE0, "data", v.octets(15_000)))),
    Layout(0x0289, m.EchoReply, (*_REQUEST, Field(0xE0, "data", v.octets(15_000)))),
    Layout(0x0210, m.Sale, _ASKED),
    Layout(0x0211, m.Refund, _OF_A_SALE),
    Layout(0x0212, m.Void, tuple(_optional(f.tag, f.name, f.value) if f.name == "amount" else f for f in _OF_A_SALE)),
    Layout(
        0x0291,
        m.Progress,
        (
            *_REQUEST,
            Field(CRITICAL | 0x10, "reference", v.REFERENCE),
            Field(0x97, "stage", _STAGE),
            _optional(0x98, "text", v.text(64)),
        ),
    ),
    Layout(
        0x0290,
        m.Result,
        (
            *_REQUEST,
            Field(CRITICAL | 0x10, "reference", v.REFERENCE),
            Field(CRITICAL | 0x94, "state", _REQUEST_STATE),
            _optional(CRITICAL | 0x13, "amount", v.AMOUNT),
            _optional(0x1C, "response_code", v.identifier(4)),
            _optional(0x14, "product", _PRODUCT),
            _optional(0x15, "trace", v.digits(6)),
            _optional(0x16, "batch", v.digits(6)),
            _optional(0x20, "rrn", v.identifier(12)),
            _optional(0x21, "auth_code", v.identifier(6)),
            _optional(0x1D, "scheme", v.text(16)),
            _optional(0x1E, "masked_pan", v.masked_pan()),
            _optional(0x1A, "entry_mode", _ENTRY_MODE),
            _optional(0x19, "terminal_time", v.TIME),
            _optional(0x96, "event", v.EVENT_NUMBER),
        ),
    ),
    Layout(
        0x0213,
        m.StatusQuery,
        (*_REQUEST, Field(CRITICAL | 0x10, "reference", v.REFERENCE), Field(CRITICAL | 0x92, "fence", v.FLAG)),
    ),
    Layout(
        0x0293,
        m.StatusReply,
        (
            *_REQUEST,
            Field(CRITICAL | 0x10, "reference", v.REFERENCE),
            Field(CRITICAL | 0x94, "state", _REQUEST_STATE),
            Field(CRITICAL | 0x81, "log_epoch", v.identifier(32)),
            Field(CRITICAL | 0x95, "fenced", v.FLAG),
            _optional(CRITICAL | 0x13, "amount", v.AMOUNT),
            _optional(0x1C, "response_code", v.identifier(4)),
            _optional(0x15, "trace", v.digits(6)),
            _optional(0x20, "rrn", v.identifier(12)),
            _optional(0x21, "auth_code", v.identifier(6)),
            _optional(0x96, "event", v.EVENT_NUMBER),
        ),
    ),
    Layout(0x0214, m.Settle, _REQUEST),
    Layout(
        0x0294,
        m.SettleReply,
        (
            *_REQUEST,
            Field(CRITICAL | 0x9A, "settled", v.FLAG),
            _optional(0x16, "batch", v.digits(6)),
            _optional(0x1C, "response_code", v.identifier(4)),
        ),
    ),
    Layout(0x0218, m.DepositQuery, (*_REQUEST, _optional(CRITICAL | 0xC0, "ticket", v.identifier(32)))),
    Layout(
        0x0219,
        m.DepositReturn,
        (
            *_REQUEST,
            Field(CRITICAL | 0x10, "reference", v.REFERENCE),
            Field(CRITICAL | 0x91, "amount", v.ASKED_AMOUNT),
            Field(CRITICAL | 0xC9, "application", v.text(8192, lines=True)),
        ),
    ),
    Layout(0x0298, m.DepositStatus, (*_REQUEST, *_DEPOSIT)),
    Layout(0x02FF, m.Error, (*_REQUEST, Field(0x7E, "code", _ERROR), Field(0x7F, "tag", v.UNSIGNED))),
)

HELLO_FIELDS = Layout(
    0x0001,
    m.TerminalHello,  # no message: the payload of a HELLO_REPLY
    (
        Field(CRITICAL | 0x80, "terminal", v.identifier(32)),
        Field(CRITICAL | 0x81, "log_epoch", v.identifier(32)),
        Field(0x82, "boot_id", v.identifier(32)),
        Field(0x52, "oldest_retained", v.UNSIGNED),
        Field(0x53, "last_written", v.UNSIGNED),
        Field(0x83, "last_acknowledged", v.UNSIGNED),
        Field(0x63, "clock", v.TIME),
        Field(0x86, "uptime", v.UNSIGNED),
        Field(CRITICAL | 0x84, "simulated", v.FLAG),
        _optional(0x85, "oldest_unresolved", v.REFERENCE),
    ),
)

BY_TYPE: Mapping[int, Layout] = {layout.code: layout for layout in (*LAYOUTS, HELLO_FIELDS)}
BY_MESSAGE: Mapping[type, Layout] = {layout.message: layout for layout in (*LAYOUTS, HELLO_FIELDS)}

MESSAGE = c.Struct("type" / c.Int16ub, "fields" / c.GreedyRange(TLV), c.Terminated)


def reference_encode(message: Any) -> bytes:
    """The message's bytes, by construct alone."""
    layout = BY_MESSAGE[type(message)]
    return bytes(MESSAGE.build({"type": layout.code, "fields": reference_build(layout.fields, message)}))


def reference_decode(raw: bytes) -> Any:
    """The message of those bytes, by construct alone. Raises NotUnderstood."""
    if len(raw) > MAX_MESSAGE:
        raise NotUnderstood("a message longer than 16 KiB")
    try:
        whole = MESSAGE.parse(raw)
        layout = BY_TYPE[whole.type]
        found = reference_found(layout.fields, whole.fields)
    except (c.ConstructError, KeyError) as error:
        raise NotUnderstood(str(error)) from None
    return layout.message(**found)
