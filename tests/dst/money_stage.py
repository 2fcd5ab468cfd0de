"""Agent and simulated terminal whole, joined by one line, in one process and one virtual time; and how each may fail.

Real: the agent's pump with its lane, both ends of the wire, and the simulator's terminal with its log, book and host
(`shop_terminal`). Faults come most where they hurt most: at every send and every write to a disk, those of money above all.
What happens when, and who stands at the register, is `money_world`'s.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from agent import actions as a
from agent.journal.money_kinds import MoneyOutcome
from agent.money import history
from agent.orders import MoneyState
from agent.pump import Pump
from agent.views import LaneView
from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role
from protocol.events import ConversationEvent, Received, Replied, SessionOpened
from protocol.messages import EventAck, Message, Request
from protocol.money import Money
from simulator.crashes import TerminalCrashed
from tests.dst.cashier import Cashier
from tests.dst.memory_storage import Commit, DurableJournal, MemoryJournal, MemoryStorage
from tests.dst.money_promises import Witness
from tests.dst.promises import Broken
from tests.dst.shop_terminal import Cut, PowerCut, Rooms, ShopTerminal
from tests.dst.stage import Stage, Storing
from tests.dst.terminal import TERMINAL_KEYS

_MONEY_LINES = (b'{"begin"', b'{"n":', b'{"fence"')
T = TypeVar("T")


class Killed(Exception):
    """The agent's process is no more."""


@dataclass(frozen=True, slots=True)
class MoneyParts:
    """What the world is built of; a test plants its bugs here."""

    pump: type[Pump] = Pump
    storage: type[MemoryStorage] = MemoryStorage
    rooms: Rooms = field(default_factory=Rooms)
    cashier: type[Cashier] = Cashier


class Overheard(Conversation):
    """The agent's end, which tells the world what it is about to say."""

    world: MoneyStage
    epoch = ""
    """Of the log that the terminal told of in this session."""

    def events(self) -> list[ConversationEvent]:
        events = super().events()
        for event in events:
            if isinstance(event, SessionOpened) and event.hello is not None:
                self.epoch = event.hello.log_epoch
            elif isinstance(event, Received | Replied):
                self.world.witness.heard(event.message)
        return events

    def request(self, message: Request, now: int) -> int:
        if self.is_open:
            self.world.witness.asked(message, self.terminal_uptime(now), self.epoch)
        return super().request(message, now)

    def send(self, message: Message, now: int) -> None:
        if isinstance(message, EventAck):
            self.world.judge_saying(message.up_to, self.epoch)
        self.world.witness.said(message)
        super().send(message, now)


class MoneyStage(Stage):
    """parts: what to build it of."""

    def __init__(self, seed: int, parts: MoneyParts, *, traced: bool) -> None:
        super().__init__(seed, traced=traced)
        self._parts = parts
        self.journal = self._make_journal()
        self.witness = Witness(self.journal)
        self.lane = LaneView()
        self._stormy = False
        self._deaths = self._draw.randrange(5)
        """How many sends and writes may still go wrong: a short schedule finds more in its time than a long one."""
        self._held: list[tuple[deque[bytes], bytes]] = []
        self._boots_at: int | None = None
        """The terminal is off until then."""
        self._cable_out = False
        """To be pulled while the terminal is at work on a word of money."""
        self._disk_at = 0
        """The agent's disk does nothing before."""
        self._contrary: set[int] = set()
        self._chores: set[int] = set()
        self._terminal_heard = True
        """Something, or that time passed: it may have something to say."""
        self.shop = ShopTerminal(self._nonces.randbytes, self._writing, self._parts.rooms)
        self.cashier = parts.cashier(self._draw, self._nonces, self._approved)

    def _make_journal(self) -> DurableJournal:
        return MemoryJournal()

    def _one(self, choices: Sequence[T]) -> T:
        return choices[self._draw.randrange(len(choices))]

    def _approved(self, reference: str) -> Money | None:
        outcome = self.witness.outcomes.get(reference)
        return outcome.amount if outcome is not None and outcome.state is MoneyState.APPROVED else None

    # -- what goes wrong -----------------------------------------------------------------------------------------------

    def _hit(self, one_in: int) -> bool:
        if not self._stormy or self._deaths == 0 or self._draw.randrange(one_in):
            return False
        self._deaths -= 1
        return True

    def _writing(self, line: bytes) -> Cut | None:
        """A line of the terminal's log is on its way to the disk."""
        if line.startswith(b'{"ack":'):
            self.judge_dropping(int(line[7:-2]))
        elif line.startswith(b'{"head"'):
            self.witness.put(json.loads(line)["head"]["note"])
        if self._hit(10 if line.startswith(_MONEY_LINES) else 60):
            return self._one(list(Cut))
        return None

    def _turn_terminal(self) -> None:
        if self._boots_at is not None or not self._terminal_heard:
            return
        self._terminal_heard = False
        if data := self.shop.terminal.outgoing(self.now):
            if self._hit(150):
                raise PowerCut
            self._terminal_says(data)
            if self._hit(150):
                raise PowerCut

    def _agent_says(self, data: bytes) -> None:
        money = self.witness.spoke_of_money()
        one_in = 10 if money else 200
        if self._hit(one_in):
            raise Killed
        self._cable_out = self._cable_out or (money and self._hit(4))
        super()._agent_says(data)
        if self._hit(one_in):
            raise Killed

    def _commit(self, commit: Commit) -> None:
        if self._hit(24):
            raise Killed
        if self._hit(10):
            commit = Commit.LOST if self._draw.randrange(2) else Commit.KEPT
        super()._commit(commit)
        self.witness.look(failed=commit is Commit.KEPT)
        if self._hit(24):
            raise Killed

    def _power_off(self) -> None:
        """For no time, or a while."""
        dark = (0, 0, 500, 4_000)[self._draw.randrange(4)]
        self._boots_at = self.now + dark
        self.line.to_terminal.clear()
        self._boot()

    def _boot(self) -> None:
        while self._boots_at is not None and self._boots_at <= self.now:
            try:
                self._boots_at = None
                self.shop.terminal.reboot(self.now)
            except (PowerCut, TerminalCrashed):
                self._boots_at = self.now

    def _reboot(self) -> None:
        raise PowerCut

    def _kill(self) -> None:
        raise Killed

    def _stall_disk(self) -> None:
        self._disk_at = self.now + 3_000

    def _jump_clock(self) -> None:
        self.shop.clock.wrong_by += (86_400_000, -86_400_000)[self._draw.randrange(2)]

    def _hold(self, pieces: deque[bytes]) -> None:
        self._held += [(pieces, piece) for piece in pieces]
        pieces.clear()

    def _release(self) -> None:
        pieces, piece = self._held.pop(0)
        if self.line.open:
            pieces.append(piece)

    def _release_all(self) -> None:
        while self._held:
            self._release()

    def _piece(self, pieces: deque[bytes]) -> bytes:
        """A line keeps no boundaries: it splits what it carries, and in the calm brings together what waits."""
        if self._stormy:
            return super()._piece(pieces)
        whole = b"".join(pieces)
        pieces.clear()
        return whole

    # -- both ends -----------------------------------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        self._terminal_heard = True
        if self._boots_at is None:
            self.shop.terminal.receive(data, self.now)

    def _tick_terminal(self) -> None:
        self._terminal_heard = True
        self._boot()
        if self._boots_at is None:
            self.shop.terminal.tick(self.now)

    @property
    def _terminal_due(self) -> int | None:
        return self.shop.terminal.deadline if self._boots_at is None else self._boots_at

    def _start_agent(self) -> None:
        self.cashier.agent_gone(self.now)
        self.witness.started()
        self.lane = LaneView()
        self._contrary.clear()
        self._chores.clear()
        super()._start_agent()

    def _make_storage(self) -> Storing:
        assert isinstance(self.journal, MemoryJournal)
        return self._parts.storage(self.journal)

    def _make_conversation(self, keys: LinkKeys) -> Conversation:
        conversation = Overheard("native", Role.AGENT, keys=keys, random=self._nonces.randbytes)
        conversation.world = self
        return conversation

    def _make_pump(self, converse: Callable[[bytes | None], Conversation]) -> Pump:
        money = history((0, fact) for fact in self.journal.facts)
        return self._parts.pump(
            converse,
            pinned=TERMINAL_KEYS.public,
            terminal=self.shop.name,
            simulated=True,
            last_events=dict(self.journal.last_events),
            head_size=self.journal.size,
            head_note=self.journal.note,
            intents=money.intents,
            ended=money.ended,
            rollbacks=money.rollbacks,
        )

    def _take_action(self, action: a.Action) -> None:
        match action:
            case a.Show(lane=lane):
                self.lane = lane
            case a.Ended(token, outcome, refusal):
                self._take_end(token, outcome, refusal)

    def _take_end(self, token: int, outcome: MoneyOutcome | None, refusal: a.LaneRefusal | None) -> None:
        if token in self._contrary:
            self._contrary.remove(token)
            if refusal is None:
                raise Broken("a reference was taken for two orders")
        elif token in self._chores:
            self._chores.remove(token)
            if outcome is not None:
                self.witness.shown(outcome)
        elif any(token in wish.tokens for wish in self.cashier.wishes.values()):
            if outcome is not None:
                self.witness.shown(outcome)
            else:
                self.witness.refused(self.cashier.asked_with(token))
            self.cashier.ended(token, None if outcome is None else outcome.state, self.now)
        elif not self.witness.has_left(token):
            raise Broken(f"order {token} was answered twice")

    # -- what must hold at every moment --------------------------------------------------------------------------------

    def judge_saying(self, up_to: int, epoch: str) -> None:
        """The agent says EVENT_ACK: only of what the journal has."""
        durable = self.journal.last_events.get((self.shop.name, epoch), 0)
        if up_to > durable:
            raise Broken(f"acknowledged before durable: {up_to}, the journal has {durable}")

    def judge_dropping(self, up_to: int) -> None:
        """The terminal believes it, and may drop its copies: the journal has each of them, in these words."""
        log = self.shop.log
        for number in range(log.acknowledged + 1, up_to + 1):
            if (number, sha256(log.event(number)).digest()) not in self.journal.tellings:
                raise Broken(f"acknowledged before durable: the terminal drops {number}, which the journal lacks")
