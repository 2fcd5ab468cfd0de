"""The agent's rules on the line, and both ends', with a peer that the test plays: expectations are docs/dialects.md's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.dialect import Delivered, LinkClosed, LinkOpened, Role, Undelivered
from protocol.dialects.telium.framing import encode
from protocol.dialects.telium.link_states import TABLE, LinkMove, LinkState
from protocol.events import CloseReason, LineSuspected
from tests.dialects.telium.ends import (
    ACK,
    ANSWER,
    ASK,
    ENQ,
    EOT,
    LONG,
    NAK,
    Bench,
    agent,
    asking,
    bad,
    bodies,
    waiting,
)

# -- an agent ----------------------------------------------------------------------------------------------------------


def test_enq_every_second_until_somebody_answers() -> None:
    bench = Bench(Role.AGENT)
    assert bench.wait(5_500) == ENQ * 6
    assert not bench.link.is_open
    assert bench.say(ACK) == EOT
    assert bench.of(LinkOpened) == [LinkOpened(1, b"")]


def test_a_free_line_is_looked_at_every_30_s_and_given_up_after_three_enqs() -> None:
    bench = agent()
    assert bench.wait(29_999) == b""
    assert bench.wait(1) == ENQ
    assert bench.say(ACK) == EOT
    assert bench.wait(30_000) == ENQ
    assert bench.wait(2_999) == b""
    assert bench.wait(6_001) == (EOT + ENQ) * 2 + EOT
    assert bench.of(LinkClosed) == [LinkClosed(1, CloseReason.PEER_SILENT)]
    assert not bench.link.is_open
    assert bench.wait(1_000) == ENQ
    assert bench.say(ACK) == EOT
    assert bench.of(LinkOpened) == [LinkOpened(2, b"")]


def test_a_whole_sale() -> None:
    bench = waiting()
    assert bench.wait(60_000) == b"", "a customer is not disturbed"
    assert bench.say(ENQ) == ACK
    assert bench.say(encode(ANSWER)) == ACK
    assert bodies(bench) == [ANSWER], "told when it is acknowledged, EOT or not"
    assert bench.say(EOT) == b""
    assert bench.wait(29_999) == b""
    assert bench.of(Undelivered) == []


def test_an_enq_that_nobody_answers_was_certainly_not_done() -> None:
    bench = agent()
    assert bench.send(ASK) == ENQ
    assert bench.wait(9_000) == (EOT + ENQ) * 2 + EOT
    assert bench.told == [Undelivered(refused=True), LinkClosed(1, CloseReason.PEER_SILENT)]
    assert bench.link.backlog == 0


def test_a_busy_terminal_refuses_and_is_still_there() -> None:
    bench = agent()
    assert bench.send(ASK) == ENQ
    for _ in range(2):
        assert bench.say(NAK) == b""
        assert bench.wait(999) == b""
        assert bench.wait(1) == EOT + ENQ
    bench.say(NAK)
    assert bench.wait(1_000) == EOT
    assert bench.told == [Undelivered(refused=True)]
    assert bench.link.is_open


def test_an_ask_refused_three_times_was_not_done() -> None:
    bench = asking()
    assert bench.say(NAK) == encode(ASK)
    assert bench.say(NAK) == encode(ASK)
    assert bench.say(NAK) == EOT
    assert bench.told == [Undelivered(refused=True)]
    assert bench.link.counters.resent == 2
    assert bench.wait(20_000) == b""


@pytest.mark.parametrize("silent", range(3))
def test_an_ask_that_was_once_met_with_silence_may_have_been_done(silent: int) -> None:
    bench = asking()
    for attempt in range(3):
        if attempt == silent:
            bench.wait(3_100)
        else:
            bench.say(NAK)
    assert bench.told == [Undelivered(refused=False)]


def test_a_nak_among_noise_is_no_proof() -> None:
    bench = asking()
    bench.say(b"~", NAK, NAK, NAK)
    assert bench.told == [Undelivered(refused=False)]


def test_an_ask_waits_3_s_and_its_time_on_the_line() -> None:
    bench = asking()
    assert bench.wait(3_037) == b""  # 37 bytes of ten bits at 9600 are 38 ms
    assert bench.wait(1) == encode(ASK)


def test_a_bad_lrc_is_asked_for_again_three_times_and_never_taken() -> None:
    bench = waiting()
    assert bench.say(ENQ) == ACK
    for _ in range(3):
        assert bench.say(bad(ANSWER)) == NAK
    assert bench.say(bad(ANSWER)) == b""
    assert bodies(bench) == []
    assert bench.say(EOT) == b""
    assert bench.say(ENQ) == ACK, "it may call again"
    assert bench.say(encode(ANSWER)) == ACK
    assert bodies(bench) == [ANSWER]
    assert bench.link.counters.damaged == 4


def test_an_answer_whose_acknowledgement_was_lost_is_taken_once() -> None:
    bench = waiting()
    bench.say(ENQ)
    assert bench.say(encode(ANSWER)) == ACK
    assert bench.say(encode(ANSWER)) == ACK
    bench.say(EOT)
    assert bench.say(encode(ANSWER)) == ACK
    assert bodies(bench) == [ANSWER]
    assert bench.link.counters.repeated == 2


def test_what_is_no_answer_is_refused_and_told_when_it_comes_again() -> None:
    bench = waiting()
    bench.say(ENQ)
    odd = ANSWER + b" "
    assert bench.say(encode(odd)) == NAK
    assert bodies(bench) == [], "damage may have made it"
    assert bench.say(encode(ANSWER)) == ACK
    assert bodies(bench) == [ANSWER]
    bench.say(EOT, ENQ)
    for _ in range(3):
        assert bench.say(encode(odd)) == NAK
    assert bodies(bench) == [ANSWER, odd]


def test_half_an_answer_is_asked_for_again() -> None:
    bench = waiting()
    bench.say(ENQ)
    assert bench.say(encode(ANSWER)[:20]) == b""
    assert bench.wait(499) == b""
    assert bench.wait(1) == NAK
    assert bench.say(encode(ANSWER)) == ACK
    assert bodies(bench) == [ANSWER]


def test_a_frame_that_was_cut_off_swallows_no_enq_and_no_ack() -> None:
    """Found by the fuzzer: each byte that the other end says every second once kept the half frame alive."""
    for role, word, reply in ((Role.AGENT, ACK, EOT), (Role.TERMINAL, ENQ, ACK)):
        bench = Bench(role)
        bench.wait(0)
        bench.say(b"\x020100")
        bench.now += 500
        assert bench.say(word) == reply, "though nothing ticked meanwhile"


def test_a_late_answer_gives_the_next_ask_back_before_a_byte_of_it_left() -> None:
    """Else a sale that was never sent could be taken for done, and sent."""
    bench = agent()
    assert bench.send(ASK) == ENQ
    assert bench.say(ENQ) == ACK, "the terminal goes first"
    assert bench.say(encode(ANSWER)) == ACK
    assert bench.told == [Undelivered(refused=True), bench.told[1]]
    assert bodies(bench) == [ANSWER]
    assert bench.say(EOT) == b""
    assert bench.wait(29_000) == b""


def test_an_enq_without_a_frame_only_delays_the_ask() -> None:
    bench = agent()
    assert bench.send(ASK) == ENQ
    assert bench.say(ENQ) == ACK
    assert bench.wait(4_000) == ENQ
    assert bench.say(ACK) == encode(ASK)
    assert bench.told == []


def test_an_answer_that_comes_while_nobody_waits_is_told() -> None:
    """The agent was restarted while the customer paid: the terminal calls, the first thing that it says."""
    bench = Bench(Role.AGENT)
    bench.wait(0)
    assert bench.say(ENQ) == ACK
    assert bench.say(encode(ANSWER)) == ACK
    assert [type(event) for event in bench.told] == [LinkOpened, Delivered]


def test_a_customer_has_3_min_then_the_line_is_free_again() -> None:
    bench = waiting()
    assert bench.wait(179_999) == b""
    assert bench.wait(30_001) == ENQ


def test_the_next_ask_does_not_wait_for_an_answer_that_was_given_up() -> None:
    bench = waiting()
    bench.wait(90_000)
    assert bench.send(ASK) == ENQ


def test_leaving_ends_what_is_under_way() -> None:
    bench = asking()
    bench.link.leave(bench.now)
    assert bench.hear() == EOT
    assert bench.of(LinkClosed) == [LinkClosed(1, CloseReason.PEER_LEFT)]
    assert bench.say(ENQ, encode(ANSWER)) == b""
    bench.link.close(CloseReason.PORT_CLOSED)
    assert bench.link.deadline is None
    bench.link.open(bench.now)
    assert bench.wait(0) == ENQ


# -- both --------------------------------------------------------------------------------------------------------------


def test_wrong_parity_is_suspected_once() -> None:
    """Even parity sets the top bit of EOT, NAK and STX, and of no ENQ or ACK: a peer at 7E1 seen by a port at 8N1."""
    bench = agent()
    for sale in range(4):
        assert bench.send(ASK) == ENQ
        assert bench.say(ACK) == encode(ASK)
        for _ in range(3):
            bench.say(b"\x95")
            bench.wait(3_100)
        assert bench.of(Undelivered) == [Undelivered(refused=False)] * (sale + 1)
    assert bench.of(LineSuspected) == [LineSuspected(8)]


def test_chatter_on_a_free_line_is_no_sign_of_wrong_settings() -> None:
    bench = agent()
    for _ in range(100):
        bench.say(b"booting...\r\n", EOT)
        bench.wait(1)
    assert bench.of(LineSuspected) == []
    assert bench.link.counters.damaged >= 100


piece = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([ENQ, ACK, NAK, EOT, encode(ASK), encode(ANSWER), bad(ASK), bad(ANSWER), encode(LONG), b"\x02"]),
)
steps = st.lists(st.one_of(piece, st.integers(0, 40_000), st.just(None)), max_size=30)


@given(steps, st.sampled_from(Role))
def test_any_bytes_and_times_hold_to_the_table_and_end(given_steps: list[bytes | int | None], role: Role) -> None:
    """No exception, every wait ends, and an answer is never told but for a frame with a right LRC after an ENQ."""
    bench = Bench(role)
    for step in given_steps:
        match step:
            case bytes():
                bench.say(step)
            case int():
                bench.wait(step)
            case None:
                if bench.link.is_open:
                    bench.send(ASK if role is Role.AGENT else LONG)
        assert bench.link._scanner._body is None or len(bench.link._scanner._body) <= 256
        due = bench.link.deadline
        assert due is None or due > bench.now or bench.link._state is LinkState.SEEKING
    bench.wait(400_000)
    assert bench.link._state in {LinkState.IDLE, LinkState.SEEKING, LinkState.CALLING}
    assert bench.hear() == b""
    bench.link.close(CloseReason.PORT_CLOSED)
    assert bench.link._state is LinkState.DOWN
    assert bench.link.deadline is None


def test_every_row_of_the_table_leads_on_and_every_open_state_can_close() -> None:
    states = {state for state, _ in TABLE.rows} | set(TABLE.rows.values())
    assert states == set(LinkState)
    assert {move for _, move in TABLE.rows} == set(LinkMove)
    for state in LinkState:
        assert TABLE.rows[state, LinkMove.PORT_CLOSED] is LinkState.DOWN
