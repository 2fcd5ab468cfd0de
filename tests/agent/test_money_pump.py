"""Money requests through pump, conversation and wire to a scripted terminal; the disk is the test's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent import actions as a
from agent.journal.kinds import EventContradicted, LogRolledBack, ResultUnasked, TerminalSaid
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome
from agent.money import OpenIntent
from agent.orders import LearnedBy, MoneyState
from agent.pump import RECORD_RETRY_MS
from agent.security_counts import MOST_RESULTS_A_DAY
from agent.views import LaneState, NoticeCode
from protocol import messages as m
from protocol.conversation import HOST_MS, REPLY_MS
from protocol.money import Money
from tests.agent.lane_bench import OTHER_REF, REF, SALE, result, status, transaction
from tests.agent.pump_bench import HELLO, Bench
from tests.agent.test_money import INTENT

APPROVED, IN_PROGRESS, NOT_FOUND = m.RequestState.APPROVED, m.RequestState.IN_PROGRESS, m.RequestState.NOT_FOUND


def answering(bench: Bench, told: Callable[[m.Message], m.Message | None]) -> None:
    """The terminal answers so; to what is not the lane's as a terminal in order."""

    def reply(message: object) -> None:
        if isinstance(message, m.Sale | m.Refund | m.Void | m.StatusQuery):
            answer = told(message)
            if answer is not None:
                bench.terminal.send(answer, bench.now)
        else:
            bench.reply_as_asked(message)

    bench.reply = reply


def result_to(message: m.Message) -> m.Message | None:
    return result(request_id=message.request_id) if isinstance(message, m.Sale) else None


def ordered(bench: Bench, token: int = 1, order: a.MoneyOrder = SALE) -> None:
    bench.give(a.Order(token, order))
    bench.turn()


def heard(bench: Bench) -> list[object]:
    """What the terminal was told of money, in order."""
    return [each for each in bench.heard if isinstance(each, m.Sale | m.StatusQuery | m.Confirm)]


def lane(bench: Bench) -> LaneState:
    assert bench.shown is not None
    return bench.shown.lane.state


def test_intent_request_outcome_confirm_answer_in_this_order() -> None:
    bench = Bench()
    answering(bench, result_to)
    bench.connect()
    ordered(bench)
    assert [type(fact) for fact in bench.facts] == [MoneyIntent] and heard(bench) == []
    bench.record()
    assert [type(each) for each in heard(bench)] == [m.Sale]
    (told,) = bench.facts_of(MoneyOutcome)
    assert told.state is MoneyState.APPROVED and bench.ended == []
    bench.record()
    assert bench.ended == [a.Ended(1, told)] and heard(bench)[-1] == m.Confirm(reference=REF)
    assert lane(bench) is LaneState.IDLE


def test_the_deadline_is_told_on_the_terminals_clock() -> None:
    bench = Bench(hello=replace(HELLO, uptime=7_000_000))
    bench.connect()
    bench.wait(2_000)
    ordered(bench)
    bench.record()
    (sale,) = heard(bench)
    assert isinstance(sale, m.Sale) and sale.deadline == 7_000_000 + 2_000 + 30_000


def test_silence_is_unknown_after_deadline_host_and_ten_seconds_and_not_before() -> None:
    bench = Bench()
    answering(bench, lambda message: None)
    bench.connect()
    ordered(bench)
    bench.record()
    bench.wait(30_000 + HOST_MS + REPLY_MS - 1, step=500)
    assert lane(bench) is LaneState.ASKED
    bench.wait(1, step=1)
    assert lane(bench) is LaneState.UNKNOWN and bench.facts == [] and bench.ended == []
    assert bench.shown is not None and bench.shown.notices[0].code is NoticeCode.MONEY_UNKNOWN
    assert [type(each) for each in heard(bench)] == [m.Sale, m.StatusQuery]


def test_a_pulled_cable_and_the_next_session_asks_and_hears_the_outcome() -> None:
    bench = Bench()
    told = {"state": IN_PROGRESS}

    def answer(message: m.Message) -> m.Message | None:
        if not isinstance(message, m.StatusQuery):
            return None
        return status(told["state"], request_id=message.request_id, amount=Money(38_800))

    answering(bench, answer)
    bench.connect()
    ordered(bench)
    bench.record()
    bench.give(a.PortLost("pulled"))
    assert lane(bench) is LaneState.UNKNOWN
    ordered(bench, 2, replace(SALE, reference=OTHER_REF))
    assert bench.ended[-1].refusal is not None and bench.ended[-1].refusal.reason is a.LaneReason.UNKNOWN
    bench.boot()
    bench.connect()
    bench.wait(3_000)
    assert [query.fence for query in heard(bench) if isinstance(query, m.StatusQuery)] == [False]
    told["state"] = APPROVED
    bench.wait(5_000)
    (outcome,) = bench.facts_of(MoneyOutcome)
    assert (outcome.state, outcome.learned_by) == (MoneyState.APPROVED, LearnedBy.STATUS)
    bench.record()
    assert bench.ended[-1] == a.Ended(1, outcome)


def test_head_get_stays_the_first_exchange_and_events_go_on_while_an_outcome_is_unknown() -> None:
    bench = Bench(intents=(OpenIntent(INTENT),), hello=replace(HELLO, last_written=7))
    answering(bench, lambda message: status(IN_PROGRESS, request_id=message.request_id))  # type: ignore[attr-defined]
    bench.connect()
    assert [type(each) for each in bench.heard[:2]] == [m.HeadGet, m.StatusQuery]
    assert isinstance(bench.heard[1], m.StatusQuery) and bench.heard[1].fence
    other = transaction(1, reference=OTHER_REF)
    bench.say(other)
    (said,) = bench.facts_of(TerminalSaid)
    bench.record()
    assert bench.acks()[-1] == 1 and said.message == other


def test_an_outcome_of_the_log_is_recorded_after_the_event_that_says_so_in_the_same_commit() -> None:
    bench = Bench()
    answering(bench, lambda message: None)
    bench.connect()
    ordered(bench)
    bench.record()
    bench.say(transaction(1))
    (record,) = [each for each in bench.records if each.facts]
    assert [type(fact) for fact in record.facts] == [TerminalSaid, MoneyOutcome]
    # The commit fails: the event comes again with the next SYNC, the outcome is kept; and is made but once.
    bench.fail()
    bench.wait(RECORD_RETRY_MS)
    bench.say(transaction(1))
    assert len(bench.facts_of(MoneyOutcome)) == 1 and len(bench.facts_of(TerminalSaid)) == 1
    bench.record()
    assert bench.ended[-1].outcome is not None
    bench.say(transaction(1))
    assert bench.facts_of(MoneyOutcome) == []


def test_an_intent_of_a_failed_commit_is_never_recorded_by_a_later_one() -> None:
    bench = Bench()
    answering(bench, result_to)
    bench.connect()
    ordered(bench)
    bench.fail()
    assert bench.ended == [a.Ended(1, None, a.LaneRefusal(a.LaneReason.NOT_RECORDED))]
    ordered(bench, 2)
    assert bench.ended[-1].refusal == a.LaneRefusal(a.LaneReason.NOT_RECORDED)  # while nothing is recorded
    bench.wait(3 * RECORD_RETRY_MS)
    assert bench.facts_of(MoneyIntent) == [] and heard(bench) == []
    bench.record()
    ordered(bench, 3)
    bench.record()
    bench.record()
    assert bench.ended[-1].outcome is not None and len([e for e in heard(bench) if isinstance(e, m.Sale)]) == 1


def test_an_intent_that_was_queued_behind_a_failed_commit_is_not_recorded_either() -> None:
    bench = Bench()
    answering(bench, result_to)
    bench.connect()
    bench.say(transaction(1, reference=OTHER_REF))
    ordered(bench)
    first, second = bench.records
    bench.records.clear()
    bench.give(a.RecordFailed(0, first.facts, "The disk is full.", "Free some space."))
    assert bench.ended == []
    bench.give(a.RecordFailed(0, second.facts, "", ""))  # handed back untried
    assert bench.ended == [a.Ended(1, None, a.LaneRefusal(a.LaneReason.NOT_RECORDED))]
    bench.wait(3 * RECORD_RETRY_MS)
    assert bench.facts_of(MoneyIntent) == [] and heard(bench) == []


def test_an_outcome_of_a_failed_commit_is_recorded_by_a_later_one() -> None:
    bench = Bench()
    answering(bench, result_to)
    bench.connect()
    ordered(bench)
    bench.record()
    bench.fail()
    assert bench.ended == [] and lane(bench) is LaneState.RECORDING
    bench.wait(RECORD_RETRY_MS)
    bench.record()
    assert bench.ended[-1].outcome is not None and heard(bench)[-1] == m.Confirm(reference=REF)


def test_outcomes_that_were_handed_back_keep_their_order() -> None:
    bench = Bench()
    answering(bench, lambda message: None)
    bench.connect()
    ordered(bench)
    bench.record()
    bench.terminal.send(result(m.RequestState.DECLINED, request_id=bench.heard[-1].request_id), bench.now)  # type: ignore[attr-defined]
    bench.turn()
    bench.say(transaction(1))
    first, second = bench.records
    bench.records.clear()
    bench.give(a.RecordFailed(0, first.facts, "The disk is full.", "Free some space."))
    bench.give(a.RecordFailed(0, second.facts, "", ""))
    bench.wait(RECORD_RETRY_MS)
    told = [(fact.state, fact.contradicts) for fact in bench.facts_of(MoneyOutcome)]
    assert told == [(MoneyState.DECLINED, None), (MoneyState.APPROVED, MoneyState.DECLINED)]


def told_two_ways(bench: Bench) -> tuple[a.Record, a.Record]:
    """The Result says one fen more than the log does then; the disk has taken neither yet."""
    answering(bench, lambda message: replace(result(request_id=message.request_id), amount=Money(38_801)))  # type: ignore[attr-defined]
    bench.connect()
    ordered(bench)
    bench.record()
    bench.say(transaction(1))
    first, second = (record for record in bench.records if record.facts)
    bench.records.clear()
    return first, second


def test_people_are_told_the_last_outcome_that_is_durable_and_no_later_one() -> None:
    """tests/dst: "shown before durable", where the log said otherwise before the disk had taken the Result."""
    bench = Bench()
    first, second = told_two_ways(bench)
    by_result, by_log = first.facts[0], second.facts[1]
    assert isinstance(by_log, MoneyOutcome) and by_log.amount == Money(38_800)
    bench.give(a.Recorded(None, 2, "note 2", first.facts))
    bench.give(a.Order(2, SALE))
    assert bench.ended == [a.Ended(1, by_result), a.Ended(2, by_result)]  # type: ignore[arg-type]
    bench.give(a.Recorded(("e1", 1), 4, "note 4", second.facts))
    bench.give(a.Order(3, SALE))
    assert bench.ended[-1] == a.Ended(3, by_log)


def test_a_result_of_another_reference_is_recorded_as_unasked_and_the_terminal_is_asked() -> None:
    bench = Bench()

    def answer(message: m.Message) -> m.Message:
        if isinstance(message, m.Sale):
            return result(reference=OTHER_REF, request_id=message.request_id)
        return status(APPROVED, request_id=message.request_id, amount=Money(38_800))  # type: ignore[attr-defined]

    answering(bench, answer)
    bench.connect()
    ordered(bench)
    bench.record()
    (unasked,) = bench.facts_of(ResultUnasked)
    assert unasked.result.reference == OTHER_REF
    (outcome,) = bench.facts_of(MoneyOutcome)
    assert outcome.learned_by is LearnedBy.STATUS and outcome.state is MoneyState.APPROVED


def test_a_lying_result_of_long_ago_is_recorded_and_overturns_nothing_that_the_log_said() -> None:
    bench = Bench()
    answering(bench, lambda message: None)
    bench.connect()
    ordered(bench)
    bench.record()
    bench.say(transaction(1))
    bench.record()
    bench.terminal.send(result(m.RequestState.DECLINED, request_id=1), bench.now)
    bench.turn()
    assert bench.facts_of(MoneyOutcome) == []
    bench.terminal.send(result(m.RequestState.DECLINED, request_id=777), bench.now)
    bench.turn()
    assert bench.facts_of(MoneyOutcome) == []


def test_a_flood_of_contrary_results_is_bounded_by_the_day() -> None:
    bench = Bench()
    answering(bench, result_to)
    bench.connect()
    ordered(bench)
    bench.record()
    bench.record()
    for turn in range(MOST_RESULTS_A_DAY + 50):
        lie = m.RequestState.DECLINED if turn % 2 == 0 else APPROVED
        bench.terminal.send(result(lie, request_id=777), bench.now)
        bench.turn()
    assert len(bench.facts_of(MoneyOutcome)) == len(bench.facts_of(ResultUnasked)) == MOST_RESULTS_A_DAY


def test_a_log_that_was_put_back_stops_money_until_a_person_decides() -> None:
    bench = Bench(last_events={("SN1", "e1"): 9}, hello=replace(HELLO, last_written=4))
    answering(bench, result_to)
    bench.connect()
    assert bench.facts_of(LogRolledBack)
    ordered(bench)
    assert bench.ended[-1].refusal == a.LaneRefusal(a.LaneReason.ROLLED_BACK)
    bench.give(a.AcceptRollback(2, "Wang", "repaired"))
    bench.record()
    assert bench.ended[-1] == a.Ended(2)
    ordered(bench, 3)
    assert bench.facts_of(MoneyIntent)


def test_a_log_that_contradicts_itself_stops_money_too() -> None:
    bench = Bench()
    bench.connect()
    bench.say(transaction(1))
    event = bench.facts_of(TerminalSaid)[0].event
    told = EventContradicted(event=event, first_sha256=bytes(32), message=None)
    bench.give(a.Recorded(("e1", 1), 2, "note 2", tuple(bench.facts), (told,)))
    ordered(bench)
    assert bench.ended[-1].refusal == a.LaneRefusal(a.LaneReason.ROLLED_BACK)


@pytest.mark.parametrize("dialect", ["telium", "transbank"])
def test_a_wire_without_status_sells_and_after_silence_guesses_nothing(dialect: str) -> None:
    bench = Bench(dialect=dialect, pinned=None)
    answering(bench, lambda message: None)
    bench.connect()
    bench.wait(3_000, step=100)
    order = replace(SALE, amount=Money(38_800, 978 if dialect == "telium" else 152))
    ordered(bench, 1, order)
    (intent,) = bench.facts_of(MoneyIntent)
    assert (intent.log_epoch, intent.last_event) == ("", 0)
    bench.record()
    bench.wait(1_000, step=100)
    bench.wait(900_000)
    assert bench.facts_of(MoneyOutcome) == [] and bench.ended == []
    assert lane(bench) is LaneState.UNKNOWN
    assert not [each for each in bench.heard if isinstance(each, m.StatusQuery)]
    ordered(bench, 2, replace(order, reference=OTHER_REF))
    assert bench.ended[-1].refusal is not None


def test_what_the_wire_cannot_carry_is_refused_before_anything_is_recorded() -> None:
    bench = Bench(dialect="telium", pinned=None)
    bench.connect()
    bench.wait(3_000, step=100)
    ordered(bench, 1, replace(SALE, action="refund", original_reference=OTHER_REF))  # type: ignore[arg-type]
    assert bench.ended == [a.Ended(1, None, a.LaneRefusal(a.LaneReason.NOT_SPOKEN))] and bench.facts == []
