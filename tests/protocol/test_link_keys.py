"""Static keys that do not fit, are missing or change (docs/protocol.md §2): no session, said loudly where it matters, never silent for ever."""

from __future__ import annotations

from random import Random

import pytest

from protocol.dialect import LinkClosed, LinkKeys, LinkOpened, Role
from protocol.dialects.native.framing import FrameType
from protocol.dialects.native.noise import KeyPair
from protocol.events import CloseReason, KeyRefused, SecurityKind, SecurityNotice
from tests.protocol.pair import STATIC, Pair, frames_of, link, links, paired
from tests.protocol.stranger import heard, say

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
TO_AGENT = 1
ANOTHER = KeyPair.from_private(Random("another").randbytes(32))
WRONG = {
    "the agent is another": (LinkKeys(ANOTHER.private, STATIC[TERMINAL].public), paired(TERMINAL)),
    "the terminal is another": (paired(AGENT), LinkKeys(ANOTHER.private, STATIC[AGENT].public)),
    "the agent pinned another": (LinkKeys(STATIC[AGENT].private, ANOTHER.public), paired(TERMINAL)),
    "the terminal pinned another": (paired(AGENT), LinkKeys(STATIC[TERMINAL].private, ANOTHER.public)),
}


@pytest.mark.parametrize("agent, terminal", WRONG.values(), ids=WRONG)
def test_wrong_keys_make_no_session_and_both_ends_say_so(agent: LinkKeys, terminal: LinkKeys) -> None:
    """HELLO at 0, 1, 2 and 3 s: each is a security event at the terminal, and each refusal is told at the agent."""
    pair = Pair(link(AGENT, keys=agent), link(TERMINAL, keys=terminal)).open().run(3_500)
    assert not pair.agent.is_open and not pair.terminal.is_open
    assert pair.of(AGENT, LinkOpened) == pair.of(TERMINAL, LinkOpened) == []
    assert [event.kind for event in pair.of(TERMINAL, SecurityNotice)] == [SecurityKind.WRONG_KEY] * 4
    assert pair.told[AGENT] == [KeyRefused()] * 4
    said = [frame for wire in pair.wire[TERMINAL] for frame in heard(wire)]
    assert [(frame.type, frame.session, frame.body, frame.tag) for frame in said] == [
        ("NO_SESSION", 0, b"", bytes(8))
    ] * 4


def test_a_terminal_that_is_not_paired_refuses_without_an_accusation() -> None:
    pair = Pair(link(AGENT), link(TERMINAL, keys=LinkKeys(STATIC[TERMINAL].private))).open().run(3_500)
    assert not pair.agent.is_open and not pair.terminal.is_open
    assert pair.told == {AGENT: [KeyRefused()] * 4, TERMINAL: []}


def test_an_agent_that_is_not_paired_seeks_nobody() -> None:
    pair = Pair(link(AGENT, keys=LinkKeys(STATIC[AGENT].private)), link(TERMINAL)).open()
    assert pair.agent.deadline is None
    pair.run(60_000)
    assert pair.wire == {AGENT: [], TERMINAL: []}
    assert pair.told == {AGENT: [], TERMINAL: []}


def test_refusals_come_at_most_once_a_second() -> None:
    """A stranger who says HELLO ten times a second, each another one, is answered once a second."""
    terminal = link(TERMINAL)
    terminal.open(0)
    answers = []
    for now in range(0, 5_000, 100):
        stranger = link(AGENT, seed=now, keys=LinkKeys(ANOTHER.private, STATIC[TERMINAL].public))
        stranger.open(now)
        stranger.tick(now)
        terminal.receive(stranger.outgoing(now), now)
        answers += [(now, frame.type) for frame in frames_of(terminal.outgoing(now))]
    assert answers == [(now, FrameType.NO_SESSION) for now in range(0, 5_000, 1_000)]
    assert len(terminal.take()) == 50  # whoever journals them counts them


def test_a_refusal_is_believed_only_while_a_hello_is_out() -> None:
    refused = say("NO_SESSION", TO_AGENT)
    agent = link(AGENT)
    agent.open(0)
    agent.receive(refused, 0)
    assert agent.take() == []  # nothing was said yet
    agent.tick(0)
    agent.outgoing(0)
    agent.receive(refused, 1)
    assert agent.take() == [KeyRefused()]
    terminal = link(TERMINAL)
    terminal.open(0)
    terminal.receive(say("NO_SESSION", 0), 1)
    assert terminal.take() == []  # who says no HELLO is refused nothing
    pair = links().join()
    for _ in range(3):
        pair.agent.receive(refused, pair.now)
    pair.run(4_000)
    assert pair.told[AGENT] == [] and pair.agent.is_open
    assert not [frame for wire in pair.wire[AGENT] for frame in frames_of(wire) if frame.type is FrameType.HELLO]


def test_a_refusal_is_told_at_most_once_for_each_hello() -> None:
    """A stranger on the line says it a hundred times: what the owner is told keeps HELLO's own pace."""
    agent = link(AGENT)
    agent.open(0)
    told = 0
    for now in range(0, 3_000, 10):
        if agent.deadline is not None and agent.deadline <= now:
            agent.tick(now)
            agent.outgoing(now)
        agent.receive(say("NO_SESSION", TO_AGENT), now)
        told += len(agent.take())
    assert told == 3


def test_a_refusal_changes_nothing_in_what_the_agent_does() -> None:
    """It is a hint and no proof: the next HELLO is the same, and a true reply opens the session."""
    agent, terminal = link(AGENT), link(TERMINAL)
    agent.open(0)
    terminal.open(0)
    agent.tick(0)
    hello = agent.outgoing(0)
    agent.receive(say("NO_SESSION", TO_AGENT), 1)
    assert agent.deadline == 1_000
    agent.tick(1_000)
    assert agent.outgoing(1_000) == hello
    terminal.receive(hello, 1_001)
    agent.receive(terminal.outgoing(1_001), 1_002)
    assert agent.is_open


def test_a_terminal_changed_mid_life_is_refused_loudly_and_the_true_one_taken_back() -> None:
    """The cable goes into another terminal with the same agent pinned, and back. Nothing is delivered to the wrong one."""
    pair = links().join()
    true = pair.terminal
    swapped = link(TERMINAL, seed=6, keys=LinkKeys(ANOTHER.private, STATIC[AGENT].public))
    swapped.open(pair.now)
    pair.ends[TERMINAL] = pair.terminal = swapped
    pair.agent.send(b"for the true terminal", urgent=True)
    pair.run(15_000)
    assert [event.reason for event in pair.of(AGENT, LinkClosed)] == [CloseReason.PEER_SILENT]
    assert pair.of(AGENT, KeyRefused)
    assert {event.kind for event in pair.of(TERMINAL, SecurityNotice)} == {SecurityKind.WRONG_KEY}
    assert len(pair.of(TERMINAL, SecurityNotice)) == len(pair.told[TERMINAL])  # and nothing else
    true.close()
    true.open(pair.now)
    pair.ends[TERMINAL] = pair.terminal = true
    pair.forget()
    pair.run(1_100)
    assert [type(event) for event in pair.told[AGENT]] == [LinkOpened]


def test_an_agent_changed_mid_life_is_refused_and_the_session_of_the_true_one_stands() -> None:
    pair = links().join()
    stranger = link(AGENT, seed=6, keys=LinkKeys(ANOTHER.private, STATIC[TERMINAL].public))
    stranger.open(pair.now)
    for _ in range(3):
        stranger.tick(pair.now)
        pair.terminal.receive(stranger.outgoing(pair.now), pair.now)
        stranger.receive(pair.terminal.outgoing(pair.now), pair.now)
        pair.run(1_000)
    assert not stranger.is_open
    assert stranger.take() == [KeyRefused()] * 3
    assert [event.kind for event in pair.of(TERMINAL, SecurityNotice)] == [SecurityKind.WRONG_KEY] * 3
    pair.forget()
    pair.agent.send(b"still here", urgent=True)
    pair.run(50)
    assert [event.message for event in pair.told[TERMINAL]] == [b"still here"]


def test_a_restarted_terminal_gets_new_ephemerals_and_new_keys_from_the_living_agent() -> None:
    pair = links().join()
    before = pair.agent._session.keys.session
    seen, opened = set(), []
    for restart in range(5):
        fresh = link(TERMINAL, seed=100 + restart)
        fresh.open(pair.now)
        pair.ends[TERMINAL] = pair.terminal = fresh
        pair.forget()
        pair.agent.send(b"word", urgent=True)
        pair.run(3_000)
        for role, kind in ((AGENT, "HELLO"), (TERMINAL, "HELLO_REPLY")):
            (body,) = {frame.body for wire in pair.wire[role] for frame in heard(wire) if frame.type == kind}
            seen.add(body[:32])
        opened += [event.session for event in pair.of(AGENT, LinkOpened)]
        assert pair.agent.is_open
    assert len(seen) == 10
    assert opened == [(before - 1 + n) % 0xFFFF + 1 for n in range(1, 6)]


def test_a_restarted_terminal_that_forgot_its_pairing_is_told_of() -> None:
    pair = links().join()
    fresh = link(TERMINAL, seed=5, keys=LinkKeys(STATIC[TERMINAL].private))
    fresh.open(pair.now)
    pair.ends[TERMINAL] = pair.terminal = fresh
    pair.agent.send(b"ask", urgent=True)
    pair.run(15_000)
    assert pair.of(AGENT, KeyRefused)
    assert not pair.agent.is_open
    assert pair.told[TERMINAL] == []
