"""Sessions by Noise KK (docs/protocol.md §2), checked with a second implementation at the other end (tests/protocol/stranger.py)."""

from __future__ import annotations

import hashlib
from random import Random

import pytest
from cryptography.exceptions import InvalidTag

from protocol.dialect import LinkClosed, LinkKeys, LinkOpened, LinkSettings, Role
from protocol.dialects.native import noise as noise_module
from protocol.dialects.native import session as session_module
from protocol.dialects.native.framing import Direction, Frame, FrameType
from protocol.dialects.native.link import NativeLink
from protocol.dialects.native.noise import KeyPair
from protocol.dialects.native.session import SessionKeys
from protocol.events import CloseReason, SecurityKind, SecurityNotice
from tests.protocol.pair import STATIC, frames_of, link, links, paired
from tests.protocol.stranger import Noise, heard, say

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
TO_TERMINAL, TO_AGENT = 0, 1
HELLO_SIZE = 32 + 16 + 2
"""KK's first message: an ephemeral, and the session id under a tag."""


def hello_of(seed: int = 1, *, session: bytes = b"\0\1", own: bytes = STATIC[AGENT].private) -> bytes:
    """A HELLO by the paired agent's key (or another's), made by noiseprotocol."""
    ephemeral = Random(f"stranger {seed}").randbytes(32)
    call = Noise("KK", initiator=True, own=own, peer=STATIC[TERMINAL].public, ephemeral=ephemeral)
    return say("HELLO", TO_TERMINAL, call.write(session))


def started(seed: int = 1) -> tuple[NativeLink, bytes]:
    """An agent's link whose HELLO is out, and that HELLO."""
    agent = link(AGENT, seed=seed)
    agent.open(0)
    agent.tick(0)
    return agent, agent.outgoing(0)


# -- a stranger with one end's key -------------------------------------------------------------------------------------


def test_a_stranger_with_the_terminals_key_is_a_terminal_to_the_agent() -> None:
    agent, wire = started()
    (hello,) = heard(wire)
    assert (hello.type, hello.direction, hello.session, hello.counter, hello.ack) == ("HELLO", 0, 0, 0, 0)
    assert (len(hello.body), hello.tag) == (HELLO_SIZE, bytes(8))
    answer = Noise("KK", initiator=False, own=STATIC[TERMINAL].private, peer=STATIC[AGENT].public)
    number = int.from_bytes(answer.read(hello.body))
    assert number != 0
    agent.receive(say("HELLO_REPLY", TO_AGENT, answer.write(b"the terminal's hello"), ack=number), 1)
    (opened,) = agent.take()
    assert opened == LinkOpened(number, b"the terminal's hello")
    keys = answer.keys(number)
    agent.send(b"\x02\x04ask", urgent=True)
    (asked,) = heard(agent.outgoing(2))
    assert (asked.type, asked.direction, asked.counter, asked.session) == ("DATA", TO_TERMINAL, 1, number)
    assert keys.open(asked) == b"\x02\x04ask"
    agent.receive(keys.say("DATA", TO_AGENT, 1, b"tell", ack=1), 3)
    assert [event.message for event in agent.take()] == [b"tell"]
    assert agent.backlog == 0


def test_a_stranger_with_the_agents_key_is_an_agent_to_the_terminal() -> None:
    terminal = link(TERMINAL, payload=b"epoch 7")
    terminal.open(0)
    call = Noise("KK", initiator=True, own=STATIC[AGENT].private, peer=STATIC[TERMINAL].public)
    terminal.receive(say("HELLO", TO_TERMINAL, call.write(b"\x12\x34")), 0)
    (reply,) = heard(terminal.outgoing(0))
    assert (reply.type, reply.direction, reply.session, reply.counter) == ("HELLO_REPLY", 1, 0, 0)
    assert (reply.ack, reply.tag, len(reply.body)) == (0x1234, bytes(8), 32 + 16 + 7)
    assert b"epoch 7" not in reply.body
    assert call.read(reply.body) == b"epoch 7"
    assert not terminal.is_open and terminal.take() == []  # nothing has proved the agent's keys yet
    keys = call.keys(0x1234)
    terminal.receive(keys.say("DATA", TO_TERMINAL, 1, b"ask"), 5)
    opened, asked = terminal.take()
    assert opened == LinkOpened(0x1234, b"epoch 7") and asked.message == b"ask"
    terminal.send(b"tell", urgent=False)
    (told,) = heard(terminal.outgoing(5))
    assert (told.type, told.direction, told.ack) == ("DATA", TO_AGENT, 1)
    assert keys.open(told) == b"tell"
    terminal.receive(keys.say("PING", TO_TERMINAL, 2, ack=1), 77_000)
    (pong,) = heard(terminal.outgoing(77_000))
    assert (pong.type, keys.open(pong)) == ("PONG", (77_000).to_bytes(8, "big"))


def test_a_stranger_without_a_key_reads_nothing_and_cannot_answer() -> None:
    _, wire = started()
    (hello,) = heard(wire)
    for own, peer in (
        (bytes(range(32)), STATIC[AGENT].public),
        (STATIC[TERMINAL].private, KeyPair.from_private(bytes(range(32))).public),
    ):
        with pytest.raises(InvalidTag):
            Noise("KK", initiator=False, own=own, peer=peer).read(hello.body)


def test_nothing_that_was_said_is_on_the_wire() -> None:
    pair = links().open().run(20)
    pair.agent.send(b"a question of some length", urgent=True)
    pair.run(20)
    pair.terminal.send(b"and the answer to it", urgent=False)
    pair.run(20)
    assert [event.message for event in pair.told[TERMINAL][1:]] == [b"a question of some length"]
    wire = b"".join(pair.wire[AGENT] + pair.wire[TERMINAL])
    shown = b"".join(frame.body for frame in frames_of(wire))
    for secret in (b"question", b"answer", b"hello", *(pair.private for pair in STATIC.values())):
        assert secret not in shown and secret not in wire
    for role in STATIC:  # KK: not even the public halves are told
        assert STATIC[role].public not in shown


def test_the_two_directions_have_their_own_keys_and_a_header_of_its_own() -> None:
    keys = SessionKeys(7, b"a" * 32, b"t" * 32)
    sealed = keys.seal(Frame(FrameType.DATA, Direction.TO_AGENT, 7, 1, body=b"body"))
    assert keys.open(sealed) == b"body"
    assert SessionKeys(7, b"t" * 32, b"a" * 32).open(sealed) is None
    for changed in ("direction", "counter", "ack", "more", "session", "type"):
        forged = Frame(**{name: getattr(sealed, name) for name in Frame.__slots__} | {
            changed: {"direction": Direction.TO_TERMINAL, "counter": 2, "ack": 9, "more": True, "session": 8,
                      "type": FrameType.ACK}[changed]
        })  # fmt: skip
        assert keys.open(forged) is None, changed


# -- keys and nonces ---------------------------------------------------------------------------------------------------


def test_no_key_and_nonce_ever_come_twice_over_ten_thousand_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends start again and again, from the same random source as a machine would; each time some frames are sealed.

    Held to it are the frames' cipher and the handshake's own.
    """
    used: set[bytes] = set()
    sealed = {"frames": 0, "handshake": 0}
    twice = []

    def record(kind: str, key: bytes, nonce: bytes) -> None:
        sealed[kind] += 1
        pair = hashlib.sha256(key + nonce).digest()[:16]
        if pair in used:
            twice.append((kind, nonce.hex()))
        used.add(pair)

    class Recorder:
        """In the cipher's place: AES itself is not what this test is about, which key and nonce it gets is."""

        def __init__(self, key: bytes, tag_length: int) -> None:
            self._key, self._tag = key, tag_length

        def encrypt(self, nonce: bytes, data: bytes, header: bytes) -> bytes:
            record("frames", self._key, nonce)
            return data + hashlib.sha256(self._key + nonce + header + data).digest()[: self._tag]

        def decrypt(self, nonce: bytes, sealed: bytes, header: bytes) -> bytes:
            data = sealed[: -self._tag]
            if hashlib.sha256(self._key + nonce + header + data).digest()[: self._tag] != sealed[-self._tag :]:
                raise session_module.InvalidTag
            return data

    class HandshakeRecorder(Recorder):
        def __init__(self, key: bytes) -> None:
            super().__init__(key, 16)

        def encrypt(self, nonce: bytes, data: bytes, header: bytes) -> bytes:
            record("handshake", self._key, nonce)
            return data + hashlib.sha256(self._key + nonce + header + data).digest()[:16]

    monkeypatch.setattr(session_module, "AESCCM", Recorder)
    monkeypatch.setattr(noise_module, "AESGCM", HandshakeRecorder)
    random = Random(11)
    for restart in range(10_000):
        agent, terminal = (
            NativeLink(LinkSettings(role, random.randbytes, 115_200, paired(role), lambda: b"hello"))
            for role in (AGENT, TERMINAL)
        )
        agent.open(0)
        terminal.open(0)
        agent.tick(0)
        hello = agent.outgoing(0)
        terminal.receive(hello * (1 + restart % 2), 0)  # a HELLO that comes twice is answered alike
        agent.receive(terminal.outgoing(0), 0)
        agent.send(b"ask", urgent=True)
        terminal.receive(agent.outgoing(0), 0)
        terminal.send(b"tell", urgent=False)
        agent.receive(terminal.outgoing(0), 0)
        terminal.receive(agent.outgoing(0) + hello, 0)  # and one that comes late makes no second session
        terminal.receive(terminal.outgoing(0), 0)
        assert agent.is_open and terminal.is_open
        if restart % 3 == 0:
            agent.leave(0)
            agent.outgoing(0)
    assert twice == []
    assert sealed["frames"] >= 10_000 * 3 + 3_333
    assert sealed["handshake"] == 10_000 * 2


@pytest.mark.parametrize("stuck", [AGENT, TERMINAL])
def test_one_end_whose_random_source_is_stuck_makes_no_key_twice(stuck: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys come from fresh randomness of both ends: where one gives the same again, the other's is still new."""
    made: list[tuple[bytes, bytes]] = []
    original = session_module.SessionKeys.__init__

    def noted(self: SessionKeys, session: int, to_terminal: bytes, to_agent: bytes) -> None:
        made.append((to_terminal, to_agent))
        original(self, session, to_terminal, to_agent)

    monkeypatch.setattr(session_module.SessionKeys, "__init__", noted)
    fresh = Random(5)
    for _ in range(50):
        agent, terminal = (
            NativeLink(
                LinkSettings(
                    role, Random(3).randbytes if role is stuck else fresh.randbytes, 115_200, paired(role), bytes
                )
            )
            for role in (AGENT, TERMINAL)
        )
        agent.open(0)
        terminal.open(0)
        agent.tick(0)
        terminal.receive(agent.outgoing(0), 0)
        agent.receive(terminal.outgoing(0), 0)
        assert agent.is_open
    assert len(made) == 100  # each end's
    assert len(set(made)) == 50
    assert len({key for pair in made for key in pair}) == 100  # and each direction has its own


def test_reconnecting_ends_without_a_restart_never_repeat_either() -> None:
    """The same two objects, many sessions over one port: every HELLO has fresh randomness, every session the next number."""
    pair, seen, numbers = links().join(), set(), []
    for _ in range(50):
        for end in pair.ends.values():
            end.close()
        pair.forget()
        pair.open().run(20)
        pair.agent.send(b"x", urgent=True)
        pair.run(20)
        hello, reply = frames_of(pair.wire[AGENT][0])[0], frames_of(pair.wire[TERMINAL][0])[0]
        seen |= {hello.body[:32], reply.body[:32]}
        numbers.append(pair.of(AGENT, LinkOpened)[0].session)
    assert len(seen) == 100
    assert numbers == [(numbers[0] - 1 + n) % 0xFFFF + 1 for n in range(50)]


def test_the_session_number_skips_zero() -> None:
    agent = NativeLink(LinkSettings(AGENT, lambda n: b"\xff" * n, 115_200, paired(AGENT), bytes))
    agent.open(0)
    agent.tick(0)
    (hello,) = heard(agent.outgoing(0))
    answer = Noise("KK", initiator=False, own=STATIC[TERMINAL].private, peer=STATIC[AGENT].public)
    assert answer.read(hello.body) == b"\x00\x01"


# -- made up, recorded, replayed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"x", bytes(32), bytes(47), bytes(48), b"\x42" * 60, bytes(256)])
def test_a_made_up_reply_makes_no_session(body: bytes) -> None:
    agent, wire = started()
    number = int.from_bytes(
        Noise("KK", initiator=False, own=STATIC[TERMINAL].private, peer=STATIC[AGENT].public).read(heard(wire)[0].body)
    )
    agent.receive(say("HELLO_REPLY", TO_AGENT, body, ack=number), 1)
    assert not agent.is_open
    (notice,) = agent.take()
    assert isinstance(notice, SecurityNotice) and notice.kind is SecurityKind.WRONG_KEY
    agent.tick(1_000)  # a handshake that failed is over: the next HELLO is a new one, and may succeed
    again = agent.outgoing(1_000)
    assert heard(again)[0].body != heard(wire)[0].body
    terminal = link(TERMINAL)
    terminal.open(0)
    terminal.receive(again, 0)
    agent.receive(terminal.outgoing(0), 1_001)
    assert agent.is_open


def test_a_changed_reply_makes_no_session() -> None:
    """Every byte of it, payload too: the terminal's hello is authenticated before anyone acts on it."""
    _, wire = started()
    terminal = link(TERMINAL)
    terminal.open(0)
    terminal.receive(wire, 0)
    (reply,) = heard(terminal.outgoing(0))
    for at in range(len(reply.body)):
        agent, _ = started()
        changed = bytearray(reply.body)
        changed[at] ^= 1
        agent.receive(say("HELLO_REPLY", TO_AGENT, bytes(changed), ack=reply.ack), 1)
        assert not agent.is_open
        assert [event.kind for event in agent.take()] == [SecurityKind.WRONG_KEY]


def test_a_recorded_reply_does_not_answer_a_new_hello() -> None:
    pair = links().open().run(20)
    recorded = pair.wire[TERMINAL][0]
    later, _ = started(seed=2)
    later.receive(recorded, 1)
    assert not later.is_open
    assert later.take() == [] and later.counters.stale == 1  # it answers another HELLO, and accuses nobody
    number = later._last_session  # the same with the number of the HELLO that is out: Noise refuses it
    later.receive(say("HELLO_REPLY", TO_AGENT, heard(recorded)[0].body, ack=number), 2)
    assert not later.is_open
    assert [event.kind for event in later.take()] == [SecurityKind.WRONG_KEY]


def test_a_replayed_hello_does_not_disturb_the_session() -> None:
    pair = links().open().run(20)
    hello = pair.wire[AGENT][0]
    pair.run(5_100)
    pair.forget()
    foreign = hello_of(session=b"\x12\x34")
    for _ in range(3):
        pair.terminal.receive(hello + foreign + hello, pair.now)
        pair.run(50)
        pair.terminal.send(b"event", urgent=False)
        pair.agent.send(b"request", urgent=True)
        pair.run(50)
    assert [event.message for event in pair.told[AGENT]] == [b"event"] * 3
    assert [event.message for event in pair.told[TERMINAL]] == [b"request"] * 3


def test_the_same_hello_gets_the_same_reply_bytes() -> None:
    terminal = link(TERMINAL)
    terminal.open(0)
    hello, other = hello_of(1), hello_of(2)
    replies = []
    for line in (hello, hello, other, hello):
        terminal.receive(line, 0)
        replies.append(terminal.outgoing(0))
    assert replies[0] == replies[1] != replies[2]
    assert replies[3] not in replies[:3]  # given up for the other one: fresh randomness again
    assert len({reply[:40] for reply in replies}) == 3


@pytest.mark.parametrize("told", [b"", b"\0", b"\1", b"\0\1\0", b"\0\0", b"\0\0\1"], ids=lambda told: told.hex())
def test_a_hello_of_another_shape_is_no_hello(told: bytes) -> None:
    """By the paired key, even: a session id is two bytes and never 0. It makes no session, and leaves one that stands alone."""
    pair = links().join()
    pair.terminal.receive(hello_of(session=told), pair.now)
    assert [frame.type for frame in frames_of(pair.terminal.outgoing(pair.now))] == [FrameType.NO_SESSION]
    pair.agent.send(b"still here", urgent=True)
    pair.run(20)
    assert [event.message for event in pair.told[TERMINAL] if not isinstance(event, SecurityNotice)] == [b"still here"]


def test_a_second_agent_with_the_same_key_takes_over_at_its_first_valid_frame_only() -> None:
    """A second process of the same agent, with the same home: the newer one gets the terminal, when it speaks."""
    pair = links().join()
    second, hello = started(seed=9)
    pair.terminal.receive(hello, pair.now)
    second.receive(pair.terminal.outgoing(pair.now), pair.now)
    assert second.is_open
    pair.agent.send(b"still here", urgent=True)
    pair.run(30)
    assert [event.message for event in pair.told[TERMINAL]] == [b"still here"]
    pair.forget()
    second.send(b"mine now", urgent=True)
    pair.terminal.receive(second.outgoing(pair.now), pair.now)
    told = pair.terminal.take()
    assert [type(event).__name__ for event in told] == ["LinkClosed", "LinkOpened", "Delivered"]
    assert told[0].reason is CloseReason.REPLACED
    pair.agent.send(b"and I?", urgent=True)
    pair.terminal.receive(pair.agent.outgoing(pair.now), pair.now)
    assert pair.terminal.take() == []  # the first one's words are of an old session


def test_a_frame_of_an_old_session_is_stale_and_nothing_more() -> None:
    pair = links().join()
    pair.agent.send(b"old words", urgent=True)
    pair.run(20)
    old = b"".join(pair.wire[AGENT])
    for end in pair.ends.values():
        end.close()
    pair.open().run(5_200)
    pair.forget()
    stale = pair.terminal.counters.stale
    pair.terminal.receive(old, pair.now)
    assert pair.terminal.counters.stale == stale + len(frames_of(old))
    assert pair.terminal.take() == []
    (answer,) = frames_of(pair.terminal.outgoing(pair.now))
    assert answer.type is FrameType.NO_SESSION and answer.session == frames_of(old)[0].session


def test_an_older_frame_of_this_session_is_stale_and_nothing_more() -> None:
    pair = links().join()
    for n in range(3):
        pair.agent.send(bytes([n]), urgent=True)
        pair.run(20)
    first = pair.wire[AGENT][0]
    pair.forget()
    pair.terminal.receive(first, pair.now)
    pair.run(100)
    assert pair.told[TERMINAL] == []
    assert pair.terminal.counters.stale == 1


def test_a_session_that_ended_is_not_revived_by_its_recording() -> None:
    """HELLO and frames played again after BYE: the terminal's answer may be the old one, the keys may not."""
    pair = links().open().run(20)
    pair.agent.send(b"once", urgent=True)
    pair.run(20)
    recorded = b"".join(pair.wire[AGENT])
    pair.agent.leave(pair.now)
    pair.run(20)
    assert not pair.terminal.is_open
    pair.forget()
    for _ in range(3):
        pair.terminal.receive(recorded, pair.now)
        pair.terminal.outgoing(pair.now)
    assert not pair.terminal.is_open
    assert pair.terminal.take() == []


def test_a_recording_opens_nothing_at_a_terminal_that_restarted() -> None:
    """HELLO is the agent's alone, and its reply new: the recorded frames are under keys that are no more."""
    pair = links().open().run(20)
    pair.agent.send(b"once", urgent=True)
    pair.run(20)
    recorded = b"".join(pair.wire[AGENT])
    fresh = link(TERMINAL, seed=8)
    fresh.open(pair.now)
    for _ in range(3):
        fresh.receive(recorded, pair.now)
    assert not fresh.is_open and fresh.take() == []


def test_a_forged_tag_is_a_security_notice_and_costs_nothing() -> None:
    pair = links().join()
    session = pair.agent._session.keys.session
    for kind in ("DATA", "ACK", "PING", "PONG", "BYE"):
        pair.terminal.receive(say(kind, TO_TERMINAL, b"forged", session=session, tag=b"12345678"), pair.now)
        (notice,) = pair.terminal.take()
        assert isinstance(notice, SecurityNotice) and notice.kind is SecurityKind.BAD_TAG
        assert len(notice.sha256) == 32
    assert pair.terminal.is_open
    pair.agent.send(b"true words", urgent=True)
    pair.run(20)
    assert [event.message for event in pair.told[TERMINAL]] == [b"true words"]


# -- echo, goodbye -----------------------------------------------------------------------------------------------------


def test_our_own_words_echoed_by_the_line_are_ignored() -> None:
    pair = links().join()
    pair.agent.send(b"ask", urgent=True)
    pair.run(20)
    echo = pair.wire[AGENT]
    before = pair.agent.counters.good
    for written in echo:
        pair.agent.receive(written, pair.now)
    pair.run(50)
    assert echo
    assert pair.told[AGENT] == []
    assert pair.agent.counters.good == before
    assert pair.agent.is_open


def test_an_echoed_hello_is_no_reply_and_the_terminal_answers_no_reply_of_its_own_kind() -> None:
    agent, hello = started()
    terminal = link(TERMINAL)
    terminal.open(0)
    agent.receive(hello, 0)
    assert not agent.is_open and agent.take() == []
    terminal.receive(hello, 0)
    reply = terminal.outgoing(0)
    terminal.receive(reply, 0)
    assert terminal.outgoing(0) == b""
    assert not terminal.is_open


def test_a_hello_turned_round_is_no_reply() -> None:
    """Sent back to its own writer with the other direction, as HELLO_REPLY and as HELLO."""
    agent, wire = started()
    (hello,) = heard(wire)
    agent.receive(say("HELLO", TO_AGENT, hello.body), 1)
    assert agent.take() == [] and agent.outgoing(1) == b""
    agent.receive(say("HELLO_REPLY", TO_AGENT, hello.body, ack=agent._last_session), 2)
    assert [event.kind for event in agent.take()] == [SecurityKind.WRONG_KEY]
    assert not agent.is_open


def test_only_the_agent_sends_hello() -> None:
    terminal = link(TERMINAL)
    terminal.open(0)
    for now in range(0, 20_000, 500):
        terminal.tick(now)
        assert terminal.outgoing(now) == b""
    call = Noise("KK", initiator=True, own=STATIC[TERMINAL].private, peer=STATIC[AGENT].public)
    agent = link(AGENT, seed=3)
    agent.open(0)
    agent.receive(say("HELLO", TO_AGENT, call.write(b"\0\1")), 0)
    assert agent.take() == [] and agent.outgoing(0) == b""  # its own is not due before a tick
    assert not agent.is_open


def test_the_session_ends_with_the_port_and_with_goodbye() -> None:
    pair = links().join()
    pair.agent.leave(pair.now)
    pair.run(50)
    assert pair.told[TERMINAL][0].reason is CloseReason.PEER_LEFT
    assert not pair.terminal.is_open and not pair.agent.is_open
    pair = links().join()
    pair.agent.close()
    (closed,) = pair.agent.take()
    assert isinstance(closed, LinkClosed) and closed.reason is CloseReason.PORT_CLOSED
    assert pair.agent.deadline is None


def test_who_said_goodbye_opens_no_session_by_a_late_reply() -> None:
    pair = links().join()
    pair.agent.send(b"ask", urgent=True)
    pair.agent.outgoing(pair.now)
    session = pair.agent._session.keys.session
    pair.agent.receive(say("NO_SESSION", TO_AGENT, session=session), pair.now)
    now = pair.agent.deadline
    pair.agent.tick(now)
    wire = pair.agent.outgoing(now)
    assert [frame.type for frame in frames_of(wire)] == [FrameType.DATA, FrameType.HELLO]
    pair.agent.leave(now)
    pair.agent.outgoing(now)
    pair.terminal.receive(wire, now)
    pair.agent.receive(pair.terminal.outgoing(now), now)
    assert not pair.agent.is_open


def test_a_goodbye_is_followed_by_a_hello_a_second_later() -> None:
    pair = links().join()
    pair.terminal.leave(pair.now)
    pair.run(10)
    assert [event.reason for event in pair.of(AGENT, LinkClosed)] == [CloseReason.PEER_LEFT]
    left = pair.now
    pair.run(900)
    assert pair.of(AGENT, LinkOpened) == []
    pair.run(200)
    assert pair.of(AGENT, LinkOpened) and pair.now - left <= 1_100


def test_a_link_needs_its_keys() -> None:
    for keys in (None, LinkKeys(b"short"), LinkKeys(bytes(33))):
        with pytest.raises(ValueError):
            NativeLink(LinkSettings(AGENT, Random(1).randbytes, 115_200, keys, bytes))
    assert STATIC[AGENT].private.hex() not in repr(paired(AGENT))
    assert str(STATIC[AGENT].private) not in repr(paired(AGENT))
