"""Pump and storage, second pair of eyes. Every test here states what should happen."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent import actions as a
from agent.journal import keys
from agent.journal.heads import Verdict
from agent.journal.kinds import *  # noqa
from agent.journal.kinds import (
    EventGap,
    JournalOpened,
    LogReplaced,
    SecuritySeen,
    TerminalSaid,
    to_draft,
)
from agent.journal.store import Journal
from agent.projection import Projection
from agent.pump import RECORD_RETRY_MS
from agent.security_counts import DAY_MS, MOST_A_DAY, SecurityCounts
from agent.storage import Storage
from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.messages import HeadGet, HeadPut, Sync
from tests.agent.test_pump import HELLO, SECRET, Bench, event


def failed(facts, what, todo):
    from dataclasses import fields

    new = "attempt" in {f.name for f in fields(a.RecordFailed)}
    return a.RecordFailed(*((0,) if new else ()), facts, what, todo)


DAY = [DAY_MS]


def unnumbered(counts):
    try:
        return counts.unnumbered(DAY[0])
    except TypeError:
        return counts.unnumbered()


# ---- false gaps -------------------------------------------------------------------------------------------------


def test_events_on_the_way_while_a_gap_is_asked_for_are_not_signed_as_lost() -> None:
    """2 was not heard; 3, 4, 5 were under way already. The SYNC brings 2 3 4 5: nothing is lost."""
    bench = Bench()
    bench.connect()
    bench.say(event(1))
    bench.record()
    bench.say(event(3), event(4), event(5))  # the terminal's queue, before the SYNC reaches its log
    bench.say(event(2), event(3), event(4), event(5))  # what the SYNC brings
    assert [type(f).__name__ for f in bench.facts if isinstance(f, EventGap)] == []
    assert [f.message.number for f in bench.facts if isinstance(f, TerminalSaid)] == [2, 3, 4, 5]


def test_a_sync_by_hand_while_the_head_is_compared_makes_no_false_gap() -> None:
    """`counterfoil terminal sync` just after the session opened, with a head to compare: real order of a real line."""
    bench = Bench(hello=replace(HELLO, last_written=6))
    bench.remembered = "held"
    bench.connect()
    bench.give(a.Ask(7, Sync(start=1)))  # desk.sync(): state is UP already
    bench.turn()
    bench.say(event(1), event(2))  # its events begin to come, and are left alone
    bench.give(a.HeadCompared("held", Verdict.EXTENDS))
    bench.say(event(3), event(4))  # still of the first stream
    bench.say(*(event(n) for n in range(1, 7)))  # the pump's own SYNC
    assert [f for f in bench.facts if isinstance(f, EventGap)] == []


def test_after_a_failed_commit_on_a_slow_line_nothing_is_signed_as_lost() -> None:
    """64 events of 130 bytes take 9 s at 9600 bit/s: the stream is still running when the retry's SYNC goes out."""
    bench = Bench()
    bench.connect()
    bench.say(event(1), event(2))
    facts = tuple(bench.facts)
    bench.records.clear()
    bench.give(failed(facts, "The disk is full.", "Free some space."))
    bench.say(event(3), event(4))
    bench.now += RECORD_RETRY_MS
    bench.give(a.Due())
    bench.say(event(5), event(6), event(7))  # in the terminal's queue before the SYNC came
    bench.say(*(event(n) for n in range(1, 8)))
    assert [f for f in bench.facts if isinstance(f, EventGap)] == []


# ---- rollback ---------------------------------------------------------------------------------------------------


def test_what_a_rolled_back_log_wrote_anew_before_we_met_it_is_asked_for() -> None:
    """Journal has 10; log put back to 5, then 6' and 7' were traded. Both versions are to be journaled."""
    bench = Bench(hello=replace(HELLO, last_written=7, last_acknowledged=5), last_events={("SN1", "e1"): 10})
    bench.connect()
    assert bench.heard[-1].start <= 6


def test_a_rolled_back_log_that_grew_past_the_journal_is_found() -> None:
    """Journal has (and acknowledged) 10; log put back to 5, then eight new ones: last written 13, acknowledged 5."""
    bench = Bench(hello=replace(HELLO, last_written=13, last_acknowledged=5), last_events={("SN1", "e1"): 10})
    bench.connect()
    assert bench.heard[-1].start <= 6


def test_a_replaced_log_is_recorded_when_the_former_one_comes_back() -> None:
    bench = Bench(
        hello=replace(HELLO, log_epoch="e1", last_written=9), last_events={("SN1", "e1"): 9, ("SN1", "e2"): 4}
    )
    bench.connect()
    assert any(isinstance(f, LogReplaced) for f in bench.facts)


# ---- gap only ---------------------------------------------------------------------------------------------------


def gap_bench() -> Bench:
    bench = Bench(hello=replace(HELLO, oldest_retained=5, last_written=4))
    bench.retained = 5
    bench.connect()
    return bench


def test_a_gap_that_is_recorded_is_not_signed_again_in_the_next_session() -> None:
    bench = gap_bench()
    assert len([f for f in bench.facts if isinstance(f, EventGap)]) == 1
    bench.record()
    bench.give(a.PortLost("pulled"))
    bench.terminal.close(bench.now)
    bench.connect()
    assert [f for f in bench.facts if isinstance(f, EventGap)] == []


# ---- sessions ---------------------------------------------------------------------------------------------------


def test_nothing_is_asked_before_head_get_in_a_session_that_replaces_another() -> None:
    """The terminal boots again behind an adapter that stays: a pending SYNC fails, the new session begins with HEAD_GET."""
    bench = Bench()
    bench._reply = lambda message: None  # the terminal answers nothing: HEAD_GET stays pending
    bench.connect()
    assert [type(x) for x in bench.heard] == [HeadGet]
    bench.heard.clear()
    Bench.__new__(Bench)
    import os

    bench.terminal = Conversation("native", Role.TERMINAL, secret=SECRET, random=os.urandom, hello=lambda: bench.hello)
    bench.terminal.open(bench.now)
    for _ in range(400):
        bench.now += 100
        if (bench.pump.deadline or 1 << 60) <= bench.now:
            bench.give(a.Due())
        bench.turn()
        if bench.heard:
            break
    first = [type(x).__name__ for x in bench.heard]
    assert first and first[0] == "HeadGet", first


def test_a_head_put_that_got_no_answer_is_tried_again() -> None:
    bench = Bench()
    bench.connect()
    answered = bench._reply
    bench._reply = lambda message: None if isinstance(message, HeadPut) else answered(message)
    bench.now += 1_000
    bench.give(a.Due())
    bench.turn()
    assert sum(isinstance(x, HeadPut) for x in bench.heard) == 1
    bench._reply = answered
    end = bench.now + 300_000
    while bench.now < end:
        bench.now += 500
        bench.give(a.Due())
        bench.turn()
    assert bench.remembered == "note 1"


def test_a_terminal_whose_hello_is_not_understood_is_told_apart_from_silence() -> None:
    bench = Bench()
    bench.terminal._link._settings = replace(bench.terminal._link._settings, hello=lambda: b"\xff\xff\0\0")
    bench.connect()
    for _ in range(200):
        bench.now += 1000
        bench.give(a.Due())
        bench.turn()
    codes = {n.code.value for n in bench.shown.notices}
    print(bench.shown.state, codes, bench.pump._talk.is_open)
    assert codes - {"terminal_silent"} or not bench.pump._talk.is_open


def test_a_sync_that_the_terminal_refuses_is_tried_again_or_shown() -> None:
    bench = Bench()

    def refuse(message):
        if isinstance(message, Sync):
            bench.terminal.send(
                m.Error(
                    code=m.ErrorCode.BUSY if hasattr(m.ErrorCode, "BUSY") else list(m.ErrorCode)[0],
                    request_id=message.request_id,
                ),
                bench.now,
            )
        else:
            Bench._reply(bench, message)

    bench._reply = refuse
    bench.connect()
    for _ in range(120):
        bench.now += 1000
        bench.give(a.Due())
        bench.turn()
    assert sum(isinstance(x, Sync) for x in bench.heard) > 1 or bench.shown.notices


def test_a_number_at_the_bound_does_not_raise_out_of_the_pump() -> None:
    bench = Bench(hello=replace(HELLO, last_written=2**53 - 1), last_events={("SN1", "e1"): 2**53 - 1})
    bench.connect()


def test_security_seen_in_the_last_minute_is_recorded_at_leave() -> None:
    bench = Bench()
    stranger = Conversation("native", Role.TERMINAL, secret=bytes(32), random=lambda n: bytes(n), hello=lambda: HELLO)
    stranger.open(0)
    bench.give(a.PortOpened())
    stranger.receive(b"".join(bench.wire), 0)
    bench.give(a.LineBytes(stranger.outgoing(0)))
    bench.give(a.Leave())
    assert [f for f in bench.facts if isinstance(f, SecuritySeen)]


def test_unnumbered_is_bounded_by_the_day_not_for_ever() -> None:
    counts = SecurityCounts()
    for _ in range(MOST_A_DAY):
        counts.due(DAY_MS)
        assert unnumbered(counts)
    assert not unnumbered(counts)
    counts.due(3 * DAY_MS)
    DAY[0] = 3 * DAY_MS
    assert unnumbered(counts)


# ---- storage ----------------------------------------------------------------------------------------------------


class Shelf:
    def __init__(self, home: Path) -> None:
        self.signer = keys.create(home)
        opened = JournalOpened(software="c", version="0", terminal="SN1", nature="real", generation=1)
        self.journal = Journal.create(home / "journal.db", self.signer, to_draft(opened, self.signer.token_hmac), 1)
        self.answers: queue.SimpleQueue = queue.SimpleQueue()
        self.storage = Storage(
            self.journal,
            self.signer,
            Projection(home / "views.db", "Asia/Shanghai"),
            self.answers.put,
            lambda head: None,
        )

    def put(self, *facts, attempt=0):
        self.storage.put(a.Record(attempt, 1000, facts))

    def answer(self):
        try:
            return self.answers.get(timeout=3)
        except queue.Empty:
            pytest.fail(f"no answer; storage thread alive: {self.storage._thread.is_alive()}")


@pytest.fixture
def shelf(tmp_path):
    made = Shelf(tmp_path)
    yield made
    made.storage.close()


def said(number, detail="", **kw):
    return TerminalSaid(
        terminal="SN1", log_epoch="e1", sha256=bytes([number % 256]) * 32, message=event(number, detail)
    )


def sale(number, terminal_time):
    t = m.Transaction(
        number=number,
        at=1000,
        reference="0" * 31 + "1",
        kind=m.TransactionKind.SALE,
        outcome=m.Outcome.APPROVED,
        amount=m.Money(100, 156),
        product=m.Product.DEBIT,
        trace="1",
        batch="1",
        mid="1",
        tid="1",
        terminal_time=terminal_time,
        entry_mode=list(m.EntryMode)[0],
        settlement_mode=list(m.SettlementMode)[0],
        response_code="00",
    )
    return TerminalSaid(terminal="SN1", log_epoch="e1", sha256=bytes(32), message=t)


def gap(first, last):
    return EventGap(terminal="SN1", log_epoch="e1", first=first, last=last, reason="x")


def test_a_gap_told_twice_does_not_end_the_storage(shelf):
    shelf.put(gap(1, 4))
    shelf.answer()
    shelf.put(gap(1, 4))
    shelf.answer()


def test_a_terminal_clock_beyond_the_calendar_does_not_end_the_storage(shelf):
    shelf.put(sale(1, 2**53 - 1))
    shelf.answer()
    time.sleep(0.3)
    shelf.put(said(2))
    assert shelf.answer().last_event == ("e1", 2)


def test_a_heads_folder_that_cannot_be_written_does_not_end_the_storage(shelf, tmp_path):
    import shutil

    time.sleep(0.2)
    shutil.rmtree(tmp_path / "heads")
    (tmp_path / "heads").write_text("a file")
    shelf.put(HeadMismatch(source="terminal", remembered="x", verdict="cut"))
    shelf.answer()


def test_a_note_that_cannot_be_read_does_not_end_the_storage(shelf, tmp_path):
    time.sleep(0.2)
    (tmp_path / "heads").mkdir(exist_ok=True)
    (tmp_path / "heads" / "x.note").mkdir()  # as root, the stand-in for a note of another owner
    shelf.storage.put(a.CompareHead("no note"))
    shelf.answer()


def test_what_is_no_event_outlives_a_failed_commit(shelf):
    """Two records are queued; the first fails. The security event of the second is not asked for again by any SYNC."""
    real = shelf.journal.append
    blocked = threading.Event()

    def failing(drafts, at):
        shelf.journal.append = real
        blocked.wait(2)
        from agent.errors import JournalError

        raise JournalError("full", "")

    shelf.journal.append = failing
    seen = SecuritySeen(what="bad_tag", count=3, sha256=bytes(32), minute=0)
    shelf.put(said(1))
    time.sleep(0.1)
    shelf.put(seen)  # attempt 0, as the pump sends it before it hears of the failure
    blocked.set()
    facts = []
    while True:
        try:
            got = shelf.answers.get(timeout=1)
        except queue.Empty:
            break
        facts += getattr(got, "facts", ())
    kinds = [e.kind for e in shelf.journal.entries()]
    assert seen in facts or "security.seen" in kinds


def test_views_that_failed_once_are_caught_up_without_waiting_for_trade(shelf):
    calls = []
    real = shelf.storage._projection.catch_up
    from agent.journal.engine import OperationalError

    def once(journal):
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("database is locked")
        return real(journal)

    shelf.storage._projection.catch_up = once
    shelf.put(said(1))
    shelf.answer()
    time.sleep(7)
    assert shelf.storage._projection.size == 2


def test_a_journal_that_was_taken_away_acknowledges_nothing(shelf, tmp_path):
    (tmp_path / "journal.db").unlink()
    shelf.put(said(1))
    assert isinstance(shelf.answer(), a.RecordFailed)


def test_a_sale_that_crosses_the_last_sync_is_no_proof_of_a_gap() -> None:
    """2 is lacking, 3 was heard, the line was quiet; as the SYNC goes out, a sale is made: 4 comes before 2 3 4."""
    from agent.log_position import QUIET_MS, Arrival, LogPosition

    log = LogPosition("SN1", {})
    log.begin(replace(HELLO, last_written=3))
    log.ask()
    assert log.arrive(1, 0) == (Arrival.TAKE, None)
    assert log.arrive(3, 0)[0] is not Arrival.TAKE
    log.ask(on_quiet_line=True)
    assert log.arrive(4, QUIET_MS)[1] is None  # new since: nothing that the SYNC brings begins with it
    assert log.arrive(2, QUIET_MS) == (Arrival.TAKE, None)
