"""A terminal behind a faulty line: whatever the line does, in the end every event is there, once and in the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.events import Replied, RequestFailed
from protocol.messages import HeadPut, TariffQuery
from simulator.clock import opening
from simulator.errors import SimulatorError
from simulator.wires.faults import parse_fault
from tests.simulator.lanes import OPTIONS, Lane, play

OPENING = opening(OPTIONS.first)
SMALL = {"transactions": 20}


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Callable[..., Lane]]:
    made: list[Lane] = []

    def make(name: str = "lane", **options: Any) -> Lane:
        made.append(Lane(tmp_path / name, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def whole(one: Lane, events: int = 41, within: int = 3_600_000) -> int:
    """Play until every event is acknowledged, at least so many; returns the ms it took."""
    began = one.now
    play([one], within, until=lambda: one.terminal.settled)
    assert one.terminal.settled, f"{len(one.events)} of {events} events after {within} ms"
    assert list(one.events) == list(range(1, len(one.events) + 1)) and len(one.events) >= events
    return one.now - began


def test_a_quiet_day_on_a_wire_in_memory_takes_no_time(lane) -> None:
    one = lane(**SMALL)
    assert whole(one) < 10_000 and one.closed == 0


@pytest.mark.parametrize(
    "faults",
    [
        ["drop"],
        ["duplicate:share=300000", "duplicate:gap=7000"],
        ["flip"],
        ["flip:byte=0,share=30000"],
        ["flip:burst=20,share=300"],
        ["lose"],
        ["insert"],
        ["split"],
        ["split:size=3,gap=2", "merge:window=20"],
        ["delay:ms=200,jitter=90"],
        ["mute:for=60000,after=200"],
        ["mute:for=60000,after=200,to=agent"],
        ["hold:for=120000,after=120"],
        ["hold:for=120000,after=120,to=terminal"],
        ["garbage:for=30000"],
        ["echo:for=30000"],
        ["wrong_rate:count=40"],
        ["wrong_parity:count=40"],
        ["hang_up:after=150,for=20000"],
        ["suspend:after=150,for=28800000"],
        ["clock_jump:by=-86400000", "clock_jump:after=300"],
        ["drop:share=50000", "flip:share=300", "duplicate", "delay:ms=5,jitter=40", "hang_up:after=400"],
    ],
)
def test_every_event_comes_in_the_end_whatever_the_line_does(lane, faults: list[str]) -> None:
    """PROTOCOL §2: what is damaged costs at most itself; a session that is lost begins again, and nothing with it."""
    clean, faulty = lane("clean", **SMALL), lane("faulty", **SMALL, faults=faults, rate=115_200)
    whole(clean)
    whole(faulty)
    assert faulty.events == clean.events


@pytest.mark.parametrize("fault", ["drop:share=1000000,to=agent", "flip:share=300000", "wrong_parity"])
def test_a_line_on_which_nothing_comes_through_delivers_nothing(lane, fault: str) -> None:
    one = lane(**SMALL, faults=[fault])
    play([one], 60_000)
    assert one.events == {} and not one.terminal.met


def test_a_held_buffer_costs_the_session_and_nothing_of_it_is_believed_later(lane) -> None:
    one = lane(transactions=0)
    play([one], 5_000)
    assert one.agent.is_open
    one.station.arm(parse_fault("hold:for=120000,to=agent"), one.now)
    asked = one.ask(TariffQuery())
    play([one], 119_000)
    assert one.closed == 1 and not one.agent.is_open and one.agent.counters.stale == 0
    assert [e.request_id for e in one.told if isinstance(e, RequestFailed)] == [asked], "nobody waits for ever"
    play([one], 30_000)
    assert one.agent.is_open and len(one.hellos) == 2
    assert one.agent.counters.stale > 0, "what the buffer held of the old session came, and was no more than counted"
    assert not any(isinstance(e, Replied) and e.request_id == asked for e in one.told)


def test_a_throttled_line_takes_the_time_that_its_bytes_take(lane) -> None:
    """10 bits a byte: the bytes to the agent alone fill at least half of the line, and never come faster."""
    one = lane(**SMALL, rate=9600, line_rate=9600)
    one.wire = []
    whole(one)
    first, last = one.wire[0][0], one.wire[-1][0]
    came = 0
    for at, data in one.wire:
        came += len(data)
        assert came <= at * 960 // 1000 + 1
    assert came > 5_000 and came * 1000 / 960 > 0.5 * (last - first)


def test_the_same_seed_and_faults_give_the_same_bytes_on_the_wire(lane) -> None:
    wires = []
    for name in ("a/same", "b/same", "c/other"):
        one = lane(name, **SMALL, faults=["drop:share=30000", "delay:jitter=30", "flip"], rate=19_200)
        one.wire = []
        whole(one)
        wires.append(one.wire)
    assert wires[0] == wires[1] != wires[2]


def test_a_cable_that_is_pulled_is_seen_at_both_ends_and_comes_back(lane) -> None:
    one = lane(transactions=0)
    play([one], 2_000)
    one.station.arm(parse_fault("hang_up:after=1000,for=30000"), one.now)
    play([one], 2_000)
    assert one.end.hung_up
    play([one], 30_000)
    assert not one.end.hung_up and one.agent.is_open and len(one.hellos) == 2


def test_a_device_that_moves_is_silent_until_it_is_opened_anew(lane) -> None:
    one = lane(transactions=0)
    play([one], 2_000)
    one.station.arm(parse_fault("move"), one.now)
    play([one], 60_000)
    assert not one.agent.is_open and one.closed == 1
    one.end.reopen()
    play([one], 3_000)
    assert one.agent.is_open and len(one.hellos) == 2


# -- time --------------------------------------------------------------------------------------------------------------


def test_a_clock_that_is_wrong_shows_in_the_hello_alone(lane) -> None:
    """PROTOCOL §5: clock ±1 day; timers are monotonic, order is by number."""
    right, wrong = lane("right", **SMALL), lane("wrong", **SMALL)
    whole(right)
    one_day = 86_400_000
    wrong.station.arm(parse_fault(f"clock_jump:by=-{one_day}"), 0)
    whole(wrong)
    assert wrong.hellos[0].clock == right.hellos[0].clock - one_day
    assert wrong.hellos[0].uptime == right.hellos[0].uptime
    assert wrong.events == right.events
    wrong.station.arm(parse_fault(f"clock_jump:by={2 * one_day}"), wrong.now)
    wrong.station.arm(parse_fault("hang_up:for=30000"), wrong.now)
    play([wrong], 60_000)
    assert wrong.hellos[-1].clock - wrong.hellos[0].clock > one_day


def test_a_terminal_that_sleeps_8_hours_loses_its_session_and_not_a_sale(lane) -> None:
    """At 60 simulated seconds a second 8 h are 480 s of the line; the terminal's uptime stands still meanwhile."""
    awake, asleep = lane("awake", **SMALL, speed=60), lane("asleep", **SMALL, speed=60)
    for one in (awake, asleep):
        play([one], 10_000)
    asleep.station.arm(parse_fault("suspend"), asleep.now)
    asleep.ask(HeadPut(checkpoint="shop\n1\nroot\n\nsigned\n"))
    uptime = asleep.station.uptime(asleep.now)
    for one in (awake, asleep):
        play([one], 470_000)
    assert asleep.station.asleep and asleep.closed == 1 and awake.closed == 0
    assert asleep.station.uptime(asleep.now) == uptime
    for one in (awake, asleep):
        play([one], 20_000)
    assert not asleep.station.asleep and len(asleep.hellos) == 2
    assert asleep.terminal._log.head() is None, "what was said to a sleeping terminal was not heard"
    assert asleep.hellos[1].uptime - uptime < 20_000
    at = [one.terminal.clock.time(one.station.uptime(one.now)) for one in (awake, asleep)]
    assert abs(at[0] - at[1]) <= 60, "it woke 8 h later by the clock on its wall"
    for one in (awake, asleep):
        whole(one)
    assert asleep.events == awake.events, "planned times stand"


def test_at_speed_0_a_suspend_is_over_at_once(lane) -> None:
    one = lane(transactions=100, present=False)
    play([one], 10)  # the first 64 events wait for an agent, and so does the day

    def time() -> int:
        return one.terminal.clock.time(one.station.uptime(one.now))

    before = time()
    one.station.arm(parse_fault("suspend:for=3600000"), one.now)
    play([one], 1_000)
    assert not one.station.asleep and time() == before + 3_600_000


def test_thirty_days_are_played_in_seconds(lane) -> None:
    one = lane(days=30, transactions=30)
    whole(one, 30 * 60, within=30 * 86_400_000)
    assert one.terminal.clock.time(one.station.uptime(one.now)) >= OPENING + 29 * 86_400_000


def test_many_terminals_share_one_process(lane) -> None:
    lanes = [lane(f"t{n}", seed=n, transactions=3) for n in range(40)]
    play(lanes, 60_000, until=lambda: all(one.terminal.settled for one in lanes))
    assert all(len(one.events) >= 6 for one in lanes)
    assert len({next(iter(one.events.values())) for one in lanes}) == 40, "each sells its own"


def test_a_wire_that_cannot_move_says_so(tmp_path: Path) -> None:
    from simulator.wires.tcp import TcpWire

    wire = TcpWire("127.0.0.1", 0)
    with pytest.raises(SimulatorError, match="no device that could move"):
        wire.move()
    wire.close()


def test_a_question_is_answered_through_a_delay(lane) -> None:
    one = lane(transactions=0, faults=["delay:ms=700"])
    play([one], 20_000)
    one.told.clear()
    asked = one.ask(TariffQuery())
    play([one], 1_399)
    assert not one.told
    play([one], 1)
    assert [e.request_id for e in one.told if isinstance(e, Replied)] == [asked]
