"""The agent's end of the line: polls, noise, echoes, ports."""

from __future__ import annotations

import pytest

from protocol.dialect import Role
from protocol.dialects.transbank.framing import encode
from protocol.events import (
    CloseReason,
    FailReason,
    LineSuspected,
    Received,
    RequestFailed,
    SessionClosed,
    SessionOpened,
)
from tests.dialects.transbank.line import (
    ACK,
    ANSWER,
    ASKED,
    NAK,
    POLL,
    SALE,
    End,
    ask,
    register,
)


@pytest.fixture
def end() -> End:
    return register()


def test_it_polls_every_second_until_somebody_answers() -> None:
    end = End(Role.AGENT)
    assert end.wait(3_000) == POLL * 4
    assert not end.conversation.is_open
    end.hear(ACK)
    assert end.conversation.is_open
    assert end.wait(9_999) == b""


def test_three_unanswered_polls_end_the_session_and_it_seeks_again(end: End) -> None:
    assert end.wait(10_000 + 3 * 2_000 - 1) == POLL * 3
    assert end.conversation.is_open
    assert end.wait(1) == POLL
    assert end.of(SessionClosed) == [SessionClosed(1, CloseReason.PEER_SILENT)]
    assert end.wait(1_000) == POLL
    end.hear(ACK)
    assert len(end.of(SessionOpened)) == 2


def test_a_nak_to_a_poll_is_an_answer(end: End) -> None:
    """A terminal that is busy does not take a poll, and is there."""
    for _ in range(5):
        assert end.wait(10_000) == POLL
        end.hear(NAK)
    assert end.of(SessionClosed) == []


def test_a_request_waits_for_the_poll_that_is_out(end: End) -> None:
    end.wait(10_000)
    assert ask(end, SALE) == b""
    assert end.hear(ACK) == ASKED


def test_a_request_that_never_left_fails_with_the_session(end: End) -> None:
    end.wait(10_000)
    ask(end, SALE)
    assert ASKED not in end.wait(60_000)
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.SESSION_LOST)]


def test_an_outcome_on_a_line_that_seemed_dead_opens_it(end: End) -> None:
    end.wait(60_000)
    assert not end.conversation.is_open
    end.said()
    assert end.hear_frame(ANSWER) == ACK
    assert end.conversation.is_open
    assert len(end.of(Received)) == 1


def test_our_own_words_echoed_are_nobodys(end: End) -> None:
    said = ask(end, SALE)
    assert end.hear(said) == b""
    assert end.told[-1:] == end.of(SessionOpened)[-1:]


def test_half_a_frame_is_given_up_after_half_a_second(end: End) -> None:
    end.hear(encode(ANSWER)[:20])
    end.wait(501)
    end.wait(9_499)
    end.hear(ACK)  # would be a byte of that frame for ever
    assert end.wait(9_999) == b""
    assert end.of(SessionClosed) == []


def test_a_line_at_the_wrong_rate_is_suspected_once_and_opens_nothing() -> None:
    end = End(Role.AGENT)
    for _ in range(40):
        end.hear(b"\x86\xf8" * 50 + ACK + NAK)
        end.wait(100)
    assert end.of(LineSuspected) == [LineSuspected(16)]
    assert not end.conversation.is_open


def test_the_port_closed(end: End) -> None:
    ask(end, SALE)
    end.conversation.close(end.now)
    end._settle()
    assert end.of(RequestFailed) == [RequestFailed(1, FailReason.SESSION_LOST)]
    assert end.of(SessionClosed) == [SessionClosed(1, CloseReason.PORT_CLOSED)]
    assert end.wait(60_000) == b""
    end.conversation.open(end.now)
    assert end.wait(0) == POLL


def test_goodbye_is_silence(end: End) -> None:
    end.conversation.leave(end.now)
    end._settle()
    assert end.wait(60_000) == b""
    assert end.conversation.deadline is None
    assert end.of(SessionClosed) == [SessionClosed(1, CloseReason.PEER_LEFT)]
