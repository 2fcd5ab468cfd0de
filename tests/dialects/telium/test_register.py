"""pyTeliumManager, a register that nobody here wrote, against our simulated terminal over a pty."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from telium import LrcChecksumException, Telium, TeliumAsk, TerminalInitializationFailedException
from telium.constant import TERMINAL_ANSWER_SET_FULLSIZED

from tests.conftest import Simulator, until
from tests.dialects.telium.ends import ACK, ENQ, EOT, NAK
from tests.dialects.telium.lines import Relay, relay

SimulatorFor = Callable[..., Simulator]


@pytest.fixture
def terminal(simulator: SimulatorFor) -> Simulator:
    return simulator("--dialect", "telium", "--speed", "100", paired=False)


@pytest.fixture
def line(terminal: Simulator) -> Iterator[Relay]:
    with relay(terminal.link) as wire:
        yield wire


@pytest.fixture
def register(line: Relay) -> Iterator[Telium]:
    device = Telium(line.path, timeout=2)
    yield device
    device.close()


def payment(amount: float, mode: str = "debit", **wishes: bool) -> TeliumAsk:
    return TeliumAsk.new_payment(amount, payment_mode=mode, target_currency="EUR", **wishes)


def sales(terminal: Simulator) -> list[tuple[int, str]]:
    """What was really done: minor units and outcome."""
    if not terminal.ledger.exists():
        return []
    lines = [json.loads(text) for text in terminal.ledger.read_text(encoding="utf-8").splitlines()]
    return [(entry["amount_minor"], entry["outcome"]) for entry in lines if entry["kind"] == "sale"]


def buy(register: Telium, ask: TeliumAsk) -> Any:
    assert register.ask(ask)
    answer = register.verify(ask, waiting_timeout=20)
    assert answer is not None
    return answer


def test_is_ok(register: Telium, line: Relay) -> None:
    assert register.is_ok()
    until(lambda: line.register_said == ENQ + EOT)
    assert line.terminal_said == ACK
    assert register.is_ok()


@pytest.mark.parametrize("long", [True, False])
def test_a_sale(register: Telium, terminal: Simulator, long: bool) -> None:
    answer = buy(register, payment(12.5, collect_payment_source_info=long))
    assert answer.has_succeeded
    assert (answer.amount, answer.currency_numeric, answer.pos_number) == (12.5, "978", "01")
    assert len(answer.repport) == (55 if long else 0)
    assert sales(terminal) == [(1250, "approved")]
    if long:
        card = answer.repport.rstrip()
        assert len(card) == 16 and set(card[6:-4]) == {"*"}, "the simulator gives no whole card number away"


def test_a_decline(register: Telium, terminal: Simulator) -> None:
    """An amount that ends in 51 has insufficient funds (docs/simulator.md)."""
    answer = buy(register, payment(10.51))
    assert not answer.has_succeeded
    assert answer.transaction_result == 7
    assert sales(terminal) == [(1051, "declined")]


def test_two_customers_pay_the_same(register: Telium, terminal: Simulator) -> None:
    """The register's two asks are one and the same bytes."""
    for _ in range(2):
        assert buy(register, payment(3.2)).has_succeeded
    assert sales(terminal) == [(320, "approved")] * 2


def test_the_smallest_and_the_largest_that_it_can_ask(register: Telium, terminal: Simulator) -> None:
    for amount in (1.0, 99_999.99):
        assert buy(register, payment(amount)).amount == amount
    assert [minor for minor, _ in sales(terminal)] == [100, 9_999_999]


@pytest.mark.parametrize("mode", ["refund", "credit"])
def test_money_back_is_declined(register: Telium, terminal: Simulator, mode: str) -> None:
    answer = buy(register, payment(5.0, mode))
    assert (answer.transaction_result, answer.amount) == (7, 5.0)
    assert terminal.ledger.exists() is False or '"refund"' not in terminal.ledger.read_text(encoding="utf-8")


def test_who_will_not_wait_hears_not_verified(register: Telium, terminal: Simulator) -> None:
    answer = buy(register, payment(7.0, wait_for_transaction_to_end=False))
    assert answer.transaction_result == 9
    assert not answer.has_succeeded
    until(lambda: sales(terminal) == [(700, "approved")])


def test_a_damaged_ask_is_refused_and_the_next_one_is_taken(register: Telium, terminal: Simulator, line: Relay) -> None:
    line.to_terminal = lambda data: data.replace(b"00001250", b"00001251")  # and the LRC of 12.50
    assert register.ask(payment(12.5)) is False
    assert line.terminal_said == ACK + NAK
    line.to_terminal = lambda data: data
    assert buy(register, payment(12.5)).has_succeeded
    assert sales(terminal) == [(1250, "approved")]


def test_the_same_frame_again_after_a_nak_is_taken(register: Telium, terminal: Simulator, line: Relay) -> None:
    """What a register does that heeds a NAK, by the package's own words for bytes."""
    ask = payment(12.5)
    register._send_signal("ENQ")
    assert register._wait_signal("ACK")
    wrong = ask.encode()[:-1] + chr(ord(ask.encode()[-1]) ^ 1)
    register._send(wrong)
    assert register._wait_signal("NAK")
    register._send(ask.encode())
    assert register._wait_signal("ACK")
    register._send_signal("EOT")
    assert register.verify(ask, waiting_timeout=20).has_succeeded
    assert sales(terminal) == [(1250, "approved")]


def test_a_terminal_with_a_customer_is_busy(simulator: SimulatorFor) -> None:
    slow = simulator("--dialect", "telium", "--speed", "1", paired=False)
    with relay(slow.link) as line:
        register = Telium(line.path, timeout=2)
        assert register.ask(payment(12.5))
        with pytest.raises(TerminalInitializationFailedException):
            register.ask(payment(12.5))
        assert line.terminal_said.endswith(NAK)
        register.close()


def test_an_answer_that_was_damaged_is_sent_again_though_that_register_leaves(
    register: Telium, terminal: Simulator, line: Relay
) -> None:
    """pyTeliumManager finds the wrong LRC, and says nothing to the terminal: no NAK, no ACK. Ours repeats, and gives up."""
    ask = payment(12.5)
    assert register.ask(ask)
    line.to_register = lambda data: data.replace(b"00001250", b"00009250")
    with pytest.raises(LrcChecksumException):
        register.verify(ask, waiting_timeout=20)
    line.to_register = lambda data: data
    answer = until(lambda: frames_of(line.terminal_said)[1:2], 8)[0]
    register._device.reset_input_buffer()
    assert answer == frames_of(line.terminal_said)[0], "byte for byte"
    assert ask.answer_flag == TERMINAL_ANSWER_SET_FULLSIZED
    register._send_signal("ACK")
    until(lambda: line.terminal_said.endswith(EOT), 5)
    assert sales(terminal) == [(1250, "approved")]


def frames_of(wire: bytes) -> list[bytes]:
    return [b"\x02" + piece[:82] for piece in wire.split(b"\x02")[1:] if len(piece) >= 82]
