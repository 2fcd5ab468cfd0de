"""Our agent, port and all, against a terminal of pyTeliumManager's codec and against the simulated one, over a pty."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random

import pytest
from telium import TeliumAsk, TeliumResponse
from telium.payment import IllegalAmountException

from agent.errors import LinkError
from agent.home import Home
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work, await_session, make_home
from agent.port import Port
from agent.runner import Runner
from agent.settings import Settings
from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.events import ConversationEvent, Received, Replied, RequestFailed
from protocol.messages import RequestState
from protocol.money import Money
from tests.conftest import Simulator
from tests.dialects.telium.ends import ACK, ENQ, EOT, NAK, REFERENCE, TICKET, approved
from tests.dialects.telium.lines import foreign_terminal, frame, relay

REPORT = "4111111111111111".ljust(55)
"""A published test number."""


class Till:
    """A conversation on a real port."""

    def __init__(self, path: str) -> None:
        self.talk = Conversation("telium", Role.AGENT, random=Random("till").randbytes, line_rate=9_600)
        self._arrived: SimpleQueue[bytes] = SimpleQueue()
        self._port = Port(path, 9_600, "8N1", self._arrived.put, lambda reason: None)
        self.talk.open(_now())
        self.told: list[ConversationEvent] = []

    def close(self) -> None:
        self._port.close()

    def until(self, condition: Callable[[], bool], seconds: float = 15) -> None:
        last = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < last, self.told
            if wire := self.talk.outgoing(_now()):
                self._port.write(wire)
            try:
                self.talk.receive(self._arrived.get(timeout=0.02), _now())
            except Empty:
                self.talk.tick(_now())
            self.told += self.talk.events()

    def buy(self, amount: Money) -> Replied | RequestFailed:
        self.until(lambda: self.talk.is_open)
        number = self.talk.request(sale(amount), _now())
        ended: list[Replied | RequestFailed] = []

        def has_ended() -> bool:
            ended[:] = [e for e in self.told if isinstance(e, Replied | RequestFailed) and e.request_id == number]
            return bool(ended)

        self.until(has_ended)
        return ended[0]


def _now() -> int:
    return time.monotonic_ns() // 1_000_000


def sale(amount: Money) -> m.Sale:
    return m.Sale(reference=REFERENCE, amount=amount, deadline=_now() + 30_000)


@contextmanager
def till(path: str) -> Iterator[Till]:
    made = Till(path)
    try:
        yield made
    finally:
        made.close()


def done(ask: TeliumAsk, result: int = 0, amount: float | None = None, private: str = " " * 10) -> bytes:
    return frame(ask.pos_number, result, amount or ask.amount, "1", REPORT, ask.currency_numeric, private=private)


def wrong_lrc(answer: bytes) -> bytes:
    return answer[:-1] + bytes([answer[-1] ^ 0x20])


@pytest.mark.parametrize(
    ("result", "state"), [(0, RequestState.APPROVED), (7, RequestState.DECLINED), (9, RequestState.IN_PROGRESS)]
)
@pytest.mark.parametrize("private", [" " * 10, "0000000017", TICKET])
def test_a_sale(result: int, state: RequestState, private: str) -> None:
    with foreign_terminal(lambda ask: [done(ask, result, private=private)]) as terminal, till(terminal.path) as buyer:
        ended = buyer.buy(Money(1_250, 978))
        assert isinstance(ended, Replied)
        expected = approved(
            sale(Money(1_250, 978)), state=state, masked_pan="411111******1111", request_id=ended.request_id
        )
        assert ended.message == expected
        (ask,) = terminal.asks
    assert (ask.amount, ask.currency_numeric, ask.pos_number, ask.transaction_type) == (12.5, "978", "01", "0")
    assert (ask.answer_flag, ask.payment_mode, ask.delay, ask.authorization) == ("1", "1", "A010", "B010")
    assert terminal.private == [TICKET]
    assert "4111111111111111" not in repr(buyer.told)


def test_a_short_answer() -> None:
    def answers(ask: TeliumAsk) -> list[bytes]:
        return [frame("01", 0, ask.amount, "1", "", ask.currency_numeric)]

    with foreign_terminal(answers) as terminal, till(terminal.path) as buyer:
        ended = buyer.buy(Money(100, 978))
        assert isinstance(ended, Replied)
        assert isinstance(ended.message, m.Result)
        assert (ended.message.state, ended.message.masked_pan) == (RequestState.APPROVED, None)


def test_a_bad_lrc_is_asked_for_again_and_the_right_one_taken() -> None:
    def answers(ask: TeliumAsk) -> list[bytes]:
        return [wrong_lrc(done(ask)), done(ask).replace(b"1111", b"1117", 1), done(ask, 7)]

    with foreign_terminal(answers) as terminal, till(terminal.path) as buyer:
        ended = buyer.buy(Money(1_250, 978))
        assert isinstance(ended, Replied)
        assert isinstance(ended.message, m.Result)
        assert ended.message.state is RequestState.DECLINED, "the damaged ones said approved"
        buyer.until(lambda: len(terminal.heard) == 3)
    assert terminal.heard == [NAK, NAK, ACK]


def test_a_bad_lrc_is_never_taken() -> None:
    """Three times, and the terminal ends it: nothing is told, approved least of all."""
    with (
        foreign_terminal(lambda ask: [wrong_lrc(done(ask))] * 3) as terminal,
        till(terminal.path) as buyer,
    ):
        buyer.until(lambda: buyer.talk.is_open)
        buyer.talk.request(sale(Money(1_250, 978)), _now())
        buyer.until(lambda: len(terminal.heard) == 3)
        deadline = time.monotonic() + 0.5
        buyer.until(lambda: time.monotonic() > deadline)
        assert [event for event in buyer.told if isinstance(event, Replied | Received)] == []
    assert terminal.heard == [NAK] * 3


def test_an_answer_of_another_amount_which_that_package_calls_a_success_is_not_ours() -> None:
    """TeliumResponse.has_succeeded looks at the result alone; nothing in the package compares the amounts."""
    other: list[bytes] = []

    def answers(ask: TeliumAsk) -> list[bytes]:
        other.append(done(ask, amount=99.99))
        return other

    with foreign_terminal(answers) as terminal, till(terminal.path) as buyer:
        buyer.until(lambda: buyer.talk.is_open)
        buyer.talk.request(sale(Money(1_250, 978)), _now())
        buyer.until(lambda: any(isinstance(event, Received) for event in buyer.told))
        assert TeliumResponse.decode(other[0]).has_succeeded
        (unasked,) = [event for event in buyer.told if isinstance(event, Received)]
        assert isinstance(unasked.message, m.Result)
        assert unasked.message.amount == Money(9_999, 978)
        assert [event for event in buyer.told if isinstance(event, Replied)] == []


def test_that_package_has_a_least_amount_that_the_wire_has_not() -> None:
    """29 minor units: the simulated terminal takes them below."""
    with pytest.raises(IllegalAmountException):
        TeliumAsk.new_payment(0.29, target_currency="EUR")


# -- the whole agent ---------------------------------------------------------------------------------------------------


@contextmanager
def at_work(tmp_path: Path, port: str, terminal: str = "T-1") -> Iterator[Runner]:
    home = Home(tmp_path / "home")
    make_home(home, Settings(terminal=terminal, simulated=True, port=port, dialect="telium"), PassphraseSources(), 1)
    with agent_at_work(home, home.settings(), PassphraseSources()) as desk:
        await_session(desk)
        assert desk._runner is not None
        yield desk._runner


def test_a_whole_agent_asks_that_terminal(tmp_path: Path) -> None:
    with (
        foreign_terminal(lambda ask: [done(ask, private=TICKET)]) as terminal,
        at_work(tmp_path, terminal.path) as runner,
    ):
        reply = runner.ask(sale(Money(1_250, 978)), 20_000)
        assert isinstance(reply, m.Result)
        assert (reply.reference, reply.state, reply.amount) == (REFERENCE, RequestState.APPROVED, Money(1_250, 978))
        with pytest.raises(LinkError, match="no words"):
            runner.ask(m.TotalsQuery(), 1_000)


def test_a_whole_agent_asks_the_simulated_terminal(tmp_path: Path, simulator: Callable[..., Simulator]) -> None:
    simulated = simulator("--dialect", "telium", "--speed", "100", paired=False)
    with relay(simulated.link) as line, at_work(tmp_path, line.path, simulated.terminal) as runner:
        for minor, state in ((29, RequestState.APPROVED), (1_051, RequestState.DECLINED)):
            reply = runner.ask(sale(Money(minor, 978)), 20_000)
            assert isinstance(reply, m.Result)
            assert (reply.reference, reply.state, reply.amount) == (REFERENCE, state, Money(minor, 978))
        assert line.register_said.startswith(ENQ)
        assert line.register_said.count(EOT) >= 3
