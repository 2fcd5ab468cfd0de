"""The terminal's end: a log that survives every reboot, a real Conversation, and the rules of docs/protocol.md §3."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role, dialect
from protocol.dialects.native.noise import KeyPair
from protocol.events import Received, SessionClosed, SessionOpened
from protocol.messages import (
    DeviceEvent,
    DeviceEventKind,
    EventAck,
    HeadGet,
    HeadPut,
    HeadReply,
    Message,
    Severity,
    Sync,
    SyncReply,
    TerminalHello,
)

TERMINAL, EPOCH = "SN1", "e1"
AGENT_KEYS, TERMINAL_KEYS = (KeyPair.from_private(bytes([n]) * 32) for n in (1, 2))
"""The static keys of the two ends, which pinned each other's."""
# "At most 64 events (32 KiB) are sent beyond the last EVENT_ACK"; 64 of ours are below 20 KiB
MOST_EVENTS = 64


@dataclass(frozen=True, slots=True)
class Logged:
    """An event as the log holds it: the bytes that are sent each time, and their SHA-256."""

    raw: bytes
    sha256: bytes


class Terminal:
    """log: by number - 1; None is a number that was never written. told: (session, SHA-256) -> how often it was sent there.

    random: n -> n bytes. dropping: called with the former and the new bound before an EVENT_ACK is believed.
    put: called with a head before it is remembered.
    """

    def __init__(
        self, random: Callable[[int], bytes], dropping: Callable[[int, int], None], put: Callable[[str], None]
    ) -> None:
        self._random, self._dropping, self._put = random, dropping, put
        self.log: list[Logged | None] = []
        self.acknowledged = 0
        self.head: str | None = None
        self.told: Counter[tuple[int, bytes]] = Counter()
        self.boots = 0
        self._lives = 0  # how often the log was put back: what is written then is another event
        self.boot(0)

    # -- its life ------------------------------------------------------------------------------------------------------

    def boot(self, now: int) -> None:
        """Start, or start again: log, acknowledgement and remembered head are durable, the session is not."""
        self.boots += 1
        self._session = 0
        self._restart_from(None)
        keys = LinkKeys(TERMINAL_KEYS.private, AGENT_KEYS.public)
        self.conversation = Conversation("native", Role.TERMINAL, keys=keys, random=self._random, hello=self._hello)
        self.conversation.open(now)

    def trade(self, *, long: bool) -> None:
        """Two more events; long: the second one takes two frames."""
        for detail in ("", "x" * 250 if long else ""):
            number = self.last_written + 1
            event = DeviceEvent(
                number=number,
                at=number * 1000 + self._lives,
                kind=DeviceEventKind.FAULT,
                severity=Severity.MINOR,
                detail=detail or None,
            )
            raw = dialect("native").encode(event)
            self.log.append(Logged(raw, sha256(raw).digest()))

    def skip(self, count: int) -> None:
        """Numbers that are never written."""
        self.log += [None] * count

    def put_back(self, last_written: int, now: int) -> None:
        """An older copy of the log takes its place."""
        del self.log[last_written:]
        self.acknowledged = min(self.acknowledged, last_written)
        self._lives += 1
        self.boot(now)

    # -- what it says --------------------------------------------------------------------------------------------------

    @property
    def last_written(self) -> int:
        return len(self.log)

    def turn(self, now: int) -> bytes:
        """Act on what was heard; the bytes to write."""
        for event in self.conversation.events():
            match event:
                case SessionOpened(session):
                    self._session = session
                    self._restart_from(None)
                case SessionClosed():
                    self._session = 0
                    self._restart_from(None)
                case Received(message):
                    self._answer(message, now)
        self._send_events()
        return self.conversation.outgoing(now)

    def _answer(self, message: Message, now: int) -> None:
        match message:
            case EventAck(up_to=up_to):
                if self.acknowledged < up_to <= self.last_written:
                    self._dropping(self.acknowledged, up_to)
                    self.acknowledged = up_to
                while self._unacknowledged and self._unacknowledged[0] <= self.acknowledged:
                    self._unacknowledged.popleft()
            case Sync(start=start, request_id=request):
                self._restart_from(max(1, start))
                reply = SyncReply(oldest_retained=1, last_written=self.last_written, request_id=request)
                self.conversation.send(reply, now)
            case HeadGet(request_id=request):
                self.conversation.send(HeadReply(checkpoint=self.head, request_id=request), now)
            case HeadPut(checkpoint=checkpoint, request_id=request):
                self._put(checkpoint)
                accepted = self.head is None or _size(checkpoint) >= _size(self.head)
                if accepted:
                    self.head = checkpoint
                self.conversation.send(HeadReply(checkpoint=self.head, accepted=accepted, request_id=request), now)

    def _restart_from(self, number: int | None) -> None:
        self._next = number
        self._unacknowledged: deque[int] = deque()

    def _send_events(self) -> None:
        while (
            self._next is not None
            and self._next <= self.last_written
            and len(self._unacknowledged) < MOST_EVENTS
            and self.conversation.backlog < MOST_EVENTS
        ):
            logged = self.log[self._next - 1]
            if logged is not None:
                if self._next > self.acknowledged:
                    self._unacknowledged.append(self._next)
                self.told[self._session, logged.sha256] += 1
                self.conversation.send_encoded(logged.raw, urgent=False)
            self._next += 1

    def _hello(self) -> TerminalHello:
        return TerminalHello(
            terminal=TERMINAL,
            log_epoch=EPOCH,
            boot_id=f"b{self.boots}",
            oldest_retained=1,
            last_written=self.last_written,
            last_acknowledged=self.acknowledged,
            clock=1,
            uptime=0,
            simulated=False,
        )


def _size(checkpoint: str) -> int:
    return int(checkpoint.split("\n")[1])
