"""A home and its terminal in one process and one virtual clock; a seed decides what happens to them, and in which order.

Real: `agent.pump.Pump`, its `LogPosition`, and both ends of the wire. In memory: the storage (`memory_storage`) and the
terminal's log (`terminal`). `World(seed, scenario).run()` raises `Broken` at the first promise that is not kept; the same
seed gives the same `trace`, line by line, on every Python: only `Random.randrange` and `Random.randbytes` decide.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from random import Random

from agent import actions as a
from agent.pump import Pump
from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role
from protocol.events import ConversationEvent, Received, SessionOpened, Unreadable
from protocol.messages import EventAck, Message, Sync
from tests.dst.memory_storage import Commit, MemoryJournal, MemoryStorage
from tests.dst.promises import Broken, judge_journal
from tests.dst.terminal import AGENT_KEYS, EPOCH, TERMINAL, TERMINAL_KEYS, Logged, Terminal

ACTS = 400
"""Acts with faults in one run."""
MOST_ACTS = 20_000
"""Acts without faults after which what has not ended never will."""
WALL = 1_700_000_000_000


class Scenario(StrEnum):
    PLAIN = "plain"
    HOLE = "hole"
    """The log has numbers that the terminal never wrote."""
    ROLLBACK = "rollback"
    """An older copy of the log is put back and written on."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the world is built of; a test plants its bugs here."""

    pump: type[Pump] = Pump
    storage: type[MemoryStorage] = MemoryStorage


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


class Overheard(Conversation):
    """The agent's end, which tells the world what it says and hears."""

    world: World

    def send(self, message: Message, now: int) -> None:
        if isinstance(message, EventAck):
            self.world.judge_saying(message.up_to)
        super().send(message, now)

    def events(self) -> list[ConversationEvent]:
        events = super().events()
        self.world.judge_hearing(events)
        return events


class World:
    """One seed's schedule. parts: what to build it of. trace: everything that happened."""

    def __init__(self, seed: int, scenario: Scenario = Scenario.PLAIN, parts: Parts | None = None) -> None:
        self._draw, self._nonces = Random(2 * seed), Random(2 * seed + 1)
        self._scenario, self._parts = scenario, parts or Parts()
        self.now = 1_000
        self.trace: list[str] = []
        self.journal = MemoryJournal()
        self.requests: list[a.Record | a.CompareHead] = []
        self.line = Line()
        self.terminal = Terminal(self._nonces.randbytes, self.judge_dropping, self.judge_put)
        self._hole_at = 1 + self._draw.randrange(50) if scenario is Scenario.HOLE else 0
        """The first number that the terminal is not to write; 0: it has left it out, or writes them all."""
        self._put_back: list[Logged | None] = []
        """The log as it was before an older copy took its place."""
        self._calm, self._faults, self._deaths = self._acts_of_calm(), self._acts_of_faults(), self._acts_of_deaths()
        most = (40, 8, 8, 8)[self._draw.randrange(4)]  # now and then more than the terminal may send unacknowledged
        for _ in range(self._draw.randrange(most)):
            self._trade()
        self._start_agent()

    def run(self) -> None:
        """Faults, then calm until all is at its end. Raises Broken."""
        self._suffer(self._calm + self._faults + self._deaths)
        while self._hole_at:
            self._trade()
        self._settle()
        if self._scenario is Scenario.ROLLBACK:
            self._put_log_back()
            self._settle()
            self._suffer(self._calm + self._faults + self._deaths)
            self._trade()
            self._settle()
        rollbacks = int(self._scenario is Scenario.ROLLBACK)
        judge_journal(self.journal.facts, self.terminal.log, self._put_back, rollbacks=rollbacks)

    # -- the schedule --------------------------------------------------------------------------------------------------

    def _acts_of_calm(self) -> list[Act]:
        line = self.line
        return [
            Act(
                "to terminal",
                300,
                lambda: bool(line.to_terminal),
                lambda: self._to_terminal(self._piece(line.to_terminal)),
            ),
            Act("to agent", 300, lambda: bool(line.to_agent), lambda: self._to_agent(self._piece(line.to_agent))),
            Act("commit", 100, lambda: bool(self.storage.queue), lambda: self._commit(Commit.DONE)),
            Act("answer", 100, lambda: bool(self._answers), lambda: self._give(self._answers.popleft())),
            Act("time", 60, lambda: True, lambda: self._pass((1, 20, 100, 400)[self._draw.randrange(4)])),
            Act("plug", 300, lambda: not line.open, self._plug),
        ]

    def _acts_of_faults(self) -> list[Act]:
        line = self.line
        return [
            Act("trade", 20, lambda: True, self._trade),
            Act("sync", 12, lambda: True, self._ask),
            Act("lose to terminal", 20, lambda: bool(line.to_terminal), lambda: void(line.to_terminal.popleft())),
            Act("lose to agent", 20, lambda: bool(line.to_agent), lambda: void(line.to_agent.popleft())),
            Act(
                "damage", 8, lambda: bool(line.to_agent), lambda: self._to_agent(self._damaged(line.to_agent.popleft()))
            ),
            Act("commit fails", 30, lambda: bool(self.storage.queue), lambda: self._commit(Commit.LOST)),
            Act("unplug", 4, lambda: line.open, self._unplug),
            Act("reboot", 4, lambda: True, self._reboot),
            Act("agent stalls", 4, lambda: True, lambda: self._stall(2_000)),
            Act("silence", 8, lambda: not (line.to_terminal or line.to_agent), lambda: self._pass(6_000)),
        ]

    def _acts_of_deaths(self) -> list[Act]:
        return [
            Act("kill", 2, lambda: True, self._start_agent),
            Act("kill after commit", 2, lambda: True, self._die_after_commit),
            Act("commit fails, kept", 10, lambda: bool(self.storage.queue), lambda: self._commit(Commit.KEPT)),
        ]

    def _suffer(self, acts: list[Act]) -> None:
        for _ in range(ACTS):
            self._act(acts)

    def _settle(self) -> None:
        """Without faults, until nothing is left to do."""
        for _ in range(MOST_ACTS):
            if self._settled:
                return
            if not self._under_way:
                self._pass(self._until_due())
            self._act(self._calm)
        at, of = self.terminal.acknowledged, self.terminal.last_written
        raise Broken(f"never ends: {at} of {of} acknowledged, {len(self._asked)} questions open")

    @property
    def _under_way(self) -> bool:
        return bool(
            self.line.to_terminal or self.line.to_agent or self.storage.queue or self._answers or not self.line.open
        )

    @property
    def _settled(self) -> bool:
        return (
            not self._under_way
            and self.terminal.conversation.is_open
            and not self._asked
            and self.terminal.acknowledged == self.terminal.last_written
            and self.terminal.head == self.journal.note
        )

    def _until_due(self) -> int:
        due = [d for d in (self.pump.deadline, self.terminal.conversation.deadline) if d is not None]
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

    def _to_terminal(self, data: bytes) -> None:
        self.terminal.conversation.receive(data, self.now)

    def _to_agent(self, data: bytes) -> None:
        self._give(a.LineBytes(data))

    def _commit(self, commit: Commit) -> None:
        most = (1, 1, 2, 64)[self._draw.randrange(4)]
        self._answers += self.storage.take(most, commit)
        self.trace.append(f"  journal {self.journal.size}")

    def _pass(self, ms: int) -> None:
        self.now += ms
        self.terminal.conversation.tick(self.now)
        deadline = self.terminal.conversation.deadline
        if deadline is not None and deadline <= self.now:
            raise Broken(f"busy loop: the terminal's deadline is {deadline} at {self.now}")
        self._due()

    def _stall(self, ms: int) -> None:
        """The agent's process stands still; what is due waits."""
        self.now += ms
        self.terminal.conversation.tick(self.now)

    def _due(self) -> None:
        deadline = self.pump.deadline
        if deadline is not None and deadline <= self.now:
            self._give(a.Due())
            deadline = self.pump.deadline
            if deadline is not None and deadline <= self.now:
                raise Broken(f"busy loop: the pump's deadline is {deadline} at {self.now}")

    def _trade(self) -> None:
        if 0 < self._hole_at <= self.terminal.last_written + 1:
            self._hole_at = 0
            self.terminal.skip(1 + self._draw.randrange(3))
        self.terminal.trade(long=self._draw.randrange(8) == 0)

    def _ask(self) -> None:
        """As the desk asks for what the journal lacks."""
        self._last_token += 1
        self._asked.add(self._last_token)
        self._give(a.Ask(self._last_token, Sync(start=self.pump.durable + 1)))

    def _plug(self) -> None:
        self.line.open = True
        self._give(a.PortOpened())

    def _unplug(self) -> None:
        self.line.open = False
        self.line.clear()
        self._give(a.PortLost("gone"))

    def _reboot(self) -> None:
        """The terminal starts again; the agent's port stays, and what the terminal sent before still comes."""
        self.line.to_terminal.clear()
        self.terminal.boot(self.now)

    def _die_after_commit(self) -> None:
        while self.storage.queue:
            self.storage.take(64)
        self._start_agent()

    def _start_agent(self) -> None:
        """A new process on what is durable: the journal."""
        self.storage = self._parts.storage(self.journal)
        self._answers: deque[a.Input] = deque()
        self._asked: set[int] = set()
        self._last_token = 0
        self._session = 0
        self._heard: Counter[tuple[int, bytes]] = Counter()
        self.line.open = False
        self.line.clear()

        def converse(peer: bytes | None) -> Conversation:
            keys = LinkKeys(AGENT_KEYS.private, peer)
            conversation = Overheard("native", Role.AGENT, keys=keys, random=self._nonces.randbytes)
            conversation.world = self
            return conversation

        self.pump = self._parts.pump(
            converse,
            pinned=TERMINAL_KEYS.public,
            terminal=TERMINAL,
            simulated=False,
            last_events=dict(self.journal.last_events),
            head_size=self.journal.size,
            head_note=self.journal.note,
        )

    def _put_log_back(self) -> None:
        """To an older copy, by a few events; the agent meets it before anything is written on."""
        written = self.terminal.last_written
        self._put_back = list(self.terminal.log)
        self.trace.append(f"{self.now} log put back")
        self.line.to_terminal.clear()
        self.terminal.put_back(max(0, written - 1 - self._draw.randrange(12)), self.now)

    def _turn_terminal(self) -> None:
        if data := self.terminal.turn(self.now):
            self.trace.append(f"  terminal writes {len(data)} {_short(data)}")
            if self.line.open:
                self.line.to_agent.append(data)

    def _give(self, given: a.Input) -> None:
        self.trace.append(f"  pump takes {type(given).__name__}")
        for action in self.pump.step(self.now, WALL + self.now, given):
            match action:
                case a.Write(data):
                    self.trace.append(f"  agent writes {len(data)} {_short(data)}")
                    if self.line.open:
                        self.line.to_terminal.append(data)
                case a.Record() | a.CompareHead():
                    self.trace.append(f"  {action!r}")
                    self.requests.append(action)
                    self.storage.queue.append(action)
                case a.Answer(token):
                    if token not in self._asked:
                        raise Broken(f"question {token} was answered twice")
                    self._asked.remove(token)
                case a.Show(state, notices):
                    self.trace.append(f"  shown {state.value} {' '.join(notice.code.value for notice in notices)}")

    # -- what must hold at every moment --------------------------------------------------------------------------------

    def judge_saying(self, up_to: int) -> None:
        """The agent says EVENT_ACK: only of what the journal has."""
        if up_to > (durable := self.journal.last_events.get((TERMINAL, EPOCH), 0)):
            raise Broken(f"acknowledged before durable: {up_to}, the journal has {durable}")

    def judge_dropping(self, above: int, up_to: int) -> None:
        """The terminal believes it, and may drop its copies: the journal has each of them, in these words."""
        for number in range(above + 1, up_to + 1):
            logged = self.terminal.log[number - 1]
            if logged is not None and (number, logged.sha256) not in self.journal.tellings:
                raise Broken(f"acknowledged before durable: the terminal drops {number}, which the journal lacks")

    def judge_put(self, note: str) -> None:
        """The terminal is given a head to remember: one that was signed."""
        if note not in self.journal.heads.values():
            raise Broken("a head was put that the journal never had")

    def judge_hearing(self, events: list[ConversationEvent]) -> None:
        """The agent hears each message of a session at most as often as it was said there."""
        for event in events:
            match event:
                case SessionOpened(session):
                    self._session = session
                case Received(_, digest) | Unreadable(_, _, digest):
                    heard = (self._session, digest)
                    self._heard[heard] += 1
                    if self._heard[heard] > self.terminal.told[heard]:
                        raise Broken(f"heard more often than said: {type(event).__name__} {digest.hex()[:8]}")


def void(_lost: bytes) -> None:
    """Where lost bytes go."""


def _short(data: bytes) -> str:
    return sha256(data).hexdigest()[:8]
