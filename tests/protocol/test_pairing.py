"""Pairing by Noise XX and a compared number (docs/protocol.md §2): the number, whoever stands between, and a bad line."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import pytest

from protocol.dialect import Role
from protocol.dialects.native.link import NativeLink
from protocol.events import PairingFailed, PairingFailure, PairingShown
from tests.protocol.pair import STATIC, Pair
from tests.protocol.pairing_bench import (
    AGENT,
    AGENT_STATES,
    ORDER,
    SIZES,
    TERMINAL,
    TERMINAL_STATES,
    SlowLine,
    at,
    carried,
    receiver,
    sender,
    shown,
    two,
    unpaired,
    upset,
    written,
)
from tests.protocol.stranger import Noise, heard, number, say

TO_TERMINAL, TO_AGENT = 0, 1
TOWARDS = {AGENT: TO_AGENT, TERMINAL: TO_TERMINAL}
STATES = [(AGENT, state) for state in AGENT_STATES] + [(TERMINAL, state) for state in TERMINAL_STATES]
NEXT = {
    (AGENT, "knocked"): {"PAIR_2"},
    (AGENT, "known"): {"PAIR_4"},
    (AGENT, "revealed"): {"PAIR_6"},
    (TERMINAL, "listening"): {"PAIR_1"},
    (TERMINAL, "knocked"): {"PAIR_1", "PAIR_3"},
    (TERMINAL, "known"): {"PAIR_1", "PAIR_5"},
    (TERMINAL, "comparing"): {"PAIR_1"},
}
"""What is in turn: an agent takes the answer to its last word, a terminal also an agent that begins anew (which ends what is compared)."""
BROKEN, NO_ANSWER = PairingFailed(PairingFailure.BROKEN), PairingFailed(PairingFailure.NO_ANSWER)


# -- the number --------------------------------------------------------------------------------------------------------


def test_both_ends_show_the_same_number_and_the_others_key() -> None:
    numbers = set()
    for seed in range(40):
        pair = two(seed).run(100)
        ours, theirs = shown(pair)
        assert ours == theirs
        assert len(ours) == 6 and ours.isascii() and ours.isdigit()
        numbers.add(ours)
        for role, other in ((AGENT, TERMINAL), (TERMINAL, AGENT)):
            assert [type(event) for event in pair.told[role]] == [PairingShown]
            assert pair.told[role][0].peer == STATIC[other].public
    assert len(numbers) == 40
    assert any(made.startswith("0") for made in numbers)  # six digits, whatever the first one is


def test_the_six_frames_as_the_page_has_them() -> None:
    pair = two()
    for kind, wire in carried(pair, 6).items():
        (frame,) = heard(wire)
        assert (frame.type, frame.direction) == (kind, TOWARDS[receiver(kind)])
        assert (frame.session, frame.counter, frame.ack, frame.more, frame.tag) == (0, 0, 0, False, bytes(8))
        assert len(frame.body) == SIZES[kind]
    assert pair.agent.outgoing(0) == pair.terminal.outgoing(0) == b""  # and nothing after them


def as_terminal(agent: NativeLink, seed: int) -> tuple[str, Noise]:
    """A stranger plays the terminal's part to the end: the number by the page, and its handshake."""
    source = Random(seed)
    noise = Noise("XX", initiator=False, own=STATIC[TERMINAL].private, ephemeral=source.randbytes(32))
    fresh = source.randbytes(32)
    (first,) = heard(agent.outgoing(0))
    noise.read(first.body)
    agent.receive(say("PAIR_2", TO_AGENT, noise.write()), 0)
    (third,) = heard(agent.outgoing(0))
    noise.read(third.body)
    agent.receive(say("PAIR_4", TO_AGENT, sha256(noise.hash + fresh).digest()), 0)
    (fifth,) = heard(agent.outgoing(0))
    assert (first.type, third.type, fifth.type) == ("PAIR_1", "PAIR_3", "PAIR_5")
    agent.receive(say("PAIR_6", TO_AGENT, fresh), 0)
    return number(noise.hash, fifth.body, fresh), noise


def as_agent(terminal: NativeLink, seed: int) -> tuple[str, Noise]:
    """A stranger plays the agent's part to the end."""
    source = Random(seed)
    noise = Noise("XX", initiator=True, own=STATIC[AGENT].private, ephemeral=source.randbytes(32))
    fresh = source.randbytes(32)
    terminal.receive(say("PAIR_1", TO_TERMINAL, noise.write()), 0)
    (second,) = heard(terminal.outgoing(0))
    noise.read(second.body)
    terminal.receive(say("PAIR_3", TO_TERMINAL, noise.write()), 0)
    (fourth,) = heard(terminal.outgoing(0))
    terminal.receive(say("PAIR_5", TO_TERMINAL, fresh), 0)
    (sixth,) = heard(terminal.outgoing(0))
    assert (second.type, fourth.type, sixth.type) == ("PAIR_2", "PAIR_4", "PAIR_6")
    assert fourth.body == sha256(noise.hash + sixth.body).digest()
    return number(noise.hash, fresh, sixth.body), noise


@pytest.mark.parametrize("seed", range(30))
def test_a_stranger_who_knows_the_page_alone_comes_to_the_same_number(seed: int) -> None:
    agent, terminal = unpaired(AGENT, seed), unpaired(TERMINAL, seed)
    agent.pair(0)
    terminal.pair(0)
    expected, noise = as_terminal(agent, seed)
    assert agent.take() == [PairingShown(expected, STATIC[TERMINAL].public)]
    assert noise.peer == STATIC[AGENT].public
    expected, noise = as_agent(terminal, seed)
    assert terminal.take() == [PairingShown(expected, STATIC[AGENT].public)]
    assert noise.peer == STATIC[TERMINAL].public


def test_nothing_secret_is_on_the_wire_before_its_time() -> None:
    pair = two()
    said = {kind: heard(wire)[0].body for kind, wire in carried(pair, 6).items()}
    asked = Random(f"{TERMINAL}/1")  # the terminal's source: its session's start, its ephemeral, then nT
    _, _, terminal_fresh = asked.randbytes(2), asked.randbytes(32), asked.randbytes(32)
    assert said["PAIR_6"] == terminal_fresh
    early = b"".join(body for kind, body in said.items() if kind != "PAIR_6")
    assert terminal_fresh not in early and sha256(terminal_fresh).digest() not in early
    assert said["PAIR_5"] not in b"".join(said[kind] for kind in ORDER[:4])
    whole = b"".join(said.values())
    for role in (AGENT, TERMINAL):
        assert STATIC[role].private not in whole
        assert STATIC[role].public not in whole  # XX tells it under a key
        assert pair.ends[role]._static.private not in whole


def test_every_pairing_is_made_of_fresh_bytes() -> None:
    pair = two()
    seen = [body for _ in range(5) for body in _again(pair)]
    assert len(set(seen)) == 5 * 6


def _again(pair: Pair) -> list[bytes]:
    for role in (TERMINAL, AGENT):
        pair.ends[role].cancel_pairing()
        pair.ends[role].outgoing(0)
        pair.ends[role].pair(0)
    return [heard(wire)[0].body for wire in carried(pair, 6).values()]


# -- whoever stands between --------------------------------------------------------------------------------------------


class Between:
    """Mallory: a handshake of his own with either end, his key in the place of the other's."""

    def __init__(self, seed: int) -> None:
        source = Random(f"mallory {seed}")
        own = source.randbytes(32)
        self.agent, self.terminal = unpaired(AGENT, seed), unpaired(TERMINAL, seed)
        self.agent.pair(0)
        self.terminal.pair(0)
        self.to_agent = Noise("XX", initiator=False, own=own, ephemeral=source.randbytes(32))
        self.to_terminal = Noise("XX", initiator=True, own=own, ephemeral=source.randbytes(32))
        self.to_agent.read(self.hear(self.agent))
        self.tell(self.agent, "PAIR_2", self.to_agent.write())
        self.to_agent.read(self.hear(self.agent))
        self.tell(self.terminal, "PAIR_1", self.to_terminal.write())
        self.to_terminal.read(self.hear(self.terminal))
        self.tell(self.terminal, "PAIR_3", self.to_terminal.write())
        self.commitment = self.hear(self.terminal)
        self.fresh = source.randbytes(32)

    @staticmethod
    def hear(end: NativeLink) -> bytes:
        (frame,) = heard(end.outgoing(0))
        return frame.body

    def tell(self, end: NativeLink, kind: str, body: bytes) -> None:
        end.receive(say(kind, TO_AGENT if end is self.agent else TO_TERMINAL, body), 0)


@pytest.mark.parametrize("seed", range(20))
def test_a_man_in_the_middle_is_seen_in_the_numbers(seed: int) -> None:
    """He keeps every promise to both ends, and passes on the fresh bytes that he hears."""
    mallory = Between(seed)
    mallory.tell(mallory.agent, "PAIR_4", sha256(mallory.to_agent.hash + mallory.fresh).digest())
    agent_fresh = mallory.hear(mallory.agent)
    mallory.tell(mallory.terminal, "PAIR_5", agent_fresh)
    mallory.hear(mallory.terminal)
    mallory.tell(mallory.agent, "PAIR_6", mallory.fresh)
    (at_agent,), (at_terminal,) = mallory.agent.take(), mallory.terminal.take()
    assert isinstance(at_agent, PairingShown) and isinstance(at_terminal, PairingShown)
    assert at_agent.number != at_terminal.number
    assert at_agent.peer == at_terminal.peer not in (STATIC[AGENT].public, STATIC[TERMINAL].public)


def test_the_commitment_keeps_him_from_choosing_the_number() -> None:
    """He learns the terminal's number first, then looks for an nT that gives the agent the same: three digits will do here."""
    mallory = Between(1)
    mallory.tell(mallory.agent, "PAIR_4", sha256(mallory.to_agent.hash + mallory.fresh).digest())
    agent_fresh = mallory.hear(mallory.agent)
    mallory.tell(mallory.terminal, "PAIR_5", agent_fresh)
    (at_terminal,) = mallory.terminal.take()
    wanted, source = at_terminal.number[3:], Random(2)
    while not number(mallory.to_agent.hash, agent_fresh, chosen := source.randbytes(32)).endswith(wanted):
        pass
    mallory.tell(mallory.agent, "PAIR_6", chosen)
    assert mallory.agent.take() == [BROKEN]
    assert mallory.agent.outgoing(0) == b"" and mallory.agent.deadline is None


def test_the_terminals_own_commitment_and_secret_passed_on_are_refused() -> None:
    """The commitment holds h, which the two handshakes do not share."""
    mallory = Between(3)
    mallory.tell(mallory.agent, "PAIR_4", mallory.commitment)
    mallory.tell(mallory.terminal, "PAIR_5", mallory.hear(mallory.agent))
    mallory.tell(mallory.agent, "PAIR_6", mallory.hear(mallory.terminal))
    assert mallory.agent.take() == [BROKEN]


@pytest.mark.parametrize("kind", ["PAIR_4", "PAIR_6"])
def test_any_changed_byte_of_promise_or_secret_breaks_it(kind: str) -> None:
    for place in range(32):
        pair = two()
        carried(pair, ORDER.index(kind))
        (frame,) = heard(pair.terminal.outgoing(0))
        changed = bytearray(frame.body)
        changed[place] ^= 0x80
        pair.agent.receive(say(kind, TO_AGENT, bytes(changed)), 0)
        if kind == "PAIR_4":
            pair.terminal.receive(pair.agent.outgoing(0), 0)
            pair.agent.receive(pair.terminal.outgoing(0), 0)
        assert pair.agent.take() == [BROKEN]


@pytest.mark.parametrize("kind", ["PAIR_2", "PAIR_3"])
def test_any_changed_byte_of_the_handshake_breaks_it(kind: str) -> None:
    for place in range(SIZES[kind]):
        pair = two()
        carried(pair, ORDER.index(kind))
        (frame,) = heard(pair.ends[sender(kind)].outgoing(0))
        changed = bytearray(frame.body)
        changed[place] ^= 1
        end = pair.ends[receiver(kind)]
        end.receive(say(kind, TOWARDS[receiver(kind)], bytes(changed)), 0)
        assert end.take() == [BROKEN], place
        assert end.outgoing(0) == b""


def test_a_changed_knock_breaks_at_the_answer() -> None:
    pair = two()
    (frame,) = heard(pair.agent.outgoing(0))
    pair.terminal.receive(say("PAIR_1", TO_TERMINAL, frame.body[:31] + bytes([frame.body[31] ^ 1])), 0)
    pair.agent.receive(pair.terminal.outgoing(0), 0)
    assert pair.agent.take() == [BROKEN]


def test_a_changed_answer_of_the_agent_is_seen_in_the_numbers() -> None:
    pair = two()
    carried(pair, 4)
    (frame,) = heard(pair.agent.outgoing(0))
    pair.terminal.receive(say("PAIR_5", TO_TERMINAL, frame.body[:31] + bytes([frame.body[31] ^ 1])), 0)
    pair.agent.receive(pair.terminal.outgoing(0), 0)
    pair.told = {AGENT: pair.agent.take(), TERMINAL: pair.terminal.take()}
    ours, theirs = shown(pair)
    assert ours != theirs


# -- a bad line --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2, 9])
@pytest.mark.parametrize("kind", ORDER)
def test_a_frame_that_is_lost_is_said_again_a_second_later(kind: str, times: int) -> None:
    pair = two(fault=upset(kind, lambda seen, data: [data] if seen >= times else []))
    pair.run(times * 1_000 - 1)
    assert pair.of(AGENT, PairingShown) == []
    pair.run(20)
    ours, theirs = shown(pair)
    assert ours == theirs
    said = written(pair, AGENT) + written(pair, TERMINAL)
    assert len({frame.body for frame in said}) == 6  # never a second promise, never another secret
    assert PairingFailed not in {type(event) for told in pair.told.values() for event in told}


@pytest.mark.parametrize("kind", ORDER)
def test_a_frame_that_is_always_lost_ends_it_after_ten_seconds(kind: str) -> None:
    pair = two(fault=upset(kind, lambda seen, data: []))
    pair.run(9_990)
    assert PairingFailed not in {type(event) for told in pair.told.values() for event in told}
    pair.run(30)
    assert pair.of(AGENT, PairingFailed) == [NO_ANSWER]
    repeated = {frame.body for frame in written(pair, AGENT)}
    pair.forget()
    pair.run(200_000)
    assert written(pair, AGENT) == []
    assert repeated
    assert pair.agent._pairing.due is None and pair.terminal._pairing.due is None
    assert pair.told[TERMINAL] == [] or pair.told[TERMINAL] == [NO_ANSWER]


@pytest.mark.parametrize("copies", [2, 3])
def test_frames_that_come_twice_change_nothing(copies: int) -> None:
    pair = two(fault=lambda data, _: [data] * (copies if len(heard(data)) == 1 else 1)).run(5_000, steps=500)
    ours, theirs = shown(pair)
    assert ours == theirs
    assert [len(told) for told in pair.told.values()] == [1, 1]
    assert len({frame.body for role in (AGENT, TERMINAL) for frame in written(pair, role)}) == 6
    assert len(written(pair, AGENT)) == 3  # only the terminal answers again, and only the last word


@pytest.mark.parametrize("state", AGENT_STATES)
def test_an_agent_answers_nothing_that_comes_again(state: str) -> None:
    """Or two ends would answer each other for ever; it says its word again by its own clock."""
    pair = two()
    said = carried(pair, AGENT_STATES.index(state) * 2)
    pair.agent.outgoing(0)
    pair.agent.take()
    for kind in said:
        if sender(kind) is TERMINAL:
            pair.agent.receive(said[kind], 5)
    assert pair.agent.outgoing(5) == b"" and pair.agent.take() == []
    assert pair.agent._pairing.state == state


@pytest.mark.parametrize("kind", ORDER)
def test_a_frame_that_comes_again_late_changes_nothing(kind: str) -> None:
    held: list[bytes] = []
    pair = two(fault=upset(kind, lambda seen, data: [held.append(data), [data]][1]))  # type: ignore[func-returns-value]
    pair.run(100)
    before = shown(pair)
    assert before[0] == before[1] and held
    for _ in range(3):
        pair.run(700)
        pair.ends[receiver(kind)].receive(held[0], pair.now)
        pair.run(100)
    assert shown(pair) == before
    assert PairingFailed not in {type(event) for told in pair.told.values() for event in told}
    assert {role: pair.ends[role]._pairing.state for role in (AGENT, TERMINAL)} == dict.fromkeys(Role, "comparing")


@pytest.mark.parametrize("line_rate", [1_200, 9_600])
def test_byte_by_byte_on_a_slow_line(line_rate: int) -> None:
    """At 1200 baud PAIR_2 alone takes a second: the agent says its word again meanwhile, and nobody minds."""
    pair = SlowLine(unpaired(AGENT), unpaired(TERMINAL), line_rate=line_rate)
    pair.terminal.pair(0)
    pair.agent.pair(0)
    pair.run(9_000)
    ours, theirs = shown(pair)
    assert ours == theirs
    assert [len(told) for told in pair.told.values()] == [1, 1]
    pair.run(9_000)
    assert {role: pair.ends[role]._pairing.state for role in (AGENT, TERMINAL)} == dict.fromkeys(Role, "comparing")


def test_on_a_line_that_loses_and_doubles_the_numbers_are_alike_or_none_is_shown() -> None:
    made = 0
    for seed in range(60):
        pair = two(seed, fault=lambda data, random: [data] * random.choice([0, 0, 0, 1, 1, 2]))
        pair.random = Random(seed)
        pair.run(60_000)
        numbers = shown(pair)
        assert len(numbers) <= 2
        if len(numbers) == 2:
            made += 1
            assert numbers[0] == numbers[1]
    assert made > 40


# -- out of turn -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role, state", STATES)
def test_what_is_out_of_turn_is_ignored(role: Role, state: str) -> None:
    """Every kind that the state does not wait for, its body right or wrong in size; and what the other end says itself."""
    for kind in set(ORDER) - NEXT.get((role, state), set()):
        for body in (b"", b"\7" * 32, b"\7" * SIZES[kind], b"\7" * 256):
            pair = at(role, state)
            end, due = pair.ends[role], pair.ends[role].deadline
            end.receive(say(kind, TOWARDS[role], body), 3)
            assert end.take() == [] and end.outgoing(3) == b"", kind
            assert (end._pairing.state, end.deadline) == (state, due)
    pair = at(role, state)
    end = pair.ends[role]
    for kind in ORDER:
        end.receive(say(kind, 1 - TOWARDS[role], b"\7" * SIZES[kind]), 3)  # its own words, echoed
    assert end.take() == [] and end.outgoing(3) == b"" and end._pairing.state == state


@pytest.mark.parametrize("role, state", NEXT)
def test_what_is_in_turn_and_wrong_breaks_it(role: Role, state: str) -> None:
    for kind in NEXT[role, state]:
        if kind == "PAIR_1":  # of another size it is nobody's knock, and costs no attempt
            continue
        for body in (b"", b"\7" * 31, b"\7" * (SIZES[kind] - 1)):  # of 32 bytes any would do for 4 and 5
            pair = at(role, state)
            end = pair.ends[role]
            end.receive(say(kind, TOWARDS[role], body), 3)
            told = end.take()
            assert told[-1] == BROKEN and {type(event) for event in told} == {PairingFailed}
            assert end.outgoing(3) == b"" and end._pairing.state == "idle" and end.deadline is None


@pytest.mark.parametrize("kind", ["PAIR_4", "PAIR_5", "PAIR_6"])
@pytest.mark.parametrize("size", [0, 31, 33, 64, 256])
def test_promise_fresh_bytes_and_secret_are_of_thirty_two_bytes(kind: str, size: int) -> None:
    pair = two()
    carried(pair, ORDER.index(kind))
    pair.ends[sender(kind)].outgoing(0)
    end = pair.ends[receiver(kind)]
    end.receive(say(kind, TOWARDS[receiver(kind)], b"\7" * size), 0)
    assert end.take() == [BROKEN]


def test_ends_that_nobody_told_to_pair_take_part_in_nothing() -> None:
    for role in (AGENT, TERMINAL):
        end = unpaired(role)
        for kind in ORDER:
            end.receive(say(kind, TOWARDS[role], b"\7" * SIZES[kind]), 1)
        noise = Noise("XX", initiator=True, own=STATIC[AGENT].private)
        end.receive(say("PAIR_1", TOWARDS[role], noise.write()), 2)
        assert end.take() == [] and end.outgoing(2) == b"" and end.deadline is None


def test_a_low_order_ephemeral_is_no_handshake() -> None:
    """Whoever sends it would know the secret (RFC 7748 §6.1)."""
    terminal = at(TERMINAL, "listening").terminal
    terminal.receive(say("PAIR_1", TO_TERMINAL, bytes(32)), 0)
    assert terminal.take() == [BROKEN]
