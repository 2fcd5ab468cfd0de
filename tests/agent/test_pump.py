"""The pump's decisions, step by step, without a port, a disk or a thread: the terminal's end is the same Conversation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent import actions as a
from agent.head_at_terminal import HEAD_EVERY_MS
from agent.journal.heads import Verdict
from agent.journal.kinds import EventUnreadable, HeadMismatch, ResultUnasked, SecuritySeen, TerminalSaid
from agent.pump import RECORD_RETRY_MS
from agent.security_counts import DAY_MS, MOST_A_DAY, DayBound, SecurityCounts
from agent.views import LinkState, NoticeCode
from protocol.dialects.native.framing import Direction, Frame, FrameType, encode
from protocol.events import FailReason, Unreadable
from protocol.messages import (
    Error,
    ErrorCode,
    HeadGet,
    HeadPut,
    RequestState,
    Result,
    Sync,
    SyncReply,
    TerminalHello,
)
from protocol.money import Money
from tests.agent.pump_bench import HELLO, Bench, event


def false_reply(bench: Bench) -> bytes:
    """What somebody who has not the terminal's key, and knows the session's number, can say to the last HELLO."""
    call = bench.pump.talk._link._call  # type: ignore[attr-defined]  # the number, which he may guess in time
    return encode(Frame(FrameType.HELLO_REPLY, Direction.TO_AGENT, 0, 0, call.session, body=bytes(96)))


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


def test_nothing_is_asked_before_head_get_in_a_session_that_replaces_another() -> None:
    """The terminal boots again behind an adapter that stays: what was asked fails, the new session begins with HEAD_GET."""
    bench = Bench()
    bench.reply = lambda message: None  # HEAD_GET stays without an answer
    bench.connect()
    assert [type(m) for m in bench.heard] == [HeadGet]
    bench.heard.clear()
    bench.boot()
    bench.terminal.open(bench.now)
    bench.wait(40_000, step=100)
    assert bench.heard and isinstance(bench.heard[0], HeadGet), bench.heard


def test_a_terminal_whose_hello_is_not_understood_is_told_apart_from_silence() -> None:
    bench = Bench()
    link = bench.terminal._link  # type: ignore[attr-defined]  # no Conversation says a hello like that
    link._settings = replace(link._settings, hello=lambda: b"\xff\xff\0\0")
    bench.connect()
    bench.wait(200_000)
    assert bench.shown is not None
    assert NoticeCode.NOT_UNDERSTOOD in {notice.code for notice in bench.shown.notices}


def test_a_sync_that_the_terminal_refuses_is_tried_again() -> None:
    bench = Bench()

    def refuse(message: object) -> None:
        if isinstance(message, Sync):
            bench.terminal.send(Error(code=ErrorCode.NOT_NOW, request_id=message.request_id), bench.now)
        else:
            bench.reply_as_asked(message)

    bench.reply = refuse
    bench.connect()
    bench.wait(120_000)
    assert len(bench.sync_starts()) > 1


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


def test_a_head_put_that_got_no_answer_is_tried_again() -> None:
    bench = Bench()
    bench.connect()
    bench.reply = lambda message: None if isinstance(message, HeadPut) else bench.reply_as_asked(message)
    bench.wait(1_000)
    assert sum(isinstance(message, HeadPut) for message in bench.heard) == 1
    assert bench.remembered is None
    bench.reply = bench.reply_as_asked
    bench.wait(300_000, step=500)
    assert bench.remembered == "note 1"


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
    bench.give(a.PortOpened())
    for _second in range(70):
        bench.give(a.LineBytes(false_reply(bench)))
        bench.now += 1_000
        bench.give(a.Due())
    seen = [f for f in bench.facts if isinstance(f, SecuritySeen)]
    assert len(seen) == 1 and seen[0].what == "wrong_key" and 1 < seen[0].count <= 60
    assert bench.shown is not None
    assert NoticeCode.WRONG_KEY in {n.code for n in bench.shown.notices}


def test_security_seen_in_the_last_minute_is_recorded_at_leave() -> None:
    bench = Bench()
    bench.give(a.PortOpened())
    bench.give(a.LineBytes(false_reply(bench)))
    assert bench.facts_of(SecuritySeen) == []
    bench.give(a.Leave())
    (seen,) = bench.facts_of(SecuritySeen)
    assert (seen.what, seen.count) == ("wrong_key", 1)


def test_unreadable_messages_without_a_number_are_bounded_by_the_day_not_for_ever() -> None:
    counts = SecurityCounts()
    for _message in range(MOST_A_DAY):
        counts.due(DAY_MS)
        assert counts.unnumbered(DAY_MS)
    assert not counts.unnumbered(DAY_MS)
    counts.due(3 * DAY_MS)
    assert counts.unnumbered(3 * DAY_MS)


def test_questions_of_the_desk_are_answered_and_none_waits_for_ever() -> None:
    bench = Bench()
    bench.give(a.Ask(7, Sync(start=1)))
    assert bench.answers == [a.Answer(7, None, FailReason.SESSION_LOST)]
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


def test_an_outcome_that_nobody_waited_for_is_recorded() -> None:
    bench = Bench()
    bench.connect()
    result = Result(reference="ab" * 16, state=RequestState.APPROVED, amount=Money(500), request_id=77)
    bench.terminal.send(result, bench.now)
    bench.turn()
    (unasked,) = bench.facts_of(ResultUnasked)
    assert (unasked.terminal, unasked.result) == ("SN1", result)


def test_outcomes_that_nobody_waited_for_are_bounded_by_the_day() -> None:
    bound = DayBound("terminal.result_unasked", 2)
    assert [bound.may(DAY_MS - 1) for _ in range(3)] == [True, True, False]
    assert bound.may(DAY_MS)


@pytest.mark.parametrize("dialect", ["telium", "transbank"])
def test_a_wire_without_hello_and_log_is_neither_asked_for_events_nor_given_heads(dialect: str) -> None:
    """And a simulated home on it goes by the computer's clock: the wire tells none."""
    bench = Bench(dialect=dialect, simulated=True, pinned=None)
    bench.connect()
    bench.wait(3_000, step=100)
    assert bench.shown is not None and bench.shown.state is LinkState.UP
    assert bench.shown.hello is None and bench.shown.notices == ()
    bench.wait(120_000)
    assert bench.heard == [] and bench.acks() == [] and bench.facts == []
    bench.give(a.Pair(3))
    assert bench.done == [a.Done(3, a.Refusal.NOT_SPOKEN)]
    bench.give(a.Ask(4, Sync(start=1)))
    assert bench.answers == [a.Answer(4, None, FailReason.REFUSED)]


def test_an_unreadable_message_on_a_wire_without_a_log_is_kept_masked_and_refuses_nobody() -> None:
    bench = Bench(dialect="transbank", pinned=None)
    bench.connect()
    bench.wait(3_000, step=100)
    bench.pump.talk._events.append(Unreadable(9, None, bytes(32), "no such word", "0299"))
    bench.give(a.Due())
    (fact,) = bench.facts_of(EventUnreadable)
    assert (fact.event.log_epoch, fact.event.number, fact.raw) == ("", None, "0299")
    assert bench.shown is not None and bench.shown.state is LinkState.UP
    assert bench.records[-1].at == 5_000_000 + bench.now
