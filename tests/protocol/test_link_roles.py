"""What each role of the link may say and believe when an agent was killed and another process takes its place."""

from __future__ import annotations

from protocol.dialect import Role
from protocol.dialects.native.framing import FrameType
from protocol.events import SecurityNotice
from protocol.messages import DeviceEvent, DeviceEventKind, HeadGet, Severity
from tests.protocol.pair import conversation, frames_of

EVENT = DeviceEvent(number=1, at=1_000, kind=DeviceEventKind.FAULT, severity=Severity.MINOR)


def test_only_the_agent_ever_says_hello() -> None:
    """An agent was killed with an event unacknowledged; the next one answers NO_SESSION. The terminal says no HELLO."""
    terminal, agent = conversation(Role.TERMINAL), conversation(Role.AGENT)
    terminal.open(0)
    agent.open(0)
    agent.tick(0)
    for _turn in range(4):
        terminal.receive(agent.outgoing(0), 0)
        agent.receive(terminal.outgoing(0), 0)
        if agent.is_open and not terminal.is_open:
            agent.request(HeadGet(), 0)
    assert terminal.is_open
    terminal.send(EVENT, 1)
    unacknowledged = terminal.outgoing(1)
    successor = conversation(Role.AGENT, seed=2)
    successor.open(1)
    successor.receive(unacknowledged, 1)
    answer = successor.outgoing(1)  # its HELLO is not due before a tick
    assert [frame.type for frame in frames_of(answer)] == [FrameType.NO_SESSION]
    terminal.receive(answer, 1)
    said = []
    for now in range(100, 20_000, 100):
        terminal.tick(now)
        said += frames_of(terminal.outgoing(now))
    assert [frame for frame in said if frame.type is FrameType.HELLO] == []
    assert said, "the event is sent again, so the hint of NO_SESSION was there to be followed"


def test_a_reply_to_the_former_agents_hello_is_no_security_event() -> None:
    """The terminal was busy: it answers the killed agent's HELLO and then ours, both by our static key."""
    terminal = conversation(Role.TERMINAL)
    terminal.open(0)
    killed, ours = conversation(Role.AGENT, seed=1), conversation(Role.AGENT, seed=2)
    said = b""
    for agent in (killed, ours):
        agent.open(0)
        agent.tick(0)
        said += agent.outgoing(0)
    assert [frame.type for frame in frames_of(said)] == [FrameType.HELLO] * 2
    terminal.receive(said, 0)
    ours.receive(terminal.outgoing(0), 0)
    assert ours.is_open
    assert [event for event in ours.events() if isinstance(event, SecurityNotice)] == []
