"""Money requests with real processes: agent and simulated terminal on a pty, killed and crashed where it hurts."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.desk_socket import SocketDesk
from agent.errors import HomeError, LinkError
from agent.home import Home
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work, make_home, open_desk
from agent.settings import Settings
from agent.views import Credential, LaneState, Money, MoneyAction, MoneyOrder, MoneyState, MoneyView, NoticeCode
from protocol.dialect import dialect
from tests.conftest import Agent, Simulator, entries_of, refused, run_counterfoil, until

Start = Callable[..., Simulator]
MakeHome = Callable[..., Home]
Serve = Callable[..., Agent]


def reference() -> str:
    """A UUIDv7 (RFC 9562): 48 bits of ms, then random ones."""
    raw = bytearray(time.time_ns().__floordiv__(1_000_000).to_bytes(6) + os.urandom(10))
    raw[6], raw[8] = 0x70 | raw[6] & 0x0F, 0x80 | raw[8] & 0x3F
    return raw.hex()


def sale(minor: int, patience_ms: int = 30_000) -> MoneyOrder:
    return MoneyOrder(reference(), MoneyAction.SALE, Money(minor), operator="01", patience_ms=patience_ms)


def money_of(home: Home, order: MoneyOrder) -> list[tuple[str, dict[str, Any]]]:
    """Kind and body of the journal's entries that name the reference, the terminal's event among them."""
    return [(e.kind, e.body) for e in entries_of(home) if e.body.get("reference") == order.reference]


def truth_of(terminal: Simulator, order: MoneyOrder) -> list[dict[str, Any]]:
    """What the terminal's own ledger says of the reference."""
    lines = [json.loads(line) for line in terminal.ledger.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line.get("reference") == order.reference and "outcome" in line]


def counter(simulator: Start, *more: str) -> Simulator:
    """A terminal at which nothing happens but what a register asks; a customer pays within a moment."""
    return simulator("--seed", "7", "--transactions", "1", "--speed", "3600", *more)


def nobody_pays(simulator: Start, control: Path) -> Simulator:
    """A terminal at which the customer does nothing; control: its control socket."""
    options = ("--seed", "7", "--transactions", "1", "--speed", "1", "--customer", "nobody")
    return simulator(*options, "--control", str(control))


@pytest.mark.parametrize(
    ("minor", "state", "code"), [(38_800, "approved", "00"), (10_051, "declined", "51"), (10_098, "voided", None)]
)
def test_a_sale_ends_as_the_terminal_ends_it(
    simulator: Start, home_for: MakeHome, agent: Serve, minor: int, state: str, code: str | None
) -> None:
    terminal = counter(simulator)
    home = home_for(terminal)
    worker = agent(home).await_session()
    desk, order = SocketDesk(home.socket), sale(minor)
    view = desk.money(order, 30_000)
    assert (view.state, view.learned_by in {"result", "transaction"}) == (state, True)
    assert code is None or view.response_code == code
    assert desk.money(order, 20_000) == view  # the same again: its stored outcome
    with pytest.raises(LinkError):
        desk.money(MoneyOrder(order.reference, MoneyAction.SALE, Money(minor + 1)), 20_000)
    worker.stop()
    kinds = [kind for kind, _ in money_of(home, order)]
    assert kinds[0] == "money.intent" and kinds.count("money.intent") == 1 and kinds.count("money.outcome") == 1
    verified = run_counterfoil("--home", str(home.path), "journal", "verify")
    assert verified.returncode == 0, verified


def test_a_refund_and_a_void_of_it_name_their_original(simulator: Start, home_for: MakeHome, agent: Serve) -> None:
    terminal = counter(simulator)
    home = home_for(terminal)
    agent(home).await_session()
    desk, first, second = SocketDesk(home.socket), sale(38_800), sale(5_000)
    assert desk.money(first, 30_000).state == desk.money(second, 30_000).state == "approved"
    refund = MoneyOrder(reference(), MoneyAction.REFUND, Money(1_200), original_reference=first.reference)
    void = MoneyOrder(reference(), MoneyAction.VOID, None, original_reference=second.reference)
    assert desk.money(refund, 30_000).state == desk.money(void, 30_000).state == "approved"
    until(lambda: (refund.reference, "refund") in {(row.reference, row.kind) for row in desk.transactions().rows})
    assert [row.state for row in desk.intents()] == ["approved"] * 4


def killed_while_asked(home: Home, worker: Agent, order: MoneyOrder, control: Path) -> None:
    """kill -9 of the agent, once the terminal, with that control socket, is at work on the order: the agent counts it as
    asked when it leaves, which may be before the terminal has heard it."""
    desk = SocketDesk(home.socket)
    with socket.socket(socket.AF_UNIX) as looking:
        looking.settimeout(70)
        looking.connect(str(control))
        looking.sendall(b'{"do":"wait","stage":"present_card"}\n')
        threading.Thread(target=lambda: _swallow(lambda: desk.money(order, 20_000)), daemon=True).start()
        assert json.loads(looking.makefile("rb").readline()) == {"ok": True}
    worker.kill()


def _swallow(call: Callable[[], MoneyView]) -> None:
    try:
        call()
    except Exception:  # the agent it was asked of is killed
        return


def test_an_agent_killed_while_the_cardholder_acts_fences_it_at_its_next_start(
    simulator: Start, home_for: MakeHome, agent: Serve, tmp_path: Path
) -> None:
    control = tmp_path / "control"
    terminal = nobody_pays(simulator, control)
    home = home_for(terminal)
    order = sale(38_800, patience_ms=60_000)
    killed_while_asked(home, agent(home).await_session(), order, control)
    agent(home).await_session()
    desk = SocketDesk(home.socket)
    until(lambda: desk.intents()[0].state == "voided")
    until(lambda: desk.status().lane.state is LaneState.IDLE)  # the lane hears of it once it is committed
    (outcome,) = [body for kind, body in money_of(home, order) if kind == "money.outcome"]
    assert outcome["learned_by"] in {"status", "result"}
    assert desk.money(order, 20_000).state == "voided"
    assert not [line for line in truth_of(terminal, order) if line.get("outcome") == "approved"]


def test_whoever_waits_is_told_that_it_is_not_known_when_the_agent_is_killed(
    simulator: Start, home_for: MakeHome, agent: Serve
) -> None:
    """Not that nothing was done: the order was given, and the customer may have paid."""
    terminal = simulator("--seed", "7", "--transactions", "1", "--speed", "1", "--customer", "nobody")
    home = home_for(terminal)
    worker, order, told = agent(home).await_session(), sale(38_800), list[MoneyView]()
    asker = threading.Thread(target=lambda: told.append(SocketDesk(home.socket).money(order, 20_000)), daemon=True)
    asker.start()
    until(lambda: SocketDesk(home.socket).status().lane.state is LaneState.ASKED)
    worker.kill()
    asker.join(30)
    assert [(view.reference, view.state, view.amount_minor) for view in told] == [(order.reference, "unknown", 38_800)]
    with pytest.raises(HomeError):  # nobody there to give it to
        SocketDesk(home.socket).money(order, 1_000)


def test_an_agent_killed_while_the_host_decides_learns_the_terminals_truth(
    simulator: Start, home_for: MakeHome, agent: Serve
) -> None:
    terminal = simulator("--seed", "7", "--transactions", "1", "--speed", "4")
    home = home_for(terminal)
    order = sale(38_800)
    worker = agent(home).await_session()
    desk = SocketDesk(home.socket)
    threading.Thread(target=lambda: _swallow(lambda: desk.money(order, 20_000)), daemon=True).start()
    until(lambda: desk.status().lane.stage == "host")
    worker.kill()
    until(lambda: truth_of(terminal, order))  # decided, and nobody there to hear it
    agent(home).await_session()
    until(lambda: desk.intents()[0].state == "approved")
    assert [kind for kind, _ in money_of(home, order)].count("money.intent") == 1
    assert len(truth_of(terminal, order)) == 1


@pytest.mark.parametrize(
    ("crash", "state"), [("after_begin", "voided"), ("approved_unlogged", "voided"), ("logged_untold", "approved")]
)
def test_a_terminal_that_crashes_in_the_middle_is_asked_when_it_is_back(
    simulator: Start, home_for: MakeHome, agent: Serve, crash: str, state: str
) -> None:
    terminal = counter(simulator, "--crash", crash, "--after-crash", "reboot")
    home = home_for(terminal)
    agent(home).await_session()
    desk, order = SocketDesk(home.socket), sale(38_800)
    view = desk.money(order, 40_000)
    assert view.state == state
    until(lambda: truth_of(terminal, order) or state == "voided")
    approved = [line for line in truth_of(terminal, order) if line.get("outcome") == "approved"]
    assert len(approved) == (1 if state == "approved" else 0)


@pytest.mark.parametrize("crash", ["other_amount", "other_currency"])
def test_another_amount_is_approved_a_finding_and_corrected_by_the_log(
    simulator: Start, home_for: MakeHome, agent: Serve, crash: str
) -> None:
    terminal = counter(simulator, "--crash", crash)
    home = home_for(terminal)
    agent(home).await_session()
    desk, order = SocketDesk(home.socket), sale(38_800)
    assert desk.money(order, 30_000).state == "approved"
    codes = {NoticeCode.MONEY_DIFFERS, NoticeCode.MONEY_CONTRADICTED}
    until(lambda: codes & {notice.code for notice in desk.status().notices})
    until(lambda: [kind for kind, _ in money_of(home, order)].count("money.outcome") == 2)
    last = [body for kind, body in money_of(home, order) if kind == "money.outcome"][-1]
    assert (last["amount_minor"], last["currency"], last["differs"], last["contradicts"]) == (
        38_800,
        156,
        False,
        "approved",
    )


def test_another_reference_is_unasked_and_the_terminal_says_the_truth(
    simulator: Start, home_for: MakeHome, agent: Serve
) -> None:
    terminal = counter(simulator, "--crash", "other_reference")
    home = home_for(terminal)
    agent(home).await_session()
    desk, order = SocketDesk(home.socket), sale(38_800)
    assert desk.money(order, 30_000).state == "approved"
    assert "terminal.result_unasked" in [entry.kind for entry in entries_of(home)]


def test_an_approval_after_the_terminal_took_it_back_contradicts_what_was_recorded(
    simulator: Start, home_for: MakeHome, agent: Serve
) -> None:
    terminal = counter(simulator, "--lie", "late_approval")
    home = home_for(terminal)
    agent(home).await_session()
    desk, order = SocketDesk(home.socket), sale(38_800)
    assert desk.money(order, 30_000).state in {"voided", "approved"}  # the approval comes a moment later, or before
    until(lambda: NoticeCode.MONEY_CONTRADICTED in {notice.code for notice in desk.status().notices})
    view = desk.money(order, 20_000)
    assert (view.state, view.contradicts) == ("approved", "voided")
    assert desk.intents()[0].state == "approved"
    outcomes = [body for kind, body in money_of(home, order) if kind == "money.outcome"]
    assert [(body["state"], body.get("contradicts")) for body in outcomes] == [("voided", None), ("approved", "voided")]


def test_a_person_resolves_from_the_command_line_what_nobody_can_ask(
    simulator: Start, home_for: MakeHome, agent: Serve, tmp_path: Path
) -> None:
    control = tmp_path / "control"
    terminal = nobody_pays(simulator, control)
    home = home_for(terminal)
    order = sale(38_800)
    killed_while_asked(home, agent(home).await_session(), order, control)
    terminal.stop()
    at = ["--home", str(home.path), "intent"]
    with agent_at_work(home, home.settings(), PassphraseSources(), patient=True) as desk:
        status = until(lambda: (s := desk.status()).lane.state is LaneState.UNKNOWN and s)
        assert status.lane.reference == order.reference
        assert NoticeCode.MONEY_UNKNOWN in {notice.code for notice in status.notices}
    refused(run_counterfoil(*at, "park", order.reference[:20], "--operator", "Wang", "--reason", " "), 3, "reason")
    listed = run_counterfoil(*at, "list", "--open")
    assert order.reference in listed.stdout and "not known" in listed.stdout and "388.00" in listed.stdout
    done = run_counterfoil(
        *at,
        "resolve",
        order.reference[:20],
        "--as",
        "declined",
        "--operator",
        "Wang",
        "--reason",
        "slip says so",
        "--json",
    )
    assert done.returncode == 0 and '"state": "declined"' in done.stdout, done
    again = run_counterfoil(*at, "resolve", order.reference, "--as", "approved", "--operator", "W", "--reason", "x")
    refused(again, 3, "decide about")
    shown = run_counterfoil(*at, "show", order.reference)
    assert "reason: slip says so" in shown.stdout and "operator: Wang" in shown.stdout
    (outcome,) = [body for kind, body in money_of(home, order) if kind == "money.outcome"]
    assert outcome["learned_by"] == "manual" and "reason" not in outcome and len(outcome["reason_sha256"]) == 64
    with open_desk(home) as looking:
        assert [row.state for row in looking.intents()] == ["declined"]
        assert looking.status().lane.state is LaneState.IDLE
        with pytest.raises(LinkError):
            looking.resolve(order.reference, MoneyState.APPROVED, Credential("Wang", ""), "x")


@pytest.mark.parametrize(("name", "currency"), [("telium", 978), ("transbank", 152)])
def test_an_agent_killed_on_a_wire_without_status_takes_the_late_result_by_its_ticket(
    simulator: Start, agent: Serve, tmp_path: Path, name: str, currency: int
) -> None:
    """Currencies: the euro, the Chilean peso. Such a terminal tells its outcome once somebody is there to hear it."""
    control = tmp_path / "control"
    options = ("--dialect", name, "--speed", "3", "--customer", "unionpay_credit", "--control", str(control))
    terminal = simulator(*options, paired=False)
    home, rate = Home(tmp_path / "home"), dialect(name).line_rate
    settings = Settings(
        terminal=terminal.terminal, simulated=True, port=str(terminal.link), dialect=name, line_rate=rate
    )
    make_home(home, settings, PassphraseSources(), 1_772_380_800_000)
    order = replace(sale(38_800), amount=Money(38_800, currency))
    killed_while_asked(home, agent(home).await_session(), order, control)
    agent(home).await_session()
    desk = SocketDesk(home.socket)
    until(lambda: desk.intents()[0].state == "approved")
    until(lambda: desk.status().lane.state is LaneState.IDLE)  # the lane hears of it once it is committed
    (outcome,) = [body for kind, body in money_of(home, order) if kind == "money.outcome"]
    assert (outcome["learned_by"], outcome["amount_minor"], outcome["differs"]) == ("result", 38_800, False)
    assert desk.money(order, 20_000).state == "approved"
    lines = [json.loads(line) for line in terminal.ledger.read_text(encoding="utf-8").splitlines()]
    assert [line["outcome"] for line in lines if line.get("kind") == "sale"] == ["approved"]
