"""One contract, both implementations: the desk in the owner's process, and over the home's socket. The terminal is real enough."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from agent import actions as a
from agent import link_keys
from agent.desk import Desk
from agent.desk_socket import SocketDesk
from agent.errors import CounterfoilError, HomeError, LinkError, NotFound
from agent.home import Home
from agent.home_desk import HomeDesk
from agent.journal.keys import PassphraseSources
from agent.opening import agent_at_work, await_session, open_desk
from agent.views import (
    Capability,
    Credential,
    LaneState,
    LinkState,
    Money,
    MoneyAction,
    MoneyOrder,
    MoneyState,
    NoticeCode,
    PairingFailed,
    PairingStage,
    PairingView,
)
from tests.conftest import Simulator, entries_of, until

DAY = "2026-03-02"


@pytest.fixture
def terminal(simulator: Callable[..., Simulator]) -> Simulator:
    return simulator("--seed", "7", "--transactions", "40", "--speed", "0", "--then", "stay")


@pytest.fixture(params=["in process", "over the socket"])
def desk(request: pytest.FixtureRequest, terminal: Simulator, home_for: Callable[..., Home]) -> Iterator[Desk]:
    home = home_for(terminal)
    with agent_at_work(home, home.settings(), PassphraseSources()) as owner:
        found: Desk = owner if request.param == "in process" else SocketDesk(home.socket)
        await_session(found)
        until(lambda: terminal.closed_days() and found.today(DAY).events >= terminal.closed_days()[0]["events"])
        yield found


def test_the_status_says_whose_home_it_is_and_how_the_line_is(desk: Desk, terminal: Simulator) -> None:
    status = desk.status()
    assert (status.terminal, status.simulated) == (terminal.terminal, True)
    assert status.link.state is LinkState.UP and status.link.sessions == 1
    assert status.head.origin.startswith("counterfoil/") and status.head.note.startswith(status.head.origin)
    assert status.notices == ()


def test_the_day_equals_the_terminals_own_ledger(desk: Desk, terminal: Simulator) -> None:
    (truth,) = terminal.closed_days()
    day = desk.today(DAY, recent=5)
    for name in ("transactions", "events", "approved", "declined", "sales_count", "sales_minor", "refunds_count"):
        assert getattr(day, name) == truth[name], name
    for name in ("refunds_minor", "voids_count", "voids_minor", "fees_minor", "net_minor"):
        assert getattr(day, name) == truth[name], name
    assert {p.product: (p.count, p.sales_minor, p.fees_minor) for p in day.products} == {
        name: (p["count"], p["sales_minor"], p["fees_minor"]) for name, p in truth["by_product"].items() if p["count"]
    }
    assert len(day.recent) == 5
    assert [row.seq for row in day.recent] == sorted((row.seq for row in day.recent), reverse=True)


def test_today_is_the_day_of_the_terminals_clock(desk: Desk) -> None:
    assert desk.today().date == DAY


def test_a_money_request_ends_once_and_is_found_again(desk: Desk) -> None:
    order = MoneyOrder("0192e5a0c1d27abc8def0123456789ab", MoneyAction.SALE, Money(38_800), operator="Li")
    view = desk.money(order, 20_000)
    assert (view.state, view.amount_minor, view.currency, view.differs) == ("approved", 38_800, 156, False)
    assert desk.money(order, 20_000) == view
    with pytest.raises(LinkError, match="stands for another request") as refused:
        desk.money(MoneyOrder(order.reference, MoneyAction.SALE, Money(38_801)), 20_000)
    assert refused.value.todo
    (row,) = desk.intents()
    assert (row.reference, row.action, row.state, row.amount_minor, row.operator) == (
        order.reference,
        "sale",
        "approved",
        38_800,
        "Li",
    )
    detail = desk.intent("0192E5A0")
    assert detail.row == row
    assert [entry["kind"] for entry in detail.entries] == ["money.intent", "money.outcome"]
    with pytest.raises(NotFound):
        desk.intent("ffff")
    assert desk.status().lane.state is LaneState.IDLE


def test_the_batch_is_closed_and_a_deposit_applied_for(desk: Desk) -> None:
    """Of `classic` the deposit is ¥199, and one application is under way at a time (docs/simulator.md, The deposit)."""
    with pytest.raises(LinkError):
        desk.apply_for_deposit("0192e5a0c1d27abc8def0123456789ab", Money(19_901), "above the deposit")
    reference = "0192e5a0c1d27abc8def0123456789ac"
    view = desk.apply_for_deposit(reference, Money(19_900), "the device was sent back")
    assert (view.state, view.amount_minor, view.currency, bool(view.ticket)) == ("submitted", 19_900, 156, True)
    assert desk.apply_for_deposit(reference, Money(19_900), "the device was sent back") == view
    with pytest.raises(LinkError):
        desk.apply_for_deposit("0192e5a0c1d27abc8def0123456789ad", Money(19_900), "once more")
    sale = desk.money(MoneyOrder("0192e5a0c1d27abc8def0123456789ae", MoneyAction.SALE, Money(500)), 20_000)
    settled = desk.settle()
    assert (settled.settled, settled.batch) == (True, sale.batch)


def test_what_is_not_open_is_not_decided_about(desk: Desk) -> None:
    reference = "0192e5a0c1d27abc8def0123456789ab"
    with pytest.raises(LinkError, match="decide about"):
        desk.park(reference, Credential("Wang", ""), "because")
    with pytest.raises(LinkError, match="decide about"):
        desk.resolve(reference, MoneyState.APPROVED, Credential("Wang", ""), "because")
    with pytest.raises(LinkError, match="decide about"):
        desk.accept_rollback(Credential("Wang", ""), "because")
    for operator, reason in (("", "because"), ("Wang", "  ")):
        with pytest.raises(CounterfoilError, match="name and a reason"):
            desk.resolve(reference, MoneyState.APPROVED, Credential(operator, ""), reason)
    with pytest.raises(LinkError, match="no words"):
        desk.money(MoneyOrder(reference, MoneyAction.SALE, Money(-1)), 5_000)
    assert desk.intents() == ()


@pytest.mark.parametrize(
    "call",
    [
        {"method": "park", "arguments": {"reference": [1], "given": {"operator": "W", "pin": ""}, "reason": "x"}},
        {
            "method": "resolve",
            "arguments": {"reference": {}, "state": "approved", "given": {"operator": "W", "pin": ""}, "reason": "x"},
        },
        {
            "method": "resolve",
            "arguments": {"reference": "0" * 32, "state": 7, "given": {"operator": "W", "pin": ""}, "reason": "x"},
        },
        {"method": "confirm_pairing", "arguments": {"number": [], "replace": "x"}},
        {"method": "wait", "arguments": {"revision": [], "timeout_ms": 1}},
        {"method": "money", "arguments": {"order": {"reference": 1}, "timeout_ms": 1}},
        {"method": "money", "arguments": {"order": {}, "timeout_ms": 1, "gone": None}},
        {"method": "money", "arguments": [1]},
        {"method": "close", "arguments": {}},
        {"method": "__init__", "arguments": {}},
    ],
)
def test_what_makes_no_sense_on_the_socket_is_answered_and_harms_nobody(
    call: dict[str, object], terminal: Simulator, home_for: Callable[..., Home]
) -> None:
    home = home_for(terminal)
    with agent_at_work(home, home.settings(), PassphraseSources()) as owner:
        await_session(owner)
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(home.socket))
            line.sendall(msgspec.json.encode(call) + b"\n")
            answer = msgspec.json.decode(line.makefile("rb").readline())
        assert answer["error"]["kind"] == "HomeError"
        order = MoneyOrder("0192e5a0c1d27abc8def0123456789ab", MoneyAction.SALE, Money(500))
        assert SocketDesk(home.socket).money(order, 20_000).state == "approved"


ORDER_AND_WAIT = """
import sys
from pathlib import Path
from agent.desk_socket import SocketDesk
from agent.views import Money, MoneyAction, MoneyOrder
order = MoneyOrder("0192e5a0c1d27abc8def0123456789ab", MoneyAction.SALE, Money(500))
SocketDesk(Path(sys.argv[1])).money(order, 600_000)
"""


def test_whoever_ordered_and_was_killed_waits_no_longer(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home]
) -> None:
    """Else the lane would ask again in the name of somebody who has left the screen."""
    home = home_for(simulator("--transactions", "0", "--speed", "1", "--customer", "nobody"))
    with agent_at_work(home, home.settings(), PassphraseSources()) as owner:
        await_session(owner)
        asker = subprocess.Popen([sys.executable, "-c", ORDER_AND_WAIT, str(home.socket)])
        until(lambda: owner.status().lane.state is LaneState.ASKED)

        def waits() -> bool:
            return "desk: asker" in {thread.name for thread in threading.enumerate()}

        assert waits()
        asker.kill()
        asker.wait()
        until(lambda: not waits())
        assert owner.status().lane.state is LaneState.ASKED  # the customer may pay all the same
        with pytest.raises(LinkError, match="at work on another"):
            SocketDesk(home.socket).money(MoneyOrder("0" * 32, MoneyAction.SALE, Money(500)), 20_000)


def test_an_empty_day_is_all_zero(desk: Desk) -> None:
    day = desk.today("2026-03-09")
    assert (day.transactions, day.sales_minor, day.net_minor, day.products, day.recent) == (0, 0, 0, (), ())


def test_pages_of_transactions_do_not_overlap(desk: Desk) -> None:
    first, second = desk.transactions(DAY, limit=30), desk.transactions(DAY, limit=30, offset=30)
    assert first.total == second.total == 40
    assert (len(first.rows), len(second.rows)) == (30, 10)
    assert not {r.seq for r in first.rows} & {r.seq for r in second.rows}


def test_search_finds_by_trace_last_four_amount_and_reference(desk: Desk) -> None:
    row = next(r for r in desk.transactions(limit=40).rows if r.masked_pan)
    assert row.masked_pan is not None
    amount = f"{row.amount_minor // 100}.{row.amount_minor % 100:02d}"
    for text in (row.trace, row.masked_pan[-4:], amount, f"¥{amount}", row.reference[:20]):
        assert row in desk.transactions(text=text, limit=40).rows, text
    assert desk.transactions(text="no such thing").total == 0
    assert desk.transactions(text="%").total == 0


def test_one_transaction_whole(desk: Desk) -> None:
    row = desk.transactions(limit=1).rows[0]
    detail = desk.transaction(row.reference.upper())
    assert detail.row == row
    assert [entry["kind"] for entry in detail.entries][:2] == ["terminal.transaction", "terminal.fee"]
    assert detail.entries[0]["seq"] == row.seq


@pytest.mark.parametrize("reference", ["", "0", "ffffffff", "../../etc", "' OR 1=1 --"])
def test_no_or_several_transactions_of_that_reference(desk: Desk, reference: str) -> None:
    with pytest.raises(NotFound) as refused:
        desk.transaction(reference)
    assert refused.value.exit_code == 1 and refused.value.todo


def test_the_terminal_answers_for_itself(desk: Desk, terminal: Simulator) -> None:
    info = desk.terminal_info()
    assert info.terminal == terminal.terminal and info.simulated
    assert info.merchant_name


def test_a_sync_ends_with_everything_recorded(desk: Desk, terminal: Simulator) -> None:
    assert desk.sync().last_event == terminal.closed_days()[0]["events"] + 1  # its settlement


def test_waiting_ends_with_a_change_or_with_its_time(desk: Desk, terminal: Simulator) -> None:
    # journal.opened, terminal.paired, the day's 80 events and its settlement; the head was put: then all is quiet
    until(lambda: terminal.remembered_size() == desk.status().head.size == 83)
    until(lambda: desk.wait(desk.status().revision, 300) == desk.status().revision)
    revision = desk.status().revision
    began = time.monotonic()
    assert desk.wait(revision, 100) == revision
    assert 0.09 < time.monotonic() - began < 10
    terminal.kill()
    assert desk.wait(revision, 30_000) > revision


def test_a_lost_line_is_said_and_heals_by_itself(desk: Desk, terminal: Simulator) -> None:
    terminal.kill()
    status = until(lambda: (s := desk.status()).link.state is LinkState.PORT_LOST and s)
    assert [notice.code.value for notice in status.notices] == ["port_lost"]
    with pytest.raises(LinkError):
        desk.terminal_info()
    terminal.start()
    status = until(lambda: (s := desk.status()).link.state is LinkState.UP and s)
    assert status.link.sessions == 2
    assert status.notices == ()


# -- what the technician asks ------------------------------------------------------------------------------------------


def test_the_line_says_how_it_is_spoken_on(desk: Desk) -> None:
    link = desk.status().link
    assert (link.dialect, link.paired, link.pairing) == ("native", True, None)
    assert set(Capability) >= set(link.speaks) >= {Capability.EVENTS, Capability.HEADS, Capability.PAIRING}
    assert link.fingerprint is not None and re.fullmatch(r"[0-9a-f]{4}( [0-9a-f]{4}){3}", link.fingerprint)
    assert link.good_frames > 80 and link.damaged_frames == 0


def test_the_terminal_tests_itself_and_sends_back_what_it_is_sent(desk: Desk) -> None:
    report = desk.self_test()
    assert report.items and report.passed == all(item.passed for item in report.items)
    for size in (1, 1024):
        echo = desk.echo(size)
        assert echo.size == size and 0 < echo.round_trip_us < 10_000_000


# -- pairing -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def stranger(simulator: Callable[..., Simulator]) -> Simulator:
    """A terminal that nobody paired; it pairs with whoever begins."""
    return simulator("--seed", "7", "--transactions", "5", "--speed", "0", "--then", "stay", paired=False)


@pytest.fixture(params=["in process", "over the socket"])
def unpaired(request: pytest.FixtureRequest, stranger: Simulator, home_for: Callable[..., Home]) -> Iterator[Desk]:
    home = home_for(stranger, paired=False)
    with agent_at_work(home, home.settings(), PassphraseSources()) as owner:
        found: Desk = owner if request.param == "in process" else SocketDesk(home.socket)
        until(lambda: found.status().link.state is LinkState.UNPAIRED)
        yield found


def shown(desk: Desk) -> PairingView:
    """As soon as there is a number to compare."""

    def compare() -> PairingView | None:
        view = desk.status().link.pairing
        return view if view is not None and view.stage is PairingStage.COMPARE else None

    found: PairingView = until(compare)
    return found


def test_an_unpaired_home_is_paired_records_and_is_unpaired_again(
    unpaired: Desk, stranger: Simulator, tmp_path: Path
) -> None:
    status = unpaired.status()
    assert (status.link.paired, status.link.fingerprint) == (False, None)
    assert [notice.code for notice in status.notices] == [NoticeCode.NOT_PAIRED]
    with pytest.raises(LinkError):
        await_session(unpaired)
    unpaired.pair()
    view = shown(unpaired)
    assert view.number is not None and not view.changed
    unpaired.confirm_pairing(view.number)
    key = Home(tmp_path / "home").terminal_key
    assert bytes.fromhex(key.read_text()) == stranger.public_key
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    await_session(unpaired)
    link = unpaired.status().link
    assert link.pairing is not None and link.pairing.stage is PairingStage.DONE
    assert link.paired and link.fingerprint == view.fingerprint
    until(lambda: unpaired.today(DAY).events == 10)
    unpaired.unpair()
    assert not key.exists()
    link = unpaired.status().link
    assert (link.state, link.paired, link.fingerprint) == (LinkState.UNPAIRED, False, None)
    kinds = until(lambda: (k := [e.kind for e in entries_of(Home(tmp_path / "home"))])[-1] == "terminal.unpaired" and k)
    assert kinds[1] == "terminal.paired"


def test_nothing_is_pinned_by_another_number_nor_after_giving_up(unpaired: Desk, tmp_path: Path) -> None:
    with pytest.raises(LinkError) as refused:
        unpaired.confirm_pairing("000000")
    assert refused.value.what and refused.value.todo
    unpaired.pair()
    number = shown(unpaired).number or ""
    with pytest.raises(LinkError):
        unpaired.confirm_pairing(f"{(int(number) + 1) % 10**6:06d}")
    unpaired.cancel_pairing()
    with pytest.raises(LinkError):
        unpaired.confirm_pairing(number)
    assert not Home(tmp_path / "home").terminal_key.exists()
    assert unpaired.status().link.pairing == PairingView(PairingStage.FAILED, reason=PairingFailed.CANCELLED)


def test_a_key_that_cannot_be_written_is_not_pinned(
    unpaired: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpaired.pair()
    number = shown(unpaired).number or ""

    def full(path: Path, key: bytes | None) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(link_keys, "pin", full)
    with pytest.raises(LinkError):
        unpaired.confirm_pairing(number)
    assert unpaired.status().link.state is LinkState.UNPAIRED
    assert [entry.kind for entry in entries_of(Home(tmp_path / "home"))] == ["journal.opened"]


def test_what_a_protocol_has_no_words_for_is_said(
    simulator: Callable[..., Simulator], home_for: Callable[..., Home]
) -> None:
    """A telium home: the settings say that it is one of practice, for the wire cannot."""
    terminal = simulator("--dialect", "telium", paired=False)
    home = home_for(terminal, paired=False)
    settings = msgspec.structs.replace(home.settings(), dialect="telium", line_rate=9_600)
    with agent_at_work(home, settings, PassphraseSources()) as desk:
        until(lambda: desk.status().link.state is LinkState.UP)
        status = desk.status()
        assert status.simulated and status.notices == () and abs(status.now - time.time_ns() // 10**6) < 60_000
        assert Capability.SALE in status.link.speaks and Capability.EVENTS not in status.link.speaks
        for question in (desk.terminal_info, desk.sync, desk.self_test, desk.echo, desk.pair, desk.unpair):
            with pytest.raises(LinkError) as unspoken:
                question()
            assert "protocol" in unspoken.value.what and unspoken.value.todo


# -- without an agent --------------------------------------------------------------------------------------------------


def test_without_an_agent_the_home_is_read_and_the_terminal_is_not(
    terminal: Simulator, home_for: Callable[..., Home]
) -> None:
    home = home_for(terminal)
    with open_desk(home) as desk:
        assert isinstance(desk, HomeDesk)
        assert desk.status().link.state is LinkState.OFF
        with pytest.raises(LinkError):
            desk.sync()


def test_a_guest_is_served_over_the_socket_which_is_the_owners_alone(
    terminal: Simulator, home_for: Callable[..., Home]
) -> None:
    home = home_for(terminal)
    with agent_at_work(home, home.settings(), PassphraseSources()):
        assert stat.S_IMODE(os.stat(home.socket).st_mode) == 0o600
        with open_desk(Home(home.path)) as guest:  # another process has a Home of its own
            assert isinstance(guest, SocketDesk)
            assert guest.status().terminal == terminal.terminal
    assert not home.socket.exists()


def test_a_socket_at_the_end_of_a_very_long_path(
    terminal: Simulator, home_for: Callable[..., Home], tmp_path: Path
) -> None:
    home = home_for(terminal, "/".join(["a-folder-with-a-long-name"] * 6))
    assert len(str(home.socket)) > 108
    with agent_at_work(home, home.settings(), PassphraseSources()), open_desk(Home(home.path)) as guest:
        assert isinstance(guest, SocketDesk)
        assert guest.status().simulated


def test_a_socket_that_nobody_serves_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HomeError) as refused:
        SocketDesk(tmp_path / "agent.sock").status()
    assert refused.value.what and refused.value.todo


def test_a_pump_that_broke_is_said_to_whoever_asks(
    recorded: tuple[Home, Simulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _terminal = recorded
    with agent_at_work(home, home.settings(), PassphraseSources()) as owner:
        await_session(owner)
        runner = owner._online()

        def broken(*_given: object) -> None:
            raise ZeroDivisionError("planted")

        monkeypatch.setattr(runner._pump, "step", broken)
        runner._inbox.put(a.Due())
        until(lambda: not runner._thread.is_alive())
        for desk in (owner, SocketDesk(home.socket)):
            with pytest.raises(CounterfoilError) as refused:
                desk.status()
            assert "planted" in refused.value.what and refused.value.todo


def test_garbage_on_the_socket_harms_nobody(terminal: Simulator, home_for: Callable[..., Home]) -> None:
    import socket

    home = home_for(terminal)
    with agent_at_work(home, home.settings(), PassphraseSources()):
        for line in (
            b"\n",
            b"{}\n",
            b'{"method":"close"}\n',
            b'{"method":"today","arguments":{"x":1}}\n',
            b"\xff" * 100_000,
        ):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(str(home.socket))
                stranger.sendall(line)
                stranger.shutdown(socket.SHUT_WR)
                answer = stranger.makefile("rb").readline()
                assert b'"error"' in answer
        with open_desk(Home(home.path)) as guest:  # another process has a Home of its own
            assert guest.status().simulated


def test_amounts_on_the_screens_are_money_of_minor_units() -> None:
    assert Money(12345).minor == 12345
