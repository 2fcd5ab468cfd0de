"""Both ends of a pairing held to their tables while a Hypothesis machine loses, doubles, delays, cancels and begins anew."""

from __future__ import annotations

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from protocol.dialect import LinkOpened, Role
from protocol.dialects.native import pairing
from protocol.dialects.native.pairing import PairingMove, PairingState
from protocol.events import KeyRefused, Paired, PairingFailed, PairingFailure, PairingShown
from tests.protocol.pair import STATIC, Pair
from tests.protocol.pairing_bench import ORDER, unpaired
from tests.protocol.stranger import heard, say

AGENT, TERMINAL = Role.AGENT, Role.TERMINAL
BOTH = st.sampled_from([AGENT, TERMINAL])
TABLES = {AGENT: pairing.AGENT, TERMINAL: pairing.TERMINAL}
OTHER = {AGENT: TERMINAL, TERMINAL: AGENT}
IDLE, COMPARING = PairingState.IDLE, PairingState.COMPARING


class TwoEnds(RuleBasedStateMachine):
    """The line is two queues, first in first out; the model is the two tables, a clock, and who said yes."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = {role: unpaired(role) for role in (AGENT, TERMINAL)}
        self.line: dict[Role, deque[tuple[str, bytes]]] = {AGENT: deque(), TERMINAL: deque()}
        self.state = {AGENT: IDLE, TERMINAL: IDLE}
        self.number: dict[Role, str] = {}
        self.pinned: dict[Role, bytes | None] = {AGENT: None, TERMINAL: None}
        self.knocks = 0
        self.last_knock = b""
        self.now = 0

    def carry_on(self, role: Role, allowed: set[PairingMove]) -> list[object]:
        """What the end says goes onto the line; what it is now is what the table gives for one of those moves, or as before."""
        end = self.ends[role]
        for frame in heard(end.outgoing(self.now)):
            if frame.type in ORDER:
                self.line[OTHER[role]].append((frame.type, frame.body))
        told = [event for event in end.take() if not isinstance(event, (KeyRefused, LinkOpened))]
        before, after = self.state[role], end._pairing.state
        moved = {TABLES[role].rows[before, move] for move in allowed if (before, move) in TABLES[role].rows}
        assert after in moved | {before}, (before, allowed, after)
        self.state[role] = after
        for event in told:
            assert isinstance(event, (PairingShown, PairingFailed, Paired))
            if isinstance(event, PairingShown):
                assert after is COMPARING and before is not COMPARING
                assert event.peer == STATIC[OTHER[role]].public  # on this line nobody stands between
                self.number[role] = event.number
            elif isinstance(event, PairingFailed):
                assert after is IDLE
        if before is not IDLE and after is IDLE:
            assert isinstance(told[-1], (PairingFailed, Paired))
        if after is not COMPARING:
            self.number.pop(role, None)
        return told

    @rule(role=BOTH)
    def a_person_lets_it_begin(self, role: Role) -> None:
        before = self.state[role]
        self.ends[role].pair(self.now)
        if before is not IDLE:
            assert self.ends[role].take() == [PairingFailed(PairingFailure.CANCELLED)]
            self.state[role] = TABLES[role].advance(before, PairingMove.ENDED)
        self.number.pop(role, None)
        assert self.carry_on(role, {PairingMove.ALLOWED}) == []
        assert self.state[role] is (PairingState.KNOCKED if role is AGENT else PairingState.LISTENING)
        if role is TERMINAL:
            self.knocks, self.last_knock = 0, b""

    @rule(role=BOTH, sure=st.integers(0, 3))
    def a_person_says_no(self, role: Role, sure: int) -> None:
        if sure == 3:
            was = self.state[role]
            self.ends[role].cancel_pairing()
            assert self.carry_on(role, {PairingMove.ENDED}) == (
                [] if was is IDLE else [PairingFailed(PairingFailure.CANCELLED)]
            )
            assert self.state[role] is IDLE

    @rule(role=BOTH)
    def a_person_says_yes(self, role: Role) -> None:
        was = self.state[role]
        self.ends[role].confirm_pairing(self.now)
        told = self.carry_on(role, {PairingMove.CONFIRMED})
        if was is COMPARING:
            self.pinned[role] = STATIC[OTHER[role]].public
            assert told == [Paired(STATIC[OTHER[role]].public)] and self.state[role] is IDLE
        else:
            assert told == [] and self.state[role] is was

    @rule(role=BOTH, frames=st.integers(1, 4))
    def frames_arrive(self, role: Role, frames: int) -> None:
        for _ in range(min(frames, len(self.line[role]))):
            kind, body = self.line[role].popleft()
            self.arrives(role, kind, body)

    @rule(steps=st.integers(1, 8))
    def the_line_is_quick(self, steps: int) -> None:
        for _ in range(steps):
            for role in (TERMINAL, AGENT):
                self.frames_arrive(role, 1)

    def arrives(self, role: Role, kind: str, body: bytes) -> None:
        anew = role is TERMINAL and kind == "PAIR_1" and len(body) == 32 and body != self.last_knock
        if anew and self.state[role] not in {IDLE, COMPARING}:
            self.knocks += 1
            self.last_knock = body
        self.ends[role].receive(say(kind, 1 if role is AGENT else 0, body), self.now)
        was = self.state[role]
        told = self.carry_on(role, {PairingMove(kind.lower()), PairingMove.ENDED})
        if was is COMPARING and anew:  # the number never changes under a finger
            assert told == [PairingFailed(PairingFailure.CANCELLED)] and self.state[role] is IDLE
        elif (was, PairingMove(kind.lower())) not in TABLES[role].rows:
            assert told == [] and self.state[role] is was  # out of turn
        assert not [event for event in told if isinstance(event, Paired)]

    @rule(role=BOTH)
    def a_frame_is_lost(self, role: Role) -> None:
        if self.line[role]:
            self.line[role].popleft()

    @rule(role=BOTH)
    def a_frame_is_doubled(self, role: Role) -> None:
        if self.line[role]:
            self.line[role].appendleft(self.line[role][0])

    @rule(role=BOTH, kind=st.sampled_from(ORDER), size=st.sampled_from([0, 31, 32, 64, 96]))
    def a_stranger_writes(self, role: Role, kind: str, size: int) -> None:
        if kind in ("PAIR_4", "PAIR_5") and size == 32:
            return  # any 32 bytes are a promise, or fresh: it is the numbers that show it
        if kind == "PAIR_1" and size >= 32 and role is TERMINAL:
            return  # and so is any knock
        self.arrives(role, kind, b"\7" * size)

    @rule(ms=st.sampled_from([10, 400, 1_000, 3_000, 9_999, 60_000]))
    def time_passes(self, ms: int) -> None:
        until = self.now + ms
        while due := [end.deadline for end in self.ends.values() if end.deadline is not None and end.deadline <= until]:
            assert min(due) >= self.now  # nothing was left overdue
            self.now = max(self.now, min(due))
            for role, end in self.ends.items():
                end.tick(self.now)
                self.carry_on(role, {PairingMove.ENDED})
        self.now = until

    @invariant()
    def nobody_is_paired_without_a_yes(self) -> None:
        for role, end in self.ends.items():
            assert end._peer == self.pinned[role]

    @invariant()
    def two_that_compare_show_one_number(self) -> None:
        for role in (AGENT, TERMINAL):
            assert (role in self.number) == (self.state[role] is COMPARING)
        if len(self.number) == 2:
            assert len(set(self.number.values())) == 1

    @invariant()
    def three_attempts_at_most(self) -> None:
        if self.knocks > 3:
            assert self.state[TERMINAL] is IDLE

    @invariant()
    def every_state_has_its_end(self) -> None:
        for end in self.ends.values():
            due = end._pairing.due
            assert (due is None) == (end._pairing.state is IDLE)
            assert due is None or due <= self.now + 120_000

    def teardown(self) -> None:
        """On a clean line, told anew, both show one number, and two yeses make a session."""
        pair = Pair(self.ends[AGENT], self.ends[TERMINAL])
        pair.now = self.now
        for end in self.ends.values():
            end.cancel_pairing()
        pair.run(10)
        pair.forget()
        for role in (TERMINAL, AGENT):
            pair.ends[role].pair(pair.now)
        pair.run(100)
        numbers = [event.number for role in (AGENT, TERMINAL) for event in pair.of(role, PairingShown)]
        assert len(numbers) == 2 and len(set(numbers)) == 1
        for end in self.ends.values():
            end.confirm_pairing(pair.now)
        pair.run(16_000)  # two PINGs and a HELLO: as long as an end without its session may stay unnoticed
        assert pair.agent.is_open and pair.terminal.is_open


TestTwoEnds = TwoEnds.TestCase
TestTwoEnds.settings = settings(max_examples=200, stateful_step_count=40)


def test_the_tables_themselves() -> None:
    """The six frames in turn, a yes at the end, an end from everywhere; a terminal takes an agent that begins anew, but for one that compares."""
    agent = {
        ("idle", "allowed"): "knocked",
        ("knocked", "pair_2"): "known",
        ("known", "pair_4"): "revealed",
        ("revealed", "pair_6"): "comparing",
        ("comparing", "confirmed"): "idle",
        **{(state, "ended"): "idle" for state in ("idle", "knocked", "known", "revealed", "comparing")},
    }
    terminal = {
        ("idle", "allowed"): "listening",
        ("listening", "pair_1"): "knocked",
        ("knocked", "pair_1"): "knocked",
        ("known", "pair_1"): "knocked",
        ("knocked", "pair_3"): "known",
        ("known", "pair_5"): "comparing",
        ("comparing", "confirmed"): "idle",
        **{(state, "ended"): "idle" for state in ("idle", "listening", "knocked", "known", "comparing")},
    }
    for table, legal in ((pairing.AGENT, agent), (pairing.TERMINAL, terminal)):
        assert {(str(state), str(move)): str(after) for (state, move), after in table.rows.items()} == legal
        assert table.start is IDLE
