"""The one loop's decisions: what line, clock and disk say goes in; what to write, record and show comes out.

`Pump.step(now, wall, input)` does no I/O and knows no thread. A session goes

    opened -> HEAD_GET -> remembered head compared -> SYNC(next) -> events -> recorded -> EVENT_ACK -> HEAD_PUT when idle

and nothing is acknowledged before `Recorded` says that it is durable under a signed head. The link acknowledges frames from
its own turn and never waits for the disk. A dialect without a log of its own is only listened to and asked. now: ms that
never go back; wall: ms UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agent import actions as a
from agent import money_line
from agent.head_at_terminal import HeadAtTerminal
from agent.journal.kinds import (
    EventGap,
    EventId,
    EventUnreadable,
    Fact,
    HeadMismatch,
    ResultUnasked,
    TerminalSaid,
)
from agent.lane import Lane
from agent.line_state import REFUSED_RETRY_MS, LineState, stranger
from agent.log_position import Arrival, LogPosition
from agent.money import EndedIntent, OpenIntent, Rollbacks
from agent.money_queries import Moment
from agent.pairing import Pairing
from agent.questions import Questions
from agent.security_counts import SecurityCounts
from agent.views import LinkState, NoticeCode
from protocol import events as e
from protocol import messages as m
from protocol.conversation import Conversation

RECORD_RETRY_MS = 5_000
"""How long after a failed commit, or a SYNC refused, the events are asked for again."""


class Pump:
    """What one home does with its line.

    converse: a terminal's public key, None for none -> the agent's end of the wire, not yet open. pinned: the key to begin
    with. terminal, simulated: whom this home belongs to. last_events: (terminal, log epoch) -> the last event number the
    journal holds, newest epoch last. head_size, head_note, head_at: the journal's head, and its time (ms UTC), which a
    simulated home goes by until the terminal has told one. line_rate: bits a second. intents, ended, rollbacks: what the
    journal says of money requests (`agent.money.history`), newest last.

    talk: the agent's end of the wire in force; another one after a terminal was unpaired.
    """

    def __init__(
        self,
        converse: Callable[[bytes | None], Conversation],
        *,
        pinned: bytes | None,
        terminal: str,
        simulated: bool,
        last_events: Mapping[tuple[str, str], int],
        head_size: int,
        head_note: str,
        head_at: int = 0,
        line_rate: int = 115_200,
        intents: Sequence[OpenIntent] = (),
        ended: Sequence[EndedIntent] = (),
        rollbacks: Rollbacks | None = None,
    ) -> None:
        self._converse, self.talk = converse, converse(pinned)
        self._pairing = Pairing(terminal, pinned, pairs=self.talk.dialect.pairs)
        self._has_log = self.talk.dialect.hello is not None
        self._terminal, self._simulated = terminal, simulated
        self._head_at = head_at
        self._log = LogPosition(terminal, last_events)
        self._lane = Lane(terminal, intents, ended, rollbacks, queries=self.talk.speaks(m.StatusQuery))
        self._head = HeadAtTerminal(head_size, head_note, line_rate)
        self._hello: m.TerminalHello | None = None
        self.terminal_time = 0
        """The latest time the terminal gave (ms UTC), 0 before the first: a simulated home's clock."""
        self._syncing = False  # a SYNC of this session was answered: events count from here on
        self._attempt = 0
        self._facts: list[Fact] = []
        self._handed_back: list[Fact] = []  # by the disk
        self._questions = Questions()
        self._security = SecurityCounts()
        self._line = LineState()
        self._actions: list[a.Action] = []
        self._shown: a.Show | None = None
        self._record_due: int | None = None

    @property
    def durable(self) -> int:
        """The last event number recorded, in the log epoch in force."""
        return self._log.durable

    @property
    def deadline(self) -> int | None:
        """When a `a.Due` has something to do, or None."""
        due = [self.talk.deadline, self._record_due, self._log.quiet_due, self._head_due, self._lane.due]
        due += self._line.due
        return min((d for d in due if d is not None), default=None)

    @property
    def _head_due(self) -> int | None:
        busy = bool(self._facts or self._handed_back) or self._questions.own
        return self._head.due(busy=busy) if self._syncing else None

    def step(self, now: int, wall: int, given: a.Input) -> list[a.Action]:
        """One input's consequences, in the order to carry them out. In a simulated home `wall` counts for nothing."""
        wall = self._time(wall)
        match given:
            case a.LineBytes(data):
                self.talk.receive(data, now)
            case a.Due():
                self.talk.tick(now)
            case a.Recorded():
                self._take_recorded(given, now, wall)
            case a.PortOpened():
                self._line.opened()
                self._seek(now, wall)
            case a.PortLost(reason):
                self.talk.close(now)
                self._line.lost(wall, reason)
                self._actions += self._pairing.line_lost()
            case a.RecordFailed():
                self._take_failure(given, now, wall)
            case a.HeadCompared():
                self._take_verdict(given, now, wall)
            case a.Ask():
                self._actions += self._questions.put_for_desk(self.talk, given, now)
            case a.Order() | a.Abandon() | a.Park() | a.Resolve() | a.AcceptRollback():
                self._lane.take(given, self._moment(now, wall))
            case a.Leave():
                self.talk.leave(now)
                self._facts += self._security.flush()
            case _:
                self._take_pairing(given, now, wall)
        self._hear(now, wall)
        wall = self._time(wall)
        self._by_the_clock(now, wall)
        return self._finish(now, wall)

    def _time(self, wall: int) -> int:
        return (self.terminal_time or self._head_at) if self._simulated and self._has_log else wall

    def _seek(self, now: int, wall: int) -> None:
        """Open the line: somebody shall answer, or nobody can before a pairing."""
        self.talk.open(now)
        self.talk.tick(now)
        self._line.seeking(now, wall, unpaired=self._pairing.lacking)

    # -- pairing -------------------------------------------------------------------------------------------------------

    def _take_pairing(self, given: a.PairingInput, now: int, wall: int) -> None:
        match given:
            case a.Pinned(peer):
                facts, answers = self._pairing.kept(peer)
                self._facts += facts
                self._actions += answers
                self._line.key_changed()
                if peer is None:
                    self._start_anew(now, wall)
                elif self._line.has_port and not self.talk.is_open:
                    self._line.seeking(now, wall, unpaired=False)
            case a.PinFailed():
                self._actions += self._pairing.not_kept()
                self._start_anew(now, wall)
            case _ if (refusal := self._pairing.refusal(given, has_port=self._line.has_port)) is not None:
                self._actions.append(a.Done(given.token, refusal))
            case a.Pair(token):
                if self._line.state is LinkState.REFUSED:  # it was left in peace
                    self.talk.close(now)
                    self._seek(now, wall)
                self.talk.cancel_pairing(now)
                self._hear(now, wall)
                self._pairing.begin()
                self.talk.pair(now)
                self._actions.append(a.Done(token))
            case a.ConfirmPairing(token=token):
                self._pairing.confirm(token)
                self.talk.confirm_pairing(now)
                self._hear(now, wall)
                if not self._pairing.keeping:  # its time was over
                    self._actions += self._pairing.cancelled()
            case a.CancelPairing(token):
                self._actions += [*self._pairing.cancelled(), a.Done(token)]
                self.talk.cancel_pairing(now)
            case a.Unpair(token):
                self._actions += [*self._pairing.cancelled(), *self._pairing.keep(None, token)]

    def _start_anew(self, now: int, wall: int) -> None:
        """Another end of the wire, which knows the key pinned now and no other."""
        self.talk.leave(now)
        if wire := self.talk.outgoing(now):
            self._actions.append(a.Write(wire))
        self.talk.close(now)
        self._hear(now, wall)
        self.talk = self._converse(self._pairing.pinned)
        if self._line.has_port:
            self._seek(now, wall)

    # -- what the line says --------------------------------------------------------------------------------------------

    def _hear(self, now: int, wall: int) -> None:
        for event in self.talk.events():
            self._take(event, now, wall)

    def _take(self, event: e.ConversationEvent, now: int, wall: int) -> None:
        money_line.hear(self._lane, event, self._moment(now, wall))
        match event:
            case e.SessionOpened(_, hello):
                self._begin(hello, now, wall)
            case e.SessionClosed():
                self._hello, self._syncing = None, False
                self._log.quiet_due = None
                self._questions.forget()
                self._line.ended(now)
            case e.Received():
                self._take_message(event, now, wall)
            case e.Unreadable():
                self._take_unreadable(event, now, wall)
            case e.Replied(request_id, answer) | e.RequestFailed(request_id, answer):
                self._actions += self._questions.answered(request_id, answer, now, wall)
            case e.PairingShown() | e.PairingFailed() | e.Paired():
                self._actions += self._pairing.take(event)
            case e.LineSuspected() | e.SecurityNotice() | e.KeyRefused():
                self._line.trouble(event, wall)
                if isinstance(event, e.SecurityNotice):
                    self._security.count(event.kind, event.sha256, wall)

    def _take_message(self, received: e.Received, now: int, wall: int) -> None:
        message, digest = received.message, received.sha256
        if isinstance(message, m.Result):
            if not self._lane.result(message, self._moment(now, wall)) and self._security.result(wall):
                self._facts.append(ResultUnasked(terminal=self._terminal, sha256=digest, result=message))
                self._lane.contradicted(message)
        elif isinstance(message, m.UnsolicitedEvent) and self._hello is not None:
            epoch = self._hello.log_epoch
            said = TerminalSaid(terminal=self._terminal, log_epoch=epoch, sha256=digest, message=message)
            self._take_event(message.number, said, now)

    def _begin(self, hello: m.TerminalHello | None, now: int, wall: int) -> None:
        wrong = stranger(hello, self._terminal, simulated=self._simulated)
        if hello is not None and wrong is not None:
            self._line.refused(wrong, now, wall, terminal=hello.terminal, ours=self._terminal)
            self.talk.leave(now)
            return
        self._hello, self._syncing = hello, False
        self._line.up()
        self._head.begin()
        if hello is not None:
            self.terminal_time = max(self.terminal_time, hello.clock)
            said = self._log.begin(hello)
            self._facts += said
            self._lane.log_doubted(said)
            self._questions.put(self.talk, m.HeadGet(), now, self._take_remembered)
        money_line.begin(self._lane, hello, self._moment(now, wall))

    def _take_remembered(self, reply: m.Reply | None, now: int, wall: int) -> None:
        if isinstance(reply, m.HeadReply) and reply.checkpoint is not None:
            self._actions.append(a.CompareHead(reply.checkpoint))
        else:  # it remembers none, or cannot
            self._synchronise(now)

    def _take_verdict(self, compared: a.HeadCompared, now: int, wall: int) -> None:
        if not compared.verdict.fits and compared.verdict.value not in {"foreign", "lost"}:
            self._head.leave()
            self._line.tell(NoticeCode.HEAD_MISMATCH, wall, source="terminal", verdict=compared.verdict.value)
            if not compared.recorded:
                mismatch = HeadMismatch(source="terminal", remembered=compared.note, verdict=compared.verdict.value)
                self._facts.append(mismatch)
        if not self._syncing:
            self._synchronise(now)

    def _synchronise(self, now: int, *, on_quiet_line: bool = False) -> None:
        self._syncing = True
        self._questions.put(self.talk, m.Sync(start=self._log.ask(on_quiet_line=on_quiet_line)), now, self._take_sync)

    def _take_sync(self, reply: m.Reply | None, now: int, wall: int) -> None:
        if isinstance(reply, m.SyncReply):
            if (gap := self._log.lost_below(reply.oldest_retained, "below the oldest retained")) is not None:
                self._facts.append(gap)
        elif reply is None:
            self._synchronise(now)
        else:
            self._record_due = now + RECORD_RETRY_MS

    def _take_event(self, number: int, fact: Fact, now: int) -> None:
        self._head.heard(now)
        if isinstance(fact, TerminalSaid):
            self.terminal_time = max(self.terminal_time, fact.message.at)
        if not self._syncing or self._record_due is not None:
            return  # it will come again after the SYNC
        arrival, gap = self._log.arrive(number, now)
        if arrival is Arrival.ASK:
            self._synchronise(now)
        elif arrival is Arrival.TAKE:
            self._facts += [fact] if gap is None else [gap, fact]
            if isinstance(fact, TerminalSaid) and isinstance(fact.message, m.Transaction):
                self._lane.transaction(fact.message, fact.log_epoch)
                self._take_money()  # after the event that says so, in one commit with it

    def _take_unreadable(self, what: e.Unreadable, now: int, wall: int) -> None:
        if self._hello is None and self._has_log:
            if what.number is None and self.talk.is_open:
                self._line.refused(NoticeCode.NOT_UNDERSTOOD, now, wall)
                self.talk.leave(now)
            return
        epoch, number = ("", None) if self._hello is None else (self._hello.log_epoch, what.number)
        told = EventId(terminal=self._terminal, log_epoch=epoch, number=number, at=None, sha256=what.sha256)
        fact = EventUnreadable(event=told, message_type=what.message_type, reason=what.reason, raw=what.raw)
        if number is not None:
            self._take_event(number, fact, now)
        elif self._security.unnumbered(wall):
            self._facts.append(fact)

    # -- what the disk says --------------------------------------------------------------------------------------------

    def _take_recorded(self, recorded: a.Recorded, now: int, wall: int) -> None:
        self._head.grown(recorded.size, recorded.note)
        self._line.clear(NoticeCode.RECORDING_STOPPED)
        self._lane.log_doubted(recorded.contradictions)
        self._lane.recorded(recorded.facts, self._moment(now, wall))
        event = recorded.last_event
        if event is not None and self._log.recorded(*event) and self._hello is not None:
            self.talk.send(m.EventAck(up_to=event[1]), now)

    def _take_failure(self, failed: a.RecordFailed, now: int, wall: int) -> None:
        """Nothing is acknowledged; the terminal keeps its copy and is asked for it again. All else keeps its order."""
        self._handed_back += [f for f in self._lane.not_recorded(failed.facts) if not isinstance(f, _ASKED_AGAIN)]
        if failed.attempt != self._attempt:
            return  # sent before the failure was known, and not tried
        self._attempt += 1
        self._facts = [f for f in self._lane.not_recorded(self._facts) if not isinstance(f, _ASKED_AGAIN)]
        self._log.failed()
        self._record_due = now + (RECORD_RETRY_MS if failed.what else 0)
        if failed.what:
            self._line.tell(NoticeCode.RECORDING_STOPPED, wall, what=failed.what, todo=failed.todo)

    # -- what the clock says -------------------------------------------------------------------------------------------

    def _by_the_clock(self, now: int, wall: int) -> None:
        self._line.by_the_clock(now, wall)
        if self._line.retry_due is not None and self._line.retry_due <= now:
            if self._pairing.under_way:
                self._line.retry_due = now + REFUSED_RETRY_MS
            else:
                self.talk.close(now)
                self._seek(now, wall)
        if self._record_due is not None and self._record_due <= now:
            self._record_due = None
            if self._hello is not None:
                self._synchronise(now)
        if self._log.quiet_due is not None and self._log.quiet_due <= now:
            self._synchronise(now, on_quiet_line=True)
        self._facts += self._security.due(wall)
        if (head_due := self._head_due) is not None and head_due <= now:
            self._questions.put(self.talk, self._head.put(now), now, self._take_put)

    def _take_put(self, reply: m.Reply | None, now: int, wall: int) -> None:
        self._actions += self._head.answered(reply)

    # -- what comes out ------------------------------------------------------------------------------------------------

    def _moment(self, now: int, wall: int) -> Moment:
        talk, records = self.talk, self._record_due is None
        return Moment(
            now, wall, talk.terminal_uptime(now), self._log.durable, records, lambda said: money_line.fits(talk, said)
        )

    def _take_money(self) -> None:
        self._facts += self._lane.facts
        self._actions += self._lane.answers
        self._lane.facts, self._lane.answers = [], []

    def _finish(self, now: int, wall: int) -> list[a.Action]:
        self._hear(now, wall)  # a request that failed at once
        while money_line.say(self._lane, self.talk, self._moment(now, wall)):
            self._hear(now, wall)
        self._take_money()
        if self._record_due is None and (facts := (*self._handed_back, *self._facts)):
            self._actions.append(a.Record(self._attempt, wall, facts))
            self._handed_back, self._facts = [], []
        if not self._pairing.keeping and (wire := self.talk.outgoing(now)):
            self._actions.append(a.Write(wire))
        notices, pairing = (*self._lane.notices, *self._line.notices), self._pairing
        show = a.Show(self._line.state, notices, self._hello, pairing.pinned, pairing.view, self._lane.view)
        if show != self._shown:
            self._shown = show
            self._actions.append(show)
        actions, self._actions = self._actions, []
        return actions


_ASKED_AGAIN = (TerminalSaid, EventUnreadable, EventGap)
"""Facts that the next SYNC brings again, in their order."""
