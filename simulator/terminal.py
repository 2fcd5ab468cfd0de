"""The simulated terminal, without I/O: bytes and time in, bytes out. A log, a conversation, and the rules of a terminal.

Where its wire has words for events, it sends none in a session before a SYNC arrived in it, then all from there in order,
with at most MAX_EVENTS and MAX_BYTES beyond the last EVENT_ACK; and what an event says is what the log holds, byte for byte.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from protocol.conversation import Conversation
from protocol.dialect import Dialect, LinkKeys, Role
from protocol.events import (
    CloseReason,
    Paired,
    PairingFailed,
    PairingFailure,
    PairingShown,
    Received,
    SessionClosed,
    SessionOpened,
)
from protocol.messages import (
    Confirm,
    Error,
    ErrorCode,
    EventAck,
    HeadGet,
    HeadPut,
    HeadReply,
    Message,
    Outcome,
    Progress,
    Refund,
    Reply,
    Sale,
    Sync,
    SyncReply,
    TerminalHello,
    Transaction,
    Void,
)
from protocol.money import Money
from simulator.book import Book
from simulator.clock import SimulatedClock
from simulator.counter import Counter
from simulator.crashes import Crashes
from simulator.device import Device
from simulator.enquiries import Enquiries
from simulator.identity import Identity
from simulator.log import RememberedHead, TerminalLog
from simulator.pairing import PairingMode
from simulator.screen import Done, Faulty, Idle, Pairing, Paying, Showing
from simulator.tally import Tally
from simulator.trade import Trade

# "At most 64 events (32 KiB) are sent beyond the last EVENT_ACK" (docs/protocol.md §3)
MAX_EVENTS = 64
MAX_BYTES = 32 * 1024


def tells_events(dialect: Dialect) -> bool:
    """The wire has words for what stands in the log; one that has none calls a request by no more than a ticket either."""
    return Transaction in dialect.speaks


class Terminal:
    """One terminal on one line. Every `now` is monotonic ms; `outgoing` is written after each other call."""

    def __init__(
        self,
        *,
        dialect: str,
        keys: LinkKeys | None,
        pairing: PairingMode,
        random: Callable[[int], bytes],
        line_rate: int,
        identity: Identity,
        log: TerminalLog,
        clock: SimulatedClock,
        book: Book,
        trade: Trade,
        counter: Counter,
        enquiries: Enquiries,
        device: Device,
        crashes: Crashes,
    ) -> None:
        self._pairing = pairing
        self._shown = False
        self._number = ""
        self._news: list[PairingShown | Paired | PairingFailed] = []
        self.name = identity.terminal
        self._random = random
        self._boot_id = ""
        self._keys = keys
        self._line_rate = line_rate
        self.device = device
        self.crashes = crashes
        self.counter = counter
        self.tally = Tally()
        self._log = log
        self._clock = clock
        self.book = book
        self.trade = trade
        self._enquiries = enquiries
        self._now = 0
        self._next: int | None = None  # the next event to send; None before a SYNC
        self._unacknowledged: deque[tuple[int, int]] = (
            deque()
        )  # (number, bytes) sent in this session beyond the last ack
        self._unacknowledged_bytes = 0
        self.passes_for: str | None = None
        """Another terminal's name, told in the hello: somebody plugged the cable into that one."""
        self.met = False
        """An agent made a session since the start."""
        self.left = False
        """The last agent said BYE, and none came since."""
        self._dialect = dialect
        self._conversation = self._listening()
        self._tells_events = tells_events(self._conversation.dialect)

    @property
    def clock(self) -> SimulatedClock:
        """Its simulated time."""
        return self._clock

    @property
    def log(self) -> TerminalLog:
        return self._log

    @property
    def number_shown(self) -> str:
        """Of a pairing, six digits; empty where none is shown."""
        return self._number if self._shown else ""

    @property
    def pairs(self) -> bool:
        return self._pairing is not PairingMode.OFF

    @property
    def in_session(self) -> bool:
        """An agent is on the line."""
        return self._conversation.is_open

    @property
    def settled(self) -> bool:
        """The calendar is played, and every event acknowledged that can be told."""
        told = not self._tells_events or self._log.acknowledged == self._log.last_written
        return self.trade.finished and not self.counter.busy and told

    @property
    def deadline(self) -> int | None:
        """When `tick` has something to do (monotonic ms), or None."""
        due = (self._conversation.deadline, self.trade.deadline, self.counter.deadline)
        return min((d for d in due if d is not None), default=None)

    def _listening(self) -> Conversation:
        conversation = Conversation(
            self._dialect,
            Role.TERMINAL,
            random=self._random,
            line_rate=self._line_rate,
            keys=self._keys,
            hello=self._hello,
        )
        self.tally.booted(conversation.counters, self._log.last_written)
        return conversation

    def start(self, now: int) -> None:
        """Boot, and listen on the line: what was begun and has no outcome is reversed."""
        self._now = now
        self._boot_id = self._random(6).hex()
        self.trade.start(self._boot_id, now)
        if self._log.boots > 1:
            self.device.rebooted(now)
        self.book.reverse_unfinished(at=self._clock.time(now), now=now)
        self._conversation.open(now)
        self.allow_pairing(now)
        self._advance(now)

    def reboot(self, now: int) -> None:
        """Off and on again, also after TerminalCrashed: the session is gone, and only what stands in the log is known."""
        self._shown, self._news, self.left = False, [], False
        self._restart_from(None)
        self.counter.forget()
        self._log.reread()
        self._conversation = self._listening()
        self.start(now)

    def roll_back_log(self, number: int, now: int) -> None:
        """An old copy of the log is put back, which ends with event `number` (IndexError: never written); then a boot."""
        self._log.rolled_back_to(number, self.trade.played)
        self.reboot(now)

    def replace_log(self, now: int) -> None:
        """The log is lost and another begun, with an epoch of its own; then a boot."""
        self._log.replaced(self.trade.played)
        self.reboot(now)

    def receive(self, data: bytes, now: int) -> None:
        """Bytes off the line, in any pieces. TerminalCrashed, here and from `tick`: it ended; `reboot` begins anew."""
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

    def showing(self) -> Showing:
        """What the display shows."""
        if self._shown:
            return Pairing(self._number)
        if self.device.fault is not None:
            return Faulty(self.device.fault)
        if (doing := self.counter.doing) is not None:
            return Paying(*doing)
        if (done := self.counter.last_done) is not None:
            approved = done.outcome is Outcome.APPROVED
            return Done(done.kind, approved, done.amount, done.response_code, done.masked_pan)
        count, total = self.book.totals
        return Idle(self.device.plate.merchant_name, self.book.batch, count, Money(total, self.counter.currency))

    # -- pairing -------------------------------------------------------------------------------------------------------

    def pairing_news(self) -> list[PairingShown | Paired | PairingFailed]:
        """What the display shows since the last call. A key that was paired is to be kept before anything is written."""
        news, self._news = self._news, []
        return news

    def answer_pairing(self, yes: bool, now: int) -> None:
        """A person compared the number shown; ignored where none is."""
        self._now = now
        if not self._shown:
            return
        if yes:
            self._conversation.confirm_pairing(now)
        else:
            self._conversation.cancel_pairing(now)
            self.allow_pairing(now)
        self._advance(now)

    def allow_pairing(self, now: int) -> None:
        """Take part in one pairing, of at most three attempts; what is under way ends."""
        self._now = now
        if self._pairing is not PairingMode.OFF:
            self._conversation.pair(now)

    def _take_pairing(self, event: PairingShown | Paired | PairingFailed, now: int) -> None:
        shown_before = self._shown
        if shown_before or not isinstance(event, PairingFailed):  # a knock that came to nothing is no news
            self._news.append(event)
        self._shown = isinstance(event, PairingShown)
        self._number = event.number if isinstance(event, PairingShown) else ""
        match event:
            case PairingShown():
                if self._pairing is PairingMode.AUTO:
                    self._conversation.confirm_pairing(now)
            case Paired(peer=peer):
                self._keys = None if self._keys is None else replace(self._keys, peer=peer)
                if self._pairing is PairingMode.AUTO:
                    self.allow_pairing(now)
            case PairingFailed(PairingFailure.NO_ANSWER) if not shown_before:
                self.allow_pairing(now)
            case PairingFailed(PairingFailure.NO_ANSWER | PairingFailure.BROKEN) if self._pairing is PairingMode.AUTO:
                self.allow_pairing(now)
            case _:
                pass  # once a number was shown, a person allows the next pairing: by a no, or by a word of its own

    # -- what the agent said -------------------------------------------------------------------------------------------

    def _advance(self, now: int) -> None:
        while events := self._conversation.events():
            for event in events:
                match event:
                    case SessionOpened():
                        self.met, self.left = True, False
                        self.tally.opened()
                        self._restart_from(None)
                    case SessionClosed(reason=reason):
                        self.left = reason is CloseReason.PEER_LEFT
                        self._restart_from(None)
                    case Received(message=message):
                        self._answer(message, now)
                    case PairingShown() | Paired() | PairingFailed():
                        self._take_pairing(event, now)
        self.trade.run(now)
        self.counter.run(now)
        for said in self.counter.take():
            self._say(said, now)
        if self._tells_events:
            self._send_events()

    def _answer(self, message: Message, now: int) -> None:
        self.tally.heard(message, ticket=not self._tells_events)
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
            case HeadGet(request_id=request):
                head = self._log.head()
                self._conversation.send(
                    HeadReply(checkpoint=None if head is None else head.note, request_id=request), now
                )
            case HeadPut(checkpoint=checkpoint, request_id=request):
                self._conversation.send(self._put_head(checkpoint, request), now)
            case Sale() | Refund() | Void():
                self.counter.ask(message, now)
            case Confirm(reference=reference):
                self._log.confirm(reference)  # nothing is dropped: a reference is known for ever
            case _:
                request = getattr(message, "request_id", 0)
                reply = self._enquiries.answer(message, now)
                self._say(reply or Error(code=ErrorCode.NOT_SUPPORTED, request_id=request), now)

    def _say(self, reply: Progress | Reply, now: int) -> None:
        """If the wire has words for it."""
        self.tally.said(reply)
        if self._conversation.speaks(type(reply)):
            self._conversation.send(reply, now)

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
            self.tally.sent(self._next)
            self._next += 1

    def _hello(self) -> TerminalHello:
        return TerminalHello(
            terminal=self.passes_for or self.name,
            log_epoch=self._log.epoch,
            boot_id=self._boot_id,
            oldest_retained=self._log.oldest_retained,
            last_written=self._log.last_written,
            last_acknowledged=self._log.acknowledged,
            clock=self._clock.shown(self._now),
            uptime=self._now,
            simulated=True,
        )
