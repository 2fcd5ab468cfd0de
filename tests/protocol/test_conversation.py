"""Conversation: requests and their replies, what cannot be read, and what a lost session leaves behind."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any, get_args

import pytest

from protocol import messages as m
from protocol.conversation import HOST_MS, REPLY_MS, Conversation
from protocol.dialect import DIALECTS, Role, dialect
from protocol.dialects.native.framing import Direction, FrameType
from protocol.errors import NotSpoken, OutOfBounds, UnknownDialect
from protocol.events import (
    CloseReason,
    FailReason,
    Progressed,
    Received,
    Replied,
    RequestFailed,
    SessionClosed,
    SessionOpened,
    Unreadable,
)
from protocol.masking import mask_bytes
from protocol.money import Money
from protocol.tickets import NO_TICKET
from tests.dialects.exchanges import requests
from tests.properties.strategies import tlv
from tests.protocol.pair import HELLO, Pair, conversations
from tests.vectors.build_native import MESSAGES

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
FEE = m.Fee(number=3, at=1, type=m.FeeType.MDR, amount=Money(-5), transaction="ab" * 16)
SALE = m.Sale(reference="01" * 16, amount=Money(12_345), deadline=30_000, operator="01")
MONEY: tuple[m.MoneyRequest, ...] = (
    SALE,
    m.Refund(reference="02" * 16, original_reference="01" * 16, amount=Money(345), deadline=30_000),
    m.Void(reference="03" * 16, original_reference="01" * 16, amount=Money(12_345), deadline=30_000),
)


def progress(reference: str, stage: m.Stage, number: int) -> m.Progress:
    return m.Progress(reference=reference, stage=stage, request_id=number)


def result(reference: str, number: int) -> m.Result:
    return m.Result(reference=reference, state=m.RequestState.APPROVED, amount=Money(12_345), request_id=number)


@pytest.fixture
def pair() -> Pair:
    return conversations().join()


def only(pair: Pair, role: Role, kind: type[Any]) -> Any:
    (found,) = pair.of(role, kind)
    return found


def test_a_session_opens_at_both_ends_with_the_terminals_hello() -> None:
    pair = conversations().open().run(10)
    opened = only(pair, AGENT, SessionOpened)
    assert opened.hello == HELLO
    assert pair.of(TERMINAL, SessionOpened) == []  # nothing is acted on before the first valid frame
    pair.agent.request(m.HeadGet(), pair.now)
    pair.run(10)
    told = [type(event) for event in pair.told[TERMINAL]]
    assert told == [SessionOpened, Received]
    assert only(pair, TERMINAL, SessionOpened) == opened


def test_a_request_and_its_reply(pair: Pair) -> None:
    number = pair.agent.request(m.Sync(start=4), pair.now)
    pair.run(20)
    asked = only(pair, TERMINAL, Received).message
    assert asked == m.Sync(start=4, request_id=number)
    reply = m.SyncReply(oldest_retained=1, last_written=9, request_id=number)
    pair.terminal.send(reply, pair.now)
    pair.run(20)
    assert only(pair, AGENT, Replied) == Replied(number, reply)
    pair.terminal.send(reply, pair.now)  # a second time: nobody waits for it any more
    pair.run(REPLY_MS * 2)
    assert len(pair.told[AGENT]) == 1
    assert pair.agent.counters.discarded == 1


def test_two_requests_answered_the_other_way_round(pair: Pair) -> None:
    first = pair.agent.request(m.HeadGet(), pair.now)
    second = pair.agent.request(m.DeviceInfoQuery(), pair.now)
    assert first != second
    info = m.DeviceInfo(serial_number="S", model="M", firmware="F", mid="1", tid="2", clock=3, request_id=second)
    pair.terminal.send(info, pair.now)
    pair.terminal.send(m.HeadReply(request_id=first), pair.now)
    pair.run(50)
    assert pair.of(AGENT, Replied) == [Replied(second, info), Replied(first, m.HeadReply(request_id=first))]


@pytest.mark.parametrize("wrong", ["another id", "another type", "id 0"])
def test_what_answers_nothing_is_discarded(pair: Pair, wrong: str) -> None:
    number = pair.agent.request(m.HeadGet(), pair.now)
    reply: m.Message = {
        "another id": m.HeadReply(request_id=number + 1),
        "another type": m.SyncReply(oldest_retained=1, last_written=0, request_id=number),
        "id 0": m.HeadReply(request_id=0),
    }[wrong]
    pair.terminal.send(reply, pair.now)
    pair.run(50)
    assert pair.told[AGENT] == []
    assert pair.agent.counters.discarded == 1
    pair.terminal.send(m.HeadReply(request_id=number), pair.now)
    pair.run(50)
    assert only(pair, AGENT, Replied).request_id == number


def test_an_error_is_a_reply(pair: Pair) -> None:
    number = pair.agent.request(m.HeadPut(checkpoint="c\n"), pair.now)
    refused = m.Error(code=m.ErrorCode.NOT_SUPPORTED, tag=0x8070, request_id=number)
    pair.terminal.send(refused, pair.now)
    pair.run(50)
    assert only(pair, AGENT, Replied) == Replied(number, refused)


def test_a_request_without_a_reply_fails_at_its_time(pair: Pair) -> None:
    number = pair.agent.request(m.HeadGet(), pair.now)
    pair.run(REPLY_MS - 1)
    assert pair.of(AGENT, RequestFailed) == []
    pair.run(2)
    assert only(pair, AGENT, RequestFailed) == RequestFailed(number, FailReason.NO_ANSWER)
    pair.terminal.send(m.HeadReply(request_id=number), pair.now)  # too late
    pair.run(50)
    assert pair.of(AGENT, Replied) == []
    assert pair.agent.is_open


@pytest.mark.parametrize("how", ["port closed", "terminal left", "silence", "left"])
def test_a_lost_session_fails_what_is_pending_each_once(pair: Pair, how: str) -> None:
    numbers = [pair.agent.request(m.HeadGet(), pair.now) for _ in range(3)]
    if how == "port closed":
        pair.agent.close(pair.now)
    elif how == "left":
        pair.agent.leave(pair.now)
    elif how == "terminal left":
        pair.terminal.leave(pair.now)
    else:
        pair.fault = lambda data, random: []
    pair.run(30_000)
    failed = pair.of(AGENT, RequestFailed)
    assert failed == [RequestFailed(number, FailReason.SESSION_LOST) for number in numbers]
    first_close = next(i for i, event in enumerate(pair.told[AGENT]) if isinstance(event, SessionClosed))
    assert pair.told[AGENT].index(failed[-1]) < first_close


def test_a_request_where_no_session_stands_fails_at_once() -> None:
    pair = conversations()
    number = pair.agent.request(m.HeadGet(), 0)
    assert pair.agent.events() == [RequestFailed(number, FailReason.SESSION_LOST)]
    assert pair.agent.backlog == 0
    pair.agent.send(m.EventAck(up_to=1), 0)
    assert pair.agent.backlog == 0


def test_a_request_that_the_wire_cannot_carry_leaves_nothing_behind(pair: Pair) -> None:
    with pytest.raises(OutOfBounds):
        pair.agent.request(m.HeadPut(checkpoint="x" * 2_049), pair.now)
    pair.run(REPLY_MS * 2)
    assert pair.told[AGENT] == []


def test_request_ids_are_fresh(pair: Pair) -> None:
    numbers = [pair.agent.request(m.HeadGet(), pair.now) for _ in range(100)]
    assert len(set(numbers)) == 100
    assert all(1 <= number <= 0xFFFF_FFFF for number in numbers)


def test_events_arrive_with_the_digest_of_their_bytes(pair: Pair) -> None:
    from hashlib import sha256

    pair.terminal.send(FEE, pair.now)
    pair.run(20)
    raw = dialect("native").encode(FEE)
    assert only(pair, AGENT, Received) == Received(FEE, sha256(raw).digest())


def test_each_role_hears_only_what_is_for_it(pair: Pair) -> None:
    pair.agent.send(FEE, pair.now)  # an agent reports no fees
    pair.terminal.send(m.EventAck(up_to=3), pair.now)  # a terminal acknowledges no events
    pair.terminal.send(m.Sync(start=1, request_id=1), pair.now)  # and asks for none
    pair.run(100)
    assert pair.told[AGENT] == pair.told[TERMINAL] == []
    assert pair.agent.counters.discarded == 2
    assert pair.terminal.counters.discarded == 1


def test_a_request_that_cannot_be_understood_is_answered_with_an_error(pair: Pair) -> None:
    number = pair.agent.request(m.HeadGet(), pair.now)
    pair.run(20)
    pair.forget()
    unknown = b"\x02\x7a" + tlv(0x0003, number.to_bytes(4).lstrip(b"\0")) + tlv(0x8123, b"?")
    pair.agent.send_encoded(unknown, urgent=True)
    pair.run(50)
    assert only(pair, TERMINAL, Unreadable).message_type == 0x027A
    told = only(pair, AGENT, Replied)
    assert told.request_id == number
    assert told.message.code is m.ErrorCode.NOT_UNDERSTOOD


def test_the_error_names_the_offending_tag(pair: Pair) -> None:
    number = pair.agent.request(m.HeadGet(), pair.now)
    pair.run(20)
    sync = b"\x02\x02" + tlv(0x0003, bytes([number])) + tlv(0x8051, b"\0\0")  # a start that is not minimal
    pair.agent.send_encoded(sync, urgent=True)
    pair.run(50)
    assert only(pair, AGENT, Replied).message == m.Error(code=m.ErrorCode.NOT_UNDERSTOOD, tag=0x8051, request_id=number)


def test_what_has_no_request_id_gets_no_answer(pair: Pair) -> None:
    pair.agent.send_encoded(b"\x02\x7a", urgent=True)
    pair.run(50)
    assert only(pair, TERMINAL, Unreadable).message_type == 0x027A
    assert pair.told[AGENT] == []


@pytest.mark.parametrize("request_id", [b"\x1f" + b"\xff" * 6, b"\x20" + b"\0" * 6, b"\xff" * 7, b"\0\0\0\0\0\0\1"])
def test_no_request_id_whatsoever_makes_receive_raise(pair: Pair, request_id: bytes) -> None:
    """Bytes from the line never raise out of receive, authenticated ones neither."""
    pair.agent.send_encoded(b"\x02\x7a" + tlv(0x0003, request_id), urgent=True)
    pair.run(50)
    assert only(pair, TERMINAL, Unreadable).message_type == 0x027A
    assert pair.terminal.is_open


@pytest.mark.parametrize(
    ("raw", "number", "kind"),
    [
        (b"\x01\x7a" + tlv(1, b"\x09"), 9, 0x017A),
        (b"\x01\x02" + tlv(1, b"\x01\x00"), 256, 0x0102),  # a fee without its fields
        (b"\x01\x02" + tlv(1, b"\x09") + b"\x00", 9, 0x0102),
        (b"\x01\x02" + tlv(0x30, b"\1"), None, 0x0102),
        (b"\x01", None, 0x0001),
    ],
)
def test_an_event_that_cannot_be_understood(pair: Pair, raw: bytes, number: int | None, kind: int) -> None:
    from hashlib import sha256

    pair.terminal.send_encoded(raw, urgent=False)
    pair.terminal.send(FEE, pair.now)
    pair.run(50)
    unreadable = only(pair, AGENT, Unreadable)
    assert (unreadable.message_type, unreadable.number, unreadable.sha256) == (kind, number, sha256(raw).digest())
    assert unreadable.reason
    assert only(pair, AGENT, Received).message == FEE  # and nothing is blocked by it
    assert pair.terminal.backlog == 0


def test_an_event_above_16_kib_is_unreadable_with_its_number(pair: Pair) -> None:
    pair.terminal.send_encoded(b"\x01\x02" + tlv(1, b"\x07") + tlv(0x7ABC, bytes(16_400)), urgent=False)
    pair.terminal.send(FEE, pair.now)
    pair.run(3_000)
    unreadable = only(pair, AGENT, Unreadable)
    assert (unreadable.message_type, unreadable.number) == (0x0102, 7)
    assert "16 KiB" in unreadable.reason
    assert only(pair, AGENT, Received).message == FEE


def test_a_card_number_in_clear_leaves_no_trace_in_any_event(pair: Pair) -> None:
    pan = "6250941006528599"  # a published test number
    fee = b"\x01\x02" + tlv(1, b"\x01") + tlv(2, b"\x01") + tlv(0x8030, b"\1") + tlv(0x8031, b"\0\x9c\1")
    for raw in (fee + tlv(0x34, b"card " + pan.encode()), fee + tlv(0x33, pan.encode()) + tlv(0xFFFF, pan.encode())):
        pair.terminal.send_encoded(raw, urgent=False)
    pair.run(50)
    assert len(pair.told[AGENT]) == 2
    assert pan not in repr(pair.told[AGENT])


@pytest.mark.parametrize(
    "event", [e for e in MESSAGES.values() if isinstance(e, get_args(m.UnsolicitedEvent))], ids=repr
)
def test_every_event_arrives_as_it_was_sent(pair: Pair, event: m.Message) -> None:
    pair.terminal.send(event, pair.now)
    pair.run(500)
    assert only(pair, AGENT, Received).message == event


@pytest.mark.parametrize("asked", MONEY, ids=lambda asked: type(asked).__name__)
def test_a_money_request_its_progress_and_its_result(pair: Pair, asked: m.MoneyRequest) -> None:
    number = pair.agent.request(asked, pair.now)
    pair.run(50)
    assert only(pair, TERMINAL, Received).message == replace(asked, request_id=number)
    stages = [progress(asked.reference, stage, number) for stage in (m.Stage.PRESENT_CARD, m.Stage.PIN, m.Stage.HOST)]
    outcome = result(asked.reference, number)
    for message in (*stages, outcome):
        pair.terminal.send(message, pair.now)
    pair.run(200)
    assert pair.told[AGENT] == [*(Progressed(number, stage) for stage in stages), Replied(number, outcome)]
    pair.terminal.send(stages[0], pair.now)  # after the last word there is none
    pair.run(HOST_MS * 3)
    assert len(pair.told[AGENT]) == 4
    assert pair.agent.counters.discarded == 1


@pytest.mark.parametrize("left", [30_000, 1, 0, -5_000])
def test_a_money_request_is_waited_for_until_its_deadline_and_the_hosts_time(pair: Pair, left: int) -> None:
    """docs/protocol.md §4: deadline + host time-out + 10 s; the deadline is told on the terminal's clock, not on ours."""
    assert pair.agent.terminal_uptime(pair.now) != pair.now  # the terminal's clock began at another time
    deadline = pair.agent.terminal_uptime(pair.now) + left
    number = pair.agent.request(replace(SALE, deadline=max(0, deadline)), pair.now)
    pair.run(max(0, left) + 60_000 + 10_000 - 1)
    assert pair.of(AGENT, RequestFailed) == []
    pair.run(2)
    assert only(pair, AGENT, RequestFailed) == RequestFailed(number, FailReason.NO_ANSWER)


def test_progress_shows_that_a_request_is_alive(pair: Pair) -> None:
    number = pair.agent.request(replace(SALE, deadline=0), pair.now)
    pair.run(69_000)
    pair.terminal.send(progress(SALE.reference, m.Stage.HOST, number), pair.now)
    pair.run(69_000)
    assert pair.of(AGENT, RequestFailed) == []
    pair.run(2_000)
    assert only(pair, AGENT, RequestFailed).request_id == number


def test_a_status_is_no_money_request_and_not_waited_for_as_one(pair: Pair) -> None:
    number = pair.agent.request(m.StatusQuery(reference=SALE.reference, fence=False), pair.now)
    pair.run(REPLY_MS + 1)
    assert only(pair, AGENT, RequestFailed) == RequestFailed(number, FailReason.NO_ANSWER)


def test_progress_of_what_is_no_money_request_is_discarded(pair: Pair) -> None:
    number = pair.agent.request(m.Settle(), pair.now)
    pair.terminal.send(progress(SALE.reference, m.Stage.HOST, number), pair.now)
    pair.terminal.send(progress(SALE.reference, m.Stage.HOST, number + 1), pair.now)
    pair.run(100)
    assert pair.told[AGENT] == []
    assert pair.agent.counters.discarded == 2


def test_progress_of_another_reference_is_discarded_and_prolongs_nothing(pair: Pair) -> None:
    number = pair.agent.request(replace(SALE, deadline=0), pair.now)
    for _ in range(2):
        pair.run(30_000)
        pair.terminal.send(progress("ff" * 16, m.Stage.HOST, number), pair.now)
        pair.terminal.send(progress(NO_TICKET, m.Stage.HOST, number), pair.now)  # nor one that names none
    pair.run(9_000)
    assert pair.told[AGENT] == [] and pair.agent.counters.discarded == 4
    pair.run(2_000)
    assert only(pair, AGENT, RequestFailed) == RequestFailed(number, FailReason.NO_ANSWER)


def test_progress_of_one_sale_is_not_that_of_another(pair: Pair) -> None:
    """Two money requests under way, by an agent that should not: each Progress belongs to the id and the reference it names."""
    other = replace(SALE, reference="07" * 16)
    first, second = (pair.agent.request(asked, pair.now) for asked in (SALE, other))
    pair.terminal.send(progress(other.reference, m.Stage.PIN, first), pair.now)
    pair.terminal.send(progress(other.reference, m.Stage.HOST, second), pair.now)
    pair.run(100)
    assert only(pair, AGENT, Progressed) == Progressed(second, progress(other.reference, m.Stage.HOST, second))


def test_a_clock_that_no_deadline_can_tell_is_not_taken(pair: Pair) -> None:
    """A terminal gone wrong: its PONG beyond 2^53 would make every sale's deadline unsayable."""
    before = pair.agent.terminal_uptime(pair.now)
    session = pair.terminal._link._session
    _, wire = session.seal(FrameType.PONG, Direction.TO_AGENT, b"\xff" * 8)
    pair.agent.receive(wire, pair.now)
    assert pair.agent.terminal_uptime(pair.now) == before
    pair.agent.request(replace(SALE, deadline=before + 30_000), pair.now)
    pair.run(50)
    assert only(pair, TERMINAL, Received).message.deadline == before + 30_000


def test_a_result_of_another_reference_answers_nothing_and_is_still_an_outcome(pair: Pair) -> None:
    number = pair.agent.request(SALE, pair.now)
    foreign = result("ff" * 16, number)
    pair.terminal.send(foreign, pair.now)
    pair.run(100)
    assert only(pair, AGENT, Received).message == foreign
    assert pair.of(AGENT, Replied) == []
    pair.terminal.send(result(SALE.reference, number), pair.now)
    pair.run(100)
    assert only(pair, AGENT, Replied) == Replied(number, result(SALE.reference, number))


@pytest.mark.parametrize("amount", [Money(1), Money(12_345, 840), None])
def test_a_result_of_another_amount_is_the_answer(pair: Pair, amount: Money | None) -> None:
    """ "approved, amount differs" is for the agent to find; it is never an unknown outcome (§4)."""
    number = pair.agent.request(SALE, pair.now)
    told = replace(result(SALE.reference, number), amount=amount)
    pair.terminal.send(told, pair.now)
    pair.run(100)
    assert only(pair, AGENT, Replied) == Replied(number, told)


def test_a_status_of_another_reference_answers_nothing(pair: Pair) -> None:
    number = pair.agent.request(m.StatusQuery(reference=SALE.reference, fence=True), pair.now)
    other = m.StatusReply(
        reference="ff" * 16, state=m.RequestState.NOT_FOUND, log_epoch="e", fenced=True, request_id=number
    )
    pair.terminal.send(other, pair.now)
    pair.run(100)
    assert pair.told[AGENT] == []
    pair.terminal.send(replace(other, reference=SALE.reference), pair.now)
    pair.run(100)
    assert only(pair, AGENT, Replied).message.fenced


def test_a_result_that_nobody_waits_for_any_more_is_not_lost(pair: Pair) -> None:
    number = pair.agent.request(replace(SALE, deadline=0), pair.now)
    pair.run(71_000)
    assert only(pair, AGENT, RequestFailed).reason is FailReason.NO_ANSWER
    pair.terminal.send(result(SALE.reference, number), pair.now)
    pair.run(100)
    assert only(pair, AGENT, Received).message == result(SALE.reference, number)


@pytest.mark.parametrize("asked", [m.LastTransactionQuery(), m.TotalsQuery()], ids=lambda asked: type(asked).__name__)
def test_what_the_dialect_has_no_words_for_is_not_sent(pair: Pair, asked: m.Request) -> None:
    assert not pair.agent.speaks(type(asked))
    with pytest.raises(NotSpoken) as refused:
        pair.agent.request(asked, pair.now)
    assert type(asked).__name__ in str(refused.value)
    assert refused.value.todo
    pair.run(1_000)
    assert pair.told[AGENT] == pair.told[TERMINAL] == []
    assert pair.agent.backlog == 0


@pytest.mark.parametrize("name", [name for name in DIALECTS if dialect(name).one_at_a_time])
def test_a_wire_without_request_ids_carries_one_request_at_a_time(name: str) -> None:
    made = {
        role: Conversation(name, role, random=Random(str(role)).randbytes, line_rate=dialect(name).line_rate)
        for role in Role
    }
    pair = Pair(made[AGENT], made[TERMINAL]).open().run(5_000)
    sale = requests(name, pair.now)[m.Sale]
    first = pair.agent.request(sale, pair.now)
    pair.run(3)
    second = pair.agent.request(sale, pair.now)
    assert first != second
    pair.run(1_000)
    assert pair.of(AGENT, RequestFailed) == [RequestFailed(second, FailReason.BUSY)]
    assert len(pair.of(TERMINAL, Received)) == 1


def test_an_unknown_critical_tag_in_a_sale_is_refused_by_name_and_nothing_is_done(pair: Pair) -> None:
    number = pair.agent.request(m.Settle(), pair.now)
    pair.run(50)
    pair.forget()
    sale = dialect("native").encode(replace(SALE, request_id=number))
    pair.agent.send_encoded(sale + tlv(0x8ABC, b"tip 15%"), urgent=True)
    pair.agent.send_encoded(sale + tlv(0x0ABC, b"colour"), urgent=True)
    pair.run(100)
    told = only(pair, AGENT, Replied).message
    assert told == m.Error(code=m.ErrorCode.NOT_UNDERSTOOD, tag=0x8ABC, request_id=number)
    assert only(pair, TERMINAL, Unreadable).raw == mask_bytes(sale + tlv(0x8ABC, b"tip 15%"))
    assert only(pair, TERMINAL, Received).message == replace(SALE, request_id=number)  # the other one was only skipped


def test_an_unknown_critical_tag_in_an_event_is_unreadable_at_the_agent(pair: Pair) -> None:
    raw = dialect("native").encode(FEE) + tlv(0x8ABC, b"6250941006528599")
    pair.terminal.send_encoded(raw, urgent=False)
    pair.run(50)
    unreadable = only(pair, AGENT, Unreadable)
    assert (unreadable.message_type, unreadable.number) == (0x0102, 3)
    assert "0x8abc" in unreadable.reason
    assert unreadable.raw == mask_bytes(raw)
    assert unreadable.raw[-32:] == "363235303934" + "*" * 12 + "38353939"
    assert pair.told[TERMINAL] == []  # an event is not answered with an Error


def test_goodbye(pair: Pair) -> None:
    pair.agent.leave(pair.now)
    pair.run(20)
    assert only(pair, TERMINAL, SessionClosed).reason is CloseReason.PEER_LEFT
    assert not pair.terminal.is_open
    pair.run(20_000)
    assert not pair.terminal.is_open  # an agent that left seeks nothing


def test_a_terminals_goodbye_is_answered_by_seeking_it_again(pair: Pair) -> None:
    pair.terminal.leave(pair.now)
    pair.run(900)
    assert not pair.agent.is_open
    pair.run(200)
    assert pair.agent.is_open


def test_an_unknown_dialect_is_refused_by_name() -> None:
    with pytest.raises(UnknownDialect, match=r"klingon.*native"):
        Conversation("klingon", AGENT, random=bytes)
