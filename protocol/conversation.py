"""Conversation: one end of the wire, the agent's or the terminal's, over any dialect.

Bytes and time in, events out. It owns no port, no clock and no random source; its owner does this, for ever:

    conversation.receive(port.read(), now)          # or tick(now) when `deadline` has come
    for event in conversation.events(): ...         # facts: a session opened, an event received, a reply
    port.write(conversation.outgoing(now))

Times are ms on a clock that never goes back. What the line holds never raises out of `receive`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from protocol.dialect import Delivered, LinkClosed, LinkCounters, LinkOpened, LinkSettings, Role, dialect
from protocol.errors import NotUnderstood
from protocol.events import (
    CloseReason,
    ConversationEvent,
    FailReason,
    LineSuspected,
    Received,
    Replied,
    RequestFailed,
    SecurityNotice,
    SessionClosed,
    SessionOpened,
    Unreadable,
)
from protocol.messages import (
    DeviceEvent,
    Error,
    ErrorCode,
    EventAck,
    Fee,
    Message,
    Reply,
    Request,
    TerminalHello,
    Transaction,
)

REPLY_MS = 10_000
"""A request without its reply for so long has failed; the link has given up on a silent peer before that."""

_EVENTS = (Transaction, Fee, DeviceEvent)


@dataclass(frozen=True, slots=True)
class _Pending:
    answers: tuple[type[Message], ...]
    due: int


class Conversation:
    """One end of the wire.

    dialect_name: a name of `protocol.dialect.DIALECTS`. secret: the 32 bytes that both ends hold. random: n -> n fresh
    bytes. line_rate: bits a second, for the acknowledgement timers. hello: a terminal's word on its log, asked for in every
    handshake; an agent has none. Raises UnknownDialect.
    """

    def __init__(
        self,
        dialect_name: str,
        role: Role,
        *,
        secret: bytes,
        random: Callable[[int], bytes],
        line_rate: int = 115_200,
        hello: Callable[[], TerminalHello] | None = None,
    ) -> None:
        self.role = role
        self.dialect = dialect(dialect_name)
        payload = (lambda: self.dialect.encode_hello(hello())) if hello is not None else bytes
        self._link = self.dialect.link(LinkSettings(role, secret, random, line_rate, payload))
        self._events: list[ConversationEvent] = []
        self._pending: dict[int, _Pending] = {}
        self._last_request = 0

    @property
    def is_open(self) -> bool:
        """A session stands."""
        return self._link.is_open

    @property
    def counters(self) -> LinkCounters:
        return self._link.counters

    @property
    def backlog(self) -> int:
        """Messages given to `send` or `request` and not yet acknowledged by the peer's link."""
        return self._link.backlog

    @property
    def deadline(self) -> int | None:
        """When `tick` has something to do (ms), or None."""
        due = [pending.due for pending in self._pending.values()]
        if self._link.deadline is not None:
            due.append(self._link.deadline)
        return min(due, default=None)

    def open(self, now: int) -> None:
        """The port is there."""
        self._link.open(now)

    def close(self, now: int) -> None:
        """The port is gone."""
        self._link.close(CloseReason.PORT_CLOSED)
        self._take(now)

    def leave(self, now: int) -> None:
        """Say goodbye; write `outgoing` before closing the port."""
        self._link.leave(now)
        self._take(now)

    def request(self, message: Request, now: int) -> int:
        """Send a request; its id comes back, and later one `Replied` or `RequestFailed` with it. Raises OutOfBounds."""
        self._last_request = self._last_request % 0xFFFF_FFFF + 1
        number = self._last_request
        raw = self.dialect.encode(replace(message, request_id=number))
        if self._link.is_open:
            self._pending[number] = _Pending(self.dialect.replies[type(message)], now + REPLY_MS)
            self._link.send(raw, urgent=True)
        else:
            self._events.append(RequestFailed(number, FailReason.SESSION_LOST))
        return number

    def send(self, message: Message, now: int) -> None:
        """Send what needs no reply: an event, an EVENT_ACK, a reply. Nothing is sent where no session stands.

        Raises OutOfBounds for a message that the wire cannot carry.
        """
        self.send_encoded(self.dialect.encode(message), urgent=not isinstance(message, _EVENTS))

    def send_encoded(self, raw: bytes, *, urgent: bool) -> None:
        """Send a message that is bytes already, as a terminal's log keeps its events."""
        if self._link.is_open:
            self._link.send(raw, urgent=urgent)

    def receive(self, data: bytes, now: int) -> None:
        """Bytes off the line, in any pieces. Never raises for what they hold."""
        self._link.receive(data, now)
        self._take(now)

    def tick(self, now: int) -> None:
        """Do whatever is due."""
        self._link.tick(now)
        self._take(now)
        for number in [number for number, pending in self._pending.items() if pending.due <= now]:
            del self._pending[number]
            self._events.append(RequestFailed(number, FailReason.NO_ANSWER))

    def outgoing(self, now: int) -> bytes:
        """The bytes to write now."""
        wire = self._link.outgoing(now)
        self._take(now)
        return wire

    def events(self) -> list[ConversationEvent]:
        """What happened since the last call, in order."""
        told, self._events = self._events, []
        return told

    def _take(self, now: int) -> None:
        for event in self._link.take():
            match event:
                case Delivered():
                    self._take_message(event, now)
                case LinkOpened():
                    self._open_session(event)
                case LinkClosed():
                    for number in self._pending:
                        self._events.append(RequestFailed(number, FailReason.SESSION_LOST))
                    self._pending.clear()
                    self._events.append(SessionClosed(event.session, event.reason))
                case LineSuspected() | SecurityNotice():
                    self._events.append(event)

    def _open_session(self, opened: LinkOpened) -> None:
        try:
            self._events.append(SessionOpened(opened.session, self.dialect.decode_hello(opened.payload)))
        except NotUnderstood as error:
            self._events.append(Unreadable(0, None, b"", f"terminal hello: {error.reason}"))

    def _take_message(self, delivered: Delivered, now: int) -> None:
        raw, agent = delivered.message, self.role is Role.AGENT
        try:
            if delivered.oversize:
                raise self.dialect.too_long(raw)
            message = self.dialect.decode(raw)
        except NotUnderstood as error:
            self._refuse(delivered.sha256, error, now)
            return
        answered = self._pending.get(getattr(message, "request_id", 0))
        if agent and answered is not None and isinstance(message, answered.answers):
            reply = cast(Reply, message)
            del self._pending[reply.request_id]
            self._events.append(Replied(reply.request_id, reply))
        elif isinstance(message, _EVENTS) if agent else isinstance(message, (EventAck, *self.dialect.replies)):
            self._events.append(Received(message, delivered.sha256))
        else:
            self.counters.discarded += 1  # a reply nobody waits for, or the other role's words

    def _refuse(self, digest: bytes, error: NotUnderstood, now: int) -> None:
        if self.role is Role.TERMINAL and error.request_id:
            self.send(Error(code=ErrorCode.NOT_UNDERSTOOD, tag=error.tag, request_id=error.request_id), now)
        self._events.append(Unreadable(error.message_type, error.number, digest, error.reason))
