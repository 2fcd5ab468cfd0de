"""The agent's end of the line: when it asks again and when it never does, and which answers it takes."""

from __future__ import annotations

import pytest

from protocol import messages as m
from protocol.dialects.transbank.framing import encode
from protocol.errors import OutOfBounds
from protocol.events import (
    FailReason,
    Progressed,
    Received,
    Replied,
    RequestFailed,
    Unreadable,
)
from protocol.money import Money
from protocol.tickets import NO_TICKET, reference_of
from tests.dialects.transbank.line import (
    ACK,
    ANSWER,
    ASKED,
    DECLINE,
    NAK,
    POLL,
    REFERENCE,
    SALE,
    VOID,
    End,
    ask,
    register,
)


@pytest.fixture
def end() -> End:
    return register()


def spoilt(text: bytes) -> bytes:
    wire = encode(text)
    return wire[:-1] + bytes([wire[-1] ^ 1])


def outcome(end: End) -> m.Result:
    (replied,) = end.of(Replied)
    assert isinstance(replied.message, m.Result)
    return replied.message


# -- a sale ------------------------------------------------------------------------------------------------------------


def test_a_sale(end: End) -> None:
    assert ask(end, SALE) == ASKED
    assert end.hear(ACK) == b""
    assert end.wait(3_000) == b""
    for code, stage in ((b"78", m.Stage.PRESENT_CARD), (b"81", m.Stage.PIN), (b"82", m.Stage.HOST)):
        assert end.hear_frame(b"0900|" + code) == ACK
        assert end.of(Progressed)[-1].message.stage is stage
    assert end.hear_frame(ANSWER) == ACK
    assert outcome(end) == m.Result(
        reference=REFERENCE, state=m.RequestState.APPROVED, amount=SALE.amount, response_code="00", trace="000142",
        product=m.Product.CREDIT, auth_code="162529", scheme="VISA", masked_pan="************6590", request_id=1,
    )  # fmt: skip
    assert end.wait(9_000) == b""
    assert end.wait(1_000) == POLL


def test_a_declined_sale(end: End) -> None:
    ask(end, SALE)
    assert end.hear(ACK, encode(DECLINE)) == ACK
    assert outcome(end).state is m.RequestState.DECLINED


def test_a_sale_without_an_ack_is_never_said_again(end: End) -> None:
    assert ask(end, SALE) == ASKED
    assert end.wait(9_999) == b""
    assert end.of(RequestFailed) == []
    assert ASKED not in end.wait(600_000)
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.NO_ANSWER)]


def test_a_status_message_stands_for_an_ack_that_was_lost(end: End) -> None:
    ask(end, SALE)
    end.wait(5_000)
    assert end.hear_frame(b"0900|78") == ACK
    assert end.wait(100_000) == b""
    assert end.hear_frame(ANSWER) == ACK
    assert outcome(end).state is m.RequestState.APPROVED


def test_the_answer_stands_for_an_ack_that_was_lost(end: End) -> None:
    ask(end, SALE)
    assert end.hear_frame(ANSWER) == ACK
    assert outcome(end).state is m.RequestState.APPROVED


@pytest.mark.parametrize("request_", [SALE, VOID, m.Settle()])
def test_three_naks_and_the_request_is_refused(end: End, request_: m.Request) -> None:
    said = ask(end, request_)
    for _ in range(2):
        assert end.hear(NAK) == b""
        assert end.wait(250) == said
    end.hear(NAK)
    assert end.of(RequestFailed) == []
    assert end.wait(250) in {b"", POLL}
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.REFUSED)]
    assert end.conversation.is_open


def test_an_ack_behind_a_nak_and_nothing_is_said_twice(end: End) -> None:
    ask(end, SALE)
    end.hear(NAK)
    assert end.wait(249) == b""
    assert end.hear(ACK) == b""
    assert end.wait(20_000) == b""
    end.hear_frame(ANSWER)
    assert outcome(end).state is m.RequestState.APPROVED


def test_noise_is_no_nak_for_money(end: End) -> None:
    ask(end, SALE)
    assert end.hear(b"\xff\xfe", NAK, b"\xfd") == b""
    assert ASKED not in end.wait(600_000)
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.NO_ANSWER)]


def test_no_answer_for_150_s_after_the_last_word_and_it_is_unknown(end: End) -> None:
    end.conversation.request(m.Sale(reference=REFERENCE, amount=SALE.amount, deadline=10_000_000), end.now)
    end._settle()
    end.hear(ACK)
    end.wait(149_000)
    end.hear_frame(b"0900|81")
    end.said()
    end.wait(149_999)
    assert end.of(RequestFailed) == []
    end.wait(1)
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.NO_ANSWER)]


# -- answers that came damaged -----------------------------------------------------------------------------------------


def test_an_answer_with_a_bad_lrc_is_asked_for_again_and_never_taken(end: End) -> None:
    ask(end, SALE)
    end.hear(ACK)
    assert end.hear(spoilt(ANSWER)) == NAK
    assert end.of(Replied) == []
    assert end.hear_frame(ANSWER) == ACK
    assert outcome(end).amount == SALE.amount


def test_three_bad_answers_and_it_is_unknown(end: End) -> None:
    ask(end, SALE)
    end.hear(ACK)
    for _ in range(3):
        assert end.of(RequestFailed) == []
        assert end.hear(spoilt(ANSWER))[:1] == NAK
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.NO_ANSWER)]
    assert end.of(Replied) == []


def test_bad_frames_are_counted_one_after_the_other(end: End) -> None:
    ask(end, SALE)
    end.hear(ACK)
    for _ in range(5):
        assert end.hear(spoilt(b"0900|78")) == NAK
        assert end.hear_frame(b"0900|78") == ACK
    end.hear_frame(ANSWER)
    assert outcome(end).state is m.RequestState.APPROVED


# -- answers to something else -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        ANSWER.replace(b"2PF2DB", b"2PF2DC"),
        ANSWER.replace(b"2PF2DB", b""),
        ANSWER.replace(b"|15000|", b"|15001|"),
        DECLINE.replace(b"2PF2DB", b""),
        b"1210|00|597029414300|IT750050|162529|000142||",
    ],
)
def test_an_outcome_that_does_not_fit_is_told_as_nobodys(end: End, text: bytes) -> None:
    ask(end, SALE)
    end.hear(ACK)
    assert end.hear_frame(text) == ACK
    assert end.of(Replied) == []
    (received,) = end.of(Received)
    assert isinstance(received.message, m.Result)
    end.hear_frame(ANSWER)
    assert outcome(end).state is m.RequestState.APPROVED


def test_an_outcome_after_its_time_is_acknowledged_and_told(end: End) -> None:
    ask(end, SALE)
    end.hear(ACK)
    end.wait(600_000)
    end.said()
    assert end.hear_frame(ANSWER) == ACK
    (received,) = end.of(Received)
    assert received.message.reference == reference_of("2PF2DB")


def test_an_answer_said_twice_is_acknowledged_twice_and_taken_once(end: End) -> None:
    ask(end, SALE)
    end.hear(ACK)
    assert end.hear_frame(ANSWER) == ACK
    assert end.hear_frame(ANSWER) == ACK
    assert len(end.of(Replied)) == 1
    assert end.of(Received) == []
    assert end.conversation.counters.repeated == 1


def test_an_answer_that_nobody_understands_is_told_and_the_wait_goes_on(end: End) -> None:
    ask(end, SALE)
    end.hear(ACK)
    assert end.hear_frame(b"0900|99") == ACK
    assert len(end.of(Unreadable)) == 1
    end.hear_frame(ANSWER)
    assert outcome(end).state is m.RequestState.APPROVED


# -- the other requests ------------------------------------------------------------------------------------------------


def test_a_void(end: End) -> None:
    assert ask(end, VOID) == encode(b"1200|142|")
    end.hear(ACK)
    assert end.hear_frame(b"1210|00|597029414300|IT750050|162529|000143||") == ACK  # another sale's
    assert end.of(Replied) == []
    assert end.hear_frame(b"1210|00|597029414300|IT750050|162529|000142||") == ACK
    assert outcome(end) == m.Result(
        reference=REFERENCE, state=m.RequestState.APPROVED, amount=VOID.amount, response_code="00", trace="000142",
        auth_code="162529", request_id=1,
    )  # fmt: skip


def test_a_void_that_is_not_allowed(end: End) -> None:
    ask(end, VOID)
    end.hear(ACK)
    end.hear_frame(b"1210|21|597029414300|IT750050||142||")
    assert (outcome(end).state, outcome(end).amount) == (m.RequestState.DECLINED, None)


@pytest.mark.parametrize(
    ("text", "state"),
    [(ANSWER.replace(b"0210", b"0260"), m.RequestState.APPROVED), (b"0260|11|", m.RequestState.NOT_FOUND)],
)
def test_the_last_sale(end: End, text: bytes, state: m.RequestState) -> None:
    assert ask(end, m.LastTransactionQuery()) == encode(b"0250|")
    end.hear(ACK)
    end.hear_frame(text)
    assert outcome(end).state is state
    assert outcome(end).reference == (reference_of("2PF2DB") if state is m.RequestState.APPROVED else NO_TICKET)


def test_a_late_decline_is_not_the_last_sale(end: End) -> None:
    ask(end, m.LastTransactionQuery())
    end.hear(ACK)
    end.hear_frame(DECLINE)
    assert end.of(Replied) == []
    assert len(end.of(Received)) == 1


def test_totals_and_close(end: End) -> None:
    assert ask(end, m.TotalsQuery()) == encode(b"0700||")
    end.hear(ACK, encode(b"0710|00|002|15000||"))
    assert end.of(Replied)[-1].message == m.Totals(count=2, amount=Money(15_000, 152), request_id=1)
    assert ask(end, m.Settle()) == encode(b"0500||")
    end.hear(ACK, encode(b"0510|00|597029414300|IT750050||"))
    assert end.of(Replied)[-1].message == m.SettleReply(settled=True, response_code="00", request_id=2)


def test_a_question_without_an_ack_is_said_three_times(end: End) -> None:
    asked = ask(end, m.TotalsQuery())
    assert end.wait(1_999) == b""
    assert end.wait(1) == asked
    assert end.wait(2_000) == asked
    assert end.wait(1_999) == b""
    assert asked not in end.wait(60_000)
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.NO_ANSWER)]


def test_who_has_given_up_an_answer_may_ask_something_else(end: End) -> None:
    ask(end, m.TotalsQuery())
    end.hear(ACK)
    end.wait(150_000)
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.NO_ANSWER)]
    end.hear(ACK)  # to the poll
    assert ask(end, m.LastTransactionQuery()) == encode(b"0250|")


def test_a_question_is_under_way_as_long_as_the_line_waits_for_its_answer(end: End) -> None:
    """Else the next command would be waiting when the answer to this one comes."""
    ask(end, m.TotalsQuery())
    end.hear(ACK)
    end.wait(149_000)
    assert ask(end, SALE) == b""
    assert end.of(RequestFailed) == [RequestFailed(2, FailReason.BUSY)]
    end.hear_frame(b"0710|00|002|15000||")
    assert end.of(Replied) == [Replied(1, m.Totals(count=2, amount=Money(15_000, 152), request_id=1))]


# -- nothing decides a sale but its own answer ---------------------------------------------------------------------------

REJECTED = (b"0710|02|||", b"0710|05|||", b"0260|02|", b"0260|12|")
"""Answers to questions that a terminal did not take, as codec.py reads them: an Error, which names nothing."""
OUTCOMES = {
    "sale": (SALE, ANSWER),
    "void": (VOID, b"1210|00|597029414300|IT750050|162529|000142||"),
    "close": (m.Settle(), b"0510|00|597029414300|IT750050||"),
}


@pytest.mark.parametrize("rejected", REJECTED)
@pytest.mark.parametrize("acknowledged", [True, False])
@pytest.mark.parametrize("name", OUTCOMES)
def test_a_rejected_question_decides_no_sale_no_void_and_no_close(
    end: End, name: str, acknowledged: bool, rejected: bytes
) -> None:
    """A totals query's late answer comes while a sale is under way: it is nobody's, and the sale's own answer is taken."""
    request, own = OUTCOMES[name]
    ask(end, m.TotalsQuery())
    end.hear(ACK)
    end.wait(150_000)
    end.hear(ACK)
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.NO_ANSWER)]
    ask(end, request)
    if acknowledged:
        end.hear(ACK)
    assert end.hear_frame(rejected) == ACK
    assert end.of(Replied) == [] and len(end.of(RequestFailed)) == 1
    assert end.conversation.counters.discarded == 1
    end.wait(9_000)
    assert end.hear_frame(own) == ACK
    (replied,) = end.of(Replied)
    assert replied.request_id == 2 and not isinstance(replied.message, m.Error)
    assert len(end.of(RequestFailed)) == 1


@pytest.mark.parametrize("response", [b"02", b"12"])
def test_a_rejected_question_is_answered_by_its_rejection(end: End, response: bytes) -> None:
    for asked, text in ((m.LastTransactionQuery(), b"0260|%b|"), (m.TotalsQuery(), b"0710|%b|||")):
        ask(end, asked)
        end.hear(ACK)
        end.hear_frame(text % response)
        assert isinstance(end.of(Replied)[-1].message, m.Error)
    assert [replied.request_id for replied in end.of(Replied)] == [1, 2]


@pytest.mark.parametrize(
    "voided", [b"1210|00|||162529|000142|", b"1210|00|597029414300|IT750050|162529|142||", b"1210|21||||142||"]
)
def test_a_voids_late_answer_is_not_the_last_sale(end: End, voided: bytes) -> None:
    """The void got no ACK and was given up; what is asked next is what the last sale was, and a void's answer is none."""
    ask(end, VOID)
    end.wait(10_000)
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.NO_ANSWER)]
    end.hear(ACK)
    ask(end, m.LastTransactionQuery())
    end.hear(ACK)
    assert end.hear_frame(voided) == ACK
    assert end.of(Replied) == []
    (received,) = end.of(Received)
    assert received.message.amount is None
    assert end.hear_frame(ANSWER.replace(b"0210", b"0260")) == ACK
    assert outcome(end).reference == reference_of("2PF2DB")


def test_what_cannot_be_said_sends_nothing(end: End) -> None:
    with pytest.raises(OutOfBounds):
        ask(end, m.Sale(reference=REFERENCE, amount=Money(49, 152), deadline=0))
    assert end.said() == b""
    assert end.conversation.backlog == 0
