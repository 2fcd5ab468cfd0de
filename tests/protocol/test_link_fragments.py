"""Messages in fragments of 256 bytes, at most 16 KiB, and who goes first (docs/protocol.md §2)."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256

import pytest

from protocol.dialect import Delivered, LinkClosed, Role
from protocol.dialects.native.framing import Direction, Frame, FrameType, encode
from tests.protocol.pair import Pair, frames_of, links

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL


def counted(size: int) -> bytes:
    return bytes(n * 7 % 251 for n in range(size))


def data_frames(pair: Pair, role: Role) -> list[Frame]:
    return [frame for wire in pair.wire[role] for frame in frames_of(wire) if frame.type is FrameType.DATA]


@pytest.mark.parametrize("sender", [AGENT, TERMINAL])
@pytest.mark.parametrize(
    ("size", "frames"), [(0, 1), (1, 1), (255, 1), (256, 1), (257, 2), (512, 2), (513, 3), (16_383, 64), (16_384, 64)]
)
def test_a_message_of_that_size_arrives_in_so_many_frames(sender: Role, size: int, frames: int) -> None:
    pair = links().join()
    receiver = TERMINAL if sender is AGENT else AGENT
    pair.ends[sender].send(counted(size), urgent=False)
    pair.run(2_000)
    assert pair.of(receiver, Delivered) == [Delivered(counted(size), sha256(counted(size)).digest())]
    sent = data_frames(pair, sender)
    assert [frame.more for frame in sent] == [True] * (frames - 1) + [False]
    assert all(len(frame.body) == 256 for frame in sent[:-1])
    assert pair.ends[sender].backlog == 0


@pytest.mark.parametrize("size", [16_385, 20_000, 300_000])
def test_a_message_above_16_kib_is_told_once_and_costs_no_session(size: int) -> None:
    pair = links().join()
    pair.terminal.send(counted(size), urgent=False)
    pair.terminal.send(b"the next one", urgent=False)
    pair.run(size // 10 + 2_000)
    too_long, after = pair.of(AGENT, Delivered)
    assert too_long.oversize and too_long.message == counted(256)
    assert len(too_long.sha256) == 32
    assert after.message == b"the next one"
    assert pair.of(AGENT, LinkClosed) == []


def test_reassembly_is_bounded_whatever_the_peer_sends() -> None:
    """Fragments without end, full ones and empty ones: what is kept of them does not grow."""
    for body in (b"x" * 256, b""):
        pair = links().join()
        keys, counter = pair.terminal._session.keys, pair.terminal._session.next_counter
        session = keys.session
        wires = [
            encode(keys.seal(Frame(FrameType.DATA, Direction.TO_AGENT, session, counter + n, more=True, body=body)))
            for n in range(5_000)
        ]
        for wire in wires[:200]:
            pair.agent.receive(wire, pair.now)
            pair.agent.outgoing(pair.now)
        tracemalloc.start()
        try:
            for wire in wires[200:]:
                pair.agent.receive(wire, pair.now)
                pair.agent.outgoing(pair.now)
            pair.agent.take()
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert grown < 16_384, f"fragments of {len(body)} bytes"


def test_half_a_message_goes_with_its_session() -> None:
    pair = links().join()
    keys, counter = pair.terminal._session.keys, pair.terminal._session.next_counter
    half = Frame(FrameType.DATA, Direction.TO_AGENT, keys.session, counter, more=True, body=b"half of ")
    pair.agent.receive(encode(keys.seal(half)), pair.now)
    for end in pair.ends.values():
        end.close()
    pair.open().run(5_200)
    pair.terminal.send(b"whole", urgent=False)
    pair.run(100)
    assert [event.message for event in pair.of(AGENT, Delivered)] == [b"whole"]


def test_replies_go_before_events() -> None:
    pair = links().join()
    for n in range(5):
        pair.terminal.send(b"event %d" % n, urgent=False)
    pair.terminal.send(b"reply", urgent=True)
    pair.run(200)
    told = [event.message for event in pair.of(AGENT, Delivered)]
    assert told == [b"reply", b"event 0", b"event 1", b"event 2", b"event 3", b"event 4"]


def test_a_long_event_yields_to_a_reply_at_its_message_boundary_only() -> None:
    pair = links().join()
    pair.terminal.send(counted(3_000), urgent=False)
    pair.terminal.send(b"event", urgent=False)
    pair.run(5)
    pair.terminal.send(b"reply", urgent=True)
    pair.run(500)
    assert [event.message for event in pair.of(AGENT, Delivered)] == [counted(3_000), b"reply", b"event"]


def test_both_directions_at_once() -> None:
    pair = links(delay=7).join()
    for n in range(10):
        pair.agent.send(counted(600 + n), urgent=True)
        pair.terminal.send(counted(900 + n), urgent=False)
    pair.run(5_000)
    assert [event.message for event in pair.of(TERMINAL, Delivered)] == [counted(600 + n) for n in range(10)]
    assert [event.message for event in pair.of(AGENT, Delivered)] == [counted(900 + n) for n in range(10)]
    assert pair.agent.counters.resent == pair.terminal.counters.resent == 0
