"""Somebody on the cable: frames forged, made nonsense of, and said again (docs/simulator.md, "Faults")."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from cobs import cobs

from protocol.dialects.native.framing import Direction, Frame, FrameType, encode
from protocol.events import SecurityNotice
from simulator.errors import SimulatorError
from simulator.wires.faults import To, parse_fault
from simulator.wires.line import Line
from tests.simulator.lanes import Lane, play

DATA = Frame(FrameType.DATA, Direction.TO_AGENT, 7, 3, 2, body=bytes(range(40)), tag=bytes(range(8)))
HELLO = Frame(FrameType.HELLO, Direction.TO_TERMINAL, 0, 0, body=bytes(range(100)))


def line(text: str) -> Line:
    made = Line(5)
    made.arm(parse_fault(text), 0)
    return made


def through(made: Line, data: bytes, to: To = To.AGENT) -> bytes:
    made.put(to, data, 0)
    return made.take(to, 0)


def parts(wire: bytes) -> tuple[bytes, bytes, bytes]:
    """Header, body and tag of the one frame there, by the public COBS library and zlib; its check sum is right."""
    (stuffed,) = [run for run in wire.split(b"\0") if run]
    plain = cobs.decode(stuffed)
    assert crc32(plain[:-4]) == int.from_bytes(plain[-4:])
    return plain[:12], plain[12:-12], plain[-12:-4]


def test_a_forged_frame_has_another_tag_by_one_bit_and_a_right_check_sum() -> None:
    for _ in range(20):
        header, body, tag = parts(through(line("forge:share=1000000"), encode(DATA)))
        assert (header, body) == (DATA.header, DATA.body)
        assert (int.from_bytes(tag) ^ int.from_bytes(DATA.tag)).bit_count() == 1


def test_a_handshake_is_not_forged_but_can_be_nonsense() -> None:
    assert through(line("forge:share=1000000"), encode(HELLO)) == encode(HELLO)
    header, body, tag = parts(through(line("malform:share=1000000"), encode(HELLO)))
    assert header == HELLO.header and tag == HELLO.tag and len(body) == 100 and body != HELLO.body


def test_what_is_no_frame_stays_as_it_is_and_every_frame_of_a_piece_is_changed() -> None:
    for noise in (b"", b"\0", b"\0\0\0", b"noise", b"\0noise\0", encode(DATA)[:-5]):
        assert through(line("forge:share=1000000"), noise) == noise
        assert through(line("malform:share=1000000"), noise) == noise
    both = through(line("malform:share=1000000"), encode(DATA) + b"noise" + encode(DATA))
    first, noise, second = [run for run in both.split(b"\0") if run]
    assert noise == b"noise" and parts(first)[1] != DATA.body != parts(second)[1] != parts(first)[1]


def test_a_replay_says_what_was_said_so_many_pieces_before() -> None:
    recorded = line("replay:share=1000000,back=2,to=agent")
    heard = [through(recorded, word) for word in (b"a", b"b", b"c", b"d")]
    assert heard == [b"a", b"b", b"ca", b"db"]
    assert through(recorded, b"x", To.TERMINAL) == b"x"
    once = line("replay:share=1000000,skip=1,count=1")
    assert [through(once, word) for word in (b"a", b"b", b"c", b"d")] == [b"a", b"b", b"cb", b"d"]
    for bad in ("replay:back=0", "replay:back=1025"):
        with pytest.raises(SimulatorError):
            parse_fault(bad)


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Callable[..., Lane]]:
    made: list[Lane] = []

    def make(**options: Any) -> Lane:
        made.append(Lane(tmp_path / f"lane{len(made)}", transactions=20, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    "faults", [["forge:share=300000"], ["malform:share=300000"], ["replay:share=500000,back=3"], ["forge", "replay"]]
)
def test_every_event_comes_once_and_in_order_all_the_same(lane, faults: list[str]) -> None:
    clean, troubled = lane(), lane(faults=faults)
    for one in (clean, troubled):
        play([one], 3_600_000, until=lambda one=one: one.terminal.settled)
    assert troubled.events == clean.events and len(clean.events) == 41


def test_a_forgery_is_noticed_by_the_agent(lane) -> None:
    one = lane()
    play([one], 3_600_000, until=lambda: one.terminal.settled)
    noticed: list[Any] = []
    events = one.agent.events

    def spied() -> list[Any]:
        told = events()
        noticed.extend(event for event in told if isinstance(event, SecurityNotice))
        return told

    one.agent.events = spied  # type: ignore[method-assign]
    one.station.arm(parse_fault("forge:share=1000000,count=3,to=agent"), one.now)
    play([one], 60_000)
    assert [notice.kind for notice in noticed] == ["bad_tag"] * 3
