"""Conversation: requests and their replies, what cannot be read, and what a lost session leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from protocol import messages as m
from protocol.conversation import REPLY_MS, Conversation
from protocol.dialect import Role, dialect
from protocol.errors import OutOfBounds, UnknownDialect
from protocol.events import (
    CloseReason,
    FailReason,
    Received,
    Replied,
    RequestFailed,
    SessionClosed,
    SessionOpened,
    Unreadable,
)
from protocol.money import Money
from tests.properties.strategies import tlv
from tests.protocol.pair import HELLO, SECRET, Pair, conversations

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
FEE = m.Fee(number=3, at=1, type=m.FeeType.MDR, amount=Money(-5), transaction="ab" * 16)


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
        Conversation("klingon", AGENT, secret=SECRET, random=bytes)
