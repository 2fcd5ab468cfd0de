"""Where the journal stands in the terminal's log: where a SYNC begins, what is signed as lost, rolled back or replaced.

Most of them turn the whole pump, for the rules are about what comes over the line: what was under way when a SYNC went out
proves no gap (docs/protocol.md §3).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent import actions as a
from agent.journal.heads import Verdict
from agent.journal.kinds import EventGap, LogReplaced, LogRolledBack, TerminalSaid
from agent.log_position import QUIET_MS, Arrival, LogPosition
from agent.pump import RECORD_RETRY_MS
from protocol.messages import Sync
from tests.agent.pump_bench import HELLO, Bench, event

LARGEST = 2**53 - 1


# -- where a SYNC begins -----------------------------------------------------------------------------------------------


def test_the_sync_starts_after_what_the_journal_holds() -> None:
    bench = Bench(hello=replace(HELLO, last_written=9, last_acknowledged=7), last_events={("SN1", "e1"): 7})
    bench.connect()
    assert bench.heard[-1].start == 8  # type: ignore[attr-defined]


def test_what_the_terminal_does_not_know_to_be_acknowledged_is_told_again_and_compared() -> None:
    bench = Bench(hello=replace(HELLO, last_written=9, last_acknowledged=3), last_events={("SN1", "e1"): 7})
    bench.connect()
    assert bench.heard[-1].start == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize(("acknowledged", "start"), [(0, 1), (LARGEST, LARGEST)])
def test_a_number_at_the_bound_does_not_raise_out_of_the_pump(acknowledged: int, start: int) -> None:
    """Nothing above it can be said on the wire: integers there are below 2^53 (docs/protocol.md §3)."""
    hello = replace(HELLO, last_written=LARGEST, last_acknowledged=acknowledged)
    bench = Bench(hello=hello, last_events={("SN1", "e1"): LARGEST})
    bench.connect()
    assert bench.heard[-1].start == start  # type: ignore[attr-defined]


def test_what_an_earlier_session_told_is_not_acknowledged_before_this_one_told_it_too() -> None:
    """tests/dst: the log was put back in between, and held another event of that number, which was never recorded."""
    bench = Bench(hello=replace(HELLO, last_written=1, last_acknowledged=0))
    bench.connect()
    bench.say(event(1))
    bench.give(a.PortLost("pulled"))
    bench.boot()
    bench.connect()
    bench.record()
    assert bench.acks() == []
    bench.say(replace(event(1), at=2))
    bench.record()
    assert bench.acks() == [1]


# -- gaps --------------------------------------------------------------------------------------------------------------


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


def test_events_on_the_way_while_a_gap_is_asked_for_are_not_signed_as_lost() -> None:
    """2 was not heard; 3, 4, 5 were under way already. The SYNC brings 2 3 4 5: nothing is lost."""
    bench = Bench()
    bench.connect()
    bench.say(event(1))
    bench.record()
    bench.say(event(3), event(4), event(5))  # the terminal's queue, before the SYNC reaches its log
    bench.say(event(2), event(3), event(4), event(5))  # what the SYNC brings
    assert bench.facts_of(EventGap) == []
    assert [said.message.number for said in bench.facts_of(TerminalSaid)] == [2, 3, 4, 5]


def test_a_sync_by_hand_while_the_head_is_compared_makes_no_false_gap() -> None:
    """`counterfoil terminal sync` just after the session opened, with a head to compare: real order of a real line."""
    bench = Bench(hello=replace(HELLO, last_written=6))
    bench.remembered = "held"
    bench.connect()
    bench.give(a.Ask(7, Sync(start=1)))  # the desk's: the line is up already
    bench.turn()
    bench.say(event(1), event(2))  # its events begin to come, and are left alone
    bench.give(a.HeadCompared("held", Verdict.EXTENDS))
    bench.say(event(3), event(4))  # still of the first stream
    bench.say(*(event(n) for n in range(1, 7)))  # the pump's own SYNC
    assert bench.facts_of(EventGap) == []


def test_after_a_failed_commit_on_a_slow_line_nothing_is_signed_as_lost() -> None:
    """64 events of 130 bytes take 9 s at 9600 bit/s: the stream is still running when the retry's SYNC goes out."""
    bench = Bench()
    bench.connect()
    bench.say(event(1), event(2))
    attempt, facts = bench.records[0].attempt, tuple(bench.facts)
    bench.records.clear()
    bench.give(a.RecordFailed(attempt, facts, "The disk is full.", "Free some space."))
    bench.say(event(3), event(4))
    bench.now += RECORD_RETRY_MS
    bench.give(a.Due())
    bench.say(event(5), event(6), event(7))  # in the terminal's queue before the SYNC came
    bench.say(*(event(n) for n in range(1, 8)))
    assert bench.facts_of(EventGap) == []


def test_a_sale_that_crosses_the_last_sync_is_no_proof_of_a_gap() -> None:
    """2 is lacking, 3 was heard, the line was quiet; as the SYNC goes out, a sale is made: 4 comes before 2 3 4."""
    log = LogPosition("SN1", {})
    log.begin(replace(HELLO, last_written=3))
    log.ask()
    assert log.arrive(1, 0) == (Arrival.TAKE, None)
    assert log.arrive(3, 0)[0] is not Arrival.TAKE
    log.ask(on_quiet_line=True)
    assert log.arrive(4, QUIET_MS)[1] is None  # new since: nothing that the SYNC brings begins with it
    assert log.arrive(2, QUIET_MS) == (Arrival.TAKE, None)


def test_a_gap_that_is_recorded_is_not_signed_again_in_the_next_session() -> None:
    bench = Bench(hello=replace(HELLO, oldest_retained=5, last_written=4))
    bench.retained = 5
    bench.connect()
    assert len(bench.facts_of(EventGap)) == 1
    bench.record()
    bench.give(a.PortLost("pulled"))
    bench.terminal.close(bench.now)
    bench.connect()
    assert bench.facts_of(EventGap) == []


# -- rolled back, replaced ---------------------------------------------------------------------------------------------


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


def test_what_a_rolled_back_log_wrote_anew_before_we_met_it_is_asked_for() -> None:
    """The journal has 10; the log was put back to 5, then 6' and 7' were traded. Both versions are to be journaled."""
    bench = Bench(hello=replace(HELLO, last_written=7, last_acknowledged=5), last_events={("SN1", "e1"): 10})
    bench.connect()
    assert bench.heard[-1].start <= 6  # type: ignore[attr-defined]


def test_a_rolled_back_log_that_grew_past_the_journal_is_found() -> None:
    """The journal has (and acknowledged) 10; the log was put back to 5, then eight new ones: last written 13, acknowledged 5."""
    bench = Bench(hello=replace(HELLO, last_written=13, last_acknowledged=5), last_events={("SN1", "e1"): 10})
    bench.connect()
    assert bench.heard[-1].start <= 6  # type: ignore[attr-defined]


def test_a_new_log_epoch_is_recorded_and_counts_from_its_beginning() -> None:
    bench = Bench(hello=replace(HELLO, log_epoch="e2", last_written=2), last_events={("SN1", "e1"): 9})
    bench.connect()
    (replaced,) = bench.facts
    assert isinstance(replaced, LogReplaced) and replaced.old_log_epoch == "e1"
    assert bench.heard[-1].start == 1  # type: ignore[attr-defined]


def test_a_replaced_log_is_recorded_when_the_former_one_comes_back() -> None:
    last_events = {("SN1", "e1"): 9, ("SN1", "e2"): 4}
    bench = Bench(hello=replace(HELLO, log_epoch="e1", last_written=9), last_events=last_events)
    bench.connect()
    assert len(bench.facts_of(LogReplaced)) == 1
