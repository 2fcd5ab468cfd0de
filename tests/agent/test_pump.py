"""The pump's decisions, step by step, without a port, a disk or a thread: the terminal's end is the same Conversation."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from agent import actions as a
from agent.journal.heads import Verdict
from agent.journal.kinds import (
    EventGap,
    EventUnreadable,
    HeadMismatch,
    LogReplaced,
    LogRolledBack,
    SecuritySeen,
    TerminalSaid,
)
from agent.log_position import QUIET_MS
from agent.pump import HEAD_EVERY_MS, RECORD_RETRY_MS, Pump
from agent.views import LinkState, NoticeCode
from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.events import Received
from protocol.messages import (
    DeviceEvent,
    DeviceEventKind,
    EventAck,
    HeadGet,
    HeadPut,
    HeadReply,
    Severity,
    Sync,
    SyncReply,
    TerminalHello,
)

SECRET = bytes(range(32))
HELLO = TerminalHello(
    terminal="SN1",
    log_epoch="e1",
    boot_id="b1",
    oldest_retained=1,
    last_written=0,
    last_acknowledged=0,
    clock=1_000,
    simulated=False,
)


def event(number: int, detail: str = "") -> DeviceEvent:
    return DeviceEvent(
        number=number, at=number * 1000, kind=DeviceEventKind.FAULT, severity=Severity.MINOR, detail=detail or None
    )


class Bench:
    """A pump and a terminal's end of the wire, in one virtual time. recorded: what the pump asked to record."""

    def __init__(
        self,
        *,
        hello: TerminalHello = HELLO,
        last_events: dict[tuple[str, str], int] | None = None,
        simulated: bool = False,
    ) -> None:
        self.now = 0
        self.hello = hello
        randomness = (bytes([n % 256]) for n in itertools.count(1))
        fresh = lambda n: next(randomness) * n  # noqa: E731
        self.terminal = Conversation("native", Role.TERMINAL, secret=SECRET, random=fresh, hello=lambda: self.hello)
        self.pump = Pump(
            Conversation("native", Role.AGENT, secret=SECRET, random=fresh),
            terminal="SN1",
            simulated=simulated,
            last_events=last_events or {},
            head_size=1,
            head_note="note 1",
        )
        self.wire: list[bytes] = []
        self.records: list[a.Record] = []
        self.shown: a.Show | None = None
        self.compared: list[str] = []
        self.answers: list[a.Answer] = []
        self.heard: list[object] = []
        self.remembered: str | None = None
        self.size = 1
        self.retained = 1

    def give(self, given: a.Input) -> None:
        for action in self.pump.step(self.now, 5_000_000 + self.now, given):
            match action:
                case a.Write(data):
                    self.wire.append(data)
                case a.Record():
                    self.records.append(action)
                case a.Show():
                    self.shown = action
                case a.CompareHead(note):
                    self.compared.append(note)
                case a.Answer():
                    self.answers.append(action)

    def turn(self) -> None:
        """Carry everything between both ends until nobody has anything to say."""
        while True:
            moved = False
            while self.wire:
                self.terminal.receive(self.wire.pop(0), self.now)
                moved = True
            for happened in self.terminal.events():
                moved = True
                if isinstance(happened, Received):
                    self.heard.append(happened.message)
                    self._reply(happened.message)
            self.terminal.tick(self.now)
            if back := self.terminal.outgoing(self.now):
                self.give(a.LineBytes(back))
                moved = True
            if not moved:
                return

    def _reply(self, message: object) -> None:
        match message:
            case HeadGet(request_id=number):
                self.terminal.send(HeadReply(checkpoint=self.remembered, request_id=number), self.now)
            case HeadPut(request_id=number, checkpoint=note):
                self.remembered = note
                self.terminal.send(HeadReply(checkpoint=note, request_id=number), self.now)
            case Sync(request_id=number):
                reply = SyncReply(
                    oldest_retained=self.retained, last_written=self.hello.last_written, request_id=number
                )
                self.terminal.send(reply, self.now)

    def connect(self) -> None:
        self.terminal.open(self.now)
        self.give(a.PortOpened())
        self.turn()

    def say(self, *events: DeviceEvent) -> None:
        for each in events:
            self.terminal.send(each, self.now)
        self.turn()

    def record(self) -> None:
        """The storage commits everything asked for."""
        for record in self.records:
            self.size += len(record.facts)
            last = None
            for fact in record.facts:
                match fact:
                    case TerminalSaid() | EventUnreadable():
                        last = (fact.event.log_epoch, fact.event.number or 0)
                    case EventGap():
                        last = (fact.log_epoch, fact.last)
            self.give(a.Recorded(last, self.size, f"note {self.size}"))
        self.records.clear()
        self.turn()

    @property
    def facts(self) -> list[object]:
        return [fact for record in self.records for fact in record.facts]

    def acks(self) -> list[int]:
        return [m.up_to for m in self.heard if isinstance(m, EventAck)]


def test_a_session_begins_with_the_remembered_head_then_the_sync_then_events() -> None:
    bench = Bench()
    bench.connect()
    assert [type(m) for m in bench.heard] == [HeadGet, Sync]
    assert bench.heard[1].start == 1  # type: ignore[attr-defined]
    assert bench.shown is not None and bench.shown.state is LinkState.UP


def test_nothing_is_acknowledged_before_it_is_recorded() -> None:
    bench = Bench()
    bench.connect()
    bench.say(event(1), event(2))
    assert [f.message.number for f in bench.facts if isinstance(f, TerminalSaid)] == [1, 2]
    assert bench.acks() == []
    bench.record()
    assert bench.acks()[-1] == 2


def test_events_before_the_sync_are_left_alone() -> None:
    bench = Bench(hello=replace(HELLO, last_written=3))
    bench.remembered = "held"  # a head to compare: the SYNC waits for the verdict
    bench.connect()
    bench.say(event(1))
    assert bench.facts == [] and bench.compared == ["held"]
    bench.give(a.HeadCompared("held", Verdict.EXTENDS))
    bench.turn()
    bench.say(event(1))
    assert len(bench.facts) == 1


def test_the_sync_starts_after_what_the_journal_holds() -> None:
    bench = Bench(hello=replace(HELLO, last_written=9, last_acknowledged=7), last_events={("SN1", "e1"): 7})
    bench.connect()
    assert bench.heard[-1].start == 8  # type: ignore[attr-defined]


def test_what_the_terminal_does_not_know_to_be_acknowledged_is_told_again_and_compared() -> None:
    bench = Bench(hello=replace(HELLO, last_written=9, last_acknowledged=3), last_events={("SN1", "e1"): 7})
    bench.connect()
    assert bench.heard[-1].start == 4  # type: ignore[attr-defined]


def test_a_gap_is_asked_for_and_signed_only_if_it_stays_on_a_quiet_line() -> None:
    bench = Bench()
    bench.connect()
    bench.say(event(1))
    bench.record()
    bench.say(event(4))
    assert bench.facts == []
    assert bench.heard[-1].start == 2  # type: ignore[attr-defined]
    bench.say(event(4))
    assert bench.facts == [], "under way when the SYNC went out, for all we know"
    bench.now += QUIET_MS
    bench.give(a.Due())
    bench.turn()
    assert [m.start for m in bench.heard if isinstance(m, Sync)] == [1, 2, 2]
    bench.say(event(4))
    (gap, said) = bench.facts
    assert isinstance(gap, EventGap) and (gap.first, gap.last) == (2, 3)
    assert isinstance(said, TerminalSaid) and said.message.number == 4


def test_what_the_terminal_no_longer_retains_is_signed_as_lost() -> None:
    bench = Bench(hello=replace(HELLO, oldest_retained=5, last_written=9))
    bench.retained = 5
    bench.connect()
    (gap,) = bench.facts
    assert isinstance(gap, EventGap) and (gap.first, gap.last) == (1, 4)
    bench.say(event(5))
    assert len(bench.facts) == 2


def test_a_log_that_ends_before_what_was_told_is_a_rollback_recorded_once() -> None:
    bench = Bench(hello=replace(HELLO, last_written=4, last_acknowledged=4), last_events={("SN1", "e1"): 9})
    bench.connect()
    (rolled,) = bench.facts
    assert isinstance(rolled, LogRolledBack) and (rolled.last_written, rolled.journal_has) == (4, 9)
    assert bench.heard[-1].start == 5  # type: ignore[attr-defined]
    bench.record()
    bench.say(event(5, "told anew"))
    bench.record()
    bench.hello = replace(bench.hello, last_written=5, last_acknowledged=5)
    bench.give(a.PortLost("pulled"))
    bench.terminal.close(bench.now)
    bench.connect()
    assert bench.facts == []
    assert bench.heard[-1].start == 6  # type: ignore[attr-defined]


def test_a_new_log_epoch_is_recorded_and_counts_from_its_beginning() -> None:
    bench = Bench(hello=replace(HELLO, log_epoch="e2", last_written=2), last_events={("SN1", "e1"): 9})
    bench.connect()
    (replaced,) = bench.facts
    assert isinstance(replaced, LogReplaced) and replaced.old_log_epoch == "e1"
    assert bench.heard[-1].start == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (replace(HELLO, terminal="SN2"), NoticeCode.WRONG_TERMINAL),
        (replace(HELLO, simulated=True), NoticeCode.WRONG_NATURE),
    ],
)
def test_a_terminal_that_is_not_ours_is_refused_and_said_so(hello: TerminalHello, code: NoticeCode) -> None:
    bench = Bench(hello=hello)
    bench.connect()
    assert bench.shown is not None and bench.shown.state is LinkState.REFUSED
    assert [n.code for n in bench.shown.notices] == [code]
    assert bench.heard == [] and bench.facts == []
    bench.hello = HELLO
    bench.now += 30_000
    bench.give(a.Due())
    bench.turn()
    assert bench.shown.state is LinkState.UP and bench.shown.notices == ()


@pytest.mark.parametrize("verdict", [Verdict.CUT, Verdict.FORKED, Verdict.BAD_SIGNATURE])
def test_a_head_that_does_not_fit_is_recorded_shown_and_recording_goes_on(verdict: Verdict) -> None:
    bench = Bench()
    bench.remembered = "theirs"
    bench.connect()
    bench.give(a.HeadCompared("theirs", verdict))
    bench.turn()
    (mismatch,) = bench.facts
    assert isinstance(mismatch, HeadMismatch) and mismatch.verdict == verdict.value
    assert bench.shown is not None and bench.shown.notices[0].code is NoticeCode.HEAD_MISMATCH
    bench.record()
    bench.say(event(1))
    assert len(bench.facts) == 1


def test_the_head_goes_to_the_terminal_when_idle_and_at_the_latest_after_a_minute() -> None:
    bench = Bench()
    bench.connect()
    bench.now += 1_000
    bench.give(a.Due())
    bench.turn()
    assert bench.remembered == "note 1"
    bench.say(event(1))
    bench.record()
    assert bench.remembered == "note 1"
    bench.now += 299
    bench.give(a.Due())
    bench.turn()
    assert bench.remembered == "note 1"
    bench.now += 1
    bench.give(a.Due())
    bench.turn()
    assert bench.remembered == "note 2"
    number = 2
    start = bench.now
    while bench.remembered == "note 2":  # never idle: an event every 100 ms
        bench.now += 100
        bench.say(event(number))
        bench.record()
        number += 1
    assert bench.now - start <= HEAD_EVERY_MS + 200


def test_a_failed_commit_acknowledges_nothing_and_the_events_are_asked_for_again() -> None:
    bench = Bench()
    bench.connect()
    bench.say(event(1), event(2))
    first = bench.records[0]
    facts = tuple(bench.facts)
    bench.records.clear()
    bench.give(a.RecordFailed(first.attempt, facts, "The disk is full.", "Free some space."))  # type: ignore[arg-type]
    bench.say(event(3))
    assert bench.acks() == [] and bench.facts == []
    assert bench.shown is not None and bench.shown.notices[0].facts["what"] == "The disk is full."
    bench.now += RECORD_RETRY_MS
    bench.give(a.Due())
    bench.turn()
    assert [m.start for m in bench.heard if isinstance(m, Sync)] == [1, 1]
    bench.say(event(1), event(2), event(3))
    assert all(r.attempt == first.attempt + 1 for r in bench.records)
    bench.record()
    assert bench.acks()[-1] == 3 and bench.shown.notices == ()


def test_security_events_make_one_entry_for_each_kind_and_minute() -> None:
    bench = Bench()
    stranger = Conversation("native", Role.TERMINAL, secret=bytes(32), random=lambda n: bytes(n), hello=lambda: HELLO)
    stranger.open(0)
    bench.give(a.PortOpened())
    for _second in range(70):
        while bench.wire:
            stranger.receive(bench.wire.pop(0), bench.now)
        if back := stranger.outgoing(bench.now):
            bench.give(a.LineBytes(back))
        bench.now += 1_000
        bench.give(a.Due())
    seen = [f for f in bench.facts if isinstance(f, SecuritySeen)]
    assert len(seen) == 1 and seen[0].what == "wrong_secret" and 1 < seen[0].count <= 60
    assert bench.shown is not None
    assert NoticeCode.WRONG_SECRET in {n.code for n in bench.shown.notices}


def test_questions_of_the_desk_are_answered_and_none_waits_for_ever() -> None:
    bench = Bench()
    bench.give(a.Ask(7, Sync(start=1)))
    assert bench.answers == [a.Answer(7, None)]
    bench.connect()
    bench.give(a.Ask(8, Sync(start=1)))
    bench.turn()
    assert isinstance(bench.answers[-1].reply, SyncReply)


def test_a_simulated_home_goes_by_the_terminals_clock() -> None:
    bench = Bench(hello=replace(HELLO, simulated=True), simulated=True)
    bench.connect()
    bench.say(event(9_000))  # a gap: asked for
    bench.say(event(1))
    assert bench.records[-1].at == 9_000_000
