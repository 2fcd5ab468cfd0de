"""The money lane by itself, rule by rule of docs/protocol.md §4: the test is its disk, its terminal and its clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from agent import actions as a
from agent.journal.kinds import EventContradicted, EventId, LogRolledBack
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome, MoneyParked, MoneyRollbackAccepted
from agent.money import EndedIntent, OpenIntent, Rollbacks, history
from agent.notices import words
from agent.orders import LearnedBy, MoneyAction, MoneyState
from agent.views import LaneState, NoticeCode
from protocol import messages as m
from protocol.events import FailReason
from protocol.money import Money
from protocol.tickets import NO_TICKET, reference_of, ticket_of
from tests.agent.lane_bench import HELLO, OTHER_REF, REF, SALE, SALE_REF, WALL, LaneBench, result, status, transaction

APPROVED, DECLINED, VOIDED = m.RequestState.APPROVED, m.RequestState.DECLINED, m.RequestState.VOIDED
IN_PROGRESS, NOT_FOUND = m.RequestState.IN_PROGRESS, m.RequestState.NOT_FOUND
INTENT = MoneyIntent(
    terminal="SN1",
    reference=REF,
    action=MoneyAction.SALE,
    amount=Money(38_800),
    original_reference=None,
    original_trace=None,
    operator=None,
    log_epoch="e1",
    last_event=7,
    patience_ms=30_000,
)
ROLLED_BACK = LogRolledBack(terminal="SN1", log_epoch="e1", last_written=3, journal_has=7)


def ended(bench: LaneBench, token: int = 1) -> a.Ended:
    (told,) = [each for each in bench.ended if each.token == token]
    return told


def outcome(bench: LaneBench) -> MoneyOutcome:
    (found,) = bench.made(MoneyOutcome)
    return found


# -- the intent first --------------------------------------------------------------------------------------------------


def test_nothing_is_sent_before_the_intent_is_durable() -> None:
    bench = LaneBench()
    bench.order()
    assert bench.facts == [INTENT] and bench.sent == []
    assert bench.lane.view.state is LaneState.RECORDING
    bench.record()
    assert bench.said(m.Sale) == [m.Sale(reference=REF, amount=Money(38_800), deadline=1_000 + 500_000 + 30_000)]
    assert bench.lane.view.state is LaneState.ASKED


def test_other_facts_that_are_durable_send_nothing() -> None:
    bench = LaneBench()
    bench.order()
    another = replace(INTENT, reference=OTHER_REF)
    bench.lane.recorded([another, replace(INTENT, amount=Money(1))], bench.moment)
    bench.turn()
    assert bench.sent == []


def test_an_intent_that_could_not_be_recorded_leaves_nothing_behind() -> None:
    bench = LaneBench()
    bench.order()
    assert bench.fail() == []  # and so no later try of the storage records it
    assert ended(bench).refusal == a.LaneRefusal(a.LaneReason.NOT_RECORDED)
    assert bench.lane.view.state is LaneState.IDLE
    bench.lane.recorded([INTENT], bench.moment)  # a commit that was said to have failed
    bench.turn()
    assert bench.sent == []
    bench.order(replace(SALE, reference=OTHER_REF), token=2)
    bench.record()
    assert [sale.reference for sale in bench.said(m.Sale)] == [OTHER_REF]


def test_an_outcome_that_could_not_be_recorded_is_recorded_later() -> None:
    bench = LaneBench()
    bench.asked()
    bench.answer(result())
    told = outcome(bench)
    assert bench.fail() == [told] and bench.ended == [] and bench.said(m.Confirm) == []
    bench.lane.recorded([told], bench.moment)
    bench.turn()
    assert ended(bench).outcome == told and bench.said(m.Confirm) == [m.Confirm(reference=REF)]


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        (
            MoneyAction.REFUND,
            m.Refund(
                reference=REF,
                original_reference=SALE_REF,
                amount=Money(38_800),
                deadline=531_000,
                original_trace="000042",
                operator="Li",
            ),
        ),
        (
            MoneyAction.VOID,
            m.Void(
                reference=REF,
                original_reference=SALE_REF,
                amount=Money(38_800),
                deadline=531_000,
                original_trace="000042",
                operator="Li",
            ),
        ),
    ],
)
def test_refunds_and_voids_name_their_original(action: MoneyAction, sent: m.Message) -> None:
    bench = LaneBench()
    bench.order(replace(SALE, action=action, original_reference=SALE_REF, original_trace="000042", operator="Li"))
    bench.record()
    assert [message for _, message in bench.sent] == [sent]


@pytest.mark.parametrize("gone", ["session", "boot", "log", "time"])
def test_what_its_request_was_made_for_is_gone_when_the_intent_is_durable_and_nothing_is_sent(gone: str) -> None:
    bench = LaneBench()
    bench.order()
    if gone == "time":
        bench.wait(30_000)
    else:
        bench.cut()
    if gone == "boot":
        bench.session(replace(HELLO, boot_id="b2"))
    if gone == "log":
        bench.session(replace(HELLO, log_epoch="e2"))
    bench.record()
    assert (outcome(bench).state, outcome(bench).learned_by) == (MoneyState.VOIDED, LearnedBy.ERROR)
    bench.record()
    assert bench.sent == [(0, m.Confirm(reference=REF))] and ended(bench).outcome is not None
    assert bench.lane.view.state is LaneState.IDLE


def test_a_terminal_whose_clock_went_back_gives_the_customer_no_longer_than_was_ordered() -> None:
    bench = LaneBench()
    bench.order()
    bench.ahead = -1_000
    bench.record()
    assert [message.deadline for message in bench.said(m.Sale)] == [30_000]


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order",
    [
        replace(SALE, reference="x" * 32),
        replace(SALE, reference="1"),
        replace(SALE, amount=Money(0)),
        replace(SALE, amount=Money(-5)),
        replace(SALE, amount=None),
        replace(SALE, action=MoneyAction.REFUND),
        replace(SALE, action=MoneyAction.REFUND, amount=None, original_reference=SALE_REF),
        replace(SALE, patience_ms=0),
        replace(SALE, original_trace="000042"),
        replace(SALE, original_reference=SALE_REF),
        replace(SALE, original_reference="4111111111111111"),
        replace(SALE, action=MoneyAction.REFUND, original_reference=REF),
        replace(SALE, action=MoneyAction.VOID, original_reference=SALE_REF, original_trace="é"),
        replace(SALE, action=MoneyAction.VOID, original_reference=SALE_REF, original_trace="4111111111111111"),
    ],
)
def test_what_no_terminal_could_be_asked_is_refused_and_leaves_nothing(order: a.MoneyOrder) -> None:
    bench = LaneBench()
    bench.order(order)
    assert ended(bench).refusal == a.LaneRefusal(a.LaneReason.NOT_SPOKEN)
    assert bench.facts == bench.sent == []


def test_what_the_dialect_has_no_words_for_is_refused() -> None:
    bench = LaneBench()
    bench.fits = lambda message: not isinstance(message, m.Sale)
    bench.order()
    assert ended(bench).refusal == a.LaneRefusal(a.LaneReason.NOT_SPOKEN) and bench.facts == []


def test_without_a_session_or_a_disk_nothing_begins() -> None:
    bench = LaneBench(connected=False)
    bench.order()
    assert ended(bench).refusal == a.LaneRefusal(a.LaneReason.NOT_CONNECTED)
    bench.session()
    bench.records = False
    bench.order(token=2)
    assert ended(bench, 2).refusal == a.LaneRefusal(a.LaneReason.NOT_RECORDED)
    assert bench.facts == []


def test_one_at_a_time_and_the_refusal_says_which_and_since_when() -> None:
    bench = LaneBench()
    bench.asked()
    bench.wait(2_000)
    bench.order(replace(SALE, reference=OTHER_REF), token=2)
    assert ended(bench, 2).refusal == a.LaneRefusal(a.LaneReason.BUSY, REF, 5_001_000)
    bench.cut()
    bench.order(replace(SALE, reference=OTHER_REF), token=3)
    assert ended(bench, 3).refusal == a.LaneRefusal(a.LaneReason.UNKNOWN, REF, 5_003_000)
    bench.session()
    bench.answer(result())  # the STATUS, by a Result: no answer to it, but the reference is ours
    bench.order(replace(SALE, reference=OTHER_REF), token=4)
    assert ended(bench, 4).refusal == a.LaneRefusal(a.LaneReason.BUSY, REF, 5_003_000)
    bench.record()
    bench.order(replace(SALE, reference=OTHER_REF), token=5)
    assert bench.made(MoneyIntent)


def test_the_same_order_again_joins_the_wait_and_later_has_its_outcome() -> None:
    bench = LaneBench()
    bench.asked()
    bench.order(replace(SALE, operator="somebody else"), token=2)
    assert bench.facts == [] and bench.ended == []
    bench.answer(result())
    told = outcome(bench)
    bench.record()
    assert [(each.token, each.outcome) for each in bench.ended] == [(1, told), (2, told)]
    bench.order(token=3)
    assert ended(bench, 3).outcome == told and bench.facts == []


@pytest.mark.parametrize(
    "other", [replace(SALE, amount=Money(1)), replace(SALE, amount=Money(38_800, 840)), replace(SALE, action="void")]
)
def test_a_reference_stands_for_one_order_for_ever(other: a.MoneyOrder) -> None:
    bench = LaneBench()
    bench.asked()
    bench.order(other, token=2)
    bench.answer(result())
    bench.record()
    bench.order(other, token=3)
    told = a.LaneRefusal(a.LaneReason.OTHER_ORDER, REF, 5_001_000)
    assert ended(bench, 2).refusal == ended(bench, 3).refusal == told


def test_an_earlier_process_outcome_answers_its_order() -> None:
    told = MoneyOutcome(terminal="SN1", reference=REF, state=MoneyState.DECLINED, learned_by=LearnedBy.RESULT)
    bench = LaneBench(ended=(EndedIntent(INTENT, told),))
    bench.order()
    bench.order(replace(SALE, amount=Money(1)), token=2)
    assert ended(bench).outcome == told
    assert ended(bench, 2).refusal is not None and bench.facts == []


# -- how it ends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "ends"),
    [(APPROVED, MoneyState.APPROVED), (DECLINED, MoneyState.DECLINED), (VOIDED, MoneyState.VOIDED)],
)
def test_a_result_is_durable_then_confirmed_then_told(state: m.RequestState, ends: MoneyState) -> None:
    bench = LaneBench()
    bench.asked()
    bench.answer(result(state, batch="000007", rrn="R", auth_code="A", event=8))
    told = outcome(bench)
    differs = False if ends is MoneyState.APPROVED else None
    assert told == MoneyOutcome(
        terminal="SN1",
        reference=REF,
        state=ends,
        learned_by=LearnedBy.RESULT,
        amount=Money(38_800),
        differs=differs,
        response_code="00",
        trace="000123",
        batch="000007",
        rrn="R",
        auth_code="A",
        event_number=8,
    )
    assert bench.said(m.Confirm) == [] and bench.ended == []
    bench.record()
    assert bench.said(m.Confirm) == [m.Confirm(reference=REF)]
    assert ended(bench) == a.Ended(1, told) and bench.lane.view.state is LaneState.IDLE


@pytest.mark.parametrize("amount", [Money(38_801), Money(38_800, 840)])
def test_another_amount_or_currency_is_approved_and_differs(amount: Money) -> None:
    bench = LaneBench()
    bench.asked()
    bench.answer(result(amount=amount))
    told = outcome(bench)
    assert (told.state, told.amount, told.differs) == (MoneyState.APPROVED, amount, True)


def test_a_refund_that_the_log_holds_as_a_sale_differs() -> None:
    bench = LaneBench()
    bench.order(replace(SALE, action=MoneyAction.REFUND, original_reference=SALE_REF))
    bench.record()
    bench.log(transaction())
    assert outcome(bench).differs is True


def test_the_terminals_log_may_tell_first_and_its_result_then_says_nothing_new() -> None:
    bench = LaneBench()
    bench.asked()
    bench.log(transaction())
    told = outcome(bench)
    assert (told.state, told.learned_by, told.event_number) == (MoneyState.APPROVED, LearnedBy.TRANSACTION, 8)
    bench.record()
    bench.answer(result(event=8), number=1)
    assert bench.facts == []


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        (m.Error(code=m.ErrorCode.NOT_NOW), MoneyState.DECLINED),
        (FailReason.REFUSED, MoneyState.DECLINED),
        (FailReason.BUSY, MoneyState.VOIDED),
    ],
)
def test_what_was_not_taken_is_no_unknown(said: m.Reply | FailReason, ends: MoneyState) -> None:
    bench = LaneBench()
    bench.asked()
    bench.answer(said)
    assert (outcome(bench).state, outcome(bench).learned_by) == (ends, LearnedBy.ERROR)


@pytest.mark.parametrize("said", [FailReason.NO_ANSWER, result(IN_PROGRESS), result(NOT_FOUND)])
def test_no_answer_is_no_decline(said: m.Reply | FailReason) -> None:
    bench = LaneBench()
    bench.asked()
    bench.wait(100_000)
    bench.answer(said)
    assert bench.facts == [] and bench.ended == []
    assert bench.lane.view.state is LaneState.UNKNOWN
    assert [notice.code for notice in bench.lane.notices] == [NoticeCode.MONEY_UNKNOWN]
    assert len(bench.said(m.StatusQuery)) == 1  # the session stands: asked at once


@pytest.mark.parametrize("said", [FailReason.REFUSED, FailReason.BUSY])
def test_what_is_not_taken_when_it_is_asked_again_decides_nothing(said: FailReason) -> None:
    bench = LaneBench()
    bench.unknown()
    bench.session()
    bench.answer(status(NOT_FOUND))
    assert len(bench.said(m.Sale)) == 2
    bench.answer(said)
    assert bench.facts == [] and bench.lane.view.state is LaneState.UNKNOWN


# -- the outcome is unknown --------------------------------------------------------------------------------------------


def test_a_lost_session_is_unknown_at_once_and_asked_about_at_once_in_the_next() -> None:
    bench = LaneBench()
    bench.unknown()
    assert bench.lane.view.state is LaneState.UNKNOWN and bench.said(m.StatusQuery) == []
    bench.wait(3_600_000)
    assert bench.said(m.StatusQuery) == [] and bench.facts == []
    bench.session()
    assert len(bench.said(m.StatusQuery)) == 1
    bench.cut()
    bench.session()
    assert len(bench.said(m.StatusQuery)) == 2


def test_status_every_5_s_backing_off_to_60_for_10_minutes_then_every_half_hour() -> None:
    bench = LaneBench()
    bench.unknown()
    bench.session()
    began, times = bench.now, [bench.now]
    while len(times) < 18:
        bench.answer(status(IN_PROGRESS))
        due = bench.lane.due
        assert due is not None
        count = len(bench.said(m.StatusQuery))
        bench.wait(due - bench.now - 1)
        assert len(bench.said(m.StatusQuery)) == count
        bench.wait(1)
        assert len(bench.said(m.StatusQuery)) == count + 1
        times.append(bench.now)
    gaps = [(later - earlier) // 1_000 for earlier, later in pairwise(times)]
    assert gaps == [5, 10, 20, 40, *[60] * 9, 1_800, 1_800, 1_800, 1_800]
    assert times[13] - began >= 600_000 > times[12] - began


@pytest.mark.parametrize(
    ("state", "ends"),
    [(APPROVED, MoneyState.APPROVED), (DECLINED, MoneyState.DECLINED), (VOIDED, MoneyState.VOIDED)],
)
def test_status_tells_the_outcome(state: m.RequestState, ends: MoneyState) -> None:
    bench = LaneBench()
    bench.unknown()
    bench.session()
    bench.answer(status(state, amount=Money(38_800), event=8))
    assert (outcome(bench).state, outcome(bench).learned_by) == (ends, LearnedBy.STATUS)
    bench.record()
    assert ended(bench).outcome is not None and bench.said(m.Confirm)


def test_not_found_is_resent_with_the_same_reference_and_deadline_while_somebody_waits() -> None:
    bench = LaneBench()
    bench.unknown()
    bench.wait(5_000)
    bench.session()
    assert [query.fence for query in bench.said(m.StatusQuery)] == [False]
    bench.answer(status(NOT_FOUND))
    assert bench.said(m.Sale) == [bench.said(m.Sale)[0]] * 2
    assert bench.lane.view.state is LaneState.ASKED
    bench.answer(result())
    assert outcome(bench).state is MoneyState.APPROVED


def test_an_error_to_the_second_asking_decides_nothing() -> None:
    """The terminal may be busy with the first."""
    bench = LaneBench()
    bench.unknown()
    bench.session()
    bench.answer(status(NOT_FOUND))
    bench.answer(m.Error(code=m.ErrorCode.NOT_NOW))
    assert bench.facts == [] and bench.lane.view.state is LaneState.UNKNOWN


@pytest.mark.parametrize("why", ["deadline", "abandoned", "reboot", "another process"])
def test_what_may_not_be_resent_is_fenced_and_only_a_fence_voids(why: str) -> None:
    bench = LaneBench(intents=(OpenIntent(INTENT),), connected=False) if why == "another process" else LaneBench()
    if why == "another process":
        bench.order()  # somebody waits for it again
    else:
        bench.unknown()
    if why == "deadline":
        bench.wait(30_000)
    elif why == "abandoned":
        bench.give(a.Abandon(1))
    bench.session(replace(HELLO, boot_id="b2") if why == "reboot" else HELLO)
    assert [query.fence for query in bench.said(m.StatusQuery)] == [True]
    sales = len(bench.said(m.Sale))
    bench.answer(status(NOT_FOUND))  # stale, or a terminal that cannot fence
    assert bench.facts == [] and len(bench.said(m.Sale)) == sales
    bench.wait(5_000)
    assert [query.fence for query in bench.said(m.StatusQuery)] == [True, True]
    bench.answer(status(NOT_FOUND, fenced=True))
    told = outcome(bench)
    assert (told.state, told.learned_by) == (MoneyState.VOIDED, LearnedBy.STATUS)


def test_a_request_whose_deadline_passes_while_it_is_not_found_is_fenced_next() -> None:
    bench = LaneBench()
    bench.unknown()
    bench.session()
    bench.now += 30_000
    bench.answer(status(NOT_FOUND))
    bench.wait(5_000)
    assert [query.fence for query in bench.said(m.StatusQuery)] == [False, True]
    assert len(bench.said(m.Sale)) == 1


@pytest.mark.parametrize(
    "hello", [replace(HELLO, log_epoch="e2"), replace(HELLO, last_written=6)], ids=["replaced", "shorter"]
)
def test_another_log_is_never_fenced_and_its_not_found_proves_nothing(hello: m.TerminalHello) -> None:
    bench = LaneBench()
    bench.unknown()
    bench.wait(60_000)
    bench.session(hello)
    for fenced in (False, True):
        bench.answer(status(NOT_FOUND, fenced=fenced, epoch=hello.log_epoch))
        bench.wait(60_000)
    assert [query.fence for query in bench.said(m.StatusQuery)] == [False] * 3
    assert bench.facts == [] and len(bench.said(m.Sale)) == 1
    bench.answer(status(NOT_FOUND, fenced=True))  # it names the old log: the session's hello did not
    assert bench.facts == []


def test_a_result_of_what_was_not_sent_yet_is_none_of_ours() -> None:
    bench = LaneBench()
    bench.order()
    assert not bench.result(result())
    bench.lane.contradicted(result())
    bench.log(transaction())
    assert bench.facts == [INTENT] and bench.lane.view.state is LaneState.RECORDING


def test_a_late_result_or_event_ends_what_is_unknown() -> None:
    bench = LaneBench()
    bench.unknown()
    assert bench.result(result())
    assert outcome(bench).learned_by is LearnedBy.RESULT
    bench = LaneBench()
    bench.unknown()
    bench.session()
    bench.log(transaction())
    assert outcome(bench).learned_by is LearnedBy.TRANSACTION
    bench.record()
    bench.answer(status(NOT_FOUND, fenced=True))  # crossed it
    assert bench.facts == []


def test_the_answer_to_it_that_names_another_reference_makes_it_unknown() -> None:
    bench = LaneBench()
    bench.asked()
    assert not bench.result(result(reference=OTHER_REF, request_id=1))
    assert bench.facts == [] and bench.lane.view.state is LaneState.UNKNOWN
    assert len(bench.said(m.StatusQuery)) == 1
    bench.answer(status(IN_PROGRESS))
    assert not bench.result(result(reference=OTHER_REF, request_id=77))


def test_a_status_of_another_reference_decides_nothing() -> None:
    bench = LaneBench()
    bench.unknown()
    bench.session()
    for other in (status(APPROVED, amount=Money(38_800)), status(NOT_FOUND, fenced=True)):
        bench.answer(replace(other, reference=OTHER_REF))
        assert bench.facts == [] and bench.lane.view.state is LaneState.UNKNOWN
        bench.wait(60_000)


def test_a_dialect_without_status_guesses_nothing() -> None:
    bench = LaneBench(queries=False, connected=False)
    bench.session(None)
    bench.asked()
    bench.answer(FailReason.NO_ANSWER)
    bench.wait(10_000_000)
    bench.session(None)
    assert bench.said(m.StatusQuery) == [] and bench.facts == [] and bench.lane.due is None
    assert bench.lane.view.state is LaneState.UNKNOWN


def test_what_asking_will_not_tell_is_for_people_and_they_are_told_so() -> None:
    mute, other_log = LaneBench(queries=False, connected=False), LaneBench()
    mute.session(None)
    for bench in (mute, other_log):
        bench.unknown()
    other_log.order(replace(SALE, reference=OTHER_REF), token=2)
    assert ended(other_log, 2).refusal == a.LaneRefusal(a.LaneReason.UNKNOWN, REF, 5_001_000)
    assert "for_people" not in other_log.lane.notices[0].facts
    other_log.session(replace(HELLO, log_epoch="e2"))
    for bench in (mute, other_log):
        bench.order(replace(SALE, reference=OTHER_REF), token=3)
        assert ended(bench, 3).refusal == a.LaneRefusal(a.LaneReason.FOR_PEOPLE, REF, 5_001_000)
        (notice,) = bench.lane.notices
        assert "intent resolve" in words(notice)[1] and "asked by itself" not in words(notice)[1]


def mute_and_unknown() -> LaneBench:
    """On a wire without STATUS, and without references."""
    bench = LaneBench(queries=False, connected=False)
    bench.session(None)
    bench.unknown()
    return bench


@pytest.mark.parametrize("length", [6, 10])
def test_a_late_result_that_names_the_ticket_ends_it(length: int) -> None:
    """6 characters of a sale's reference go out in transbank, 10 in telium (docs/dialects.md)."""
    bench = mute_and_unknown()
    assert bench.result(result(reference=reference_of(ticket_of(REF, length)), amount=Money(38_801)))
    told = outcome(bench)
    assert (told.reference, told.state, told.learned_by, told.differs) == (
        REF,
        MoneyState.APPROVED,
        LearnedBy.RESULT,
        True,
    )


@pytest.mark.parametrize("ticket", [ticket_of(OTHER_REF, 10), ticket_of(REF, 5), "0000042"])
def test_a_late_result_of_another_ticket_or_of_next_to_none_ends_nothing(ticket: str) -> None:
    bench = mute_and_unknown()
    assert not bench.result(result(reference=reference_of(ticket)))
    assert not bench.result(result(reference=NO_TICKET))
    assert bench.facts == [] and bench.lane.view.state is LaneState.UNKNOWN


def test_a_late_result_against_a_persons_word_is_found_by_its_ticket_and_one_that_was_told_is_not() -> None:
    bench = mute_and_unknown()
    bench.give(a.Resolve(5, REF, MoneyState.DECLINED, "Wang", "no slip"))
    bench.record()
    late = result(reference=reference_of(ticket_of(REF, 10)))
    assert not bench.result(late)
    bench.lane.contradicted(late)
    bench.turn()
    assert (outcome(bench).state, outcome(bench).contradicts) == (MoneyState.APPROVED, MoneyState.DECLINED)
    bench.record()
    assert not bench.result(replace(late, state=DECLINED))  # its end was told: any customer's ticket from now on
    bench.lane.contradicted(replace(late, state=DECLINED))
    assert bench.lane.facts == []


def test_what_was_open_at_start_is_fenced_before_new_work() -> None:
    bench = LaneBench(intents=(OpenIntent(INTENT),), connected=False)
    bench.order(replace(SALE, reference=OTHER_REF))
    assert ended(bench).refusal == a.LaneRefusal(a.LaneReason.UNKNOWN, REF, 0)
    bench.session()
    assert bench.said(m.StatusQuery) == [m.StatusQuery(reference=REF, fence=True)]
    bench.answer(status(NOT_FOUND, fenced=True))
    bench.record()
    bench.order(replace(SALE, reference=OTHER_REF), token=2)
    assert bench.made(MoneyIntent)


# -- people ------------------------------------------------------------------------------------------------------------


def test_parked_after_two_minutes_the_lane_is_free_and_the_terminal_is_still_asked() -> None:
    bench = LaneBench()
    bench.unknown()
    bench.wait(119_999)
    bench.give(a.Park(5, REF, "Wang", "queue at the till"))
    assert ended(bench, 5).refusal == a.LaneRefusal(a.LaneReason.TOO_EARLY, REF, 5_001_000)
    bench.wait(1)
    bench.give(a.Park(6, REF, "Wang", "queue at the till"))
    assert bench.made(MoneyParked) == [
        MoneyParked(terminal="SN1", reference=REF, operator="Wang", reason="queue at the till")
    ]
    bench.session()
    bench.order(replace(SALE, reference=OTHER_REF), token=2)
    assert ended(bench, 2).refusal is not None  # not durable yet
    bench.record()
    assert ended(bench, 6) == a.Ended(6)
    assert ended(bench, 1).refusal == a.LaneRefusal(a.LaneReason.PARKED, REF, 5_001_000)
    assert [notice.code for notice in bench.lane.notices] == [NoticeCode.MONEY_PARKED]
    assert (bench.lane.view.state, bench.lane.view.parked) == (LaneState.IDLE, 1)
    bench.answer(status(IN_PROGRESS))
    bench.order(replace(SALE, reference=OTHER_REF), token=3)
    bench.record()
    queries = len(bench.said(m.StatusQuery))
    bench.wait(2_000_000)
    assert len(bench.said(m.StatusQuery)) == queries  # not while the lane is at work
    bench.answer(result(reference=OTHER_REF))
    bench.record()
    assert bench.said(m.StatusQuery)[queries:] == [m.StatusQuery(reference=REF, fence=True)]
    bench.answer(status(APPROVED, amount=Money(38_800)))
    assert outcome(bench).state is MoneyState.APPROVED and outcome(bench).contradicts is None


def test_what_was_parked_before_the_start_holds_up_nobody() -> None:
    bench = LaneBench(intents=(OpenIntent(INTENT, parked=True),), connected=False)
    bench.order(replace(SALE, reference=OTHER_REF))
    assert ended(bench).refusal == a.LaneRefusal(a.LaneReason.NOT_CONNECTED)
    bench.session()
    assert bench.said(m.StatusQuery) == [m.StatusQuery(reference=REF, fence=True)]
    bench.order(replace(SALE, reference=OTHER_REF), token=2)
    assert bench.made(MoneyIntent)


@pytest.mark.parametrize("stands_still", [False, True])
def test_what_another_process_left_is_parked_two_minutes_later_whatever_the_date(stands_still: bool) -> None:
    """The date was wrong then; or it is a simulated home's, which goes by the terminal's clock, and that has gone."""
    at = WALL if stands_still else WALL + 10**9
    bench = LaneBench(intents=(OpenIntent(INTENT, at=at),), connected=False)
    bench.turn()
    bench.wait(119_999)
    bench.wall = -bench.now if stands_still else 0
    bench.give(a.Park(5, REF, "Wang", "because"))
    assert ended(bench, 5).refusal == a.LaneRefusal(a.LaneReason.TOO_EARLY, REF, at)
    bench.wait(1)
    bench.wall = -bench.now if stands_still else 0
    bench.give(a.Park(6, REF, "Wang", "because"))
    assert bench.made(MoneyParked)


def test_what_another_process_left_long_ago_is_parked_at_once() -> None:
    bench = LaneBench(intents=(OpenIntent(INTENT, at=WALL - 120_000),), connected=False)
    bench.give(a.Park(5, REF, "Wang", "because"))
    assert bench.made(MoneyParked)


@pytest.mark.parametrize("parked", [False, True])
def test_a_person_resolves_it_at_any_time(parked: bool) -> None:
    bench = LaneBench(intents=(OpenIntent(INTENT, parked=parked),), connected=False)
    bench.give(a.Resolve(5, REF, MoneyState.APPROVED, "Wang", "slip 000123"))
    told = outcome(bench)
    assert told == MoneyOutcome(
        terminal="SN1",
        reference=REF,
        state=MoneyState.APPROVED,
        learned_by=LearnedBy.MANUAL,
        operator="Wang",
        reason="slip 000123",
    )
    assert bench.ended == []
    bench.record()
    assert ended(bench, 5) == a.Ended(5, told) and bench.said(m.Confirm) == []


def test_what_is_not_open_is_not_decided_about() -> None:
    bench = LaneBench()
    bench.asked()
    bench.give(a.Resolve(5, REF, MoneyState.APPROVED, "Wang", "because"))  # the terminal is at work on it
    bench.give(a.Park(6, OTHER_REF, "Wang", "because"))
    bench.give(a.AcceptRollback(7, "Wang", "because"))
    for token in (5, 6, 7):
        assert ended(bench, token).refusal == a.LaneRefusal(a.LaneReason.NOT_OPEN)
    assert bench.facts == []


def test_a_reason_holds_no_card_number_and_fits_an_entry() -> None:
    bench = LaneBench(intents=(OpenIntent(INTENT),), connected=False)
    reason = "card 4111 1111 1111 1111 e\N{COMBINING ACUTE ACCENT}\x1b\ud800" + "x" * 9_000
    bench.give(a.Resolve(5, REF, MoneyState.VOIDED, "Wang", reason))
    told = outcome(bench).reason or ""
    assert told.startswith("card 4111 11** **** 1111 \xe9 ?x") and len(told) == 500


# -- a later truth -----------------------------------------------------------------------------------------------------


def ended_as(bench: LaneBench, state: MoneyState) -> None:
    """By a person's word."""
    bench.unknown()
    bench.give(a.Resolve(9, REF, state, "Wang", "because"))
    bench.record()


@pytest.mark.parametrize("before", [MoneyState.VOIDED, MoneyState.DECLINED])
def test_an_approval_in_the_log_contradicts_what_was_recorded(before: MoneyState) -> None:
    bench = LaneBench()
    ended_as(bench, before)
    bench.log(transaction())
    told = outcome(bench)
    assert (told.state, told.contradicts, told.learned_by) == (MoneyState.APPROVED, before, LearnedBy.TRANSACTION)
    bench.record()
    bench.order(token=20)
    assert ended(bench, 20).outcome == told


def test_a_reversal_after_an_approval_contradicts_it_and_being_told_again_changes_nothing() -> None:
    bench = LaneBench()
    bench.asked()
    bench.log(transaction(8))
    reversal = transaction(
        9, reference=OTHER_REF, kind=m.TransactionKind.REVERSAL, original_reference=REF, response_code="00"
    )
    bench.log(reversal)
    first, second = bench.made(MoneyOutcome)
    assert (first.state, second.state, second.contradicts) == (
        MoneyState.APPROVED,
        MoneyState.VOIDED,
        MoneyState.APPROVED,
    )
    bench.record()
    for told_again in (transaction(8), reversal):
        bench.log(told_again)
    assert bench.facts == []
    bench.log(transaction(10))  # and charged after all
    assert outcome(bench).contradicts is MoneyState.VOIDED


@pytest.mark.parametrize(
    "nothing",
    [
        transaction(9, reference=OTHER_REF, kind=m.TransactionKind.REFUND, original_reference=REF),
        transaction(
            9,
            reference=OTHER_REF,
            kind=m.TransactionKind.REVERSAL,
            original_reference=REF,
            outcome=m.Outcome.DECLINED,
        ),
        transaction(9, reference=OTHER_REF),
    ],
    ids=["refund of it", "reversal that failed", "another"],
)
def test_what_does_not_speak_of_it_changes_nothing(nothing: m.Transaction) -> None:
    bench = LaneBench()
    bench.asked()
    bench.log(transaction())
    bench.record()
    bench.log(nothing)
    assert bench.facts == []


def test_nobody_is_told_an_outcome_that_is_not_durable_yet() -> None:
    bench = LaneBench()
    bench.asked()
    bench.answer(result(m.RequestState.DECLINED, amount=None))
    bench.log(transaction())
    first, second = bench.made(MoneyOutcome)
    bench.lane.recorded([first], bench.moment)
    bench.turn()
    assert ended(bench).outcome == first
    bench.order(token=2)
    assert ended(bench, 2).outcome == first
    bench.lane.recorded([second], bench.moment)
    bench.order(token=3)
    assert ended(bench, 3).outcome == second and second.contradicts is MoneyState.DECLINED


def test_the_log_corrects_a_result_that_named_another_amount() -> None:
    bench = LaneBench()
    bench.asked()
    bench.answer(result(amount=Money(38_801), event=8))
    bench.record()
    bench.log(transaction(8))
    told = outcome(bench)
    assert (told.amount, told.differs, told.contradicts) == (Money(38_800), False, MoneyState.APPROVED)


def test_a_lying_result_of_long_ago_never_overturns_the_log() -> None:
    bench = LaneBench()
    bench.asked()
    bench.log(transaction())
    bench.record()
    for lie in (result(DECLINED), result(VOIDED, event=99), result(amount=Money(1))):
        bench.result(lie)
        bench.lane.contradicted(lie)
        bench.turn()
    assert bench.facts == []


def test_a_late_result_against_a_persons_word_is_told_and_taken() -> None:
    bench = LaneBench()
    ended_as(bench, MoneyState.VOIDED)
    assert bench.result(result(VOIDED))  # nothing new
    assert not bench.result(result())
    bench.lane.contradicted(result())
    bench.turn()
    assert outcome(bench).contradicts is MoneyState.VOIDED


def test_an_earlier_process_outcome_is_contradicted_too() -> None:
    told = MoneyOutcome(terminal="SN1", reference=REF, state=MoneyState.VOIDED, learned_by=LearnedBy.STATUS)
    bench = LaneBench(ended=(EndedIntent(INTENT, told),))
    bench.log(transaction())
    assert outcome(bench).contradicts is MoneyState.VOIDED


def test_another_amount_than_was_asked_is_found_though_a_person_had_said_approved() -> None:
    bench = LaneBench()
    ended_as(bench, MoneyState.APPROVED)
    bench.log(transaction())
    assert bench.facts == []  # as was asked
    bench.log(transaction(9, amount=Money(19_400)))
    told = outcome(bench)
    assert (told.amount, told.differs, told.contradicts) == (Money(19_400), True, MoneyState.APPROVED)


def test_another_kind_of_the_same_amount_is_found_though_its_result_said_nothing_of_it() -> None:
    bench = LaneBench()
    bench.order(replace(SALE, action=MoneyAction.REFUND, original_reference=SALE_REF))
    bench.record()
    bench.answer(result())
    bench.record()
    bench.log(transaction())  # the log holds a sale
    bench.log(transaction())
    assert (outcome(bench).differs, outcome(bench).contradicts) == (True, MoneyState.APPROVED)


# -- the log was put back ----------------------------------------------------------------------------------------------


def test_no_money_request_goes_out_over_a_log_that_was_put_back_until_a_person_decides() -> None:
    bench = LaneBench()
    bench.lane.log_doubted([ROLLED_BACK])
    bench.order()
    assert ended(bench).refusal == a.LaneRefusal(a.LaneReason.ROLLED_BACK) and bench.lane.view.rolled_back
    bench.give(a.AcceptRollback(5, "Wang", "repaired"))
    bench.order(token=2)
    assert ended(bench, 2).refusal is not None  # not durable yet
    assert bench.record() == [MoneyRollbackAccepted(terminal="SN1", operator="Wang", reason="repaired")]
    assert ended(bench, 5) == a.Ended(5)
    bench.lane.log_doubted([ROLLED_BACK])  # found again at the next session: it is the same
    bench.order(token=3)
    assert bench.made(MoneyIntent)
    bench.lane.log_doubted([replace(ROLLED_BACK, last_written=2)])
    assert bench.lane.view.rolled_back


def test_what_was_open_when_the_log_was_put_back_is_never_fenced_though_it_was_accepted() -> None:
    bench = LaneBench()
    bench.unknown()
    bench.lane.log_doubted([ROLLED_BACK])
    bench.give(a.AcceptRollback(5, "Wang", "repaired"))
    bench.record()
    bench.session()
    bench.answer(status(NOT_FOUND, fenced=True))
    assert bench.facts == [] and [query.fence for query in bench.said(m.StatusQuery)] == [False]


def contradicted(number: int) -> EventContradicted:
    event = EventId(terminal="SN1", log_epoch="e1", number=number, at=1, sha256=bytes(32))
    return EventContradicted(event=event, first_sha256=bytes(32), message=None)


def test_a_log_that_contradicts_itself_is_as_one_that_was_put_back() -> None:
    bench = LaneBench()
    bench.lane.log_doubted([contradicted(5)])
    assert bench.lane.view.rolled_back
    bench.give(a.AcceptRollback(5, "Wang", "repaired"))
    bench.record()
    bench.lane.log_doubted([contradicted(5)])
    assert bench.lane.view.rolled_back


@pytest.mark.parametrize("later", [contradicted(5), replace(ROLLED_BACK, last_written=2)])
def test_what_is_found_while_a_decision_is_on_its_way_to_the_disk_needs_another(
    later: EventContradicted | LogRolledBack,
) -> None:
    bench = LaneBench()
    bench.lane.log_doubted([contradicted(4)])
    bench.give(a.AcceptRollback(5, "Wang", "repaired"))
    bench.lane.log_doubted([later])
    bench.give(a.AcceptRollback(6, "Wang", "and that"))
    first, second = bench.facts
    bench.lane.recorded([first], bench.moment)
    bench.turn()
    assert ended(bench, 5).refusal == a.LaneRefusal(a.LaneReason.ROLLED_BACK) and bench.lane.view.rolled_back
    bench.lane.recorded([second], bench.moment)
    bench.turn()
    assert ended(bench, 6) == a.Ended(6) and not bench.lane.view.rolled_back


def test_what_an_accepted_rollback_explains_is_not_decided_again() -> None:
    known = Rollbacks().found(ROLLED_BACK).accepted()
    assert not known.found(contradicted(7)).undecided
    assert known.found(contradicted(8)).undecided


# -- the journal -------------------------------------------------------------------------------------------------------


def test_what_the_journal_says_of_money_requests() -> None:
    other = replace(INTENT, reference=OTHER_REF)
    third = replace(INTENT, reference=SALE_REF)
    told = MoneyOutcome(terminal="SN1", reference=OTHER_REF, state=MoneyState.VOIDED, learned_by=LearnedBy.STATUS)
    truth = replace(told, state=MoneyState.APPROVED, contradicts=MoneyState.VOIDED)
    parked = MoneyParked(terminal="SN1", reference=REF, operator="W", reason="r")
    facts = [INTENT, parked, other, told, ROLLED_BACK, third, third, truth]
    found = history(enumerate(facts))
    assert found.intents == (OpenIntent(INTENT, parked=True, at=0, doubtful=True), OpenIntent(third, at=6))
    assert found.ended == (EndedIntent(other, truth),)
    assert found.rollbacks.undecided
    accepted = MoneyRollbackAccepted(terminal="SN1", operator="W", reason="r")
    assert not history(enumerate([*facts, accepted])).rollbacks.undecided
