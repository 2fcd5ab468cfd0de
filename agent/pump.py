"""The one loop's decisions: what line, clock and disk say goes in; what to write, record and show comes out.

`Pump.step(now, wall, input)` does no I/O and knows no thread. A session goes

    opened -> HEAD_GET -> remembered head compared -> SYNC(next) -> events -> recorded -> EVENT_ACK -> HEAD_PUT when idle

and nothing is acknowledged before `Recorded` says that it is durable under a signed head. The link acknowledges frames from
its own turn and never waits for the disk. now: ms that never go back; wall: ms UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent import actions as a
from agent.journal.kinds import (
    EventGap,
    EventId,
    EventUnreadable,
    Fact,
    HeadMismatch,
    TerminalSaid,
)
from agent.log_position import Arrival, LogPosition
from agent.security_counts import SecurityCounts
from agent.views import LinkState, Notice, NoticeCode
from protocol import messages as m
from protocol.conversation import Conversation
from protocol.events import (
    ConversationEvent,
    FailReason,
    LineSuspected,
    Received,
    Replied,
    RequestFailed,
    SecurityKind,
    SecurityNotice,
    SessionClosed,
    SessionOpened,
    Unreadable,
)

# "HEAD_PUT when idle, at least every 60 s"
IDLE_MS = 300
FRAME_BYTES = 280
HEAD_EVERY_MS = 60_000
REFUSED_RETRY_MS = 30_000
"""How long a terminal that is not ours is left in peace."""
RECORD_RETRY_MS = 5_000
"""How long after a failed commit, or a SYNC refused, the events are asked for again."""
SILENT_MS = 5_000
"""How long nobody may answer on an open port before a person is told."""


class Pump:
    """What one home does with its line.

    conversation: the agent's end, not yet open. terminal, simulated: whom this home belongs to. last_events: (terminal, log
    epoch) -> the last event number the journal holds, newest epoch last. head_size, head_note: the journal's head.
    line_rate: bits a second.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        terminal: str,
        simulated: bool,
        last_events: Mapping[tuple[str, str], int],
        head_size: int,
        head_note: str,
        line_rate: int = 115_200,
    ) -> None:
        self._talk = conversation
        # On a slow line an event takes as long as a pause on a quick one: idle is what three frames would have filled.
        self._idle_ms = max(IDLE_MS, 3 * FRAME_BYTES * 10_000 // line_rate)
        self._terminal, self._simulated = terminal, simulated
        self._log = LogPosition(terminal, last_events)
        self._size, self._note = head_size, head_note
        self._put_size = -1
        self._put_at = 0
        self._hello: m.TerminalHello | None = None
        self.terminal_time = 0
        """The latest time the terminal gave (ms UTC): a simulated home's clock."""
        self._syncing = False  # a SYNC of this session was answered: events count from here on
        self._attempt = 0
        self._facts: list[Fact] = []
        self._waiting: dict[int, Callable[[m.Reply | None, int, int], None]] = {}
        self._asked: dict[int, int] = {}  # request id -> the desk's token
        self._security = SecurityCounts()
        self._state = LinkState.CONNECTING
        self._notices: dict[NoticeCode, Notice] = {}
        self._actions: list[a.Action] = []
        self._shown: a.Show | None = None
        self._heard_at = 0
        self._silent_due: int | None = None
        self._retry_due: int | None = None
        self._record_due: int | None = None

    @property
    def durable(self) -> int:
        """The last event number recorded, in the log epoch in force."""
        return self._log.durable

    @property
    def deadline(self) -> int | None:
        """When a `a.Due` has something to do, or None."""
        due = [self._talk.deadline, self._silent_due, self._retry_due, self._record_due, self._log.quiet_due]
        if self._head_is_due():
            due.append(self._put_at + HEAD_EVERY_MS if self._busy() else self._heard_at + self._idle_ms)
        return min((d for d in due if d is not None), default=None)

    def step(self, now: int, wall: int, given: a.Input) -> list[a.Action]:
        """One input's consequences, in the order to carry them out. In a simulated home `wall` counts for nothing."""
        wall = self._time(wall)
        match given:
            case a.LineBytes(data):
                self._talk.receive(data, now)
            case a.Due():
                self._talk.tick(now)
            case a.Recorded():
                self._take_recorded(given, now)
            case a.PortOpened():
                self._clear(NoticeCode.PORT_LOST)
                self._state = LinkState.CONNECTING
                self._silent_due = now + SILENT_MS
                self._talk.open(now)
                self._talk.tick(now)
            case a.PortLost(reason):
                self._talk.close(now)
                self._state = LinkState.PORT_LOST
                self._silent_due = self._retry_due = None
                self._raise(NoticeCode.PORT_LOST, wall, reason=reason)
            case a.RecordFailed():
                self._take_failure(given, now, wall)
            case a.HeadCompared():
                self._take_verdict(given, now, wall)
            case a.Ask(token, message):
                self._asked[self._talk.request(message, now)] = token
            case a.Leave():
                self._talk.leave(now)
                self._facts += self._security.flush()
        for event in self._talk.events():
            self._take(event, now, wall)
        wall = self._time(wall)
        self._by_the_clock(now, wall)
        return self._finish(now, wall)

    def _time(self, wall: int) -> int:
        return self.terminal_time if self._simulated else wall

    # -- what the line says --------------------------------------------------------------------------------------------

    def _take(self, event: ConversationEvent, now: int, wall: int) -> None:
        match event:
            case SessionOpened(_, hello):
                self._begin(hello, now, wall)
            case SessionClosed():
                self._hello, self._syncing = None, False
                self._log.quiet_due = None
                self._waiting.clear()
                if self._state is LinkState.UP:
                    self._state = LinkState.CONNECTING
                    self._silent_due = now + SILENT_MS
            case Received(m.Transaction() | m.Fee() | m.DeviceEvent() as message, digest):
                if self._hello is not None:
                    said = TerminalSaid(
                        terminal=self._terminal, log_epoch=self._hello.log_epoch, sha256=digest, message=message
                    )
                    self._take_event(message.number, said, now)
            case Unreadable():
                self._take_unreadable(event, now, wall)
            case Replied(request_id, reply):
                self._answer(request_id, reply, now, wall)
            case RequestFailed(request_id, FailReason.NO_ANSWER):
                self._answer(request_id, None, now, wall)
            case RequestFailed(request_id):  # with its session: the next one begins anew
                self._waiting.pop(request_id, None)
                self._answer(request_id, None, now, wall)
            case LineSuspected():
                self._raise(NoticeCode.LINE_SETTINGS, wall)
            case SecurityNotice(kind, digest):
                self._security.count(kind, digest, wall)
                if kind is SecurityKind.WRONG_SECRET and self._state is not LinkState.UP:
                    self._raise(NoticeCode.WRONG_SECRET, wall)

    def _answer(self, request_id: int, reply: m.Reply | None, now: int, wall: int) -> None:
        if (token := self._asked.pop(request_id, None)) is not None:
            self._actions.append(a.Answer(token, reply))
        if (then := self._waiting.pop(request_id, None)) is not None:
            then(reply, now, wall)

    def _refuse(self, code: NoticeCode, now: int, wall: int, **facts: str) -> None:
        self._state = LinkState.REFUSED
        self._raise(code, wall, **facts)
        self._talk.leave(now)
        self._retry_due = now + REFUSED_RETRY_MS

    def _begin(self, hello: m.TerminalHello, now: int, wall: int) -> None:
        wrong = None
        if hello.terminal != self._terminal:
            wrong = NoticeCode.WRONG_TERMINAL
        elif hello.simulated is not self._simulated:
            wrong = NoticeCode.WRONG_NATURE
        if wrong is not None:
            self._refuse(wrong, now, wall, terminal=hello.terminal, ours=self._terminal)
            return
        self._state, self._hello, self._syncing = LinkState.UP, hello, False
        self.terminal_time = max(self.terminal_time, hello.clock)
        self._silent_due = self._retry_due = None
        self._put_size = -1
        for code in _OF_THE_LINE:
            self._clear(code)
        self._facts += self._log.begin(hello)
        self._request(m.HeadGet(), now, self._take_remembered)

    def _take_remembered(self, reply: m.Reply | None, now: int, wall: int) -> None:
        if isinstance(reply, m.HeadReply) and reply.checkpoint is not None:
            self._actions.append(a.CompareHead(reply.checkpoint))
        else:  # it remembers none, or cannot
            self._synchronise(now)

    def _take_verdict(self, compared: a.HeadCompared, now: int, wall: int) -> None:
        if not compared.verdict.fits and compared.verdict.value != "foreign":
            self._put_size = _NEVER  # the terminal keeps its proof; nothing is put over it
            self._raise(NoticeCode.HEAD_MISMATCH, wall, source="terminal", verdict=compared.verdict.value)
            if not compared.recorded:
                mismatch = HeadMismatch(source="terminal", remembered=compared.note, verdict=compared.verdict.value)
                self._facts.append(mismatch)
        if not self._syncing:
            self._synchronise(now)

    def _synchronise(self, now: int, *, on_quiet_line: bool = False) -> None:
        self._syncing = True
        self._request(m.Sync(start=self._log.ask(on_quiet_line=on_quiet_line)), now, self._take_sync)

    def _take_sync(self, reply: m.Reply | None, now: int, wall: int) -> None:
        if isinstance(reply, m.SyncReply):
            if (gap := self._log.lost_below(reply.oldest_retained, "below the oldest retained")) is not None:
                self._facts.append(gap)
        elif reply is None:
            self._synchronise(now)
        else:
            self._record_due = now + RECORD_RETRY_MS

    def _take_event(self, number: int, fact: Fact, now: int) -> None:
        self._heard_at = now
        if isinstance(fact, TerminalSaid):
            self.terminal_time = max(self.terminal_time, fact.message.at)
        if not self._syncing or self._record_due is not None:
            return  # it will come again after the SYNC
        arrival, gap = self._log.arrive(number, now)
        if arrival is Arrival.ASK:
            self._synchronise(now)
        elif arrival is Arrival.TAKE:
            self._facts += [fact] if gap is None else [gap, fact]

    def _take_unreadable(self, what: Unreadable, now: int, wall: int) -> None:
        if self._hello is None:
            if what.number is None and self._talk.is_open:
                self._refuse(NoticeCode.NOT_UNDERSTOOD, now, wall)
            return
        told = EventId(
            terminal=self._terminal, log_epoch=self._hello.log_epoch, number=what.number, at=None, sha256=what.sha256
        )
        fact = EventUnreadable(event=told, message_type=what.message_type, reason=what.reason)
        if what.number is not None:
            self._take_event(what.number, fact, now)
        elif self._security.unnumbered(wall):
            self._facts.append(fact)

    # -- what the disk says --------------------------------------------------------------------------------------------

    def _take_recorded(self, recorded: a.Recorded, now: int) -> None:
        self._size, self._note = recorded.size, recorded.note
        self._clear(NoticeCode.RECORDING_STOPPED)
        if recorded.last_event is None:
            return
        if self._log.recorded(*recorded.last_event) and self._hello is not None:
            self._talk.send(m.EventAck(up_to=recorded.last_event[1]), now)

    def _take_failure(self, failed: a.RecordFailed, now: int, wall: int) -> None:
        """Nothing is acknowledged; the terminal keeps its copy and is asked for it again."""
        self._facts = [f for f in failed.facts if not isinstance(f, _ASKED_AGAIN)] + self._facts
        if failed.attempt != self._attempt:
            return  # sent before the failure was known, and not tried
        self._attempt += 1
        self._facts = [f for f in self._facts if not isinstance(f, _ASKED_AGAIN)]
        self._log.failed()
        self._record_due = now + RECORD_RETRY_MS
        self._raise(NoticeCode.RECORDING_STOPPED, wall, what=failed.what, todo=failed.todo)

    # -- what the clock says -------------------------------------------------------------------------------------------

    def _by_the_clock(self, now: int, wall: int) -> None:
        if self._silent_due is not None and self._silent_due <= now:
            self._silent_due = None
            self._raise(NoticeCode.TERMINAL_SILENT, wall)
        if self._retry_due is not None and self._retry_due <= now:
            self._retry_due = None
            self._talk.close(now)
            self._talk.open(now)
            self._talk.tick(now)
        if self._record_due is not None and self._record_due <= now:
            self._record_due = None
            if self._hello is not None:
                self._synchronise(now)
        if self._log.quiet_due is not None and self._log.quiet_due <= now:
            self._synchronise(now, on_quiet_line=True)
        self._facts += self._security.due(wall)
        if self._head_is_due() and (
            (not self._busy() and now >= self._heard_at + self._idle_ms) or now >= self._put_at + HEAD_EVERY_MS
        ):
            self._put_size, self._put_at = self._size, now
            self._request(m.HeadPut(checkpoint=self._note), now, self._take_put)

    def _head_is_due(self) -> bool:
        return self._syncing and self._size > self._put_size

    def _busy(self) -> bool:
        return bool(self._facts) or bool(self._waiting)

    def _take_put(self, reply: m.Reply | None, now: int, wall: int) -> None:
        if isinstance(reply, m.HeadReply) and not reply.accepted and reply.checkpoint is not None:
            self._actions.append(a.CompareHead(reply.checkpoint))
        elif reply is None:
            self._put_size = -1
        elif isinstance(reply, m.Error):
            self._put_size = _NEVER  # it cannot remember heads; not asked again in this session

    # -- what comes out ------------------------------------------------------------------------------------------------

    def _request(self, message: m.Request, now: int, then: Callable[[m.Reply | None, int, int], None]) -> None:
        self._waiting[self._talk.request(message, now)] = then

    def _raise(self, code: NoticeCode, wall: int, **facts: str) -> None:
        if code not in self._notices or self._notices[code].facts != facts:
            self._notices[code] = Notice(code, wall, facts)

    def _clear(self, code: NoticeCode) -> None:
        self._notices.pop(code, None)

    def _finish(self, now: int, wall: int) -> list[a.Action]:
        for event in self._talk.events():  # a request that failed at once
            self._take(event, now, wall)
        if self._facts and self._record_due is None:
            self._actions.append(a.Record(self._attempt, wall, tuple(self._facts)))
            self._facts = []
        if wire := self._talk.outgoing(now):
            self._actions.append(a.Write(wire))
        show = a.Show(self._state, tuple(self._notices.values()), self._hello)
        if show != self._shown:
            self._shown = show
            self._actions.append(show)
        actions, self._actions = self._actions, []
        return actions


_ASKED_AGAIN = (TerminalSaid, EventUnreadable, EventGap)
"""Facts that the next SYNC brings again, in their order."""

_NEVER = 1 << 62

_OF_THE_LINE = (
    NoticeCode.TERMINAL_SILENT,
    NoticeCode.LINE_SETTINGS,
    NoticeCode.WRONG_TERMINAL,
    NoticeCode.WRONG_NATURE,
    NoticeCode.WRONG_SECRET,
    NoticeCode.NOT_UNDERSTOOD,
)
