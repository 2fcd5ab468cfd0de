"""Sessions from a pre-shared secret (docs/protocol.md §2), checked with a second implementation written from the page alone."""

from __future__ import annotations

import hashlib
import hmac
from itertools import count
from random import Random

import pytest
from cobs import cobs as oracle
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from protocol.dialect import LinkClosed, LinkOpened, LinkSettings, Role
from protocol.dialects.native import session as session_module
from protocol.dialects.native.framing import Direction, Frame, FrameType, encode
from protocol.dialects.native.link import NativeLink
from protocol.dialects.native.session import SessionKeys
from protocol.events import CloseReason, SecurityKind, SecurityNotice
from tests.protocol.pair import SECRET, Pair, frames_of, link, links

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL


# -- the page, implemented a second time: RFC 5869 by hmac alone, SP 800-38C by cryptography's AESCCM ------------------


def hkdf_sha256(secret: bytes, salt: bytes, info: bytes) -> bytes:
    extracted = hmac.new(salt, secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def page_keys(secret: bytes, agent_random: bytes, terminal_random: bytes) -> tuple[bytes, bytes]:
    salt = agent_random + terminal_random
    return hkdf_sha256(secret, salt, b"counterfoil v1 a2t"), hkdf_sha256(secret, salt, b"counterfoil v1 t2a")


def page_open(key: bytes, wire: bytes) -> bytes:
    """The plain body of one frame off the line; raises InvalidTag."""
    plain = oracle.decode(wire.strip(b"\0"))
    header, body, tag = plain[:12], plain[12:-12], plain[-12:-4]
    direction, session, counter = header[1:2], header[2:4], header[4:8]
    nonce = bytes([direction[0] & 1]) + session + bytes(6) + counter
    return AESCCM(key, tag_length=8).decrypt(nonce, body + tag, header)


def test_rfc_5869_vector_for_the_second_implementation() -> None:
    """RFC 5869 A.1, its first 32 bytes: the yardstick itself is true."""
    okm = hkdf_sha256(
        bytes.fromhex("0b" * 22), bytes.fromhex("000102030405060708090a0b0c"), bytes.fromhex("f0f1f2f3f4f5f6f7f8f9")
    )
    assert okm.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"


def test_a_stranger_with_the_secret_opens_what_the_ends_said() -> None:
    pair = links().open().run(20)
    pair.agent.send(b"\x02\x04ask", urgent=True)
    pair.run(20)
    pair.terminal.send(b"\x01\x01" + b"tell" * 10, urgent=False)
    pair.run(20)
    (hello,) = frames_of(pair.wire[AGENT][0])
    (reply,) = frames_of(pair.wire[TERMINAL][0])
    for handshake in (hello, reply):
        assert (handshake.session, handshake.counter, handshake.tag) == (0, 0, bytes(8))
    assert (hello.ack, reply.ack) == (0, int.from_bytes(hello.body[32:]))
    assert (hello.type, reply.type) == (FrameType.HELLO, FrameType.HELLO_REPLY)
    assert len(hello.body) == 34
    agent_random, number = hello.body[:32], int.from_bytes(hello.body[32:])
    terminal_random, sealed = reply.body[:32], reply.body[32:]
    a2t, t2a = page_keys(SECRET, agent_random, terminal_random)
    nonce = b"\x01" + hello.body[32:] + bytes(10)
    assert AESCCM(t2a, tag_length=8).decrypt(nonce, sealed, hello.body) == b"hello"
    asked = [page_open(a2t, wire) for wire in pair.wire[AGENT][1:]]
    told = [page_open(t2a, wire) for wire in pair.wire[TERMINAL][1:]]
    assert b"\x02\x04ask" in asked
    assert b"\x01\x01" + b"tell" * 10 in told
    (opened,) = pair.of(AGENT, LinkOpened)
    assert (opened.session, opened.payload) == (number, b"hello")
    assert number != 0
    assert b"tell" not in b"".join(pair.wire[TERMINAL])


def test_the_two_directions_have_their_own_keys_and_a_header_of_its_own() -> None:
    keys = SessionKeys(7, SECRET, b"a" * 32, b"t" * 32)
    sealed = keys.seal(Frame(FrameType.DATA, Direction.TO_AGENT, 7, 1, body=b"body"))
    assert keys.open(sealed) == b"body"
    for changed in ("direction", "counter", "ack", "more", "session", "type"):
        forged = Frame(**{name: getattr(sealed, name) for name in Frame.__slots__} | {
            changed: {"direction": Direction.TO_TERMINAL, "counter": 2, "ack": 9, "more": True, "session": 8,
                      "type": FrameType.ACK}[changed]
        })  # fmt: skip
        assert keys.open(forged) is None, changed


def test_no_key_and_nonce_ever_come_twice_over_ten_thousand_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends start again and again, from the same random source as a machine would; each time some frames are sealed."""
    used: set[tuple[bytes, bytes]] = set()
    twice = []
    restarts = count()

    class Recorder:
        """In the cipher's place: AES itself is not what this test is about, which key and nonce it gets is."""

        def __init__(self, key: bytes, tag_length: int) -> None:
            self._key, self._tag = key, tag_length

        def encrypt(self, nonce: bytes, data: bytes, header: bytes) -> bytes:
            pair = (self._key, nonce)
            if pair in used:
                twice.append((next(restarts), nonce.hex()))
            used.add(pair)
            return data + hashlib.sha256(self._key + nonce + header + data).digest()[: self._tag]

        def decrypt(self, nonce: bytes, sealed: bytes, header: bytes) -> bytes:
            data = sealed[: -self._tag]
            if hashlib.sha256(self._key + nonce + header + data).digest()[: self._tag] != sealed[-self._tag :]:
                raise session_module.InvalidTag
            return data

    monkeypatch.setattr(session_module, "AESCCM", Recorder)
    random = Random(11)
    for restart in range(10_000):
        agent, terminal = (
            NativeLink(LinkSettings(role, SECRET, random.randbytes, 115_200, lambda: b"hello"))
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
    assert len(used) >= 10_000 * 4


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
    agent = NativeLink(LinkSettings(AGENT, SECRET, lambda n: b"\xff" * n, 115_200, bytes))
    agent.open(0)
    agent.tick(0)
    assert frames_of(agent.outgoing(0))[0].body[32:] == b"\x00\x01"


def test_another_secret_makes_no_session_and_is_noticed() -> None:
    pair = Pair(link(AGENT), link(TERMINAL, secret=b"\xee" * 32)).open().run(3_500)
    assert not pair.agent.is_open and not pair.terminal.is_open
    notices = pair.of(AGENT, SecurityNotice)
    assert {notice.kind for notice in notices} == {SecurityKind.WRONG_SECRET}
    assert pair.of(AGENT, LinkOpened) == pair.of(TERMINAL, LinkOpened) == []


@pytest.mark.parametrize("body", [b"", b"x", bytes(32), bytes(39), bytes(40), bytes(256)])
def test_a_made_up_reply_makes_no_session(body: bytes) -> None:
    agent = link(AGENT)
    agent.open(0)
    agent.tick(0)
    (hello,) = frames_of(agent.outgoing(0))
    number = int.from_bytes(hello.body[32:])
    agent.receive(encode(Frame(FrameType.HELLO_REPLY, Direction.TO_AGENT, 0, 0, number, body=body)), 1)
    assert not agent.is_open
    (notice,) = agent.take()
    assert isinstance(notice, SecurityNotice) and notice.kind is SecurityKind.WRONG_SECRET


def test_a_recorded_reply_does_not_answer_a_new_hello() -> None:
    pair = links().open().run(20)
    recorded = pair.wire[TERMINAL][0]
    later = link(AGENT, seed=2)
    later.open(0)
    later.tick(0)
    later.receive(recorded, 1)
    assert not later.is_open
    assert later.take() == [] and later.counters.stale == 1  # it answers another HELLO, and accuses nobody


def test_a_replayed_hello_does_not_disturb_the_session() -> None:
    pair = links().open().run(20)
    hello = pair.wire[AGENT][0]
    pair.run(5_100)
    pair.forget()
    foreign = encode(Frame(FrameType.HELLO, Direction.TO_TERMINAL, 0, 0, body=bytes(32) + b"\x12\x34"))
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
    hello = encode(Frame(FrameType.HELLO, Direction.TO_TERMINAL, 0, 0, body=bytes(32) + b"\0\1"))
    other = encode(Frame(FrameType.HELLO, Direction.TO_TERMINAL, 0, 0, body=b"\1" * 32 + b"\0\1"))
    replies = []
    for line in (hello, hello, other, hello):
        terminal.receive(line, 0)
        replies.append(terminal.outgoing(0))
    assert replies[0] == replies[1] != replies[2]
    assert replies[3] not in replies[:3]  # given up for the other one: fresh randomness again


@pytest.mark.parametrize("body", [b"", bytes(33), bytes(35), b"r" * 32 + b"\0\0"])
def test_a_hello_of_another_shape_is_no_hello(body: bytes) -> None:
    terminal = link(TERMINAL)
    terminal.open(0)
    terminal.receive(encode(Frame(FrameType.HELLO, Direction.TO_TERMINAL, 0, 0, body=body)), 0)
    assert terminal.outgoing(0) == b""


def test_a_second_agent_with_the_secret_takes_over_at_its_first_valid_frame_only() -> None:
    pair = links().join()
    second = link(AGENT, seed=9)
    second.open(pair.now)
    second.tick(pair.now)
    pair.terminal.receive(second.outgoing(pair.now), pair.now)
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
    assert answer.type is FrameType.NO_SESSION


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


def test_a_forged_tag_is_a_security_notice_and_costs_nothing() -> None:
    pair = links().join()
    session = pair.agent._session.keys.session
    for kind in (FrameType.DATA, FrameType.ACK, FrameType.PING, FrameType.PONG, FrameType.BYE):
        forged = Frame(kind, Direction.TO_TERMINAL, session, 999, body=b"forged", tag=b"12345678")
        pair.terminal.receive(encode(forged), pair.now)
        (notice,) = pair.terminal.take()
        assert isinstance(notice, SecurityNotice) and notice.kind is SecurityKind.BAD_TAG
        assert len(notice.sha256) == 32
    assert pair.terminal.is_open
    pair.agent.send(b"true words", urgent=True)
    pair.run(20)
    assert [event.message for event in pair.told[TERMINAL]] == [b"true words"]


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
    agent, terminal = link(AGENT), link(TERMINAL)
    agent.open(0)
    terminal.open(0)
    agent.tick(0)
    hello = agent.outgoing(0)
    agent.receive(hello, 0)
    assert not agent.is_open and agent.take() == []
    terminal.receive(hello, 0)
    reply = terminal.outgoing(0)
    terminal.receive(reply, 0)
    assert terminal.outgoing(0) == b""
    assert not terminal.is_open


def test_only_the_agent_sends_hello() -> None:
    terminal = link(TERMINAL)
    terminal.open(0)
    for now in range(0, 20_000, 500):
        terminal.tick(now)
        assert terminal.outgoing(now) == b""
    agent = link(AGENT, seed=3)
    agent.open(0)
    agent.receive(encode(Frame(FrameType.HELLO, Direction.TO_AGENT, 0, 0, body=bytes(32) + b"\0\1")), 0)
    agent.take()
    assert [f.type for f in frames_of(agent.outgoing(0))] in ([], [FrameType.HELLO])
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
    lost = Frame(FrameType.NO_SESSION, Direction.TO_AGENT, session, 0)
    pair.agent.receive(encode(lost), pair.now)
    now = pair.agent.deadline
    pair.agent.tick(now)
    wire = pair.agent.outgoing(now)
    assert [frame.type for frame in frames_of(wire)] == [FrameType.DATA, FrameType.HELLO]
    pair.agent.leave(now)
    pair.agent.outgoing(now)
    pair.terminal.receive(wire, now)
    pair.agent.receive(pair.terminal.outgoing(now), now)
    assert not pair.agent.is_open
