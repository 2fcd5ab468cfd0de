"""Messages to bytes and back: the hot path. `wire` declares the layout in construct; a property test holds this to it."""

from __future__ import annotations

from struct import Struct, error
from typing import Any

from protocol.dialects.native import values
from protocol.dialects.native.fragments import MAX_MESSAGE
from protocol.dialects.native.wire import BY_MESSAGE, BY_TYPE, CRITICAL, EVENT_NUMBER, HELLO_FIELDS, REQUEST_ID, Layout
from protocol.errors import MessageError, NotUnderstood, OutOfBounds
from protocol.messages import Message, TerminalHello

_TYPE = Struct(">H")
_TLV = Struct(">HH")
_ENCODERS = {
    message: (_TYPE.pack(layout.code), [(f.tag, f.name, f.value.pack, f.required) for f in layout.fields])
    for message, layout in BY_MESSAGE.items()
}
_DECODERS = {
    kind: ({f.tag: (f.name, f.value.unpack) for f in layout.fields}, {f.name for f in layout.fields if f.required})
    for kind, layout in BY_TYPE.items()
}


def encode(message: Message) -> bytes:
    """The message's bytes. Raises OutOfBounds, naming the tag, for a value that the wire cannot carry."""
    return _encode(message)


def decode(raw: bytes) -> Message:
    """The message of those bytes. Raises NotUnderstood with what could still be read: type, event number, offending tag."""
    kind = int.from_bytes(raw[:2])
    if kind not in _DECODERS or kind == HELLO_FIELDS.code:
        raise _not_understood(raw, f"unknown message type {kind:#06x}")
    message: Message = _decode(BY_TYPE[kind], raw)
    return message


def encode_hello(hello: TerminalHello) -> bytes:
    """The payload of a HELLO_REPLY. Raises OutOfBounds."""
    return _encode(hello)


def decode_hello(raw: bytes) -> TerminalHello:
    """The terminal's hello. Raises NotUnderstood."""
    if raw[:2] != _TYPE.pack(HELLO_FIELDS.code):
        raise NotUnderstood("no terminal hello")
    hello: TerminalHello = _decode(HELLO_FIELDS, raw)
    return hello


def too_long(start: bytes) -> NotUnderstood:
    """What to say of a message above 16 KiB that begins so."""
    return _not_understood(start, "longer than 16 KiB")


def _not_understood(raw: bytes, reason: str, tag: int = 0) -> NotUnderstood:
    kind = int.from_bytes(raw[:2])
    return NotUnderstood(
        reason,
        tag=tag,
        message_type=kind,
        number=_peek(raw, EVENT_NUMBER, values.EVENT_NUMBER),
        request_id=_peek(raw, REQUEST_ID, values.REQUEST_ID) or None,  # 0 is "not yet sent"
    )


def _peek(raw: bytes, wanted: int, value: values.Value) -> int | None:
    """The first value under that tag, if it is whole and one."""
    at = 2
    while at + 4 <= len(raw):
        tag, length = _TLV.unpack_from(raw, at)
        at += 4 + length
        if tag == wanted and at <= len(raw):
            try:
                found: int = value.unpack(raw[at - length : at])
            except NotUnderstood:
                return None
            return found
    return None


def _encode(message: Any) -> bytes:
    head, fields = _ENCODERS[type(message)]
    parts = [head]
    for tag, name, pack, required in fields:
        value = getattr(message, name)
        if value is None and not required:
            continue
        try:
            raw = pack(value)
        except MessageError as refused:
            raise OutOfBounds(f"{name}: {refused.reason}", tag=tag) from None
        parts += (_TLV.pack(tag, len(raw)), raw)
    whole = b"".join(parts)
    if len(whole) > MAX_MESSAGE:
        raise OutOfBounds(f"a message of {len(whole)} bytes; 16 KiB is the most")
    return whole


def _decode(layout: Layout, raw: bytes) -> Any:
    known, required = _DECODERS[layout.code]
    found: dict[str, Any] = {}
    at, end, tag = 2, len(raw), 0
    try:
        while at < end:
            tag, length = _TLV.unpack_from(raw, at)
            stop = at + 4 + length
            if stop > end:
                raise NotUnderstood("a TLV longer than its message")
            if tag in known:
                name, unpack = known[tag]
                if name in found:
                    raise NotUnderstood("a tag twice")
                found[name] = unpack(raw[at + 4 : stop])
            elif tag & CRITICAL:
                raise NotUnderstood("unknown critical tag")
            at = stop
        if not required <= found.keys():
            tag = 0
            raise NotUnderstood(f"missing: {', '.join(sorted(required - found.keys()))}")
    except (MessageError, error) as refused:
        reason = refused.reason if isinstance(refused, MessageError) else "a truncated TLV"
        raise _not_understood(raw, reason, tag) from None
    return layout.message(**found)
