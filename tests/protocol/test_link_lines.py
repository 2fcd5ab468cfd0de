"""Two ends over bad lines, seeded: every message comes once and in order, or the session ends and both say so."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from protocol.dialect import Delivered, LinkClosed, LinkOpened, Role
from tests.protocol.pair import Fault, Pair, clean, links

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
MESSAGES = 40


def lossy(data: bytes, random: Random) -> Iterable[bytes]:
    return [] if random.random() < 0.15 else [data]


def twice(data: bytes, random: Random) -> Iterable[bytes]:
    return [data, data] if random.random() < 0.5 else [data]


def flipping(data: bytes, random: Random) -> Iterable[bytes]:
    hit = bytearray(data)
    while random.random() < 0.25:
        hit[random.randrange(len(hit))] ^= 1 << random.randrange(8)
    return [bytes(hit)]


def byte_lost_or_put_in(data: bytes, random: Random) -> Iterable[bytes]:
    hit = bytearray(data)
    if random.random() < 0.2:
        del hit[random.randrange(len(hit))]
    if random.random() < 0.2:
        hit.insert(random.randrange(len(hit)), random.randrange(256))
    return [bytes(hit)]


def in_pieces(data: bytes, random: Random) -> Iterable[bytes]:
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(4))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


def one_byte_at_a_time(data: bytes, _: Random) -> Iterable[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def noisy(data: bytes, random: Random) -> Iterable[bytes]:
    return [random.randbytes(random.randrange(300)), data] if random.random() < 0.3 else [data]


def truncating(data: bytes, random: Random) -> Iterable[bytes]:
    return [data[: random.randrange(len(data))]] if random.random() < 0.15 else [data]


def everything(data: bytes, random: Random) -> Iterable[bytes]:
    pieces = [data]
    for fault in random.sample([lossy, twice, flipping, byte_lost_or_put_in, in_pieces, noisy], 2):
        pieces = [made for piece in pieces if piece for made in fault(piece, random)]
    return pieces


FAULTS: list[Fault] = [
    clean, lossy, twice, flipping, byte_lost_or_put_in, in_pieces, one_byte_at_a_time, noisy, truncating, everything,
]  # fmt: skip


def by_session(told: list[object]) -> dict[int, list[bytes]]:
    """The messages that each session delivered."""
    delivered: dict[int, list[bytes]] = {}
    current = 0
    for event in told:
        if isinstance(event, LinkOpened):
            current = event.session
            assert current not in delivered
            delivered[current] = []
        elif isinstance(event, Delivered):
            delivered[current].append(event.message)
        elif isinstance(event, LinkClosed):
            assert event.session == current
            current = 0
    return delivered


def feed(pair: Pair, role: Role, random: Random, sent: dict[int, list[bytes]]) -> None:
    """Hand the end a message for the session that it believes in."""
    end = pair.ends[role]
    if not end.is_open:
        return
    session = next(event.session for event in reversed(pair.told[role]) if isinstance(event, LinkOpened))
    number = len(sent.setdefault(session, []))
    size = random.choice([1, 3, 60, 255, 256, 257, 700])
    message = f"{role}/{session}/{number}/".encode().ljust(size, b".")
    sent[session].append(message)
    end.send(message, urgent=False)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("delay", [1, 120])
def test_once_and_in_order_or_the_session_ends_and_says_so(fault: Fault, delay: int, seed: int) -> None:
    pair = links(fault=fault, delay=delay, seed=seed)
    random = Random(seed)
    sent: dict[Role, dict[int, list[bytes]]] = {AGENT: {}, TERMINAL: {}}
    pair.open()
    for _ in range(MESSAGES):
        for role, said in sent.items():
            feed(pair, role, random, said)
        pair.run(random.choice([0, 50, 700]))
    pair.run(20_000)
    pair.fault = clean
    pair.run(60_000)
    assert pair.agent.is_open and pair.terminal.is_open  # a healed line heals
    assert pair.agent.backlog == pair.terminal.backlog == 0
    assert (
        len(pair.of(AGENT, Delivered)) + len(pair.of(TERMINAL, Delivered)) >= 10
    )  # bad as the line is, it is no desert
    for sender, receiver in ((AGENT, TERMINAL), (TERMINAL, AGENT)):
        got = by_session(pair.told[receiver])
        ended = {event.session for event in pair.told[sender] if isinstance(event, LinkClosed)}
        for session, messages in sent[sender].items():
            delivered = got.get(session, [])
            assert delivered == messages[: len(delivered)], "once, in order, unchanged"
            if session not in ended:
                assert delivered == messages
    if fault in (clean, twice, in_pieces, one_byte_at_a_time):
        assert [event for told in pair.told.values() for event in told if isinstance(event, LinkClosed)] == []
        assert pair.agent.counters.damaged == pair.terminal.counters.damaged == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_line_that_loses_everything_ends_the_session_and_says_so(seed: int) -> None:
    pair = links(seed=seed).join()
    pair.agent.send(b"never heard", urgent=True)
    pair.fault = lambda data, random: []
    pair.run(60_000)
    for role in (AGENT, TERMINAL):
        (closed,) = pair.of(role, LinkClosed)
        assert closed.reason == "peer_silent"
    assert pair.of(TERMINAL, Delivered) == []
    assert not pair.agent.is_open and not pair.terminal.is_open
    assert pair.agent.backlog == 0


@pytest.mark.parametrize("stalled", [AGENT, TERMINAL])
@pytest.mark.parametrize("phase", range(0, 5_000, 617))
def test_a_stall_of_two_seconds_costs_no_session(stalled: Role, phase: int) -> None:
    """The owner does nothing for 2 s: at rest, in the middle of traffic, just before its keepalive."""
    pair = links().join()
    pair.run(phase)
    for n in range(5):
        pair.agent.send(b"a%d" % n * 200, urgent=True)
        pair.terminal.send(b"t%d" % n * 200, urgent=False)
    pair.run(3)
    pair.stalled = {stalled}
    pair.run(2_000)
    pair.stalled = set()
    pair.run(15_000)
    assert pair.of(AGENT, LinkClosed) == pair.of(TERMINAL, LinkClosed) == []
    assert [event.message for event in pair.of(TERMINAL, Delivered)] == [b"a%d" % n * 200 for n in range(5)]
    assert [event.message for event in pair.of(AGENT, Delivered)] == [b"t%d" % n * 200 for n in range(5)]


def test_a_cable_held_back_and_released_delivers_nothing_twice() -> None:
    """What a buffer held for 120 s is of a session that is over."""
    pair = links().join()
    held: list[bytes] = []
    pair.terminal.send(b"before", urgent=False)
    pair.fault = lambda data, random: (held.append(data), [])[1]
    pair.run(120_000)
    pair.fault = clean
    pair.run(30_000)
    assert pair.agent.is_open and pair.terminal.is_open
    pair.forget()
    for data in held:
        for end in pair.ends.values():
            end.receive(data, pair.now)
    pair.run(10_000)
    assert pair.of(AGENT, Delivered) == pair.of(TERMINAL, Delivered) == []
    assert pair.agent.is_open and pair.terminal.is_open
