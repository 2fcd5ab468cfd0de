"""Bytes from the line never raise out of `Conversation.receive`, whatever they hold, with the keys and without."""

from __future__ import annotations

import tracemalloc
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol import messages as m
from protocol.conversation import Conversation
from protocol.dialect import Role, dialect
from protocol.dialects.native.framing import Direction, Frame, FrameType, encode
from protocol.dialects.native.session import SessionKeys
from protocol.events import (
    ConversationEvent,
    KeyRefused,
    LineSuspected,
    PairingFailed,
    PairingShown,
    Received,
    Replied,
    SecurityNotice,
    SessionClosed,
    Unreadable,
)
from tests.properties.strategies import almost_messages, messages
from tests.protocol.pair import STATIC, Pair, conversations

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
TOWARDS = {AGENT: Direction.TO_AGENT, TERMINAL: Direction.TO_TERMINAL}

whole_frames = st.builds(
    Frame,
    type=st.sampled_from(FrameType),
    direction=st.sampled_from(Direction),
    session=st.one_of(st.integers(0, 3), st.integers(0, 0xFFFF)),
    counter=st.one_of(st.integers(0, 9), st.integers(0, 0xFFFF_FFFF)),
    ack=st.integers(0, 0xFFFF),
    more=st.booleans(),
    body=st.one_of(
        st.binary(max_size=80),
        st.sampled_from([32, 48, 50, 64, 96]).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    ),
    tag=st.one_of(st.just(bytes(8)), st.binary(min_size=8, max_size=8)),
).map(encode)
line_pieces = st.one_of(st.binary(max_size=400), whole_frames, st.just(b"\0"), st.just(b"\xff" * 300))
ALLOWED = ConversationEvent.__args__


def judge(end: Conversation, now: int) -> list[Any]:
    end.tick(now)
    assert isinstance(end.outgoing(now), bytes)
    told = end.events()
    assert all(isinstance(event, ALLOWED) for event in told)
    return told


@settings(max_examples=150)
@given(st.lists(line_pieces, max_size=12), st.booleans(), st.sampled_from([AGENT, TERMINAL]))
def test_any_bytes_never_raise_and_never_speak_for_the_peer(pieces: list[bytes], joined: bool, role: Role) -> None:
    pair = conversations()
    if joined:
        pair.join()
    else:
        pair.open()
    end, now = pair.ends[role], pair.now
    for piece in pieces:
        now += 7
        end.receive(piece, now)
        told = judge(end, now)
        assert not [event for event in told if not isinstance(event, (SecurityNotice, LineSuspected, KeyRefused))]


pairing_bodies = st.one_of(
    st.binary(max_size=256),
    st.sampled_from([32, 64, 96]).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    st.just(bytes(32)),
)
pairing_frames = st.tuples(
    st.sampled_from([kind for kind in FrameType if kind.name.startswith("PAIR_")]), pairing_bodies
)


@settings(max_examples=200)
@given(
    st.lists(pairing_frames, max_size=10), st.integers(0, 6), st.sampled_from([AGENT, TERMINAL]), st.booleans(),
    st.sampled_from([1, 1_500, 11_000]),
)  # fmt: skip
def test_any_bytes_in_pairing_frames_never_raise_and_never_pair(
    frames: list[tuple[FrameType, bytes]], carried: int, role: Role, joined: bool, step: int
) -> None:
    """After so many true frames of a pairing. A stranger's 32 bytes in the place of nA make a number that the agent has not."""
    pair = conversations().join() if joined else conversations().open()
    pair.terminal.pair(pair.now)
    pair.agent.pair(pair.now)
    for n in range(carried):
        by, to = (AGENT, TERMINAL) if n % 2 == 0 else (TERMINAL, AGENT)
        pair.ends[to].receive(pair.ends[by].outgoing(pair.now), pair.now)
    end, now = pair.ends[role], pair.now
    end.events()
    for kind, body in frames:
        now += step
        end.receive(encode(Frame(kind, TOWARDS[role], 0, 0, body=body)), now)
        for event in judge(end, now):
            if isinstance(event, PairingShown):
                assert (role, kind, len(body)) == (TERMINAL, FrameType.PAIR_5, 32)
                assert event.peer == STATIC[AGENT].public
            else:
                assert isinstance(event, (PairingFailed, SecurityNotice, SessionClosed))
    before = end._link._peer
    end.confirm_pairing(now)
    assert end._link._peer == before  # both were paired before: with each other
    end.cancel_pairing(now)
    assert end._link._pairing.due is None


def by_the_peer(pair: Pair, role: Role, frames: list[tuple[FrameType, int, int, bool, bytes]]) -> list[bytes]:
    """Frames that the end's true peer would have sealed so: only a peer gone wrong sends them."""
    peer = pair.ends[TERMINAL if role is AGENT else AGENT]
    keys: SessionKeys = peer._link._session.keys
    return [
        encode(keys.seal(Frame(kind, TOWARDS[role], keys.session, counter, ack, more, body)))
        for kind, counter, ack, more, body in frames
    ]


sealed_frames = st.tuples(
    st.sampled_from([FrameType.DATA, FrameType.DATA, FrameType.DATA, FrameType.ACK, FrameType.PING, FrameType.PONG, FrameType.BYE]),
    st.one_of(st.integers(2, 30), st.sampled_from([0, 1, 0xFFFF, 0x10000, 0xFFFF_FFFF])),
    st.one_of(st.integers(0, 9), st.sampled_from([0xFFFF])),
    st.booleans(),
    st.one_of(st.binary(max_size=256), almost_messages().map(lambda raw: raw[:256]), messages.map(dialect("native").encode).map(lambda raw: raw[:256])),
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(sealed_frames, max_size=14), st.sampled_from([AGENT, TERMINAL]))
def test_a_peer_gone_wrong_makes_no_exception(
    frames: list[tuple[FrameType, int, int, bool, bytes]], role: Role
) -> None:
    pair = conversations().join()
    pair.agent.request(m.HeadGet(), pair.now)
    end, now = pair.ends[role], pair.now
    for wire in by_the_peer(pair, role, frames):
        now += 3
        end.receive(wire, now)
        for event in judge(end, now):
            if isinstance(event, Unreadable):
                assert event.number is None or event.number < 2**53
    pair.now = now
    pair.run(45_000)
    assert pair.agent.is_open and pair.terminal.is_open  # and they find each other again


@settings(max_examples=200)
@given(st.one_of(almost_messages(), messages.map(dialect("native").encode), st.binary(max_size=100)))
@example(dialect("native").encode(m.Result(reference="00" * 16, state=m.RequestState.APPROVED)))  # nobody waits for it
def test_any_message_from_the_peer_is_told_once_or_discarded(raw: bytes) -> None:
    for role in (AGENT, TERMINAL):
        pair = conversations().join()
        sender = pair.ends[TERMINAL if role is AGENT else AGENT]
        if not raw:
            continue
        discarded = pair.ends[role].counters.discarded
        sender.send_encoded(raw, urgent=False)
        pair.run(200)
        told = [event for event in pair.told[role] if isinstance(event, (Received, Unreadable, Replied))]
        assert len(told) + pair.ends[role].counters.discarded - discarded == 1
        assert not isinstance(told[0] if told else None, Replied)  # nothing was asked


@pytest.mark.parametrize("role", [AGENT, TERMINAL])
def test_a_megabyte_of_noise_in_a_session(role: Role) -> None:
    pair = conversations().join()
    end, noise = pair.ends[role], Random(4).randbytes(1_000_000)
    tracemalloc.start()
    try:
        for at in range(0, len(noise), 512):
            end.receive(noise[at : at + 512], pair.now)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 32_768
    (told,) = end.events()
    assert isinstance(told, LineSuspected)
    assert end.counters.damaged > 1_000
    pair.run(100)
    pair.agent.send(m.EventAck(up_to=1), pair.now)
    pair.run(1_000)
    assert pair.agent.is_open and pair.terminal.is_open
