"""What a Conversation tells its owner. Every event is a fact; `Conversation.events()` hands each out once, in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.messages import Message, Reply, TerminalHello


class CloseReason(StrEnum):
    PEER_SILENT = "peer_silent"
    """Keepalive or acknowledgements went unanswered."""
    PEER_LEFT = "peer_left"
    """The peer said BYE."""
    PORT_CLOSED = "port_closed"
    REPLACED = "replaced"
    """A newer session took this one's place."""
    COUNTER_SPENT = "counter_spent"


class SecurityKind(StrEnum):
    BAD_TAG = "bad_tag"
    """A frame of this session whose tag is not its peer's."""
    WRONG_SECRET = "wrong_secret"  # noqa: S105  a code, no secret
    """A handshake that was made with another secret."""


class FailReason(StrEnum):
    NO_ANSWER = "no_answer"
    SESSION_LOST = "session_lost"


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """Both ends hold the session's keys. hello: what the terminal says of its log (on its own side: what it said)."""

    session: int
    hello: TerminalHello


@dataclass(frozen=True, slots=True)
class SessionClosed:
    session: int
    reason: CloseReason


@dataclass(frozen=True, slots=True)
class Received:
    """A message that is no reply: an event (on the agent's side), a request or EVENT_ACK (on the terminal's).

    sha256: of the message's bytes as they came, so that one event told twice in different words is seen.
    """

    message: Message
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Replied:
    """The reply to our request of that id (an `Error` is a reply too)."""

    request_id: int
    message: Reply


@dataclass(frozen=True, slots=True)
class RequestFailed:
    request_id: int
    reason: FailReason


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An authenticated message that cannot be understood. number: its event number where that could be read.

    It is recorded and acknowledged like any other event: nothing blocks the queue for ever.
    """

    message_type: int
    number: int | None
    sha256: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class LineSuspected:
    """Many damaged frames and no good one: wrong baud rate, parity or cable? For the technician."""

    damaged: int


@dataclass(frozen=True, slots=True)
class SecurityNotice:
    """Something that only another party than the paired one would send. sha256: of the frame."""

    kind: SecurityKind
    sha256: bytes


ConversationEvent = (
    SessionOpened | SessionClosed | Received | Replied | RequestFailed | Unreadable | LineSuspected | SecurityNotice
)
