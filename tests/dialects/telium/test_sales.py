"""Two ends of ours over lines that lose and damage: an outcome that is told is true, and "refused" means that nothing was done."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from protocol import messages as m
from protocol.dialects.telium.framing import encode
from protocol.events import FailReason, Received, Replied, RequestFailed, SessionClosed, Unreadable
from protocol.money import Money
from tests.dialects.telium.ends import (
    ACK,
    AGENT,
    ENQ,
    EOT,
    REFERENCE,
    SALE,
    TERMINAL,
    TICKET,
    approved,
    conversation,
    pair,
)
from tests.protocol.pair import Fault, Pair

STATES = (m.RequestState.APPROVED, m.RequestState.DECLINED, m.RequestState.IN_PROGRESS)


def settle(ends: Pair, number: int, state: m.RequestState, *, thinks: int = 2_000) -> tuple[list[m.Sale], list[object]]:
    """Let the request end. Returns what the terminal did, and every outcome that the agent was told."""
    done: list[m.Sale] = []
    for _ in range(400):
        for event in ends.of(TERMINAL, Received):
            ends.told[TERMINAL].remove(event)
            assert isinstance(event.message, m.Sale)
            done.append(event.message)
            ends.run(thinks)
            ends.terminal.send(approved(event.message, state=state), ends.now)
        ends.run(1_000)
        told = [e for e in ends.told[AGENT] if isinstance(e, Replied | RequestFailed) and e.request_id == number]
        if told:
            return done, told
    raise AssertionError("the request has no end")


@pytest.mark.parametrize("state", STATES)
def test_a_sale(state: m.RequestState) -> None:
    ends = pair()
    number = ends.agent.request(SALE, ends.now)
    done, told = settle(ends, number, state)
    assert [sale.amount for sale in done] == [SALE.amount]
    (replied,) = told
    assert isinstance(replied, Replied)
    assert replied.message == approved(SALE, state=state, request_id=number)


def test_a_sale_that_is_refused_is_declined() -> None:
    ends = pair()
    number = ends.agent.request(SALE, ends.now)
    ends.run(1_000)
    ends.terminal.send(m.Error(code=m.ErrorCode.NOT_NOW), ends.now)
    ends.run(1_000)
    (replied,) = ends.of(AGENT, Replied)
    assert replied.request_id == number
    assert isinstance(replied.message, m.Result)
    assert (replied.message.state, replied.message.amount) == (m.RequestState.DECLINED, SALE.amount)


def test_a_customer_who_takes_his_time() -> None:
    ends = pair()
    number = ends.agent.request(SALE, ends.now)
    _, told = settle(ends, number, m.RequestState.APPROVED, thinks=85_000)
    assert isinstance(told[0], Replied)


def test_a_second_sale_while_one_is_under_way_is_not_sent() -> None:
    ends = pair()
    ends.agent.request(SALE, ends.now)
    ends.run(1_000)
    second = ends.agent.request(SALE, ends.now)
    ends.run(1_000)
    assert ends.of(AGENT, RequestFailed) == [RequestFailed(second, FailReason.BUSY)]
    assert len(ends.of(TERMINAL, Received)) == 1


def answered_by_hand(answer: bytes) -> tuple[int, list[Any]]:
    """An agent's sale, answered by a terminal that the test plays. Returns its id and what was told by its end."""
    agent = conversation(AGENT)
    agent.open(0)
    agent.tick(0)
    agent.receive(ACK, 0)
    number = agent.request(SALE, 0)
    for piece in (ACK, ACK, ENQ, encode(answer), EOT):
        agent.outgoing(0)
        agent.receive(piece, 0)
    told = agent.events()
    agent.tick(269_999)  # 3 min, 60 s for the host, and the 30 s that the sale had left
    told += agent.events()
    assert not [event for event in told if isinstance(event, RequestFailed)]
    agent.tick(270_000)
    return number, told + agent.events()


def test_an_answer_that_need_not_be_ours_is_told_as_a_finding_and_not_as_ours() -> None:
    for answer in (
        b"010" + b"00099999" + b"1" + b"978" + b" " * 10,  # of another amount, and no name
        b"010" + b"00012345" + b"1" + b"978" + b"0Z0Z0Z0Z0Z",  # of our amount, and another request's name
    ):
        number, told = answered_by_hand(answer)
        (received,) = [event for event in told if isinstance(event, Received)]
        assert isinstance(received.message, m.Result)
        assert [event for event in told if isinstance(event, Replied)] == []
        assert [e for e in told if isinstance(e, RequestFailed)] == [RequestFailed(number, FailReason.NO_ANSWER)]


def test_a_terminal_that_gives_no_name_back_answers_the_one_that_is_under_way() -> None:
    for private in (b" " * 10, b"0000000000", TICKET.encode()):
        number, told = answered_by_hand(b"010" + b"00012345" + b"1" + b"978" + private)
        assert [e for e in told if isinstance(e, Replied)] == [Replied(number, approved(SALE, request_id=number))]


def test_what_nobody_understands_is_kept_and_nothing_is_guessed() -> None:
    number, told = answered_by_hand(b"015" + b"00012345" + b"1" + b"978" + TICKET.encode())
    (unreadable,) = [event for event in told if isinstance(event, Unreadable)]
    assert unreadable.reason == "unknown result 5"
    assert [e for e in told if isinstance(e, RequestFailed)] == [RequestFailed(number, FailReason.NO_ANSWER)]


def test_ours_with_another_amount_is_ours() -> None:
    """docs/protocol.md, outcome rules: the terminal's figures recorded, never unknown."""
    ends = pair()
    ends.agent.request(SALE, ends.now)
    ends.run(1_000)
    (asked,) = ends.of(TERMINAL, Received)
    ends.terminal.send(approved(asked.message, amount=Money(10_000, 978)), ends.now)
    ends.run(1_000)
    (replied,) = ends.of(AGENT, Replied)
    assert replied.message.reference == REFERENCE
    assert replied.message.amount == Money(10_000, 978)


def one_flip(share: float) -> Fault:
    """At most one bit of a write: what a sum of one byte finds for certain."""

    def fault(data: bytes, random: Random) -> list[bytes]:
        if random.random() >= share:
            return [data]
        raw = bytearray(data)
        raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
        return [bytes(raw)]

    return fault


def one_byte_lost(share: float) -> Fault:
    def fault(data: bytes, random: Random) -> list[bytes]:
        at = random.randrange(len(data)) if random.random() < share else len(data)
        return [data[:at] + data[at + 1 :]]

    return fault


def writes_lost(share: float) -> Fault:
    return lambda data, random: [] if random.random() < share else [data]


def said_twice(share: float) -> Fault:
    return lambda data, random: [data, data] if random.random() < share else [data]


FAULTS = {
    "a bit flipped": one_flip,
    "a byte lost": one_byte_lost,
    "a write lost": writes_lost,
    "said twice": said_twice,
}


@pytest.mark.parametrize("share", [0.1, 0.3])
@pytest.mark.parametrize("fault", FAULTS)
def test_on_a_bad_line_what_is_told_is_true(fault: str, share: float) -> None:
    ended = {"replied": 0, "failed": 0}
    for seed in range(25):
        ends = pair(seed=seed, delay=30)
        ends.fault = FAULTS[fault](share)
        random = Random(f"{fault} {share} {seed}")
        for i in range(3):
            for _ in range(60):
                if ends.agent.is_open:
                    break
                ends.run(1_000)
            sale = m.Sale(
                reference=random.randbytes(16).hex(),
                amount=Money(random.randint(1, 99_999_999), 978),
                deadline=ends.now + 30_000,
            )
            state = random.choice(STATES)
            number = ends.agent.request(sale, ends.now)
            done, told = settle(ends, number, state)
            assert len(told) == 1
            assert len(done) <= 1, "one ask is one sale"
            assert [d.amount for d in done] in ([], [sale.amount])
            if isinstance(told[0], Replied):
                assert done != []
                assert told[0].message == approved(sale, state=state, request_id=number), (seed, i)
                ended["replied"] += 1
            else:
                assert isinstance(told[0], RequestFailed)
                if told[0].reason in {FailReason.REFUSED, FailReason.BUSY}:
                    assert done == [], (seed, i, told)
                ended["failed"] += 1
            ends.forget()
            ends.fault, kept = writes_lost(0), ends.fault
            ends.run(400_000)  # whatever is still owed comes to its end
            for event in ends.of(TERMINAL, Received):
                assert event.message.amount == sale.amount
            ends.fault = kept
            ends.forget()
    assert ended["replied"] > 20, "the line is not so bad that nothing is tested"


def test_a_session_that_ends_while_a_sale_is_asked() -> None:
    ends = pair()
    ends.stalled.add(TERMINAL)
    number = ends.agent.request(SALE, ends.now)
    ends.run(20_000)
    assert ends.of(AGENT, RequestFailed) == [RequestFailed(number, FailReason.REFUSED)]
    assert len(ends.of(AGENT, SessionClosed)) == 1
