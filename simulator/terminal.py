"""The simulated terminal, without I/O: bytes and time in, bytes out. A log, a conversation, and the rules of a terminal.

It sends no event in a session before a SYNC arrived in it, then all from there in order, with at most MAX_EVENTS and
MAX_BYTES beyond the last EVENT_ACK. What an event says on the wire is what the log holds, byte for byte.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.events import CloseReason, Received, SessionClosed, SessionOpened
from protocol.messages import (
    DeviceInfo,
    DeviceInfoQuery,
    Error,
    ErrorCode,
    EventAck,
    HeadGet,
    HeadPut,
    HeadReply,
    Message,
    Sync,
    SyncReply,
    TerminalHello,
)
from simulator.clock import SimulatedClock
from simulator.identity import Identity
from simulator.log import RememberedHead, TerminalLog
from simulator.profile import Profile
from simulator.trade import Trade

# "At most 64 events (32 KiB) are sent beyond the last EVENT_ACK" (docs/protocol.md §3)
MAX_EVENTS = 64
MAX_BYTES = 32 * 1024


class Terminal:
    """One terminal on one line. Every `now` is monotonic ms; `outgoing` is written after each other call."""

    def __init__(
        self,
        *,
        dialect: str,
        secret: bytes,
        random: Callable[[int], bytes],
        line_rate: int,
        profile: Profile,
        identity: Identity,
        boot_id: str,
        log: TerminalLog,
        clock: SimulatedClock,
        trade: Trade,
    ) -> None:
        self._profile = profile
        self._identity = identity
        self._boot_id = boot_id
        self._log = log
        self._clock = clock
        self._trade = trade
        self._now = 0
        self._next: int | None = None  # the next event to send; None before a SYNC
        self._unacknowledged: deque[tuple[int, int]] = (
            deque()
        )  # (number, bytes) sent in this session beyond the last ack
        self._unacknowledged_bytes = 0
        self.met = False
        """An agent made a session since the start."""
        self.left = False
        """The last agent said BYE, and none came since."""
        self._conversation = Conversation(
            dialect, Role.TERMINAL, secret=secret, random=random, line_rate=line_rate, hello=self._hello
        )

    @property
    def in_session(self) -> bool:
        """An agent is on the line."""
        return self._conversation.is_open

    @property
    def settled(self) -> bool:
        """The calendar is played, and every event is acknowledged."""
        return self._trade.finished and self._log.acknowledged == self._log.last_written

    @property
    def deadline(self) -> int | None:
        """When `tick` has something to do (monotonic ms), or None."""
        due = [d for d in (self._conversation.deadline, self._trade.deadline) if d is not None]
        return min(due, default=None)

    def start(self, now: int) -> None:
        """Boot, and listen on the line."""
        self._now = now
        self._trade.start(self._boot_id, now)
        self._conversation.open(now)
        self._advance(now)

    def receive(self, data: bytes, now: int) -> None:
        """Bytes off the line, in any pieces."""
        self._now = now
        self._conversation.receive(data, now)
        self._advance(now)

    def tick(self, now: int) -> None:
        """Whatever is due."""
        self._now = now
        self._conversation.tick(now)
        self._advance(now)

    def outgoing(self, now: int) -> bytes:
        """The bytes to write now."""
        self._now = now
        return self._conversation.outgoing(now)

    def leave(self, now: int) -> None:
        """Say BYE; `outgoing` has it."""
        self._conversation.leave(now)

    # -- what the agent said -------------------------------------------------------------------------------------------

    def _advance(self, now: int) -> None:
        for event in self._conversation.events():
            match event:
                case SessionOpened():
                    self.met, self.left = True, False
                    self._restart_from(None)
                case SessionClosed(reason=reason):
                    self.left = reason is CloseReason.PEER_LEFT
                    self._restart_from(None)
                case Received(message=message):
                    self._answer(message, now)
        self._trade.run(now)
        self._send_events()

    def _answer(self, message: Message, now: int) -> None:
        match message:
            case EventAck(up_to=up_to):
                self._log.acknowledge(up_to)
                while self._unacknowledged and self._unacknowledged[0][0] <= self._log.acknowledged:
                    self._unacknowledged_bytes -= self._unacknowledged.popleft()[1]
            case Sync(start=start, request_id=request):
                # A start below what is retained is answered with where it begins: the gap is the agent's to sign.
                self._restart_from(max(start, self._log.oldest_retained))
                self._conversation.send(
                    SyncReply(
                        oldest_retained=self._log.oldest_retained,
                        last_written=self._log.last_written,
                        request_id=request,
                    ),
                    now,
                )
            case DeviceInfoQuery(request_id=request):
                self._conversation.send(self._device_info(now, request), now)
            case HeadGet(request_id=request):
                head = self._log.head()
                self._conversation.send(
                    HeadReply(checkpoint=None if head is None else head.note, request_id=request), now
                )
            case HeadPut(checkpoint=checkpoint, request_id=request):
                self._conversation.send(self._put_head(checkpoint, request), now)
            case _:
                request = getattr(message, "request_id", 0)
                if request:
                    self._conversation.send(Error(code=ErrorCode.NOT_SUPPORTED, request_id=request), now)

    def _put_head(self, checkpoint: str, request: int) -> HeadReply | Error:
        """Remember a checkpoint, unless it takes its journal back: a smaller tree, or another root for the same size."""
        lines = checkpoint.split("\n")
        if len(lines) < 4 or not lines[0] or not (lines[1].isascii() and lines[1].isdigit()):
            return Error(code=ErrorCode.OUT_OF_BOUNDS, request_id=request)
        given = RememberedHead(lines[0], int(lines[1]), checkpoint)
        held = self._log.head(given.origin)
        if held is not None and (
            given.size < held.size or (given.size == held.size and lines[2] != held.note.split("\n")[2])
        ):
            return HeadReply(checkpoint=held.note, accepted=False, request_id=request)
        self._log.remember(given)
        return HeadReply(checkpoint=checkpoint, request_id=request)

    # -- what the terminal says ----------------------------------------------------------------------------------------

    def _restart_from(self, number: int | None) -> None:
        self._next = number
        self._unacknowledged.clear()
        self._unacknowledged_bytes = 0

    def _send_events(self) -> None:
        # Events below the last EVENT_ACK take no room in the window, so the link's queue is the second bound.
        while (
            self._next is not None
            and self._next <= self._log.last_written
            and len(self._unacknowledged) < MAX_EVENTS
            and self._conversation.backlog < MAX_EVENTS
        ):
            message = self._log.event(self._next)
            if self._next > self._log.acknowledged:
                if self._unacknowledged and self._unacknowledged_bytes + len(message) > MAX_BYTES:
                    return
                self._unacknowledged.append((self._next, len(message)))
                self._unacknowledged_bytes += len(message)
            self._conversation.send_encoded(message, urgent=False)
            self._next += 1

    def _hello(self) -> TerminalHello:
        return TerminalHello(
            terminal=self._identity.terminal,
            log_epoch=self._identity.log_epoch,
            boot_id=self._boot_id,
            oldest_retained=self._log.oldest_retained,
            last_written=self._log.last_written,
            last_acknowledged=self._log.acknowledged,
            clock=self._clock.time(self._now),
            simulated=True,
        )

    def _device_info(self, now: int, request: int) -> DeviceInfo:
        return DeviceInfo(
            serial_number=self._identity.serial_number,
            model=self._profile.model,
            firmware=self._profile.firmware,
            mid=self._identity.mid,
            tid=self._identity.tid,
            clock=self._clock.time(now),
            merchant_name=self._profile.merchant_name,
            mcc=self._profile.mcc,
            request_id=request,
        )
