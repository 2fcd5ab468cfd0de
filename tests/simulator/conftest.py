"""The other end of the simulator's wire: an agent's Conversation, in memory or on a real pty through pyserial."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import serial

from protocol.conversation import Conversation
from protocol.dialect import Role, dialect
from protocol.events import Received, Replied, SessionClosed, SessionOpened, Unreadable
from protocol.messages import EventAck, HeadGet, Reply, Request, Sync, SyncReply, TerminalHello
from simulator.clock import SimulatedClock
from simulator.identity import identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.profile import load_profile
from simulator.terminal import Terminal
from simulator.trade import Calendar, Trade

SECRET = bytes(range(32))
DAY = date(2026, 3, 2)


class MemoryBench:
    """A terminal and an agent's conversation, joined by their bytes; time stands unless a test moves `now`."""

    def __init__(self, folder: Path, *, transactions: int = 300, seed: int = 7, speed: int = 0, days: int = 1) -> None:
        self.now = 1_000
        who = identity("classic", seed)
        native = dialect("native")
        self.log = TerminalLog(folder / "state", who.terminal, who.log_epoch)
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.clock = SimulatedClock(speed)
        profile = load_profile("classic")
        self.trade = Trade(
            profile=profile,
            seed=seed,
            identity=who,
            calendar=Calendar(DAY, days, transactions),
            log=self.log,
            ledger=self.ledger,
            clock=self.clock,
            encode=native.encode,
            decode=native.decode,
        )
        self.terminal = Terminal(
            dialect="native",
            secret=SECRET,
            random=os.urandom,
            line_rate=115_200,
            profile=profile,
            identity=who,
            boot_id="0123456789ab",
            log=self.log,
            clock=self.clock,
            trade=self.trade,
        )
        self.agent = Conversation("native", Role.AGENT, secret=SECRET, random=os.urandom)
        self.happened: list[Any] = []

    def start(self) -> None:
        self.terminal.start(self.now)
        self.agent.open(self.now)
        self.agent.tick(self.now)
        self.exchange()

    def exchange(self) -> None:
        """Carry bytes to and fro until nobody has any left."""
        while True:
            down, up = self.agent.outgoing(self.now), self.terminal.outgoing(self.now)
            if not down and not up:
                break
            self.terminal.receive(down, self.now)
            self.agent.receive(up, self.now)
        self.happened += self.agent.events()

    def ask(self, request: Request) -> Reply:
        number = self.agent.request(request, self.now)
        self.exchange()
        (reply,) = [e.message for e in self.happened if isinstance(e, Replied) and e.request_id == number]
        return reply

    def acknowledge(self, up_to: int) -> None:
        self.agent.send(EventAck(up_to=up_to), self.now)
        self.exchange()

    def received(self) -> list[int]:
        """The event numbers that came, in the order of their coming; forgotten once asked."""
        numbers = [e.message.number for e in self.happened if isinstance(e, Received)]
        self.happened = [e for e in self.happened if not isinstance(e, Received)]
        return numbers

    def unreadable(self) -> int:
        return sum(isinstance(e, Unreadable) for e in self.happened)

    def close(self) -> None:
        self.log.close()
        self.ledger.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., MemoryBench]]:
    """Makes benches in the test's folder; a second one there is the same terminal, started again."""
    made: list[MemoryBench] = []

    def make(**settings: Any) -> MemoryBench:
        if made:
            made[-1].close()
        made.append(MemoryBench(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@dataclass
class Taken:
    """What an agent took off a pty: event number -> SHA-256 of its bytes, in order of first coming."""

    events: dict[int, bytes] = field(default_factory=dict)
    hello: TerminalHello | None = None
    left: bool = False


def take_events(
    port: Path, secret: bytes, start: int, *, until: Callable[[Taken], bool], within_s: float = 20, batch: int = 16
) -> Taken:
    """Be an agent on a real port: sync from `start`, acknowledge, and go on until `until`, a BYE or a hang-up."""
    taken = Taken()
    conversation = Conversation("native", Role.AGENT, secret=secret, random=os.urandom)
    end = time.monotonic() + within_s
    number, unacknowledged = start - 1, 0

    def now() -> int:
        return time.monotonic_ns() // 1_000_000

    try:
        with serial.Serial(str(port), 115_200, timeout=0, write_timeout=1) as line:
            conversation.open(now())
            conversation.tick(now())
            while not until(taken):
                assert time.monotonic() < end, f"only {len(taken.events)} events came"
                if out := conversation.outgoing(now()):
                    line.write(out)
                due = conversation.deadline
                wait = 0.1 if due is None else min(0.1, max(0, due - now()) / 1000)
                if select.select([line.fileno()], [], [], wait)[0]:
                    conversation.receive(line.read(65536), now())
                else:
                    conversation.tick(now())
                for event in conversation.events():
                    match event:
                        case SessionOpened(hello=hello):
                            taken.hello = hello
                            conversation.request(HeadGet(), now())
                            conversation.request(Sync(start=start), now())
                        case SessionClosed():
                            taken.left = True
                            return taken
                        case Replied(message=SyncReply()):
                            pass
                        case Received(message=message, sha256=digest):
                            assert message.number == number + 1, "events come in order and without a gap"
                            number = message.number
                            taken.events[number] = digest
                            unacknowledged += 1
                            if unacknowledged >= batch or conversation.backlog == 0:
                                conversation.send(EventAck(up_to=number), now())
                                unacknowledged = 0
            conversation.leave(now())
            line.write(conversation.outgoing(now()))
    except OSError:  # a hang-up: pyserial's SerialException is one
        pass
    return taken


class Simulator:
    """`python -m simulator run` as a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.ledger = folder / "ledger.jsonl"
        command = [sys.executable, "-m", "simulator", "run", "--link", str(folder / "port"), "--json"]
        command += ["--ledger", str(self.ledger), *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(10)
            return
        self.ready = json.loads(line)
        self.port = Path(self.ready["link"])
        self.secret = bytes.fromhex(Path(self.ready["secret"]).read_text())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def logged(self) -> list[dict[str, Any]]:
        """The log's whole lines."""
        text = (self.folder / "port.state" / "log.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Starts simulators in folders; whatever still runs at the end is killed."""
    made: list[Simulator] = []

    def start(folder: Path, *options: str) -> Simulator:
        folder.mkdir(exist_ok=True)
        made.append(Simulator(folder, *options))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.kill()
        for pipe in (one.process.stdout, one.process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def take() -> Callable[..., Taken]:
    return take_events
