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
from protocol.errors import NotUnderstood

CRITICAL = 0x8000
EVENT_NUMBER, EVENT_AT, REQUEST_ID = 0x0001, 0x0002, 0x0003


@dataclass(frozen=True, slots=True)
class Field:
    """name: of the dataclass's attribute."""

    tag: int
    name: str
    value: v.Value
    required: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """One message: its type code and its fields in the order in which they go on the wire."""

    code: int
    message: type[Any]
    fields: tuple[Field, ...]


def _optional(tag: int, name: str, value: v.Value) -> Field:
    return Field(tag, name, value, required=False)


_EVENT = (Field(EVENT_NUMBER, "number", v.EVENT_NUMBER), Field(EVENT_AT, "at", v.UNSIGNED))
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
            Field(0x19, "terminal_time", v.UNSIGNED),
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
            Field(0x63, "clock", v.UNSIGNED),
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
        Field(0x63, "clock", v.UNSIGNED),
        Field(CRITICAL | 0x84, "simulated", v.FLAG),
        _optional(0x85, "oldest_unresolved", v.REFERENCE),
    ),
)

BY_TYPE: Mapping[int, Layout] = {layout.code: layout for layout in (*LAYOUTS, HELLO_FIELDS)}
BY_MESSAGE: Mapping[type, Layout] = {layout.message: layout for layout in (*LAYOUTS, HELLO_FIELDS)}

TLV = c.Struct("tag" / c.Int16ub, "value" / c.Prefixed(c.Int16ub, c.GreedyBytes))
# GreedyRange drops a truncated last element in silence; Terminated is what makes that an error.
MESSAGE = c.Struct("type" / c.Int16ub, "fields" / c.GreedyRange(TLV), c.Terminated)


def reference_encode(message: Any) -> bytes:
    """The message's bytes, by construct alone."""
    layout = BY_MESSAGE[type(message)]
    fields = [
        {"tag": field.tag, "value": field.value.layout.build(getattr(message, field.name))}
        for field in layout.fields
        if field.required or getattr(message, field.name) is not None
    ]
    return bytes(MESSAGE.build({"type": layout.code, "fields": fields}))


def reference_decode(raw: bytes) -> Any:
    """The message of those bytes, by construct alone. Raises NotUnderstood."""
    try:
        whole = MESSAGE.parse(raw)
        layout = BY_TYPE[whole.type]
        known = {field.tag: field for field in layout.fields}
        found: dict[str, Any] = {}
        for tlv in whole.fields:
            if tlv.tag not in known and tlv.tag & CRITICAL:
                raise NotUnderstood("unknown critical tag", tag=tlv.tag)
            if tlv.tag in known:
                field = known[tlv.tag]
                if field.name in found:
                    raise NotUnderstood("a tag twice", tag=tlv.tag)
                found[field.name] = field.value.layout.parse(tlv.value)
    except (c.ConstructError, KeyError) as error:
        raise NotUnderstood(str(error)) from None
    if any(field.required and field.name not in found for field in layout.fields):
        raise NotUnderstood("a required field is missing")
    return layout.message(**found)
