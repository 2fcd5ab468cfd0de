"""The bench of the pump's tests: the pump and a terminal's end of the wire in one virtual time, without port, disk or thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TypeVar

from agent import actions as a
from agent.journal.kinds import EventGap, EventUnreadable, Fact, TerminalSaid
from agent.pump import Pump
from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.events import Received
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
)

SECRET = bytes(range(32))
HELLO = TerminalHello(
    terminal="SN1",
    log_epoch="e1",
    boot_id="b1",
    oldest_retained=1,
    last_written=0,
    last_acknowledged=0,
    clock=1_000,
    simulated=False,
)


def event(number: int, detail: str = "") -> DeviceEvent:
    return DeviceEvent(
        number=number, at=number * 1000, kind=DeviceEventKind.FAULT, severity=Severity.MINOR, detail=detail or None
    )


_T = TypeVar("_T")


class Bench:
    """A pump and a terminal's end of the wire. records: what the pump asked to record; heard: what the terminal was told.

    reply: what the terminal does with a message; a test may put another in its place. Times are ms.
    """

    def __init__(
        self,
        *,
        hello: TerminalHello = HELLO,
        last_events: dict[tuple[str, str], int] | None = None,
        simulated: bool = False,
    ) -> None:
        self.now = 0
        self.hello = hello
        randomness = (bytes([n % 256]) for n in itertools.count(1))
        self._fresh: Callable[[int], bytes] = lambda n: next(randomness) * n
        self.boot()
        self.pump = Pump(
            Conversation("native", Role.AGENT, secret=SECRET, random=self._fresh),
            terminal="SN1",
            simulated=simulated,
            last_events=last_events or {},
            head_size=1,
            head_note="note 1",
        )
        self.wire: list[bytes] = []
        self.records: list[a.Record] = []
        self.shown: a.Show | None = None
        self.compared: list[str] = []
        self.answers: list[a.Answer] = []
        self.heard: list[object] = []
        self.remembered: str | None = None
        self.size = 1
        self.retained = 1
        self.reply: Callable[[object], None] = self.reply_as_asked

    def boot(self) -> None:
        """The terminal starts, or starts again: this end of the wire knows nothing of the former session."""
        self.terminal = Conversation(
            "native", Role.TERMINAL, secret=SECRET, random=self._fresh, hello=lambda: self.hello
        )

    def give(self, given: a.Input) -> None:
        for action in self.pump.step(self.now, 5_000_000 + self.now, given):
            match action:
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

    def turn(self) -> None:
        """Carry everything between both ends until nobody has anything to say."""
        while True:
            moved = False
            while self.wire:
                self.terminal.receive(self.wire.pop(0), self.now)
                moved = True
            for happened in self.terminal.events():
                moved = True
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

    def connect(self) -> None:
        self.terminal.open(self.now)
        self.give(a.PortOpened())
        self.turn()

    def say(self, *events: DeviceEvent) -> None:
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
            self.give(a.Recorded(last, self.size, f"note {self.size}"))
        self.records.clear()
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
