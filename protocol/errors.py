"""Everything that protocol raises.

    ProtocolError
     ├─ MessageError          a message that cannot be made or understood
     │   ├─ NotUnderstood     bytes from the peer: an unknown type, a TLV that lies about its length, a critical tag unknown
     │   └─ OutOfBounds       a value of ours that the wire cannot carry (too long, negative, not NFC, over 16 KiB)
     ├─ IllegalEvent          an event that a state table has no row for
     ├─ UnknownDialect        no dialect is registered under that name
     └─ NotSpoken             the dialect has no words for that message, or no pairing

Bytes from a line never raise out of `Conversation.receive`: what cannot be understood there becomes an event.
`str(error)` says what happened, `error.todo` what to do.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The root of the tree above. todo: one sentence for a person."""

    todo = "Report this to the makers of counterfoil."


class MessageError(ProtocolError):
    """A message that cannot be made or understood; tag is the offending field's number, 0 if none."""

    def __init__(self, reason: str, *, tag: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.tag = tag


class NotUnderstood(MessageError):
    """Bytes from the peer that make no message. number, request_id: where they could still be read, else None.

    raw: the bytes as `masking.mask_bytes` shows them.
    """

    todo = "Update the terminal's application or this one; the message is kept, and nothing waits for it."

    def __init__(
        self,
        reason: str,
        *,
        tag: int = 0,
        message_type: int = 0,
        number: int | None = None,
        request_id: int | None = None,
        raw: str = "",
    ) -> None:
        super().__init__(reason, tag=tag)
        self.message_type = message_type
        self.number = number
        self.request_id = request_id
        self.raw = raw


class OutOfBounds(MessageError):
    """A value of ours that the wire cannot carry."""

    todo = "Change the value; nothing was sent."


class IllegalEvent(ProtocolError):
    """An event that a state table has no row for."""


class UnknownDialect(ProtocolError):
    """No dialect is registered under that name."""

    todo = "Choose one of those that there are."


class NotSpoken(ProtocolError):
    """The dialect has no words for that message, or no pairing."""

    todo = "Do it at the terminal itself, or on paper."
