"""Messages to bytes and back: the hot path. `wire` declares the layout in construct; a property test holds this to it."""

from __future__ import annotations

from struct import Struct, error
from typing import Any

from protocol.dialects.native import values
from protocol.dialects.native.fragments import MAX_MESSAGE
from protocol.dialects.native.records import CRITICAL
from protocol.dialects.native.wire import BY_MESSAGE, BY_TYPE, EVENT_NUMBER, HELLO_FIELDS, REQUEST_ID, Layout
from protocol.errors import MessageError, NotUnderstood, OutOfBounds
from protocol.masking import mask_bytes
from protocol.messages import Message, TerminalHello

_TYPE = Struct(">H")
_TLV = Struct(">HH")
_ENCODERS = {
    message: (_TYPE.pack(layout.code), [(f.tag.to_bytes(2), f.name, f.value.pack, f.required) for f in layout.fields])
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
    if len(raw) > MAX_MESSAGE:
        raise too_long(raw)
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
        raise _not_understood(raw, "no terminal hello")
    hello: TerminalHello = _decode(HELLO_FIELDS, raw)
    return hello


def too_long(start: bytes) -> NotUnderstood:
    """What to say of a message above 16 KiB that begins so."""
    return _not_understood(start, "a message longer than 16 KiB")


def _not_understood(raw: bytes, reason: str, tag: int = 0) -> NotUnderstood:
    kind = int.from_bytes(raw[:2])
    return NotUnderstood(
        reason,
        tag=tag,
        message_type=kind,
        number=_peek(raw, EVENT_NUMBER, values.EVENT_NUMBER),
        request_id=_peek(raw, REQUEST_ID, values.REQUEST_ID) or None,  # 0 is "not yet sent"
        raw=mask_bytes(raw),
    )


def _field_refused(layout: Layout, tag: int, error: MessageError) -> tuple[str, int]:
    """What to say of a TLV that cannot be taken: the field it would have been, and the tag, the one inside a record."""
    name = next((field.name for field in layout.fields if field.tag == tag), f"tag {tag:#06x}")
    return f"{name}: {error.reason}", error.tag or tag


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
        if value is None:
            if required:
                raise OutOfBounds(f"{name}: missing", tag=int.from_bytes(tag))
            continue
        try:
            raw = pack(value)
        except MessageError as refused:
            raise OutOfBounds(f"{name}: {refused.reason}", tag=refused.tag or int.from_bytes(tag)) from None
        parts += (tag, len(raw).to_bytes(2), raw)
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
            at += 4
            stop = at + length
            if stop > end:
                raise NotUnderstood("a TLV longer than its message")
            if (field := known.get(tag)) is not None:
                name, unpack = field
                if name in found:
                    raise NotUnderstood("a tag twice")
                found[name] = unpack(raw[at:stop])
            elif tag & CRITICAL:
                raise NotUnderstood("unknown critical tag")
            at = stop
    except MessageError as refused:
        raise _not_understood(raw, *_field_refused(layout, tag, refused)) from None
    except error:
        raise _not_understood(raw, "a truncated TLV") from None
    if not required <= found.keys():
        missing = next(field for field in layout.fields if field.required and field.name not in found)
        raise _not_understood(raw, f"{missing.name}: missing", missing.tag)
    return layout.message(**found)
