"""One agent, one line and one virtual clock; a seed decides what happens to them, and in which order.

Real: `agent.pump.Pump` with all that it is made of, and both ends of the wire. What stands at the other end of the line,
where the agent's journal lies, what is asked of the agent and what must hold are a world's own (`world`, `money_world`).
The same seed gives the same `trace`, line by line, on every Python: only `Random.randrange` and `Random.randbytes` decide.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Protocol

from agent import actions as a
from agent.pump import Pump
from protocol.conversation import Conversation
from protocol.dialect import LinkKeys
from tests.dst.memory_storage import Answer, Commit
from tests.dst.promises import Broken
from tests.dst.terminal import AGENT_KEYS

MOST_ACTS = 20_000
"""Acts without faults after which what has not ended never will."""
WALL = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that may happen next. weight: among those that are possible now."""

    name: str
    weight: int
    possible: Callable[[], bool]
    happen: Callable[[], None]


@dataclass(slots=True)
class Line:
    """The bytes on their way, a piece per write. open: the agent's port is there."""

    open: bool = False
    to_terminal: deque[bytes] = field(default_factory=deque)
    to_agent: deque[bytes] = field(default_factory=deque)

    def clear(self) -> None:
        self.to_terminal.clear()
        self.to_agent.clear()


class Storing(Protocol):
    """`agent.storage`, a commit at a time."""

    queue: deque[a.Record | a.CompareHead]

    def take(self, most: int, commit: Commit = Commit.DONE) -> Sequence[Answer]: ...


class Stage(ABC):
    """seed: of the schedule, and of the nonces. traced: write down what happens. Every time is ms of the one clock.

    trace: everything that happened, if it was written down.
    """

    pump: Pump
    storage: Storing

    def __init__(self, seed: int, *, traced: bool = True) -> None:
        self._traced = traced
        self._draw, self._nonces = Random(2 * seed), Random(2 * seed + 1)
        self.now = 1_000
        self.trace: list[str] = []
        self.line = Line()
        self._answers: deque[a.Input] = deque()
        self._pump_due: int | None = None
        """The pump's deadline: it changes with a step alone."""

    # -- what a world has ----------------------------------------------------------------------------------------------

    @abstractmethod
    def _make_pump(self, converse: Callable[[bytes | None], Conversation]) -> Pump:
        """On what is durable."""

    @abstractmethod
    def _make_storage(self) -> Storing: ...

    @abstractmethod
    def _make_conversation(self, keys: LinkKeys) -> Conversation:
        """The agent's end."""

    @abstractmethod
    def _receive(self, data: bytes) -> None:
        """The terminal hears."""

    @abstractmethod
    def _tick_terminal(self) -> None:
        """What is due at the terminal."""

    @abstractmethod
    def _turn_terminal(self) -> None:
        """What the terminal has to say goes on the line."""

    @property
    @abstractmethod
    def _terminal_due(self) -> int | None: ...

    @abstractmethod
    def _take_action(self, action: a.Action) -> None:
        """What the pump wants of the world, but for what goes to line and storage."""

    # -- the schedule --------------------------------------------------------------------------------------------------

    def _acts_of_calm(self) -> list[Act]:
        line = self.line
        return [
            Act(
                "to terminal",
                300,
                lambda: bool(line.to_terminal),
                lambda: self._receive(self._piece(line.to_terminal)),
            ),
            Act("to agent", 300, lambda: bool(line.to_agent), lambda: self._to_agent(self._piece(line.to_agent))),
            Act("commit", 100, lambda: bool(self.storage.queue), lambda: self._commit(Commit.DONE)),
            Act("answer", 100, lambda: bool(self._answers), lambda: self._give(self._answers.popleft())),
            Act("time", 60, lambda: True, lambda: self._pass((1, 20, 100, 400)[self._draw.randrange(4)])),
            Act("plug", 300, lambda: not line.open, self._plug),
        ]

    @property
    def _under_way(self) -> bool:
        return bool(
            self.line.to_terminal or self.line.to_agent or self.storage.queue or self._answers or not self.line.open
        )

    def _until_due(self) -> int:
        due = [d for d in (self._pump_due, self._terminal_due) if d is not None]
        if not due:
            raise Broken("never ends: nobody waits for anything")
        return max(0, min(due) - self.now)

    def _act(self, acts: list[Act]) -> None:
        possible = [act for act in acts if act.possible()]
        place = self._draw.randrange(sum(act.weight for act in possible))
        for act in possible:
            place -= act.weight
            if place < 0:
                break
        if self._traced:
            self.trace.append(f"{self.now} {act.name}")
        act.happen()
        self._turn_terminal()
        self._due()

    # -- what happens --------------------------------------------------------------------------------------------------

    def _piece(self, pieces: deque[bytes]) -> bytes:
        """The next write, or its beginning: a line keeps no boundaries."""
        if len(pieces[0]) > 1 and self._draw.randrange(8) == 0:
            cut = 1 + self._draw.randrange(len(pieces[0]) - 1)
            begun, pieces[0] = pieces[0][:cut], pieces[0][cut:]
            return begun
        return pieces.popleft()

    def _damaged(self, data: bytes) -> bytes:
        bit = self._draw.randrange(len(data) * 8)
        return (int.from_bytes(data) ^ (1 << bit)).to_bytes(len(data))

    def _to_agent(self, data: bytes) -> None:
        self._give(a.LineBytes(data))

    def _commit(self, commit: Commit) -> None:
        most = (1, 1, 2, 64)[self._draw.randrange(4)]
        self._answers += self.storage.take(most, commit)

    def _pass(self, ms: int) -> None:
        self.now += ms
        self._tick_terminal()
        deadline = self._terminal_due
        if deadline is not None and deadline <= self.now:
            raise Broken(f"busy loop: the terminal's deadline is {deadline} at {self.now}")
        self._due()

    def _stall(self, ms: int) -> None:
        """The agent's process stands still; what is due waits."""
        self.now += ms
        self._tick_terminal()

    def _due(self) -> None:
        if self._pump_due is not None and self._pump_due <= self.now:
            self._give(a.Due())
            if self._pump_due is not None and self._pump_due <= self.now:
                raise Broken(f"busy loop: the pump's deadline is {self._pump_due} at {self.now}")

    def _plug(self) -> None:
        self.line.open = True
        self._give(a.PortOpened())

    def _unplug(self) -> None:
        self.line.open = False
        self.line.clear()
        self._give(a.PortLost("gone"))

    def _die_after_commit(self) -> None:
        while self.storage.queue:
            self.storage.take(64)
        self._start_agent()

    def _start_agent(self) -> None:
        """A new process on what is durable: the journal."""
        self.storage = self._make_storage()
        self._answers = deque()
        self.line.open = False
        self.line.clear()
        self.pump = self._make_pump(lambda peer: self._make_conversation(LinkKeys(AGENT_KEYS.private, peer)))

    def _terminal_says(self, data: bytes) -> None:
        if self._traced:
            self.trace.append(f"  terminal writes {len(data)} {_short(data)}")
        if self.line.open:
            self.line.to_agent.append(data)

    def _agent_says(self, data: bytes) -> None:
        if self.line.open:
            self.line.to_terminal.append(data)

    def _give(self, given: a.Input) -> None:
        if self._traced:
            self.trace.append(f"  pump takes {type(given).__name__}")
        for action in self.pump.step(self.now, WALL + self.now, given):
            if self._traced and (told := _told(action)):
                self.trace.append(f"  {told}")
            match action:
                case a.Write(data):
                    self._agent_says(data)
                case a.Record() | a.CompareHead():
                    self.storage.queue.append(action)
            self._take_action(action)
        self._pump_due = self.pump.deadline


def void(_lost: bytes) -> None:
    """Where lost bytes go."""


def _told(action: a.Action) -> str:
    match action:
        case a.Write(data):
            return f"agent writes {len(data)} {_short(data)}"
        case a.Record() | a.CompareHead():
            return repr(action)
        case a.Show(state, notices):
            return f"shown {state.value} {' '.join(notice.code.value for notice in notices)}"
    return ""


def _short(data: bytes) -> str:
    return sha256(data).hexdigest()[:8]
