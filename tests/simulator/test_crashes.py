"""Named crashes, reboots, and logs that are lost or rolled back (docs/simulator.md, "Crashes")."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from protocol import messages as m
from protocol.events import Replied, SessionOpened
from protocol.messages import RequestState
from protocol.money import Money
from simulator.crashes import Crash, TerminalCrashed
from simulator.errors import SimulatorError
from tests.simulator.test_money import OTHER, SALE, answer, asked, come_back, opened, sale, status, transactions

HOST_AT, HOST_TAKES = 8_000, 2_000
FATAL = {
    # docs/simulator.md: state after the boot, what is charged, is it said to be never done?
    Crash.BEFORE_BEGIN: (RequestState.NOT_FOUND, 0, False),
    Crash.AFTER_BEGIN: (RequestState.VOIDED, 0, True),
    Crash.APPROVED_UNLOGGED: (RequestState.VOIDED, 0, True),
    Crash.LOGGED_UNTOLD: (RequestState.APPROVED, 12_300, False),
}
AUTHORISED = {Crash.BEFORE_BEGIN: 0, Crash.AFTER_BEGIN: 0, Crash.APPROVED_UNLOGGED: 12_300, Crash.LOGGED_UNTOLD: 12_300}


def crash(b: Any, point: Crash) -> int:
    """Ask for a sale that ends in it; the request's id."""
    b.crashes.arm(point.value)
    number = asked(b, sale())
    with pytest.raises(TerminalCrashed) as caught:
        b.later(HOST_AT)
        b.later(HOST_TAKES)
    assert caught.value.crash is point
    return number


@pytest.mark.parametrize("point", FATAL)
@pytest.mark.parametrize("how", ["killed", "rebooted"])
def test_what_a_crash_leaves(bench, point: Crash, how: str) -> None:
    b = opened(bench)
    number = crash(b, point)
    written = (b.folder / "state" / "log.jsonl").read_bytes()
    assert sum(d.amount_minor for d in b.host.deeds()) == AUTHORISED[point]
    assert answer(b, number) is None
    if how == "killed":
        b.close()
        assert (b.folder / "state" / "log.jsonl").read_bytes() == written, "nothing more is written"
        b = opened(bench)
    else:
        b.terminal.reboot(b.now)
        come_back(b)
    assert answer(b, number) is None, "and nothing more is said"
    state, charged, fenced = FATAL[point]
    told = status(b)
    assert (told.state, told.fenced, b.host.charged(SALE)) == (state, fenced, charged)
    again = asked(b, sale())
    b.later(HOST_AT)
    b.later(HOST_TAKES)
    reply = answer(b, again)
    assert isinstance(reply, m.Result)
    assert reply.state is (RequestState.APPROVED if state is RequestState.NOT_FOUND else state)
    assert b.host.charged(SALE) in (0, 12_300), "never twice"
    assert b.crashes.armed is None


def test_a_crash_waits_for_its_request_and_happens_once(bench) -> None:
    b = opened(bench)
    crash(b, Crash.AFTER_BEGIN)
    b.terminal.reboot(b.now)
    come_back(b)
    number = asked(b, sale(700, OTHER))
    b.later(HOST_AT)
    b.later(HOST_TAKES)
    reply = answer(b, number)
    assert isinstance(reply, m.Result) and reply.state is RequestState.APPROVED


@pytest.mark.parametrize(
    ("point", "wrong"),
    [
        (Crash.OTHER_AMOUNT, {"amount": Money(12_301), "reference": SALE}),
        (Crash.OTHER_CURRENCY, {"amount": Money(12_300, 978), "reference": SALE}),
    ],
)
def test_answers_that_are_not_true(bench, point: Crash, wrong: dict[str, Any]) -> None:
    b = opened(bench, speed=0)
    b.crashes.arm(point)
    reply = b.ask(sale())
    assert isinstance(reply, m.Result) and reply.state is RequestState.APPROVED
    assert {name: getattr(reply, name) for name in wrong} == wrong
    (logged,) = transactions(b)
    assert (logged.reference, logged.amount) == (SALE, Money(12_300)), "the log is honest"
    assert b.host.charged(SALE) == 12_300
    honest = b.ask(sale())
    assert (honest.reference, honest.amount) == (SALE, Money(12_300)), "once"


def test_an_answer_to_another_reference_is_none(bench) -> None:
    """The agent's conversation does not take it: nothing is known but by Status and events."""
    b = opened(bench)
    b.crashes.arm("other_reference")
    number = asked(b, sale())
    b.later(HOST_AT)
    b.later(HOST_TAKES)
    assert answer(b, number) is None and b.crashes.armed is None and not b.counter.busy
    assert (status(b).state, status(b).amount) == (RequestState.APPROVED, Money(12_300))


def test_a_stale_not_found_makes_no_fence(bench) -> None:
    b = opened(bench, speed=0)
    b.ask(sale())
    b.crashes.arm("stale_not_found")
    told = status(b, fence=True)
    assert (told.state, told.fenced) == (RequestState.NOT_FOUND, False)
    assert status(b, fence=True).state is RequestState.APPROVED


def test_an_unknown_crash_is_refused(bench) -> None:
    with pytest.raises(SimulatorError, match=r"There is no crash 'fire'\. Choose one of: before_begin, "):
        opened(bench).crashes.arm("fire")


# -- reboots and logs --------------------------------------------------------------------------------------------------


def test_a_reboot_is_a_new_boot_of_the_same_log(bench) -> None:
    b = opened(bench, speed=0)
    b.ask(sale())
    first = [e.hello for e in b.happened if isinstance(e, SessionOpened)][-1]
    b.terminal.reboot(b.now)
    come_back(b)
    second = [e.hello for e in b.happened if isinstance(e, SessionOpened)][-1]
    assert first.boot_id != second.boot_id and first.log_epoch == second.log_epoch
    event = b.agent.dialect.decode(b.log.event(b.log.last_written))
    assert isinstance(event, m.DeviceEvent) and event.kind is m.DeviceEventKind.REBOOT
    assert second.last_written == b.log.last_written
    assert b.ask(sale()).state is RequestState.APPROVED


def test_a_reboot_ends_what_the_customer_had_begun(bench) -> None:
    b = opened(bench)
    asked(b, sale())
    b.later(HOST_AT - 1)
    b.terminal.reboot(b.now)
    come_back(b)
    b.later(60_000)
    assert transactions(b) == [] and status(b).state is RequestState.NOT_FOUND


def test_a_log_that_is_rolled_back_shows_in_the_hello(bench) -> None:
    b = opened(bench, speed=0)
    for n in range(3):
        b.ask(sale(1_000 + n, f"{n:032x}"))
    assert b.host.charged("0" * 31 + "2") == 1_002
    held, first = b.log.last_written, b.log.event(1)
    number = transactions(b)[1].number
    b.terminal.roll_back_log(number - 1, b.now)
    come_back(b)
    hello = [e.hello for e in b.happened if isinstance(e, SessionOpened)][-1]
    assert hello.last_written < held and b.log.event(1) == first
    assert [t.reference for t in transactions(b)] == [f"{0:032x}"]
    assert status(b, f"{2:032x}").state is RequestState.NOT_FOUND
    assert b.host.charged(f"{2:032x}") == 1_002, "the host is another machine"
    b = opened(bench, speed=0)
    assert [t.reference for t in transactions(b)] == [f"{0:032x}"], "for ever"
    with pytest.raises(IndexError, match="no event 99"):
        b.terminal.roll_back_log(99, b.now)


def test_a_replaced_log_has_another_epoch_and_goes_on_from_one(bench) -> None:
    b = opened(bench, speed=0)
    b.ask(sale())
    before = b.log.epoch
    b.terminal.replace_log(b.now)
    come_back(b)
    hello = [e.hello for e in b.happened if isinstance(e, SessionOpened)][-1]
    assert hello.log_epoch == b.log.epoch != before and len(b.log.epoch) == len(before)
    assert transactions(b) == [] and status(b).state is RequestState.NOT_FOUND
    epoch = b.log.epoch
    b = opened(bench, speed=0)
    assert b.log.epoch == epoch
    b.terminal.replace_log(b.now)
    assert b.log.epoch not in (epoch, before)


@pytest.mark.parametrize("loss", ["rolled back", "replaced"])
def test_the_day_goes_on_where_it_was_when_the_log_is_lost(bench, loss: str) -> None:
    b = opened(bench, transactions=200, speed=0)
    while b.trade.played < 100:
        b.acknowledge(b.log.last_written)
    played = b.trade.played
    seen = {t.reference for t in transactions(b)}
    assert len(seen) == played
    if loss == "replaced":
        b.terminal.replace_log(b.now)
    else:
        b.terminal.roll_back_log(b.log.last_written // 2, b.now)
    assert b.trade.played >= played
    kept = {t.reference for t in transactions(b)}
    come_back(b)
    while not b.trade.finished:
        b.acknowledge(b.log.last_written)
    later = {t.reference for t in transactions(b)} - kept
    assert later and not later & seen, "nothing is done a second time"


# -- as a process ------------------------------------------------------------------------------------------------------


def test_a_process_is_gone_as_by_kill_9_and_comes_back(tmp_path: Path, simulate) -> None:
    options = ["--transactions", "0", "--speed", "1000", "--pairing", "off"]
    s = simulate(tmp_path, *options, "--crash", "after_begin")
    talk(s, until=lambda said: s.process.poll() is not None)
    assert s.process.wait(10) == -signal.SIGKILL
    assert "begin" in s.logged()[-1], "nothing more is written"
    s = simulate(tmp_path, *options)
    last = talk(s, m.StatusQuery(reference=SALE, fence=True), until=bool)[-1]
    assert isinstance(last, m.StatusReply) and (last.state, last.fenced) == (RequestState.VOIDED, True)
    deeds = [json.loads(x) for x in s.ledger.read_text().splitlines()]
    assert [x["action"] for x in deeds if x["kind"] == "host"] == ["reversed"]


def test_a_process_may_boot_the_terminal_anew_instead(tmp_path: Path, simulate) -> None:
    s = simulate(
        tmp_path,
        *("--transactions", "0", "--speed", "1000", "--pairing", "off"),
        *("--crash", "approved_unlogged", "--after-crash", "reboot"),
    )
    talk(s, until=lambda said: sum("boot" in x for x in s.logged()) == 2)
    (result,) = talk(s, until=bool)  # another agent: the first would find its session gone after some keepalives
    assert isinstance(result, m.Result) and result.state is RequestState.VOIDED
    assert s.process.poll() is None


def talk(s: Any, request: m.Request | None = None, *, until: Any) -> list[m.Message]:
    """Be a register on its port that asks in every session; what it was answered."""
    import os
    import select

    import serial

    from protocol.conversation import Conversation
    from protocol.dialect import Role

    said: list[m.Message] = []
    end = time.monotonic() + 20

    def now() -> int:
        return time.monotonic_ns() // 1_000_000

    agent = Conversation("native", Role.AGENT, keys=s.keys, random=os.urandom)
    try:
        with serial.Serial(str(s.port), 115_200, timeout=0, write_timeout=1) as line:
            agent.open(now())
            while not until(said):
                assert time.monotonic() < end, f"nothing came but {said}"
                agent.tick(now())
                if out := agent.outgoing(now()):
                    line.write(out)
                if select.select([line.fileno()], [], [], 0.02)[0]:
                    agent.receive(line.read(65536), now())
                for event in agent.events():
                    if isinstance(event, SessionOpened):
                        agent.request(request or sale(), now())
                    elif isinstance(event, Replied):
                        said.append(event.message)
    except OSError:  # the terminal is gone
        pass
    return said
