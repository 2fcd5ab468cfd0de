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
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role, dialect
from protocol.events import Progressed, Received, Replied, SessionClosed, SessionOpened, Unreadable
from protocol.messages import EventAck, HeadGet, Reply, Request, Stage, Sync, SyncReply, TerminalHello
from protocol.money import CNY
from simulator.book import Book
from simulator.clock import SimulatedClock
from simulator.counter import Counter
from simulator.crashes import Crashes
from simulator.device import Device
from simulator.enquiries import Enquiries
from simulator.expectations import LINES
from simulator.host import Host
from simulator.identity import identity
from simulator.ledger import Ledger
from simulator.log import TerminalLog
from simulator.pairing import PairingMode
from simulator.profile import load_profile
from simulator.terminal import Terminal
from simulator.trade import Calendar, Trade

AGENT_KEY, TERMINAL_KEY = bytes(range(32)), bytes(range(32, 64))
DAY = date(2026, 3, 2)


def public(private: bytes) -> bytes:
    """The public half of an X25519 key (RFC 7748), by the library alone."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


class MemoryBench:
    """A terminal and an agent's conversation, joined by their bytes; time stands unless a test moves `now`.

    paired: each end has the other's key already.
    """

    def __init__(
        self,
        folder: Path,
        *,
        transactions: int = 300,
        seed: int = 7,
        speed: int = 0,
        days: int = 1,
        dialect_name: str = "native",
        currency: int = CNY,
        paired: bool = True,
        pairing: PairingMode = PairingMode.OFF,
    ) -> None:
        self.now = 1_000
        self.folder = folder
        who = identity("classic", seed)
        native = dialect("native")
        self.log = TerminalLog(folder / "state", who.terminal, who.log_epoch)
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.clock = SimulatedClock(speed)
        self.host = Host(folder / "state" / "host.jsonl", self.log, self.ledger, self.clock)
        profile = load_profile("classic")
        spoken = dialect(dialect_name)
        told = dialect_name == "native"
        self.book = Book(
            profile=profile,
            seed=seed,
            identity=who,
            log=self.log,
            ledger=self.ledger,
            encode=native.encode,
            decode=native.decode,
            host=self.host,
        )
        self.trade = Trade(
            profile=profile,
            seed=seed,
            calendar=Calendar(DAY, days, transactions),
            log=self.log,
            ledger=self.ledger,
            book=self.book,
            clock=self.clock,
            told=told,
        )
        self.crashes = Crashes()
        self.counter = Counter(
            profile=profile,
            seed=seed,
            book=self.book,
            log=self.log,
            host=self.host,
            crashes=self.crashes,
            clock=self.clock,
            currency=currency,
            tickets=not told,
        )
        self.terminal = Terminal(
            dialect=dialect_name,
            keys=LinkKeys(TERMINAL_KEY, public(AGENT_KEY) if paired else None) if spoken.pairs else None,
            pairing=pairing,
            random=os.urandom,
            line_rate=115_200,
            identity=who,
            log=self.log,
            clock=self.clock,
            book=self.book,
            trade=self.trade,
            counter=self.counter,
            enquiries=Enquiries(
                profile=profile,
                identity=who,
                log=self.log,
                book=self.book,
                counter=self.counter,
                clock=self.clock,
                currency=currency,
            ),
            device=Device(profile=profile, identity=who, log=self.log, book=self.book, clock=self.clock),
            crashes=self.crashes,
        )
        agent_keys = LinkKeys(AGENT_KEY, public(TERMINAL_KEY) if paired else None) if spoken.pairs else None
        self.agent = Conversation(dialect_name, Role.AGENT, random=os.urandom, keys=agent_keys)
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

    def later(self, ms: int) -> None:
        """So much time passes, and both ends do what is due then."""
        self.now += ms
        self.terminal.tick(self.now)
        self.agent.tick(self.now)
        self.exchange()

    def stages(self) -> list[Stage]:
        """The stages that were told, in order; forgotten once asked."""
        stages = [e.message.stage for e in self.happened if isinstance(e, Progressed)]
        self.happened = [e for e in self.happened if not isinstance(e, Progressed)]
        return stages

    def lines(self) -> list[dict[str, Any]]:
        """The ledger; no line has a key that a scenario could not expect."""
        rows = [json.loads(line) for line in (self.folder / "ledger.jsonl").read_text().splitlines()]
        assert all(row.keys() <= LINES[row["kind"]] for row in rows)
        return rows

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
        self.host.close()


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
    port: Path, keys: LinkKeys, start: int, *, until: Callable[[Taken], bool], within_s: float = 60, batch: int = 16
) -> Taken:
    """Be an agent on a real port: sync from `start`, acknowledge, and go on until `until`, a BYE or a hang-up."""
    taken = Taken()
    conversation = Conversation("native", Role.AGENT, keys=keys, random=os.urandom)
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
    """`python -m simulator run` as a process of its own. paired: its state folder holds our agent's key already."""

    def __init__(self, folder: Path, *options: str, paired: bool = True) -> None:
        self.folder = folder
        self.state = folder / "port.state"
        self.state.mkdir(exist_ok=True)
        if paired:
            (self.state / "agent.pub").write_text(public(AGENT_KEY).hex() + "\n")
        self.ledger = folder / "ledger.jsonl"
        command = [sys.executable, "-m", "simulator", "run", "--link", str(folder / "port"), "--json"]
        command += ["--ledger", str(self.ledger), *options]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(10)
            return
        self.ready = json.loads(line)
        self.port = Path(self.ready["link"])
        if (own := self.state / "link.key").exists():  # of a dialect that pairs
            self.keys = LinkKeys(AGENT_KEY, public(bytes.fromhex(own.read_text())))

    def says(self) -> Any:
        """The next JSON line on its standard output."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def type(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words)
        self.process.stdin.flush()

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

    def start(folder: Path, *options: str, **settings: Any) -> Simulator:
        folder.mkdir(exist_ok=True)
        made.append(Simulator(folder, *options, **settings))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.kill()
        for pipe in (one.process.stdin, one.process.stdout, one.process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def take() -> Callable[..., Taken]:
    return take_events
