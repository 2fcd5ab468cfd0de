"""Simulated terminals whole, each with an agent's conversation at the other end of a wire in memory, under virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from heapq import heapify, heappop, heappush
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role
from protocol.events import Received, Replied, RequestFailed, SessionClosed, SessionOpened
from protocol.messages import EventAck, Request, Sync, TerminalHello
from simulator.pairing import PairingMode
from simulator.run import Options, assembled
from simulator.station import Station
from simulator.wires.faults import parse_fault
from simulator.wires.line import Line
from simulator.wires.memory import memory_wire

OPTIONS = Options(
    link=None,
    profile="classic",
    seed=7,
    first=date(2026, 3, 2),
    days=1,
    transactions=300,
    state=Path(),
    ledger=None,
    speed=0,
    exit_when_done=False,
    pairing=PairingMode.OFF,
)
"""Of every lane, but for what a test says otherwise."""
AGENT_KEY, TERMINAL_KEY = bytes(range(32)), bytes(range(32, 64))


def public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


class Lane:
    """One terminal, its line, one agent. `wire` is all that the agent's end was given, in order, with its time."""

    def __init__(
        self, folder: Path, *, faults: Iterable[str] = (), rate: int | None = None, present: bool = True, **options: Any
    ) -> None:
        self._open = ExitStack()
        settings = replace(OPTIONS, state=folder / "state", **options)
        settings.state.mkdir(parents=True, exist_ok=True)
        for name, key in (("link.key", TERMINAL_KEY), ("agent.pub", public(AGENT_KEY))):
            (settings.state / name).write_text(key.hex() + "\n")
        line_rate = settings.line_rate or 115_200
        self.terminal = self._open.enter_context(
            assembled(settings, Random(f"{settings.seed}/{folder.name}/terminal").randbytes)
        )
        near, self.end = memory_wire()
        self.station = Station(self.terminal, near, Line(settings.seed, rate))
        self.present = present
        self.agent = Conversation(
            "native",
            Role.AGENT,
            random=Random(f"{settings.seed}/{folder.name}/agent").randbytes,
            line_rate=line_rate,
            keys=LinkKeys(AGENT_KEY, public(TERMINAL_KEY)),
        )
        self.now = 0
        self.wire: list[tuple[int, bytes]] | None = None
        self.events: dict[int, bytes] = {}
        """Event number -> SHA-256 of its bytes, as they came; a number that comes again must be the same."""
        self.hellos: list[TerminalHello] = []
        self.closed = 0
        self.told: list[Any] = []
        self.terminal.start(0)
        for fault in faults:
            self.station.arm(parse_fault(fault), 0)
        if present:
            self.agent.open(0)

    @property
    def deadline(self) -> int | None:
        due = [self.station.deadline, self.agent.deadline if self.present else None]
        return min((d for d in due if d is not None), default=None)

    def ask(self, request: Request) -> int:
        number = self.agent.request(request, self.now)
        self.turn(self.now)
        return number

    def turn(self, now: int) -> None:
        """All that can happen at this moment."""
        self.now = now
        while True:
            self.station.hear(now)
            self.station.say(now)
            moved = self._agent(now) if self.present else False
            if not moved and not self.station.wire.waits:  # type: ignore[attr-defined]
                return

    def _agent(self, now: int) -> bool:
        agent, heard = self.agent, self.end.read()
        if heard:
            if self.wire is not None:
                self.wire.append((now, heard))
            agent.receive(heard, now)
        if agent.deadline is not None and agent.deadline <= now:
            agent.tick(now)
        last = None
        for event in agent.events():
            match event:
                case SessionOpened(hello=hello):
                    self.hellos.append(hello)
                    agent.request(Sync(start=len(self.events) + 1), now)
                case SessionClosed():
                    self.closed += 1
                case Received(message=message, sha256=digest):
                    last = message.number
                    assert self.events.setdefault(last, digest) == digest, "the same event in other bytes"
                    assert last <= len(self.events), "a gap"
                case Replied() | RequestFailed():
                    self.told.append(event)
        if last is not None:
            agent.send(EventAck(up_to=last), now)
        out = agent.outgoing(now)
        self.end.write(out)
        return bool(heard or out)

    def close(self) -> None:
        self._open.close()


def play(lanes: list[Lane], ms: int, *, until: Any = lambda: False, turns: int = 50_000_000) -> int:
    """Let that much time pass on all lanes, or until `until()`; returns how many turns it took."""
    end = lanes[0].now + ms
    heap = [(lane.now, place) for place, lane in enumerate(lanes)]
    heapify(heap)
    for turn in range(turns):
        if not heap or heap[0][0] > end or until():
            for lane in lanes:
                lane.now = max(lane.now, end) if not until() else lane.now
            return turn
        due, place = heappop(heap)
        lanes[place].turn(max(due, lanes[place].now))
        if (after := lanes[place].deadline) is not None:
            heappush(heap, (after, place))
    raise AssertionError("the lanes did not come to rest: somebody polls")
