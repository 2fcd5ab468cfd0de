from __future__ import annotations

import os

from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.dialects.native.framing import FrameDecoder, FrameType
from protocol.messages import *
from tests.agent.test_pump import HELLO, SECRET, event


def test_only_the_agent_ever_says_hello() -> None:
    """An agent was killed with the terminal's event unacknowledged; the next one answers NO_SESSION. The terminal stays quiet."""
    terminal = Conversation("native", Role.TERMINAL, secret=SECRET, random=os.urandom, hello=lambda: HELLO)
    agent = Conversation("native", Role.AGENT, secret=SECRET, random=os.urandom)
    terminal.open(0)
    agent.open(0)
    agent.tick(0)
    for _ in range(4):
        terminal.receive(agent.outgoing(0), 0)
        agent.receive(terminal.outgoing(0), 0)
        if agent.is_open and not terminal.is_open:
            agent.request(HeadGet(), 0)
    assert terminal.is_open
    terminal.send(event(1), 1)
    lost = terminal.outgoing(1)
    other = Conversation("native", Role.AGENT, secret=SECRET, random=os.urandom)  # the new process
    other.open(1)
    other.receive(lost, 1)
    terminal.receive(other.outgoing(1), 1)  # NO_SESSION (its HELLO was lost on the line)
    said = []
    for now in range(100, 20_000, 100):
        terminal.tick(now)
        said += FrameDecoder().feed(terminal.outgoing(now))
    hellos = [f for f in said if f.type is FrameType.HELLO]
    assert hellos == [], len(hellos)


def test_a_reply_to_the_former_agents_hello_is_no_security_event() -> None:
    """The terminal was busy: it answers the killed agent's HELLO and then ours, both under our secret."""
    terminal = Conversation("native", Role.TERMINAL, secret=SECRET, random=os.urandom, hello=lambda: HELLO)
    terminal.open(0)
    said = b""
    agents = []
    for _ in range(2):
        agent = Conversation("native", Role.AGENT, secret=SECRET, random=os.urandom)
        agent.open(0)
        agent.tick(0)
        said += agent.outgoing(0)
        agents.append(agent)
    terminal.receive(said, 0)
    agents[1].receive(terminal.outgoing(0), 0)
    kinds = [type(e).__name__ for e in agents[1].events()]
    assert "SecurityNotice" not in kinds, kinds
