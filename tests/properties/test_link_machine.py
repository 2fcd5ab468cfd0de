"""Two links held to the table of the link's states while a Hypothesis machine opens, closes, speaks, loses, forges and waits."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol.dialect import Delivered, LinkClosed, LinkOpened, Role
from protocol.dialects.native.framing import Direction, Frame, FrameType, encode
from protocol.dialects.native.link_states import TABLE, LinkMove, LinkState
from protocol.events import CloseReason, SecurityNotice
from tests.protocol.pair import Pair, clean, links

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
BOTH = st.sampled_from([AGENT, TERMINAL])


class TwoEnds(RuleBasedStateMachine):
    """The model: for each end the state that the table gives for what the end said of itself, and what its session carried."""

    def __init__(self) -> None:
        super().__init__()
        self.pair: Pair = links()
        self.state = {AGENT: LinkState.DOWN, TERMINAL: LinkState.DOWN}
        self.session = {AGENT: 0, TERMINAL: 0}
        self.heard: dict[tuple[Role, int], list[bytes]] = {}
        self.said: dict[tuple[Role, int], list[bytes]] = {}
        self.forged = False
        self.number = 0

    def move(self, role: Role, move: LinkMove) -> None:
        self.state[role] = TABLE.advance(self.state[role], move)  # raises IllegalEvent off the table

    def follow(self) -> None:
        """The table's states, by what each end told its owner."""
        for role, told in self.pair.told.items():
            for event in told:
                if isinstance(event, LinkOpened):
                    self.move(role, LinkMove.KEYS_PROVED)
                    self.session[role] = event.session
                elif isinstance(event, LinkClosed):
                    assert event.session == self.session[role]
                    if event.reason is CloseReason.PORT_CLOSED:
                        self.move(role, LinkMove.PORT_CLOSED)
                    elif event.reason is not CloseReason.REPLACED:
                        self.move(role, LinkMove.SESSION_ENDED)
                    self.session[role] = 0
                elif isinstance(event, Delivered):
                    assert self.session[role]
                    self.heard.setdefault((role, self.session[role]), []).append(event.message)
                elif isinstance(event, SecurityNotice):
                    assert self.forged
            told.clear()

    @initialize(joined=st.integers(0, 3))
    def a_session_may_stand(self, joined: int) -> None:
        if joined:
            for role in self.state:
                self.port_opens(role)
            self.time_passes(5_200)
            assert self.state == {AGENT: LinkState.OPEN, TERMINAL: LinkState.OPEN}

    @precondition(lambda self: LinkState.DOWN in self.state.values())
    @rule(role=BOTH)
    def port_opens(self, role: Role) -> None:
        if self.state[role] is LinkState.DOWN:
            self.pair.ends[role].open(self.pair.now)
            self.move(role, LinkMove.PORT_OPENED)

    @rule(role=BOTH, sure=st.integers(0, 9))
    def port_closes(self, role: Role, sure: int) -> None:
        if sure != 7:
            return
        had_session = self.pair.ends[role].is_open
        self.pair.ends[role].close()
        self.pair._collect(role)
        self.follow()
        if not had_session:
            self.move(role, LinkMove.PORT_CLOSED)
        assert self.state[role] is LinkState.DOWN

    @rule(
        role=BOTH,
        sizes=st.lists(st.sampled_from([20, 256, 257, 600]), min_size=1, max_size=4),
        urgent=st.booleans(),
        ms=st.sampled_from([0, 3, 60]),
    )
    def speaks_a_while(self, role: Role, sizes: list[int], urgent: bool, ms: int) -> None:
        for size in sizes:
            self.speaks(role, size, urgent)
        self.time_passes(ms)

    def speaks(self, role: Role, size: int, urgent: bool) -> None:
        if not self.pair.ends[role].is_open:
            return
        self.number += 1
        message = f"{role} {self.number} ".encode().ljust(size, b".")
        self.said.setdefault((role, self.session[role]), []).append(message)
        self.pair.ends[role].send(message, urgent=urgent)

    @rule(ms=st.sampled_from([1, 5, 50, 400, 1_100, 5_200, 21_000]))
    def time_passes(self, ms: int) -> None:
        self.pair.run(ms, steps=5_000)
        self.follow()

    @rule(how=st.sampled_from(["clean", "lossy", "doubling", "clean", "lossy", "deaf"]))
    def the_line_changes(self, how: str) -> None:
        self.pair.fault = {
            "clean": clean,
            "lossy": lambda data, random: [data] if random.random() < 0.7 else [],
            "deaf": lambda data, random: [],
            "doubling": lambda data, random: [data, data],
        }[how]

    @rule()
    def everybody_recovers(self) -> None:
        self.pair.fault = clean
        for role, state in self.state.items():
            if state is LinkState.DOWN:
                self.port_opens(role)
        self.time_passes(6_300)

    @rule(role=BOTH, sure=st.integers(0, 9))
    def says_goodbye(self, role: Role, sure: int) -> None:
        if sure == 7 and self.pair.ends[role].is_open:
            self.pair.ends[role].leave(self.pair.now)
            self.pair.run(1)
            self.follow()
            assert not self.pair.ends[role].is_open or role is TERMINAL
            # One who left seeks no more by itself: its owner closes the port.
            if self.pair.ends[role].is_open is False:
                self.pair.ends[role].close()
                self.pair._collect(role)
                self.follow()
                self.move(role, LinkMove.PORT_CLOSED)

    @rule(
        role=BOTH,
        kind=st.sampled_from(FrameType),
        body=st.sampled_from([b"", b"forged", b"\1" * 32, b"\1" * 50, b"\1" * 64, b"\1" * 96]),
        current=st.booleans(),
        ack=st.booleans(),
    )
    def a_stranger_writes(self, role: Role, kind: FrameType, body: bytes, current: bool, ack: bool) -> None:
        """Nothing that a stranger writes opens, closes or delivers, though he heard which HELLO is out."""
        self.forged = True
        before = (self.pair.ends[role].is_open, self.session[role])
        towards = Direction.TO_AGENT if role is AGENT else Direction.TO_TERMINAL
        session = self.session[role] if current else 4_242
        answers = self.pair.ends[role]._last_session if ack else 0
        frame = Frame(kind, towards, session, 9_999, answers, body=body, tag=bytes(8))
        self.pair.ends[role].receive(encode(frame), self.pair.now)
        self.pair._collect(role)
        self.follow()
        assert (self.pair.ends[role].is_open, self.session[role]) == before

    @invariant()
    def each_end_is_where_the_table_says(self) -> None:
        for role, end in self.pair.ends.items():
            assert end.is_open == (self.state[role] is LinkState.OPEN), role
            if self.state[role] is LinkState.DOWN:
                assert end.deadline is None
                assert end.outgoing(self.pair.now) == b""
                assert end.backlog == 0

    @invariant()
    def what_was_heard_was_said_and_once(self) -> None:
        for (role, session), heard in self.heard.items():
            other = TERMINAL if role is AGENT else AGENT
            said = self.said.get((other, session), [])
            assert len(set(heard)) == len(heard)
            assert set(heard) <= set(said)

    def teardown(self) -> None:
        """A healed line with both ports open makes a session, and all that is said then arrives."""
        self.pair.fault = clean
        for role, state in self.state.items():
            if state is LinkState.DOWN:
                self.pair.ends[role].open(self.pair.now)
                self.move(role, LinkMove.PORT_OPENED)
        self.pair.run(60_000)
        self.follow()
        assert self.state == {AGENT: LinkState.OPEN, TERMINAL: LinkState.OPEN}
        assert self.session[AGENT] == self.session[TERMINAL]
        for role in (AGENT, TERMINAL):
            self.speaks(role, 600, False)
        self.pair.run(2_000)
        self.follow()
        for role, other in ((AGENT, TERMINAL), (TERMINAL, AGENT)):
            said = self.said[other, self.session[role]]
            assert sorted(self.heard[role, self.session[role]]) == sorted(said)


TestTwoEnds = TwoEnds.TestCase
TestTwoEnds.settings = settings(max_examples=250, stateful_step_count=30)


def test_the_table_itself() -> None:
    """States and moves as docs/protocol.md §2 tells them; every other pair is illegal."""
    legal = {
        ("down", "port_opened"): "seeking",
        ("down", "port_closed"): "down",
        ("seeking", "keys_proved"): "open",
        ("seeking", "port_closed"): "down",
        ("open", "keys_proved"): "open",
        ("open", "session_ended"): "seeking",
        ("open", "port_closed"): "down",
    }
    assert {(str(a), str(move)): str(b) for (a, move), b in TABLE.rows.items()} == legal
    assert TABLE.start is LinkState.DOWN
