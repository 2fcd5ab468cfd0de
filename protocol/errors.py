"""Everything that protocol raises.

    ProtocolError
     ├─ MessageError          a message that cannot be made or understood
     │   ├─ NotUnderstood     bytes from the peer: an unknown type, a TLV that lies about its length, a critical tag unknown
     │   └─ OutOfBounds       a value of ours that the wire cannot carry (too long, negative, not NFC, over 16 KiB)
     ├─ IllegalEvent          an event that a state table has no row for
     └─ UnknownDialect        no dialect is registered under that name

Bytes from a line never raise out of `Conversation.receive`: what cannot be understood there becomes an event.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The root of the tree above."""


class MessageError(ProtocolError):
    """A message that cannot be made or understood; tag is the offending field's number, 0 if none."""

    def __init__(self, reason: str, *, tag: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.tag = tag


class NotUnderstood(MessageError):
    """Bytes from the peer that make no message. number, request_id: where they could still be read, else None."""

    def __init__(
        self,
        reason: str,
        *,
        tag: int = 0,
        message_type: int = 0,
        number: int | None = None,
        request_id: int | None = None,
    ) -> None:
        super().__init__(reason, tag=tag)
        self.message_type = message_type
        self.number = number
        self.request_id = request_id


class OutOfBounds(MessageError):
    """A value of ours that the wire cannot carry."""


class IllegalEvent(ProtocolError):
    """An event that a state table has no row for."""


class UnknownDialect(ProtocolError):
    """No dialect is registered under that name."""
