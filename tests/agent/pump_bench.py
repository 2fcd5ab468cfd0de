"""The bench of the pump's tests: the pump and a terminal's end of the wire in one virtual time, without port, disk or thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TypeVar

from agent import actions as a
from agent.journal.kinds import EventGap, EventUnreadable, Fact, TerminalSaid
from agent.money import OpenIntent
from agent.pump import Pump
from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role
from protocol.dialects.native.noise import KeyPair
from protocol.events import ConversationEvent, Received
from protocol.messages import (
    DeviceEvent,
    DeviceEventKind,
    EventAck,
    HeadGet,
    HeadPut,
    HeadReply,
    Severity,
    Sync,
    SyncReply,
    TerminalHello,
    UnsolicitedEvent,
)

AGENT, TERMINAL, STRANGER = (KeyPair.from_private(bytes([n]) * 32) for n in (1, 2, 3))
"""The static keys of the two ends, which pinned each other's; and of somebody else."""
HELLO = TerminalHello(
    terminal="SN1",
    log_epoch="e1",
    boot_id="b1",
    oldest_retained=1,
    last_written=0,
    last_acknowledged=0,
    clock=1_000,
    uptime=0,
    simulated=False,
)


def event(number: int, detail: str = "") -> DeviceEvent:
    return DeviceEvent(
        number=number, at=number * 1000, kind=DeviceEventKind.FAULT, severity=Severity.MINOR, detail=detail or None
    )


_T = TypeVar("_T")


class Bench:
    """A pump and a terminal's end of the wire. records: what the pump asked to record; heard: what the terminal was told.

    reply: what the terminal does with a message; a test may put another in its place. Times are ms. pinned: what the disk
    holds, AGENT's home; disk_fails: it takes nothing new.
    """

    def __init__(
        self,
        *,
        hello: TerminalHello = HELLO,
        last_events: dict[tuple[str, str], int] | None = None,
        simulated: bool = False,
        pinned: bytes | None = TERMINAL.public,
        dialect: str = "native",
        intents: tuple[OpenIntent, ...] = (),
    ) -> None:
        self.now = 0
        self.hello = hello
        randomness = (bytes([n % 256]) for n in itertools.count(1))
        self._fresh: Callable[[int], bytes] = lambda n: next(randomness) * n
        self.dialect = dialect
        self.pinned, self.disk_fails = pinned, False
        self.boot()
        self.pump = Pump(
            self._converse,
            pinned=pinned,
            terminal="SN1",
            simulated=simulated,
            last_events=last_events or {},
            head_size=1,
            head_note="note 1",
            intents=intents,
        )
        self.wire: list[bytes] = []
        self.records: list[a.Record] = []
        self.shown: a.Show | None = None
        self.compared: list[str] = []
        self.answers: list[a.Answer] = []
        self.done: list[a.Done] = []
        self.ended: list[a.Ended] = []
        self.told: list[ConversationEvent] = []
        self.heard: list[object] = []
        self.remembered: str | None = None
        self.size = 1
        self.retained = 1
        self.reply: Callable[[object], None] = self.reply_as_asked

    def _converse(self, peer: bytes | None) -> Conversation:
        keys = LinkKeys(AGENT.private, peer) if self.dialect == "native" else None
        return Conversation(self.dialect, Role.AGENT, random=self._fresh, keys=keys)

    def boot(self, keys: KeyPair = TERMINAL, agent: bytes | None = AGENT.public) -> None:
        """The terminal starts, or starts again: this end of the wire knows nothing of the former session.

        keys: its static ones; agent: the key that it pinned.
        """
        paired = LinkKeys(keys.private, agent) if self.dialect == "native" else None
        self.terminal = Conversation(
            self.dialect, Role.TERMINAL, random=self._fresh, keys=paired, hello=lambda: self.hello
        )

    def give(self, given: a.Input) -> None:
        kept: a.Input | None = None
        for action in self.pump.step(self.now, 5_000_000 + self.now, given):
            match action:
                case a.Pin(peer) if self.disk_fails:
                    kept = a.PinFailed("no space")
                case a.Pin(peer):
                    self.pinned = peer
                    kept = a.Pinned(peer)
                case a.Done():
                    self.done.append(action)
                case a.Write(data):
                    self.wire.append(data)
                case a.Record():
                    self.records.append(action)
                case a.Show():
                    self.shown = action
                case a.CompareHead(note):
                    self.compared.append(note)
                case a.Answer():
                    self.answers.append(action)
                case a.Ended():
                    self.ended.append(action)
        if kept is not None:
            self.give(kept)

    def turn(self) -> None:
        """Carry everything between both ends until nobody has anything to say."""
        while True:
            moved = False
            while self.wire:
                self.terminal.receive(self.wire.pop(0), self.now)
                moved = True
            for happened in self.terminal.events():
                moved = True
                self.told.append(happened)
                if isinstance(happened, Received):
                    self.heard.append(happened.message)
                    self.reply(happened.message)
            self.terminal.tick(self.now)
            if back := self.terminal.outgoing(self.now):
                self.give(a.LineBytes(back))
                moved = True
            if not moved:
                return

    def reply_as_asked(self, message: object) -> None:
        """What a terminal in order does with a message of the agent."""
        match message:
            case HeadGet(request_id=number):
                self.terminal.send(HeadReply(checkpoint=self.remembered, request_id=number), self.now)
            case HeadPut(request_id=number, checkpoint=note):
                self.remembered = note
                self.terminal.send(HeadReply(checkpoint=note, request_id=number), self.now)
            case Sync(request_id=number):
                reply = SyncReply(
                    oldest_retained=self.retained, last_written=self.hello.last_written, request_id=number
                )
                self.terminal.send(reply, self.now)

    def wait(self, ms: int, *, step: int = 1_000) -> None:
        """Let that much time pass; the pump is told when its deadline has come."""
        end = self.now + ms
        while self.now < end:
            self.now = min(end, self.now + step)
            if self.pump.deadline is not None and self.pump.deadline <= self.now:
                self.give(a.Due())
            self.turn()

    def pair(self) -> str:
        """Begin a pairing that the terminal takes part in; the number that both show."""
        self.terminal.pair(self.now)
        self.give(a.Pair(1))
        self.turn()
        assert self.shown is not None and self.shown.pairing is not None and self.shown.pairing.number is not None
        return self.shown.pairing.number

    def connect(self) -> None:
        self.terminal.open(self.now)
        self.give(a.PortOpened())
        self.turn()

    def say(self, *events: UnsolicitedEvent) -> None:
        for each in events:
            self.terminal.send(each, self.now)
        self.turn()

    def record(self) -> None:
        """The storage commits everything asked for."""
        for record in self.records:
            self.size += len(record.facts)
            last = None
            for fact in record.facts:
                match fact:
                    case TerminalSaid() | EventUnreadable():
                        last = (fact.event.log_epoch, fact.event.number or 0)
                    case EventGap():
                        last = (fact.log_epoch, fact.last)
            self.give(a.Recorded(last, self.size, f"note {self.size}", record.facts))
        self.records.clear()
        self.turn()

    def fail(self) -> None:
        """It commits nothing of what was asked for."""
        failed, facts = self.records[-1].attempt, tuple(self.facts)
        self.records.clear()
        self.give(a.RecordFailed(failed, facts, "The disk is full.", "Free some space."))
        self.turn()

    @property
    def facts(self) -> list[Fact]:
        return [fact for record in self.records for fact in record.facts]

    def facts_of(self, kind: type[_T]) -> list[_T]:
        """What it asked to record of that kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def acks(self) -> list[int]:
        return [m.up_to for m in self.heard if isinstance(m, EventAck)]

    def sync_starts(self) -> list[int]:
        return [m.start for m in self.heard if isinstance(m, Sync)]
