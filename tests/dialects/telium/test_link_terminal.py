"""The terminal's rules on the line, with a register that the test plays: expectations are docs/dialects.md's sentences."""

from __future__ import annotations

import pytest

from protocol.dialect import Undelivered
from protocol.dialects.telium.framing import encode
from tests.dialects.telium.ends import ACK, ANSWER, ASK, ENQ, EOT, LONG, NAK, TICKET, asked, bad, bodies, terminal


def test_a_terminal_says_nothing_before_it_is_asked() -> None:
    bench = terminal()
    assert bench.link.deadline is None
    assert bench.send(LONG) == b""
    assert bench.link.counters.discarded == 1


def test_an_ask_is_told_once_when_its_exchange_is_over_and_answered_as_it_wants() -> None:
    bench = asked()
    assert bodies(bench) == [ASK]
    assert bench.send(LONG) == ENQ
    assert bench.say(ACK) == encode(LONG)
    assert bench.say(ACK) == EOT
    assert bench.send(LONG) == b"", "there is nobody to hear a second one"
    assert bench.link.deadline is None


def test_a_short_answer_to_who_wants_one() -> None:
    short = ASK[:10] + b"0" + ASK[11:]
    bench = asked(short)
    assert bench.send(LONG) == ENQ
    assert bench.say(ACK) == encode(ANSWER)


def test_silence_after_an_acknowledged_ask_counts_as_its_end() -> None:
    bench = terminal()
    bench.say(ENQ)
    bench.say(encode(ASK))
    bench.wait(5_999)
    assert bodies(bench) == []
    bench.wait(1)
    assert bodies(bench) == [ASK]


def test_an_ask_that_is_sent_again_for_want_of_an_acknowledgement_is_one_ask() -> None:
    bench = terminal()
    bench.say(ENQ)
    assert bench.say(encode(ASK)) == ACK
    assert bench.say(encode(ASK)) == ACK
    bench.say(EOT)
    assert bench.say(encode(ASK)) == ACK
    assert bodies(bench) == [ASK]


def test_a_bad_ask_is_asked_for_again_and_never_told() -> None:
    bench = terminal()
    bench.say(ENQ)
    for _ in range(3):
        assert bench.say(bad(ASK)) == NAK
    assert bench.say(bad(ASK)) == b""
    assert bench.say(EOT) == b""
    assert bench.told == []


def test_who_calls_a_terminal_with_a_customer_is_told_that_it_is_busy() -> None:
    bench = asked()
    assert bench.say(ENQ) == NAK
    assert bench.say(ENQ) == NAK
    assert bodies(bench) == [ASK]


def test_two_sales_of_one_amount_are_two_though_the_register_names_neither() -> None:
    nameless = ASK.replace(TICKET.encode(), b" " * 10)
    bench = asked(nameless)
    first = bodies(bench)[0]
    assert bench.send(LONG.replace(TICKET.encode(), first[16:26])) == ENQ
    assert bench.say(ACK) == encode(LONG.replace(TICKET.encode(), b" " * 10))
    bench.say(ACK)
    bench.say(ENQ)
    bench.say(encode(nameless))
    bench.say(EOT)
    first, second = bodies(bench)
    assert first != second
    assert first[:16] + first[26:] == nameless[:16] + nameless[26:]
    assert b" " not in first[16:26] + second[16:26]


def test_who_will_not_wait_is_answered_not_verified_and_the_outcome_goes_nowhere() -> None:
    bench = asked(ASK.replace(b"A010", b"A011"))
    assert bench.hear() == b""
    assert [body[26:30] for body in bodies(bench)] == [b"A011"]
    # its ENQ came with the EOT
    assert bench.say(ACK) == encode(LONG[:2] + b"9" + LONG[3:])
    assert bench.say(ACK) == EOT
    assert bench.send(LONG) == b""
    assert bench.link.counters.discarded == 1


@pytest.mark.parametrize("kind", ["1", "2", "3", "4"])
def test_a_refund_and_whatever_else_is_declined(kind: str) -> None:
    bench = terminal()
    bench.say(ENQ)
    refund = ASK[:12] + kind.encode() + ASK[13:]
    assert bench.say(encode(refund)) == ACK
    assert bench.say(EOT) == ENQ
    assert bench.say(ACK) == encode(LONG[:2] + b"7" + LONG[3:])
    assert bench.say(ACK) == EOT


def test_what_is_no_ask_is_refused_at_once_and_told_when_it_comes_again() -> None:
    bench = terminal()
    bench.say(ENQ)
    for _ in range(3):
        assert bench.say(encode(b"CZ0040300CJ012343067890123")) == NAK
    bench.say(EOT)
    assert bodies(bench) == [b"CZ0040300CJ012343067890123"]
    assert bench.say(ENQ) == ACK
    assert bench.say(encode(ASK)) == ACK


def test_a_terminal_calls_ten_times_with_its_answer() -> None:
    bench = asked()
    assert bench.send(LONG) == ENQ
    assert bench.wait(26_999) == ENQ * 8
    assert bench.wait(3_001) == ENQ + EOT
    assert bench.told[-1] == Undelivered(refused=False)
    assert bench.link.deadline is None
    assert bench.say(ENQ) == ACK, "free for the next"


def test_the_terminal_goes_first_where_both_call() -> None:
    bench = asked()
    assert bench.send(LONG) == ENQ
    assert bench.say(ENQ) == b""
    assert bench.say(ACK) == encode(LONG)


def test_an_answer_is_sent_three_times() -> None:
    bench = asked()
    bench.send(LONG)
    assert bench.say(ACK) == encode(LONG)
    assert bench.say(NAK) == encode(LONG)
    assert bench.wait(3_100) == encode(LONG)
    assert bench.say(NAK) == EOT


def test_the_outcome_of_another_ask_is_not_sent() -> None:
    bench = asked()
    assert bench.send(LONG.replace(TICKET.encode(), b"0Z0Z0Z0Z0Z")) == b""
    assert bench.link.counters.discarded == 1


def test_an_application_that_never_answers_does_not_block_the_line_for_ever() -> None:
    bench = asked()
    assert bench.wait(180_000) == b""
    assert bench.say(ENQ) == ACK
