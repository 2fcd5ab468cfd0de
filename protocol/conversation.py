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
from typing import cast, get_args

from protocol.dialect import (
    ClockTold,
    Delivered,
    LinkClosed,
    LinkCounters,
    LinkKeys,
    LinkOpened,
    LinkSettings,
    PairingLink,
    Role,
    Undelivered,
    dialect,
)
from protocol.errors import NotSpoken, NotUnderstood
from protocol.events import (
    CloseReason,
    ConversationEvent,
    FailReason,
    Progressed,
    Received,
    Replied,
    RequestFailed,
    SessionClosed,
    SessionOpened,
    Unreadable,
)
from protocol.messages import (
    Confirm,
    DepositQuery,
    DepositReturn,
    Error,
    ErrorCode,
    EventAck,
    Message,
    MoneyRequest,
    Progress,
    Reply,
    Request,
    Result,
    SelfTest,
    Settle,
    TariffQuery,
    TerminalHello,
    UnsolicitedEvent,
)
from protocol.tickets import NO_TICKET

REPLY_MS = 10_000
"""A request without its reply for so long has failed; the link has given up on a silent peer before that."""
HOST_MS = 60_000
"""How long a terminal's own host may take: "wait for RESULT until the deadline + host time-out + 10 s"."""
PROGRESS_MS = 300_000
"""However often a terminal says that a money request is under way: so long after its wait would have ended, it ends."""

_UNASKED = get_args(UnsolicitedEvent)
_REPLIES = get_args(Reply)
_MONEY = get_args(MoneyRequest)
_BY_THE_HOST = (*_MONEY, Settle, DepositQuery, DepositReturn, TariffQuery, SelfTest)
"""Requests that a terminal asks its host for."""


@dataclass(slots=True)
class _Pending:
    request: Request
    answers: tuple[type[Message], ...]
    due: int
    last: int
    """Progress puts `due` off, but never beyond this."""


class Conversation:
    """One end of the wire.

    dialect_name: a name of `protocol.dialect.DIALECTS`. random: n -> n fresh bytes. line_rate: bits a second, for the
    acknowledgement timers. keys: of a dialect that pairs. hello: a terminal's word on its log, asked for in every
    handshake; an agent has none. Raises UnknownDialect.
    """

    def __init__(
        self,
        dialect_name: str,
        role: Role,
        *,
        random: Callable[[int], bytes],
        line_rate: int = 115_200,
        keys: LinkKeys | None = None,
        hello: Callable[[], TerminalHello] | None = None,
    ) -> None:
        self.role = role
        self.dialect = dialect(dialect_name)
        self._hello = self.dialect.hello
        codec = self._hello
        payload = (lambda: codec.encode(hello())) if codec is not None and hello is not None else bytes
        self._link = self.dialect.link(LinkSettings(role, random, line_rate, keys, payload))
        self._events: list[ConversationEvent] = []
        self._pending: dict[int, _Pending] = {}
        self._last_request = 0
        self._ahead: int | None = None  # by how much the terminal's clock is ahead of ours, at least

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

    def speaks(self, message: type[Message]) -> bool:
        """The dialect has words for such a message."""
        return message in self.dialect.speaks

    def terminal_uptime(self, now: int) -> int:
        """What the terminal's clock shows at least (ms); our own where the dialect tells none. Deadlines are told in it."""
        return now if self._ahead is None else now + self._ahead

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

    # -- pairing -------------------------------------------------------------------------------------------------------

    def pair(self, now: int) -> None:
        """Agent: begin a pairing. Terminal: take part in one. Later one PairingShown or PairingFailed. Raises NotSpoken."""
        self._pairing_link().pair(now)
        self._take(now)

    def confirm_pairing(self, now: int) -> None:
        """A person compared the number shown: Paired follows, and sessions with that key. Raises NotSpoken."""
        self._pairing_link().confirm_pairing(now)
        self._take(now)

    def cancel_pairing(self, now: int) -> None:
        """Raises NotSpoken."""
        self._pairing_link().cancel_pairing()
        self._take(now)

    def _pairing_link(self) -> PairingLink:
        if not self.dialect.pairs:
            raise NotSpoken(f"the {self.dialect.name} dialect has no pairing")
        return cast(PairingLink, self._link)

    # -- what goes out -------------------------------------------------------------------------------------------------

    def request(self, message: Request, now: int) -> int:
        """Send a request; its id comes back, and later one `Replied` or `RequestFailed` with it.

        Raises OutOfBounds, and NotSpoken where the dialect has no words for it.
        """
        if not self.speaks(type(message)):
            raise NotSpoken(f"the {self.dialect.name} dialect has no words for {type(message).__name__}")
        self._last_request = self._last_request % 0xFFFF_FFFF + 1
        number = self._last_request
        numbered = replace(message, request_id=number)
        raw = self.dialect.encode(numbered)
        if not self._link.is_open:
            self._events.append(RequestFailed(number, FailReason.SESSION_LOST))
        elif self.dialect.one_at_a_time and self._pending:
            self._events.append(RequestFailed(number, FailReason.BUSY))
        else:
            due = now + max(REPLY_MS, self.dialect.answer_ms)
            if isinstance(message, _BY_THE_HOST):
                due += HOST_MS
            if isinstance(message, _MONEY):
                due += max(0, message.deadline - self.terminal_uptime(now))
            self._pending[number] = _Pending(numbered, self.dialect.replies[type(message)], due, due + PROGRESS_MS)
            self._link.send(raw, urgent=True)
        return number

    def send(self, message: Message, now: int) -> None:
        """Send what needs no reply: an event, an EVENT_ACK, a reply. Nothing is sent where no session stands.

        Raises OutOfBounds for a message that the wire cannot carry.
        """
        self.send_encoded(self.dialect.encode(message), urgent=not isinstance(message, _UNASKED))

    def send_encoded(self, raw: bytes, *, urgent: bool) -> None:
        """Send a message that is bytes already, as a terminal's log keeps its events."""
        if self._link.is_open:
            self._link.send(raw, urgent=urgent)

    def outgoing(self, now: int) -> bytes:
        """The bytes to write now."""
        wire = self._link.outgoing(now)
        self._take(now)
        return wire

    # -- what comes in -------------------------------------------------------------------------------------------------

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
                    self._open_session(event, now)
                case LinkClosed():
                    self._fail_all(FailReason.SESSION_LOST)
                    self._events.append(SessionClosed(event.session, event.reason))
                case Undelivered(refused):
                    self._fail_all(FailReason.REFUSED if refused else FailReason.NO_ANSWER)
                case ClockTold(uptime):
                    self._ahead = uptime - now
                case _:
                    self._events.append(event)

    def _fail_all(self, reason: FailReason) -> None:
        self._events += [RequestFailed(number, reason) for number in self._pending]
        self._pending.clear()

    def _open_session(self, opened: LinkOpened, now: int) -> None:
        hello = None
        if self._hello is not None:
            try:
                hello = self._hello.decode(opened.payload)
            except NotUnderstood as error:
                self._events.append(Unreadable(0, None, b"", f"terminal hello: {error.reason}", error.raw))
                return
            self._ahead = hello.uptime - now
        self._events.append(SessionOpened(opened.session, hello))

    def _take_message(self, delivered: Delivered, now: int) -> None:
        raw, agent = delivered.message, self.role is Role.AGENT
        try:
            if delivered.oversize:
                raise self.dialect.too_long(raw)
            message = self.dialect.decode(raw)
        except NotUnderstood as error:
            self._refuse(delivered.sha256, error, now)
            return
        if agent and isinstance(message, (Progress, *_REPLIES)):
            self._take_reply(cast(Progress | Reply, message), delivered.sha256, now)
        elif (
            isinstance(message, _UNASKED) if agent else isinstance(message, (EventAck, Confirm, *self.dialect.replies))
        ):
            self._events.append(Received(message, delivered.sha256))
        else:
            self.counters.discarded += 1  # the other role's words

    def _take_reply(self, message: Progress | Reply, digest: bytes, now: int) -> None:
        for number, pending in self._pending.items():
            if isinstance(message, Progress):
                if self._is_progress_of(pending.request, message):
                    pending.due = min(max(pending.due, now + HOST_MS + REPLY_MS), pending.last)
                    self._events.append(Progressed(number, replace(message, request_id=number)))
                    return
            elif isinstance(message, pending.answers):
                reply = self.dialect.answer(pending.request, message)
                if reply is not None:
                    del self._pending[number]
                    self._events.append(Replied(number, reply))
                    return
        if isinstance(message, Result):  # an outcome that nobody waits for is still one
            self._events.append(Received(message, digest))
        else:
            self.counters.discarded += 1

    def _is_progress_of(self, request: Request, progress: Progress) -> bool:
        if not isinstance(request, MoneyRequest):
            return False
        if self.dialect.one_at_a_time and progress.reference == NO_TICKET:
            return True
        same_id = self.dialect.one_at_a_time or progress.request_id == request.request_id
        return same_id and progress.reference == request.reference

    def _refuse(self, digest: bytes, error: NotUnderstood, now: int) -> None:
        if self.role is Role.TERMINAL and error.request_id and self.speaks(Error):
            self.send(Error(code=ErrorCode.NOT_UNDERSTOOD, tag=error.tag, request_id=error.request_id), now)
        self._events.append(Unreadable(error.message_type, error.number, digest, error.reason, error.raw))
