"""What a Conversation tells its owner. Every event is a fact; `Conversation.events()` hands each out once, in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.messages import Message, Progress, Reply, TerminalHello


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
    WRONG_KEY = "wrong_key"
    """A handshake that was made with another static key than the one pinned at pairing."""


class FailReason(StrEnum):
    NO_ANSWER = "no_answer"
    SESSION_LOST = "session_lost"
    REFUSED = "refused"
    """The terminal would not take the request: nothing of it was done."""
    BUSY = "busy"
    """The wire carries one request at a time, and one is under way: nothing was sent."""


class PairingFailure(StrEnum):
    NO_ANSWER = "no_answer"
    """The other end does not pair, or fell silent."""
    BROKEN = "broken"
    """What the other end revealed is not what it had committed to: somebody stands between, or the line is bad."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The other end answers; where the dialect has keys, both ends hold the session's.

    hello: what the terminal says of its log (on its own side: what it said); None where the dialect has no such word.
    """

    session: int
    hello: TerminalHello | None


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
class Progressed:
    """Our request of that id is under way."""

    request_id: int
    message: Progress


@dataclass(frozen=True, slots=True)
class RequestFailed:
    request_id: int
    reason: FailReason


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An authenticated message that cannot be understood. number: its event number where that could be read.

    It is recorded and acknowledged like any other event: nothing blocks the queue for ever. raw: the bytes in hexadecimal,
    as `masking.mask_bytes` shows them.
    """

    message_type: int
    number: int | None
    sha256: bytes
    reason: str
    raw: str = ""


@dataclass(frozen=True, slots=True)
class LineSuspected:
    """Many damaged frames and no good one: wrong baud rate, parity or cable? For the technician."""

    damaged: int


@dataclass(frozen=True, slots=True)
class SecurityNotice:
    """Something that only another party than the paired one would send. sha256: of the frame."""

    kind: SecurityKind
    sha256: bytes


@dataclass(frozen=True, slots=True)
class KeyRefused:
    """The terminal could not open our HELLO: it is not paired with this agent, or not any more. A hint, and no proof."""


@dataclass(frozen=True, slots=True)
class PairingShown:
    """Both ends have this number if nobody stands between them: a person compares, and confirms at each end.

    number: six digits. peer: the other end's static public key (32 bytes).
    """

    number: str
    peer: bytes


@dataclass(frozen=True, slots=True)
class Paired:
    """A person confirmed at this end; sessions with that key from now on. Keep it before anything else is done."""

    peer: bytes


@dataclass(frozen=True, slots=True)
class PairingFailed:
    reason: PairingFailure


ConversationEvent = (
    SessionOpened
    | SessionClosed
    | Received
    | Replied
    | Progressed
    | RequestFailed
    | Unreadable
    | LineSuspected
    | SecurityNotice
    | KeyRefused
    | PairingShown
    | Paired
    | PairingFailed
)
