"""A home and its terminal in one process and one virtual clock: events alone; `stage` is what it shares with `money_world`.

In memory: the storage (`memory_storage`) and the terminal with its log (`terminal`). `World(seed, scenario).run()` raises
`Broken` at the first promise that is not kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from agent import actions as a
from agent.pump import Pump
from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role
from protocol.events import ConversationEvent, Received, SessionOpened, Unreadable
from protocol.messages import EventAck, Message, Sync
from tests.dst.memory_storage import Commit, MemoryJournal, MemoryStorage
from tests.dst.promises import Broken, judge_journal
from tests.dst.stage import MOST_ACTS, Act, Stage, void
from tests.dst.terminal import EPOCH, TERMINAL, TERMINAL_KEYS, Logged, Terminal

ACTS = 400
"""Acts with faults in one run."""


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


class World(Stage):
    """One seed's schedule. parts: what to build it of. trace: everything that happened."""

    def __init__(
        self, seed: int, scenario: Scenario = Scenario.PLAIN, parts: Parts | None = None, *, traced: bool = True
    ) -> None:
        super().__init__(seed, traced=traced)
        self._scenario, self._parts = scenario, parts or Parts()
        self.journal = MemoryJournal()
        self.requests: list[a.Record | a.CompareHead] = []
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
    def _settled(self) -> bool:
        return (
            not self._under_way
            and self.terminal.conversation.is_open
            and not self._asked
            and self.terminal.acknowledged == self.terminal.last_written
            and self.terminal.head == self.journal.note
        )

    # -- what happens --------------------------------------------------------------------------------------------------

    def _commit(self, commit: Commit) -> None:
        super()._commit(commit)
        if self._traced:
            self.trace.append(f"  journal {self.journal.size}")

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

    def _reboot(self) -> None:
        """The terminal starts again; the agent's port stays, and what the terminal sent before still comes."""
        self.line.to_terminal.clear()
        self.terminal.boot(self.now)

    def _start_agent(self) -> None:
        self._asked: set[int] = set()
        self._last_token = 0
        self._session = 0
        self._heard: Counter[tuple[int, bytes]] = Counter()
        super()._start_agent()

    def _make_storage(self) -> MemoryStorage:
        return self._parts.storage(self.journal)

    def _make_conversation(self, keys: LinkKeys) -> Conversation:
        conversation = Overheard("native", Role.AGENT, keys=keys, random=self._nonces.randbytes)
        conversation.world = self
        return conversation

    def _make_pump(self, converse: Callable[[bytes | None], Conversation]) -> Pump:
        return self._parts.pump(
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

    def _receive(self, data: bytes) -> None:
        self.terminal.conversation.receive(data, self.now)

    def _tick_terminal(self) -> None:
        self.terminal.conversation.tick(self.now)

    def _turn_terminal(self) -> None:
        if data := self.terminal.turn(self.now):
            self._terminal_says(data)

    @property
    def _terminal_due(self) -> int | None:
        return self.terminal.conversation.deadline

    def _take_action(self, action: a.Action) -> None:
        match action:
            case a.Record() | a.CompareHead():
                self.requests.append(action)
            case a.Answer(token):
                if token not in self._asked:
                    raise Broken(f"question {token} was answered twice")
                self._asked.remove(token)

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
