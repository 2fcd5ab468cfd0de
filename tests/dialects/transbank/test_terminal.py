"""The terminal's end of the line: nothing is carried out twice, no register is left hanging, and every word has its pause."""

from __future__ import annotations

import pytest

from protocol import messages as m
from protocol.dialect import Role
from protocol.dialects.transbank.framing import encode
from protocol.events import CloseReason, Received, SessionClosed, SessionOpened
from protocol.money import Money
from protocol.tickets import NO_TICKET, reference_of
from tests.dialects.transbank.line import ACK, NAK, End

SALE = b"0200|1500|000042|||0|"
TOLD = m.Sale(reference=reference_of("000042"), amount=Money(1_500, 152), deadline=2**53 - 1)
RESULT = m.Result(
    reference=TOLD.reference, state=m.RequestState.APPROVED, amount=TOLD.amount, trace="000142", auth_code="162529"
)
ANSWER = encode(b"0210|00|||000042|162529|1500||||000142|||||||||")
LAST = encode(b"0260|00|||000042|162529|1500||||000142|||||||||")
PAUSE = 150


@pytest.fixture
def end() -> End:
    end = End(Role.TERMINAL)
    assert end.of(SessionOpened) == [SessionOpened(1, None)]
    return end


def say(end: End, message: m.Message) -> bytes:
    end.conversation.send(message, end.now)
    end._settle()
    return end.said()


def asked(end: End) -> list[m.Message]:
    return [event.message for event in end.of(Received)]


# -- a sale ------------------------------------------------------------------------------------------------------------


def test_a_sale(end: End) -> None:
    assert end.hear_frame(SALE) == ACK
    assert asked(end) == [TOLD]
    end.wait(5_000)
    assert say(end, RESULT) == ANSWER
    assert end.hear(ACK) == b""
    assert end.wait(600_000) == b""
    assert end.conversation.deadline is None


def test_a_word_does_not_follow_another_too_closely(end: End) -> None:
    """The vendor's Node client takes what comes within 100 ms of an ACK for a part of it."""
    end.hear_frame(SALE)
    assert say(end, RESULT) == b""
    assert end.wait(PAUSE - 1) == b""
    assert end.wait(1) == ANSWER


def test_status_messages_are_said_where_they_are_asked_for(end: End) -> None:
    end.hear_frame(SALE.replace(b"|||0", b"|||1"))
    stages = (m.Stage.PRESENT_CARD, m.Stage.CONFIRM_AMOUNT, m.Stage.CHOOSE, m.Stage.PIN, m.Stage.HOST)
    for stage, code in zip(stages, (b"78", b"79", b"80", b"81", b"82"), strict=True):
        say(end, m.Progress(reference=TOLD.reference, stage=stage))
        assert end.wait(PAUSE) == encode(b"0900|" + code)
        assert end.hear(ACK) == b""
    say(end, RESULT)
    assert end.wait(PAUSE) == ANSWER


def test_no_status_message_where_none_was_asked_for(end: End) -> None:
    end.hear_frame(SALE)
    assert say(end, m.Progress(reference=TOLD.reference, stage=m.Stage.PIN)) == b""
    assert end.wait(1_000) == b""


def test_a_register_that_acknowledges_no_status_message_gets_its_answer(end: End) -> None:
    """As the vendor's .NET client does."""
    end.hear_frame(SALE.replace(b"|||0", b"|||1"))
    say(end, m.Progress(reference=TOLD.reference, stage=m.Stage.PRESENT_CARD))
    say(end, m.Progress(reference=TOLD.reference, stage=m.Stage.HOST))
    say(end, RESULT)
    assert end.wait(PAUSE) == encode(b"0900|78")
    assert end.wait(999) == b""
    assert end.wait(1) == encode(b"0900|82")
    assert end.wait(1_000) == ANSWER
    end.hear(ACK)
    assert end.wait(600_000) == b""


# -- an answer that does not arrive ------------------------------------------------------------------------------------


def test_an_answer_is_said_three_times_in_all(end: End) -> None:
    end.hear_frame(SALE)
    end.wait(1_000)
    assert say(end, RESULT) == ANSWER
    assert end.wait(1_999) == b""
    assert end.wait(1) == ANSWER
    assert end.wait(2_000) == ANSWER
    assert end.wait(600_000) == b""
    assert end.hear_frame(b"0100") == ACK


def test_a_nak_asks_for_it_twice_more(end: End) -> None:
    end.hear_frame(SALE)
    end.wait(1_000)
    assert say(end, RESULT) == ANSWER
    for _ in range(2):
        assert end.hear(NAK) == b""
        assert end.wait(PAUSE) == ANSWER
    end.hear(NAK)
    assert end.wait(600_000) == b""


def test_the_answer_is_kept_for_who_asks_for_the_last_sale(end: End) -> None:
    end.hear_frame(SALE)
    end.wait(1_000)
    say(end, RESULT)
    assert end.hear_frame(b"0250|") == ACK  # the register has moved on
    assert asked(end)[-1] == m.LastTransactionQuery()
    say(end, RESULT)
    assert end.wait(PAUSE) == LAST
    assert end.hear(ACK) == b""
    assert end.wait(600_000) == b""


# -- a command that comes again ----------------------------------------------------------------------------------------


def test_a_command_said_again_while_it_is_carried_out_is_not_carried_out_twice(end: End) -> None:
    assert end.hear_frame(SALE) == ACK
    assert end.hear_frame(SALE) == ACK
    end.wait(1_000)
    assert end.hear_frame(SALE) == ACK
    assert asked(end) == [TOLD]
    assert end.conversation.counters.repeated == 2


def test_a_command_said_again_after_its_answer_gets_the_answer_again(end: End) -> None:
    end.hear_frame(SALE)
    end.wait(1_000)
    assert say(end, RESULT) == ANSWER
    assert end.hear_frame(SALE) == ACK
    assert end.wait(PAUSE) == ANSWER
    assert asked(end) == [TOLD]


def test_the_same_sale_after_the_answer_was_taken_is_a_new_one(end: End) -> None:
    for _ in range(2):
        assert end.hear_frame(SALE) == ACK
        end.wait(1_000)
        assert say(end, RESULT) == ANSWER
        end.hear(ACK)
    assert asked(end) == [TOLD, TOLD]


@pytest.mark.parametrize("text", [b"0200|1500|000043|||0|", b"0250|", b"0700||", b"0100", b"0800"])
def test_another_command_meanwhile_is_refused(end: End, text: bytes) -> None:
    end.hear_frame(SALE)
    assert end.hear_frame(text) == NAK
    assert asked(end) == [TOLD]
    end.wait(1_000)
    assert say(end, RESULT) == ANSWER


def test_a_command_that_nobody_answers_does_not_block_the_terminal_for_ever(end: End) -> None:
    end.hear_frame(SALE)
    end.wait(149_999)
    assert end.hear_frame(b"0250|") == NAK
    end.wait(2)
    assert end.hear_frame(b"0250|") == ACK


def test_an_outcome_too_late_is_not_told_as_the_answer_to_another_command(end: End) -> None:
    end.hear_frame(SALE)
    end.wait(150_001)
    end.hear_frame(b"0700||")
    end.wait(1_000)
    assert say(end, RESULT) == ANSWER  # what it is: a sale's outcome
    end.hear(ACK)
    say(end, m.Totals(count=1, amount=TOLD.amount))
    assert end.wait(PAUSE) == encode(b"0710|00|001|1500|")
    assert end.hear(ACK) == b""
    assert end.wait(600_000) == b""


def test_an_outcome_too_late_is_not_told_as_another_sales(end: End) -> None:
    end.hear_frame(SALE)
    end.wait(150_001)
    end.hear_frame(b"0200|1500|000043|||0|")
    end.wait(1_000)
    assert say(end, RESULT) == ANSWER
    end.hear(ACK)
    assert end.hear_frame(b"0700||") == NAK  # the second sale is still being carried out


# -- the other commands ------------------------------------------------------------------------------------------------


def test_poll(end: End) -> None:
    assert end.hear_frame(b"0100") == ACK
    assert end.wait(10_000) == b""


def test_the_last_sale_where_there_is_none(end: End) -> None:
    end.hear_frame(b"0250|")
    end.wait(1_000)
    answer = say(end, m.Result(reference=NO_TICKET, state=m.RequestState.NOT_FOUND))
    assert answer.startswith(b"\x020260|11|")


@pytest.mark.parametrize(
    ("state", "code", "response"),
    [
        (m.RequestState.APPROVED, "00", b"00"),
        (m.RequestState.DECLINED, "25", b"05"),
        (m.RequestState.DECLINED, "05", b"01"),
        (m.RequestState.NOT_FOUND, None, b"05"),
        (m.RequestState.VOIDED, None, b"07"),
    ],
)
def test_a_void(end: End, state: m.RequestState, code: str | None, response: bytes) -> None:
    end.hear_frame(b"1200|000142|")
    (void,) = asked(end)
    assert isinstance(void, m.Void)
    end.wait(1_000)
    answer = say(end, m.Result(reference=void.reference, state=state, response_code=code, trace="000150"))
    assert answer == encode(b"1210|" + response + b"||||142|")


@pytest.mark.parametrize(("settled", "response"), [(True, b"00"), (False, b"01")])
def test_close(end: End, settled: bool, response: bytes) -> None:
    end.hear_frame(b"0500||")
    end.wait(1_000)
    assert say(end, m.SettleReply(settled=settled)) == encode(b"0510|" + response + b"|||")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"0200|1500|000042|||0|", b"0210|12|||000042||1500|||||||||||||"),
        (b"1200|142|", b"1210|12||||142|"),
        (b"0250|", b"0260|12||||||||||||||||||"),
        (b"0700||", b"0710|12|||"),
        (b"0500||", b"0510|12|||"),
    ],
)
def test_what_the_terminal_will_not_do_now_it_says(end: End, command: bytes, answer: bytes) -> None:
    end.hear_frame(command)
    end.wait(1_000)
    assert say(end, m.Error(code=m.ErrorCode.NOT_NOW)) == encode(answer)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (b"0800", b"0810"),
        (b"0260|1|", b"0261"),
        (b"0270|1200|T1|||0|5970|", b"0271"),
        (b"0280|1", b"0281"),
        (b"0290|0|", b"0291"),
    ],
)
def test_what_it_knows_and_does_not_do_it_says_by_itself(end: End, command: bytes, code: bytes) -> None:
    assert end.hear_frame(command) == ACK
    answer = end.wait(PAUSE)
    assert answer[1:8] == code + b"|12"
    assert end.hear(ACK) == b""
    assert asked(end) == []
    assert end.wait(600_000) == b""


@pytest.mark.parametrize("command", [b"", b"9999|", b"0200|0|000042|||0|", b"0200|1500|0000042|||0", b"1200|x|"])
def test_what_it_does_not_understand_is_refused(end: End, command: bytes) -> None:
    assert end.hear_frame(command) == NAK
    assert asked(end) == []
    assert end.hear_frame(SALE) == ACK


def test_a_command_with_a_bad_lrc_is_refused(end: End) -> None:
    wire = encode(SALE)
    assert end.hear(wire[:-1] + bytes([wire[-1] ^ 1])) == NAK
    assert asked(end) == []


def test_normal_mode_is_deaf_until_a_person_comes(end: End) -> None:
    assert end.hear_frame(b"0300") == ACK
    assert end.of(SessionClosed) == [SessionClosed(1, CloseReason.PEER_LEFT)]
    assert end.hear_frame(b"0100") == b""
    assert end.hear_frame(SALE) == b""
    end.conversation.close(end.now)
    end.conversation.open(end.now)
    assert end.hear_frame(b"0100") == ACK


def test_the_port_closed_and_what_was_to_be_said_goes_with_it(end: End) -> None:
    end.hear_frame(SALE)
    say(end, RESULT)
    end.conversation.close(end.now)
    end.conversation.open(end.now)
    end._settle()
    assert end.wait(600_000) == b""
    assert end.hear_frame(b"0100") == ACK
