"""Pairing as the pump does it: what a person is shown, what is pinned and when, what is refused; without port, disk or thread."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent import actions as a
from agent.journal.kinds import TerminalPaired, TerminalUnpaired
from agent.link_keys import fingerprint
from agent.views import LinkState, NoticeCode, PairingFailed, PairingStage, PairingView
from protocol.events import KeyRefused, PairingShown
from tests.agent.pump_bench import AGENT, HELLO, STRANGER, TERMINAL, Bench


def shown(bench: Bench) -> PairingView:
    assert bench.shown is not None and bench.shown.pairing is not None
    return bench.shown.pairing


def state(bench: Bench) -> LinkState:
    assert bench.shown is not None
    return bench.shown.state


def codes(bench: Bench) -> list[NoticeCode]:
    assert bench.shown is not None
    return [notice.code for notice in bench.shown.notices]


def unpaired() -> Bench:
    """Neither end knows the other; the port is there."""
    bench = Bench(pinned=None)
    bench.boot(agent=None)
    bench.connect()
    return bench


def test_an_unpaired_home_seeks_nobody_and_says_what_to_do() -> None:
    bench = unpaired()
    assert state(bench) is LinkState.UNPAIRED and codes(bench) == [NoticeCode.NOT_PAIRED]
    assert bench.pump.deadline is None
    bench.wait(120_000)
    assert bench.told == [] and codes(bench) == [NoticeCode.NOT_PAIRED]


def test_both_ends_show_one_number_and_the_key_is_pinned_before_anything_is_written() -> None:
    bench = unpaired()
    number = bench.pair()
    assert [event.number for event in bench.told if isinstance(event, PairingShown)] == [number]
    assert len(number) == 6 and number.isdigit()
    assert shown(bench) == PairingView(PairingStage.COMPARE, number, False, fingerprint(TERMINAL.public))
    assert bench.pinned is None and bench.facts == []
    actions = bench.pump.step(bench.now, 0, a.ConfirmPairing(number, token=2))
    assert [type(action) for action in actions] == [a.Pin]
    after = bench.pump.step(bench.now, 0, a.Pinned(TERMINAL.public))
    assert a.Done(2) in after and [type(action) for action in after].count(a.Record) == 1
    assert not [action for action in after if isinstance(action, a.Write)]
    assert [type(action) for action in bench.pump.step(bench.now, 0, a.Due())] == [a.Write]


def test_a_session_under_the_former_key_is_not_even_left_before_the_new_one_is_kept() -> None:
    bench = Bench()
    bench.connect()
    bench.boot(keys=STRANGER, agent=None)
    bench.terminal.open(bench.now)
    number = bench.pair()
    assert state(bench) is LinkState.UP and shown(bench).changed
    first = bench.pump.step(bench.now, 0, a.ConfirmPairing(number, replace=True, token=2))
    assert a.Pin(STRANGER.public) in first and not [action for action in first if isinstance(action, a.Write)]
    then = bench.pump.step(bench.now, 0, a.Pinned(STRANGER.public))
    assert [type(action) for action in then if isinstance(action, a.Write)] == [a.Write]  # BYE to the former one


def test_after_the_confirmation_at_both_ends_a_session_begins() -> None:
    bench = unpaired()
    number = bench.pair()
    bench.give(a.ConfirmPairing(number, token=2))
    bench.terminal.confirm_pairing(bench.now)
    bench.wait(1_100, step=100)
    assert bench.done == [a.Done(1), a.Done(2)] and bench.pinned == TERMINAL.public
    assert state(bench) is LinkState.UP and codes(bench) == []
    assert shown(bench) == PairingView(PairingStage.DONE, None, False, fingerprint(TERMINAL.public))
    assert bench.facts_of(TerminalPaired) == [TerminalPaired(terminal="SN1", public_key=TERMINAL.public, replaced=None)]


def test_an_agent_that_confirmed_alone_is_told_that_the_terminal_does_not_know_it() -> None:
    bench = unpaired()
    bench.give(a.ConfirmPairing(bench.pair()))
    bench.wait(3_000)
    assert state(bench) is LinkState.CONNECTING and NoticeCode.KEY_REFUSED in codes(bench)
    bench.terminal.confirm_pairing(bench.now)
    bench.wait(2_000)
    assert state(bench) is LinkState.UP and codes(bench) == []


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (a.ConfirmPairing("", token=2), a.Refusal.OTHER_NUMBER),
        (a.ConfirmPairing("1234567", token=2), a.Refusal.OTHER_NUMBER),
    ],
)
def test_another_number_pins_nothing(order: a.ConfirmPairing, refusal: a.Refusal) -> None:
    bench = unpaired()
    number = bench.pair()
    bench.give(order)
    assert bench.done[-1] == a.Done(2, refusal) and bench.pinned is None
    assert shown(bench).stage is PairingStage.COMPARE
    bench.give(a.ConfirmPairing(number, token=3))
    assert bench.done[-1] == a.Done(3) and bench.pinned == TERMINAL.public


def test_no_number_waits_before_a_pairing_and_after_it() -> None:
    bench = unpaired()
    bench.give(a.ConfirmPairing("000000", token=2))
    number = bench.pair()
    bench.give(a.ConfirmPairing(number, token=3))
    bench.give(a.ConfirmPairing(number, token=4))
    nothing = a.Refusal.NOTHING_TO_CONFIRM
    assert bench.done == [a.Done(2, nothing), a.Done(1), a.Done(3), a.Done(4, nothing)]
    assert len(bench.facts_of(TerminalPaired)) == 1


def test_a_changed_terminal_key_is_refused_unless_it_is_said_to_be_replaced() -> None:
    bench = Bench()
    bench.boot(keys=STRANGER, agent=None)
    bench.connect()
    bench.wait(2_000)
    assert NoticeCode.KEY_REFUSED in codes(bench)
    number = bench.pair()
    assert shown(bench).changed and shown(bench).fingerprint == fingerprint(STRANGER.public)
    bench.give(a.ConfirmPairing(number, token=2))
    assert bench.done[-1] == a.Done(2, a.Refusal.OTHER_KEY_PINNED) and bench.pinned == TERMINAL.public
    assert bench.facts_of(TerminalPaired) == []
    bench.give(a.ConfirmPairing(number, replace=True, token=3))
    bench.terminal.confirm_pairing(bench.now)
    bench.wait(1_100, step=100)
    assert bench.pinned == STRANGER.public and state(bench) is LinkState.UP
    (paired,) = bench.facts_of(TerminalPaired)
    assert (paired.public_key, paired.replaced) == (STRANGER.public, TERMINAL.public)


def test_a_pairing_with_the_pinned_key_changes_nothing_but_is_recorded() -> None:
    bench = Bench()
    bench.connect()
    number = bench.pair()
    assert not shown(bench).changed and state(bench) is LinkState.UP
    bench.give(a.ConfirmPairing(number, token=2))
    bench.terminal.confirm_pairing(bench.now)
    bench.turn()
    assert state(bench) is LinkState.UP and bench.facts_of(TerminalPaired)[0].replaced is None


def test_a_disk_that_fails_leaves_the_home_as_it_was() -> None:
    bench = unpaired()
    number = bench.pair()
    bench.disk_fails = True
    bench.give(a.ConfirmPairing(number, token=2))
    bench.terminal.confirm_pairing(bench.now)
    bench.wait(5_000)
    assert bench.done[-1] == a.Done(2, a.Refusal.NOT_KEPT)
    assert shown(bench) == PairingView(PairingStage.FAILED, reason=PairingFailed.NOT_KEPT)
    assert state(bench) is LinkState.UNPAIRED and bench.facts == []
    bench.disk_fails = False
    bench.give(a.ConfirmPairing(bench.pair(), token=3))
    assert bench.pinned == TERMINAL.public


def test_a_terminal_that_does_not_take_part() -> None:
    bench = unpaired()
    bench.give(a.Pair(1))
    assert shown(bench).stage is PairingStage.STARTED
    bench.wait(11_000)
    assert shown(bench) == PairingView(PairingStage.FAILED, reason=PairingFailed.NO_ANSWER)
    assert state(bench) is LinkState.UNPAIRED


def test_a_number_that_nobody_confirms_is_void_after_its_time() -> None:
    bench = unpaired()
    number = bench.pair()
    bench.wait(121_000)
    assert shown(bench).stage is PairingStage.FAILED
    bench.give(a.ConfirmPairing(number, token=2))
    assert bench.done[-1] == a.Done(2, a.Refusal.NOTHING_TO_CONFIRM) and bench.pinned is None


def test_given_up_begun_again_and_lost_with_the_line() -> None:
    bench = unpaired()
    first = bench.pair()
    second = bench.pair()
    assert first != second and shown(bench).number == second
    bench.give(a.CancelPairing(5))
    bench.turn()
    assert shown(bench).reason is PairingFailed.CANCELLED and bench.done[-1] == a.Done(5)
    bench.pair()
    bench.give(a.PortLost("gone"))
    assert shown(bench).reason is PairingFailed.LINE_LOST
    bench.give(a.Pair(6))
    assert bench.done[-1] == a.Done(6, a.Refusal.NO_LINE)


def test_unpaired_the_session_ends_and_nothing_is_sought() -> None:
    bench = Bench()
    bench.connect()
    bench.give(a.Unpair(7))
    bench.turn()
    assert bench.done == [a.Done(7)] and bench.pinned is None
    assert state(bench) is LinkState.UNPAIRED and codes(bench) == [NoticeCode.NOT_PAIRED]
    assert bench.facts_of(TerminalUnpaired) == [TerminalUnpaired(terminal="SN1", public_key=TERMINAL.public)]
    heard = len(bench.heard)
    bench.wait(60_000)
    assert state(bench) is LinkState.UNPAIRED and len(bench.heard) == heard
    assert not bench.terminal.is_open  # it was told BYE


def test_a_terminal_that_is_refused_for_its_id_can_be_paired_and_is_still_refused() -> None:
    bench = Bench(hello=replace(HELLO, terminal="SN2"))
    bench.connect()
    assert state(bench) is LinkState.REFUSED
    number = bench.pair()
    bench.wait(60_000)  # it is tried again meanwhile, and the number stays
    assert shown(bench).number == number
    bench.give(a.ConfirmPairing(number, token=2))
    bench.wait(31_000)
    assert bench.done[-1] == a.Done(2) and state(bench) is LinkState.REFUSED
    assert NoticeCode.WRONG_TERMINAL in codes(bench)


def test_a_stranger_who_says_that_we_are_unknown_disturbs_no_session() -> None:
    bench = Bench()
    bench.connect()
    bench.pump.talk._events.append(KeyRefused())
    bench.give(a.Due())
    assert state(bench) is LinkState.UP and codes(bench) == []


def test_the_keys_of_the_bench_are_three() -> None:
    assert len({AGENT.public, TERMINAL.public, STRANGER.public}) == 3
